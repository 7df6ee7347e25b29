"""What agents that wait to be called cost a server: memory while they wait, and processor time."""

from __future__ import annotations

import asyncio
import resource
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from bench import wrk
from bench.harness import Bound, Comparison, Figure, MeasureError, Sample, Sense, Side
from bench.load import frame
from bench.processor_time import descendants, of_calls, read_tasks, spent
from bench.server import served, verification
from gatepost.cli.simulate import memory_of
from tests.faults.standing import Standing

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.simulator.agent import SimulatedAgent

_AGENTS: Final = 5_000
_AT_ONCE: Final = 50
_SETTLE: Final = 5.0
_KIB: Final = 1024
_EACH: Final = 20
"""KiB that an agent which waits may take."""


def measure(folder: Path) -> tuple[Figure, ...]:
    """Let agents wait at one server process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < _AGENTS + 100:
        raise MeasureError(f"only {most} open files are allowed here; {_AGENTS + 100} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    standing = Standing(folder, _AGENTS)
    with standing.serve("--long-polls", str(_AGENTS)) as process:
        before, after, busy = asyncio.run(_wait(standing, process.pid))
    return (
        _turned_away(standing),
        Figure(
            name=f"{_AGENTS:,} agents that wait to be called",
            what=(
                f"Resident memory of a server at which {_AGENTS:,} agents hold a long poll: {(after - before) / _AGENTS:.1f} KiB "
                f"each; while nothing happens it takes {busy:.1%} of a core. At most {_EACH} KiB each"
            ),
            anchor="the same server before the first of them",
            subject_cost=after,
            anchor_cost=before,
            unit="",
            rounds=1,
            bound=Bound(Sense.AT_MOST, (before + _EACH * _AGENTS) / before),
            of_memory=True,
        ),
    )


def _turned_away(standing: Standing) -> Figure:
    """Measure what an agent costs that asks to wait where no more may."""
    verify = verification(standing)
    with served(standing, "--long-polls", "0") as process:

        def send() -> Sample:
            requests = [frame("/device/v1/wait", standing.port, agent.wait()) for agent in standing.agents]
            processes = descendants(process)
            began, at = read_tasks(processes), time.perf_counter_ns()
            wrk.send(
                standing.port, requests, standing.folder, connections=256, expected='"report_now":false,"again_in":'
            )
            elapsed = time.perf_counter_ns() - at
            cost = spent(began, read_tasks(processes))
            return Sample(cost / len(requests), cost / elapsed)

        return Comparison(
            name="an agent that may not wait",
            subject=Side("One request of an agent to wait, where no room is left: it is told when to ask again", send),
            anchor=Side("two bare ES256 verifications, as beside a report", partial(of_calls, verify, _AGENTS)),
            unit="a request",
            rounds=4,
        ).run()


async def _wait(standing: Standing, server: int) -> tuple[float, float, float]:
    """Return KiB before and while they wait, and the share of a core that this takes."""
    await standing.synchronise()
    before = (memory_of(server) or 0) / _KIB
    turns = asyncio.Semaphore(_AT_ONCE)
    held = await asyncio.gather(*(_open(standing, agent, turns) for agent in standing.agents))
    await asyncio.sleep(_SETTLE)
    after = (memory_of(server) or 0) / _KIB
    processes = descendants(server)
    began = read_tasks(processes)
    await asyncio.sleep(_SETTLE)
    busy = spent(began, read_tasks(processes)) / (_SETTLE * 1e9)
    answered = [reader for reader, _ in held if await _has_come(reader)]
    for _, writer in held:
        writer.close()
    if answered:
        raise MeasureError(f"{len(answered):,} agents were answered that should wait")
    return before, after, busy


async def _open(
    standing: Standing, agent: SimulatedAgent, turns: asyncio.Semaphore
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with turns:
        reader, writer = await asyncio.open_connection("127.0.0.1", standing.port)
        writer.write(frame("/device/v1/wait", standing.port, agent.wait()))
        await writer.drain()
        # Not all of them in one moment: that is another figure.
        await asyncio.sleep(0.01)
    return reader, writer


async def _has_come(reader: asyncio.StreamReader) -> bool:
    """Tell whether something came, or the connection was closed."""
    try:
        await asyncio.wait_for(reader.read(1), 0.0001)
    except TimeoutError:
        return False
    return True
