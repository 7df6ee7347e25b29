"""A campaign: one fault, brought about again and again, and what came of each round, counted. One wrong outcome fails it.

``make faults`` runs them all at full length and writes ``docs/reference/faults.md``; the tests run a few rounds of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often each outcome came, in words, and a description of each that must not come."""

    outcomes: dict[str, int]
    wrong: tuple[str, ...] = ()

    @property
    def rounds(self) -> int:
        """How many there were."""
        return sum(self.outcomes.values()) + len(self.wrong)


def count(outcomes: Iterable[str], right: frozenset[str]) -> Tally:
    """Count outcomes; what is not among the right ones is wrong."""
    counted = Counter(outcomes)
    return Tally(
        outcomes={word: number for word, number in sorted(counted.items()) if word in right},
        wrong=tuple(word for word in counted.elements() if word not in right),
    )


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """``run`` does so many rounds in an empty folder; ``rounds`` is the full length, ``few`` what a test has time for."""

    name: str
    what: str
    rounds: int
    few: int
    run: Callable[[Path, int], Tally]
