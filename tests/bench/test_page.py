"""Figures in words: every one beside its anchor and its bound, and the verdict plain."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from bench.harness import Bound, Figure, Sense
from bench.page import show_bound, show_cost, show_figures, show_ratio, verdict, write_page

FIGURE = Figure(
    name="evaluation",
    what="One evaluation",
    anchor="`certutil -L`",
    subject_cost=400_000,
    anchor_cost=125_000_000,
    unit="an evaluation",
    rounds=8,
    bound=Bound(Sense.AT_LEAST, 100),
)
SERVER = msgspec.structs.replace(
    FIGURE, name="report", busy=0.5, anchor_cost=160_000, bound=Bound(Sense.AT_LEAST, 0.5, "part 4")
)


@pytest.mark.parametrize(
    ("cost", "shown"), [(1_500, "1.5 µs"), (412_345, "412.3 µs"), (79_800_000, "79.8 ms"), (10_035_000_000, "10.04 s")]
)
def test_a_cost_is_shown_in_the_unit_that_suits_it(cost: float, shown: str) -> None:
    """From a signature to a run of certutil."""
    assert shown == show_cost(cost)


@pytest.mark.parametrize(
    ("bound", "shown", "ratio"),
    [
        (Bound(Sense.AT_MOST, 1.6), "at most 1.60 ×", "0.00 ×"),
        (Bound(Sense.AT_LEAST, 10_000, "part 2"), "part 2: at least 10,000 ×", "312 ×"),
        (Bound(Sense.AT_LEAST, 0.5), "at least 50%", "31250%"),
        (None, "for information", "0.00 ×"),
    ],
)
def test_bound_and_ratio_are_shown_alike(bound: Bound | None, shown: str, ratio: str) -> None:
    """A share in percent, a multiple with a sign; and from which part on the bound counts."""
    figure = msgspec.structs.replace(FIGURE, bound=bound)
    assert (shown, ratio) == (show_bound(bound), show_ratio(figure))


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (FIGURE, "met"),
        (msgspec.structs.replace(FIGURE, anchor_cost=1.0), "MISSED"),
        (msgspec.structs.replace(FIGURE, bound=None), "–"),
        (SERVER, "does not count: its core was 50% busy"),
        (msgspec.structs.replace(SERVER, busy=0.99), "not yet"),
        (msgspec.structs.replace(SERVER, busy=0.99, anchor_cost=400_000), "met already"),
    ],
)
def test_the_verdict_is_said_plainly(figure: Figure, words: str) -> None:
    """Met, missed, not due yet, for information, or not to be counted at all."""
    assert words == verdict(figure)


def test_the_page_has_every_figure_with_anchor_and_bound_and_how_to_repeat_it() -> None:
    """Nothing is published without what it was measured beside."""
    page = write_page([FIGURE, SERVER], {"processor": "Example 3000", "cores": "2"}, date(2026, 6, 1))
    for text in (
        "| date | 2026-06-01 |",
        "| processor | Example 3000 |",
        "| evaluation | 400 µs an evaluation | 125 ms | 312 × | at least 100 × | met |",
        "### report",
        "Anchor: `certutil -L`.",
        "8 turns of each, the server's core 50% busy.",
        "make bench",
    ):
        assert text in page


def test_the_table_has_a_row_for_each_figure() -> None:
    """What the terminal shows is what the page will say."""
    assert show_figures([FIGURE, SERVER]).row_count == 2
