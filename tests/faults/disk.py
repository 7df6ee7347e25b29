"""A disk that takes no more, or does not confirm what it took: reports are refused, none is lost, and it goes on afterwards.

What the kernel answers is brought about on the running worker: a limit of file sizes (EFBIG, which SQLite treats as a full disk
does), and strace's injection of EIO into fsync and fdatasync.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.campaign import Campaign, Tally, count
from tests.faults.standing import KEPT, Standing, finish, reporting
from tests.journeys.real import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from gatepost.simulator.fleet import Fleet

DEVICES = 40
INTERVAL = 0.1
FAULTY = 1.5
"""Seconds for which the fault lasts."""
NO_FAULT = "reports were acknowledged during the fault"
STUCK = "no report was acknowledged within half a minute after it"


@contextmanager
def _full(worker: int, folder: Path) -> Iterator[None]:
    """Let no file grow beyond what the database's have by now."""
    size = min(path.stat().st_size for path in folder.glob("gatepost.db*") if not path.name.endswith(("-shm", "-key")))
    before = resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, before)


@contextmanager
def _failing(worker: int, folder: Path) -> Iterator[None]:
    """Let every fsync and fdatasync of the worker fail."""
    program = shutil.which("strace")
    if program is None:
        raise LookupError("strace is not installed (Debian's package strace)")
    words = ["-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-o", "/dev/null"]
    log = (folder / "strace").open("wb")
    with log, subprocess.Popen([program, *words, "-p", str(worker)], stderr=log) as tracer:
        while _traced_by(worker) != tracer.pid:
            assert tracer.poll() is None, (folder / "strace").read_text()
            time.sleep(0.01)
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()


def _traced_by(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("TracerPid:"))


async def _campaign(
    standing: Standing, rounds: int, fault: Callable[[int, Path], AbstractContextManager[None]]
) -> list[str]:
    fleet = standing.fleet(86_400, INTERVAL, connections=DEVICES)
    outcomes = []
    with standing.serve() as process:
        (worker,) = workers_of(process)
        await standing.synchronise()
        task = await reporting(fleet, standing.agents)
        for _ in range(rounds):
            await asyncio.sleep(1.0)
            outcomes.append(await _round(standing, fleet, lambda: fault(worker, standing.folder)))
        await finish(fleet, task)
    outcomes[-1] = next((word for word in (outcomes[-1], standing.kept(), standing.verified()) if word != KEPT), KEPT)
    return outcomes


async def _round(standing: Standing, fleet: Fleet, fault: Callable[[], AbstractContextManager[None]]) -> str:
    with fault():
        await asyncio.sleep(0.3)
        before = fleet.tally.acknowledged
        await asyncio.sleep(FAULTY)
        during = fleet.tally.acknowledged - before
        if during:
            return f"{NO_FAULT}: {during}"
    end = time.monotonic() + 30
    while fleet.tally.acknowledged == before:
        if time.monotonic() > end:
            return STUCK
        await asyncio.sleep(0.05)
    known = {item.registration_id: item.acknowledged for item in standing.agents}
    recorded = await asyncio.to_thread(standing.recorded)
    lost = [name for name, number in known.items() if recorded.get(name, 0) < number]
    return f"acknowledged reports of {len(lost)} devices are not there" if lost else KEPT


def _run(fault: Callable[[int, Path], AbstractContextManager[None]]) -> Callable[[Path, int], Tally]:
    def run(folder: Path, rounds: int) -> Tally:
        return count(asyncio.run(_campaign(Standing(folder, DEVICES), rounds, fault)), frozenset({KEPT}))

    return run


_MEANWHILE = (
    f"for {FAULTY + 0.3:g} s while {DEVICES} devices report. Nothing is acknowledged then, and reports are again afterwards; "
    "none is lost"
)
CAMPAIGNS = (
    Campaign(
        name="disk full",
        what=f"No file of the server (SQLite) may grow (`RLIMIT_FSIZE`), {_MEANWHILE}",
        rounds=20,
        few=1,
        run=_run(_full),
    ),
    Campaign(
        name="fsync fails",
        what=f"Every `fsync` and `fdatasync` of the server (SQLite) fails with EIO (`strace -e inject`), {_MEANWHILE}",
        rounds=20,
        few=1,
        run=_run(_failing),
    ),
)
