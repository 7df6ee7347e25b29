"""The allowance: the seconds that the children of one cycle may take for other users, all of them together and each user.

A child belongs to its user, who can stop it, and let it go on just before its time is over. Five seconds for each question are
no bound for a machine with many users, many checks and many databases; this is one. Whoever has used up their own seconds is
asked nothing more in the cycle, and where all are used up, nobody is: what was not read is said to be busy.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from gatepost.core.reason import Reason
from gatepost.stores.safe_open import Obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERYBODY: Final = 120.0
"""Seconds for all other users of a cycle. An honest child takes a tenth of one."""
EACH: Final = 20.0
"""Seconds for one of them: four questions that are not answered, or some hundred that are."""


class Allowance:
    """What is left of a cycle's seconds by ``clock``. One for each agent, begun anew with each cycle."""

    def __init__(self, clock: Callable[[], float], everybody: float = EVERYBODY, each: float = EACH) -> None:
        self._clock = clock
        self._everybody = everybody
        self._each = each
        self._spent: dict[int, float] = {}

    def begin(self) -> None:
        """Begin a cycle."""
        self._spent = {}

    def left(self, uid: int) -> float | Obstacle:
        """Return the seconds that the next child of ``uid`` may take at most, or why it is not to be started."""
        everybody = self._everybody - sum(self._spent.values())
        each = self._each - self._spent.get(uid, 0.0)
        if everybody <= 0:
            return _busy(f"the {self._everybody:g} s that a cycle has for the stores of all users are used up")
        if each <= 0:
            return _busy(f"the {self._each:g} s that a cycle has for the stores of one user are used up")
        return min(everybody, each)

    @contextmanager
    def spending(self, uid: int) -> Iterator[None]:
        """Take away what a child of ``uid`` uses in this block."""
        began = self._clock()
        try:
            yield
        finally:
            self._spent[uid] = self._spent.get(uid, 0.0) + self._clock() - began


def _busy(detail: str) -> Obstacle:
    return Obstacle(Reason.STORE_BUSY, f"{detail}; it is looked into again in the next one")
