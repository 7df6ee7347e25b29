"""The arithmetic of a figure: turns, medians, ratios, bounds."""

from __future__ import annotations

import pytest

from bench.harness import Bound, Comparison, Figure, Sample, Sense, Side, exit_code


class Costs:
    """Gives costs one after another, and writes down in ``turns`` whose turn it was."""

    def __init__(self, name: str, turns: list[str], *costs: Sample) -> None:
        self._name = name
        self._turns = turns
        self._costs = list(costs)

    def measure(self) -> Sample:
        """Give the next cost."""
        self._turns.append(self._name)
        return self._costs.pop(0)


def _compare(subject: list[Sample], anchor: list[Sample], bound: Bound | None = None) -> tuple[Figure, list[str]]:
    """Compare in as many rounds as there are costs, less the one that does not count."""
    turns: list[str] = []
    comparison = Comparison(
        name="figure",
        subject=Side("subject", Costs("subject", turns, *subject).measure),
        anchor=Side("anchor", Costs("anchor", turns, *anchor).measure),
        unit="a call",
        bound=bound,
        rounds=len(subject) - 1,
    )
    return comparison.run(), turns


def _samples(*costs: float) -> list[Sample]:
    return [Sample(cost) for cost in costs]


def _figure(bound: Bound | None, subject: float, anchor: float, busy: float | None = None) -> Figure:
    return Figure(
        name="figure",
        what="subject",
        anchor="anchor",
        subject_cost=subject,
        anchor_cost=anchor,
        unit="a call",
        rounds=4,
        bound=bound,
        busy=busy,
    )


def test_the_median_of_each_side_counts_when_one_turn_is_far_out() -> None:
    """A turn in which the machine did something else changes nothing, and neither does the first of each."""
    figure, _ = _compare(_samples(9_000, 30, 31, 29, 30, 8_000), _samples(7_000, 20, 20, 6_000, 19, 21))
    assert (30, 20) == (figure.subject_cost, figure.anchor_cost)
    assert figure.ratio == 1.5


def test_the_median_lies_between_the_middle_two_when_the_rounds_are_even() -> None:
    """Four rounds have no middle one."""
    figure, _ = _compare(_samples(0, 10, 20, 30, 40), _samples(0, 5, 5, 5, 5))
    assert figure.subject_cost == 25


def test_anchor_and_subject_alternate_when_a_figure_is_measured() -> None:
    """No side has the machine's better half of the run."""
    _, turns = _compare(_samples(*range(1, 6)), _samples(*range(1, 6)))
    assert ["anchor", "subject"] * 5 == turns


def test_a_comparison_is_refused_when_it_has_fewer_than_four_rounds() -> None:
    """The median of three turns says too little."""
    with pytest.raises(ValueError, match="3 rounds; at least 4"):
        _compare(_samples(1, 1, 1, 1), _samples(1, 1, 1, 1))


@pytest.mark.parametrize(
    ("bound", "subject", "anchor", "ratio", "met"),
    [
        (Bound(Sense.AT_MOST, 1.5), 150, 100, 1.5, True),
        (Bound(Sense.AT_MOST, 1.5), 151, 100, 1.51, False),
        (Bound(Sense.AT_LEAST, 100), 1, 100, 100, True),
        (Bound(Sense.AT_LEAST, 100), 2, 100, 50, False),
        (Bound(Sense.AT_LEAST, 0.5), 200, 100, 0.5, True),
        (Bound(Sense.AT_LEAST, 0.5), 210, 100, 100 / 210, False),
        (None, 300, 100, 3, True),
    ],
)
def test_a_bound_is_met_when_the_ratio_reaches_it_from_its_side(
    bound: Bound | None,
    subject: float,
    anchor: float,
    ratio: float,
    met: bool,  # noqa: FBT001 - it is the verdict.
) -> None:
    """An upper bound is on the subject's cost by the anchor's, a lower one on the anchor's by the subject's."""
    figure = _figure(bound, subject, anchor)
    assert (ratio, met, not met) == (figure.ratio, figure.met, figure.missed)


def test_a_bound_is_not_missed_when_it_is_due_later() -> None:
    """It is shown, and fails nothing yet."""
    figure = _figure(Bound(Sense.AT_LEAST, 0.5, due="part 4"), 300, 100)
    assert (False, False) == (figure.met, figure.missed)


def test_a_figure_does_not_count_when_the_server_was_not_busy() -> None:
    """However good it looks: an idle server is measured by something else than its work."""
    bound = Bound(Sense.AT_MOST, 1.5)
    idle, busy = _figure(bound, 100, 100, 0.94), _figure(bound, 100, 100, 0.95)
    assert (False, False, True) == (idle.counts, idle.met, idle.missed)
    assert (True, True, False) == (busy.counts, busy.met, busy.missed)


def test_the_median_of_the_business_is_kept_when_the_subject_is_a_server() -> None:
    """One lazy turn of five does not spoil a figure; the first of each never counts."""
    subject = [Sample(1, busy) for busy in (0.1, 0.99, 0.5, 0.98, 0.97, 0.99)]
    figure, _ = _compare(subject, _samples(*[1] * 6))
    assert figure.busy == 0.98


def test_the_run_fails_when_one_bound_of_several_is_missed() -> None:
    """A bound that is due later, and a figure for information, fail nothing."""
    met, missed = (_figure(Bound(Sense.AT_MOST, value), 150, 100) for value in (1.5, 1.4))
    later, informed = _figure(Bound(Sense.AT_MOST, 1.4, "part 4"), 150, 100), _figure(None, 150, 100)
    assert exit_code([met, later, informed]) == 0
    assert exit_code([met, missed, later]) == 1
