"""A fleet spreads out by itself: before its time after an answer, later and later after none."""

from __future__ import annotations

import random

from gatepost.client.pacing import LONGEST_RETRY, SHORTEST_RETRY, pause_after_answer, pause_after_failure


def test_whoever_was_answered_comes_back_within_the_last_tenth_of_its_time() -> None:
    """Never late, so that no result expires for it."""
    spread = random.Random(1).uniform  # noqa: S311 - a spread.
    pauses = [pause_after_answer(300, spread) for _ in range(10_000)]
    assert 270 <= min(pauses) < 273
    assert 297 < max(pauses) <= 300


def test_pauses_double_and_are_spread_over_all_of_that() -> None:
    """The first ones are short, none is longer than five minutes, and no failure is one too many."""
    longest = [pause_after_failure(failures, lambda _, high: high) for failures in (1, 2, 3, 7, 8, 9, 10**6)]
    assert [4, 8, 16, 256, LONGEST_RETRY, LONGEST_RETRY, LONGEST_RETRY] == longest
    assert SHORTEST_RETRY == pause_after_failure(10**6, lambda low, _: low)
