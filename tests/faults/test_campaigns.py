"""A few rounds of each campaign; ``make faults`` runs them at full length."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from tests.faults.__main__ import PAGE, main
from tests.faults.campaign import Campaign, Tally, count
from tests.faults.campaigns import CAMPAIGNS
from tests.faults.page import Ran, write_page

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=[item.name.replace(" ", "-") for item in CAMPAIGNS])
def test_no_outcome_is_wrong(campaign: Campaign, tmp_path: Path) -> None:
    """Whatever the moment; and every round is counted."""
    try:
        tally = campaign.run(tmp_path, campaign.few)
    except LookupError as error:
        pytest.skip(str(error))
    assert ((), campaign.few) == (tally.wrong, tally.rounds)


def test_an_outcome_that_is_not_among_the_right_ones_is_wrong() -> None:
    """And each one of them is kept."""
    tally = count(["busy", "before", "torn", "before", "torn"], frozenset({"before", "busy", "after"}))
    assert ({"before": 2, "busy": 1}, ("torn", "torn"), 5) == (tally.outcomes, tally.wrong, tally.rounds)


def test_an_unknown_campaign_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of those that there are."""
    assert 2 == main(["no such fault"])
    told = capsys.readouterr().out
    assert [] == [item.name for item in CAMPAIGNS if item.name not in told]


def test_the_page_has_each_campaign_at_its_full_length_and_none_wrong() -> None:
    """Run ``make faults`` after a campaign was added or made longer."""
    rows = re.findall(r"(?m)^\| ([^|]+) \| ([\d,]+) \| [^|]+ \| ([\d,]+) \|$", PAGE.read_text(encoding="utf-8"))
    assert [(item.name, f"{item.rounds:,}", "0") for item in CAMPAIGNS] == rows


def test_the_page_tells_what_was_wrong_too() -> None:
    """A count that is not nought stands there as it is."""
    tally = Tally(outcomes={"right": 1_998}, wrong=("torn", "torn"))
    page = write_page([Ran(CAMPAIGNS[0], tally, 12.3)], {"cores": "2"}, date(2026, 1, 2))
    assert f"| {CAMPAIGNS[0].name} | 2,000 | right: 1,998 | 2 |" in page
