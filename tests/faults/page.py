"""The page ``docs/reference/faults.md``: what was run, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.faults.campaign import Campaign, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

_INTRODUCTION = """\
# Faults

Written by `make faults`, which brings each of these faults about again, as often as stands here, and counts what comes of it. The
tests (`make test`) run a few rounds of each. One wrong outcome fails either.
"""


class Ran(msgspec.Struct, frozen=True):
    """A campaign that was run, and how many seconds it took."""

    campaign: Campaign
    tally: Tally
    seconds: float


def write_page(ran: Sequence[Ran], machine: Mapping[str, str], today: date) -> str:
    """Write it."""
    lines = [_INTRODUCTION, "| run | on |", "| --- | --- |", f"| date | {today.isoformat()} |"]
    lines += [f"| {name} | {value} |" for name, value in machine.items()]
    lines += ["", "| fault | rounds | what came of them | wrong |", "| --- | --- | --- | --- |"]
    lines += [_row(item) for item in ran]
    for item in ran:
        lines += ["", f"## {item.campaign.name}", "", f"{item.campaign.what}. {item.seconds:.0f} s."]
    return "\n".join([*lines, ""])


def _row(item: Ran) -> str:
    outcomes = "; ".join(f"{word}: {number:,}" for word, number in item.tally.outcomes.items())
    return f"| {item.campaign.name} | {item.tally.rounds:,} | {outcomes} | {len(item.tally.wrong):,} |"
