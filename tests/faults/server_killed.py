"""A server that is killed while it takes reports: what it acknowledged is in the database, once, and the log verifies."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from tests.faults.campaign import Campaign, Tally, count
from tests.faults.standing import KEPT, Standing, finish, reporting
from tests.journeys.real import kill_server

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = 40
LONGEST = 1.0
"""Seconds of reports before it is killed, at the most."""


def run(folder: Path, rounds: int) -> Tally:
    """Start it and kill it, so many times, while devices report without a pause; at the end the whole log is verified."""
    return count(asyncio.run(_campaign(Standing(folder, DEVICES), rounds)), frozenset({KEPT}))


async def _campaign(standing: Standing, rounds: int) -> list[str]:
    chance = random.Random(rounds)  # noqa: S311 - the same moments again, should one be bad.
    fleet = standing.fleet(86_400, 0.05, connections=DEVICES)
    outcomes, task, acknowledged = [], None, 0
    for _ in range(rounds):
        serving = standing.serve()
        process = await asyncio.to_thread(serving.__enter__)
        if task is None:
            await standing.synchronise()
            task = await reporting(fleet, standing.agents)
        while fleet.tally.acknowledged == acknowledged:  # noqa: ASYNC110 - the tally tells no event.
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0.0, LONGEST))
        await asyncio.to_thread(kill_server, process)
        await asyncio.to_thread(serving.__exit__, None, None, None)
        await asyncio.sleep(0.05)
        outcomes.append(standing.kept())
        acknowledged = fleet.tally.acknowledged
    with standing.serve():
        if task is not None:
            await finish(fleet, task)
    outcomes[-1] = next((word for word in (outcomes[-1], standing.kept(), standing.verified()) if word != KEPT), KEPT)
    return outcomes


CAMPAIGN = Campaign(
    name="server killed while it takes reports",
    what=(
        f"`gatepost server run` on SQLite and its worker are killed (SIGKILL) at a random moment while {DEVICES} "
        "devices report without a pause, and started again. After each time what the devices know as acknowledged is "
        "held against the database, and at the end every line, the chain and the proofs are verified from an export"
    ),
    rounds=200,
    few=3,
    run=run,
)
