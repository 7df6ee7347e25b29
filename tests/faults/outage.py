"""A whole fleet over time: half an hour of reports in flat memory, an outage of a quarter of an hour, and how all come back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.cli.simulate import memory_of
from gatepost.client.pacing import LONGEST_RETRY
from tests.faults.campaign import Campaign, Tally, count
from tests.faults.standing import Standing, reporting

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.simulator.fleet import Fleet

BACK: Final = "reported when the server was back, and in the interval after that; all acknowledged is there"
GROWTH: Final = 0.10
"""Share by which the server's memory may be more in the last third of its half hour than in the second."""
ECHO: Final = 2.0
"""Times the mean that any five seconds of the interval after the return may have."""
_BIN: Final = 5


class _Times(msgspec.Struct, frozen=True):
    """Seconds: between a device's reports, with the server up, with it away, and between looks at its memory."""

    interval: float
    up: float
    away: float
    look: float


WHOLE = _Times(interval=300, up=1_800, away=900, look=10)
SHORT = _Times(interval=3, up=6, away=5, look=0.5)
_MANY: Final = 1_000
"""Devices from which on the times are the whole ones, and the shape of their return is looked at."""


def run(folder: Path, rounds: int) -> Tally:
    """Let so many devices report; each is a round."""
    return count(asyncio.run(_campaign(Standing(folder, rounds), rounds)), frozenset({BACK}))


async def _campaign(standing: Standing, devices: int) -> list[str]:
    times = WHOLE if devices >= _MANY else SHORT
    fleet = standing.fleet(86_400, times.interval, connections=256, patient=True)
    with standing.serve() as process:
        await standing.synchronise()
        task = await reporting(fleet, standing.agents)
        memory = []
        for _ in range(int(times.up / times.look)):
            await asyncio.sleep(times.look)
            memory.append(memory_of(process.pid) or 0)
    await asyncio.sleep(times.away)
    before = {item.name: item.acknowledged for item in standing.agents}
    with standing.serve():
        fleet.tally.instants = []
        began = asyncio.get_running_loop().time()
        # Whoever failed last may wait so long, and then comes the interval after it.
        back = LONGEST_RETRY if times is WHOLE else 5 * times.away
        await asyncio.sleep(back + times.interval)
        outcomes = [
            BACK if item.acknowledged >= before[item.name] + 2 else f"{item.name} did not come back"
            for item in standing.agents
        ]
        fleet.stop()
        # Those that wait for their next time would begin nothing any more.
        await asyncio.sleep(1)
        task.cancel()
        await fleet.close()
    recorded = standing.recorded()
    lost = [item for item in standing.agents if recorded[item.registration_id] < item.acknowledged]
    if lost:
        outcomes[-1] = f"acknowledged reports of {len(lost)} devices are not there"
    elif times is WHOLE:
        outcomes[-1] = _shape(memory, fleet, began + back) or outcomes[-1]
    return outcomes


def _shape(memory: list[int], fleet: Fleet, after: float) -> str:
    """Say what is wrong with the server's memory, or with the reports in the interval after the return; empty: nothing."""
    third = len(memory) // 3
    second, last = sum(memory[third : 2 * third]) / third, sum(memory[2 * third : 3 * third]) / third
    if last > second * (1 + GROWTH):
        return f"the server has grown from {second / 2**20:.0f} to {last / 2**20:.0f} MiB"
    bins = Counter(int((at - after) / _BIN) for at in fleet.tally.instants or [] if at >= after)
    mean = sum(bins.values()) / max(1, len(bins))
    return (
        "" if max(bins.values()) <= ECHO * mean else f"{max(bins.values())} reports in {_BIN} s, {mean:.0f} on average"
    )


CAMPAIGN = Campaign(
    name="a fleet, and an outage of 15 minutes",
    what=(
        "10,000 devices report every 5 minutes, each with its own key and certificate. For half an hour the server's "
        f"memory stays as it is (the last third is within {GROWTH:.0%} of the second); then it is away for 15 minutes."
        f" All come back as agents do, and in the interval after their return no {_BIN} seconds have more than "
        f"{ECHO:g} times the mean. (In the tests: 40 devices for less than a minute)"
    ),
    rounds=10_000,
    few=40,
    run=run,
)
