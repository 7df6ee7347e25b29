"""When a device reports next: for the agent, and for those that are simulated.

A fleet spreads out by itself. Who was answered comes back a little before its time, at random within a tenth of it; who was not
comes back later and later, at a random moment of a pause that doubles, so that a server that returns is not met by all at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_RETRY: Final = 2.0
"""Seconds before a report that was not answered is tried again, at the least."""
LONGEST_RETRY: Final = 300.0
MAXIMUM_DOUBLINGS: Final = 16
"""Failures that are counted: more make no pause longer, and a server may be away for weeks."""
_EARLY: Final = 0.9


def pause_after_answer(due: float, spread: Callable[[float, float], float]) -> float:
    """Return the seconds until the next report where the server wants it in ``due``; ``spread(low, high)`` is random."""
    return due * spread(_EARLY, 1.0)


def pause_after_failure(failures: int, spread: Callable[[float, float], float]) -> float:
    """Return the seconds until the next try after so many ``failures`` in a row, from 1: full jitter."""
    longest = min(LONGEST_RETRY, SHORTEST_RETRY * 2.0 ** min(failures, MAXIMUM_DOUBLINGS))
    return spread(SHORTEST_RETRY, longest)
