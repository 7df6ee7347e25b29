"""The agent as a service: a cycle on schedule, and before its time when something wakes it; one at a time, for ever.

After a failure it comes back later and later, at a random moment, so that a fleet spreads out when its server returns. A
machine that slept is noticed by its clocks: the one that goes on while it sleeps has moved away from the one that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from gatepost.agent.wake import Bell, Cause
from gatepost.client.pacing import pause_after_answer, pause_after_failure
from gatepost.errors import GatepostError

SLICE: Final = 5.0
"""Seconds between two looks at the clocks, and between two signs of life to the watchdog, at the most."""
_SLEPT: Final = 2.0
"""Seconds by which the clocks must have moved apart for a sleep."""
_SETTLE: Final = 0.1
"""Seconds to let a change settle: a store is written in several steps."""
_GAP: Final = 1.0
"""Seconds between the beginnings of two cycles at the least: whoever can write into a watched folder can wake the agent."""


class Clocks(msgspec.Struct, frozen=True):
    """Seconds of two clocks: ``running`` stands still while the machine sleeps, ``elapsed`` does not; ``slice`` between looks."""

    running: Callable[[], float]
    elapsed: Callable[[], float]
    slice: float = SLICE


class Service:
    """Runs cycles until its bell is stopped.

    ``cycle`` does one and returns the seconds until the next; ``tell`` hears each failure with the seconds until the next
    try; ``alive`` is called at least every few seconds; ``spread(low, high)`` gives a random number between the two.
    """

    def __init__(
        self,
        cycle: Callable[[Cause], int],
        bell: Bell,
        clocks: Clocks,
        spread: Callable[[float, float], float],
        tell: Callable[[GatepostError, float], None],
        alive: Callable[[], None],
    ) -> None:
        self._cycle = cycle
        self._bell = bell
        self._clocks = clocks
        self._spread = spread
        self._tell = tell
        self._alive = alive
        self._failures = 0

    def run(self) -> None:
        """Go on until stopped."""
        cause = Cause.SCHEDULE
        while not self._bell.stopped:
            began = self._clocks.running()
            due = began + self._attempt(cause)
            cause = self._wait(began, due)

    def _attempt(self, cause: Cause) -> float:
        """Do a cycle; return the seconds until the next."""
        try:
            pause = pause_after_answer(self._cycle(cause), self._spread)
        except GatepostError as error:
            self._failures += 1
            pause = pause_after_failure(self._failures, self._spread)
            self._tell(error, pause)
            return pause
        self._failures = 0
        return pause

    def _wait(self, began: float, due: float) -> Cause:
        """Wait until ``due``, or until something wakes us; return what it was."""
        slept = self._slept()
        while not self._bell.stopped:
            self._alive()
            left = due - self._clocks.running()
            if left <= 0:
                return Cause.RETRY if self._failures else Cause.SCHEDULE
            causes = self._bell.wait(min(left, self._clocks.slice))
            if causes:
                return self._settle(causes[0], began)
            if self._slept() - slept > _SLEPT:
                return Cause.RESUMED
        return Cause.SCHEDULE

    def _settle(self, cause: Cause, began: float) -> Cause:
        """Let a change settle, and keep the gap between cycles; what rings meanwhile is answered by the same cycle."""
        until = max(self._clocks.running() + _SETTLE, began + _GAP)
        while not self._bell.stopped and (left := until - self._clocks.running()) > 0:
            self._bell.wait(left)
        return cause

    def _slept(self) -> float:
        return self._clocks.elapsed() - self._clocks.running()
