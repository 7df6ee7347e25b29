"""The arithmetic of a figure: subject and anchor in turns, the median of each, their ratio, and the bound on it.

A figure compares two costs that were measured alternately in one run, because what one measurement costs changes with the
machine and with the hour, and the ratio of two much less. How a cost is read is `bench.processor_time`'s; how a figure is
shown, `bench.page`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from statistics import median
from typing import Final

import msgspec

MINIMUM_ROUNDS: Final = 4
"""Turns of anchor and subject; with fewer, the median is one of two."""
MINIMUM_BUSY: Final = 0.95
"""How busy a server's core must be: an idle one wakes up for each request, which then costs more than it does under load."""


class MeasureError(Exception):
    """A measurement could not be made: a tool is missing, or what was measured did not do what it should."""


class Sense(StrEnum):
    """Which way a bound points, and with it which way the ratio is taken."""

    AT_MOST = "at most"
    """The ratio is the subject's cost by the anchor's: how many times as much it costs."""
    AT_LEAST = "at least"
    """The ratio is the anchor's cost by the subject's: how many times faster it is, or what share of its cost is needed."""


class Bound(msgspec.Struct, frozen=True):
    """What a ratio must keep to. ``due`` names the part of the project from which on it counts; empty: now."""

    sense: Sense
    value: float
    due: str = ""

    def holds(self, ratio: float) -> bool:
        """Tell whether ``ratio`` keeps to it; exactly the bound does."""
        return ratio <= self.value if self.sense is Sense.AT_MOST else ratio >= self.value


class Sample(msgspec.Struct, frozen=True):
    """What one turn cost: ns of processor time a unit; of a server, also how busy its core was (1.0: all the time)."""

    cost: float
    busy: float | None = None


class Side(msgspec.Struct, frozen=True):
    """The subject or the anchor: what it is, in words, and how one turn of it is measured."""

    what: str
    measure: Callable[[], Sample]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One published figure. Costs are medians, in ns of processor time a ``unit``."""

    name: str
    what: str
    anchor: str
    subject_cost: float
    anchor_cost: float
    unit: str
    rounds: int
    bound: Bound | None = None
    """None: for information."""
    busy: float | None = None
    """The median of how busy the server's core was, where there was a server."""
    of_memory: bool = False
    """The costs are KiB of resident memory instead."""

    @property
    def ratio(self) -> float:
        """The subject's cost by the anchor's, or the other way round where the bound is a lower one."""
        if self.bound is not None and self.bound.sense is Sense.AT_LEAST:
            return self.anchor_cost / self.subject_cost
        return self.subject_cost / self.anchor_cost

    @property
    def counts(self) -> bool:
        """Whether it was measured as it should be: a server's figure only when its core was busy."""
        return self.busy is None or self.busy >= MINIMUM_BUSY

    @property
    def met(self) -> bool:
        """Whether it keeps to its bound; a figure that does not count keeps to none."""
        return self.bound is None or (self.counts and self.bound.holds(self.ratio))

    @property
    def missed(self) -> bool:
        """Whether a bound that is due now is not kept to."""
        return not self.met and self.bound is not None and not self.bound.due


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be measured."""

    name: str
    subject: Side
    anchor: Side
    unit: str
    bound: Bound | None = None
    rounds: int = 8

    def run(self) -> Figure:
        """Measure: one turn of each that does not count, then anchor and subject in turns."""
        if self.rounds < MINIMUM_ROUNDS:
            raise ValueError(f"{self.name}: {self.rounds} rounds; at least {MINIMUM_ROUNDS} are needed")
        self.anchor.measure()
        self.subject.measure()
        pairs = [(self.anchor.measure(), self.subject.measure()) for _ in range(self.rounds)]
        anchors, subjects = zip(*pairs, strict=True)
        busy = [sample.busy for sample in subjects if sample.busy is not None]
        return Figure(
            name=self.name,
            what=self.subject.what,
            anchor=self.anchor.what,
            subject_cost=median(sample.cost for sample in subjects),
            anchor_cost=median(sample.cost for sample in anchors),
            unit=self.unit,
            rounds=self.rounds,
            bound=self.bound,
            busy=median(busy) if busy else None,
        )


def exit_code(figures: Iterable[Figure]) -> int:
    """Return what the command ends with: 1 where a bound that is due is missed, else 0."""
    return int(any(figure.missed for figure in figures))
