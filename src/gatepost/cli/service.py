"""The agent as a service, put together: clocks, watchers, the service manager, and what it prints for the journal."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from gatepost.agent.browsers import BrowserListener
from gatepost.agent.programs import ProgramListener
from gatepost.agent.service import SLICE, Clocks, Service
from gatepost.agent.status import LastCycle, StatusFolder, describe_cycle, describe_refusal
from gatepost.agent.supervisor import Supervisor
from gatepost.agent.wake import Bell
from gatepost.agent.watch import CallWatch, NetworkWatch, StoreWatch
from gatepost.cli.words import explain_error, printable
from gatepost.core.reason import Reason
from gatepost.errors import ReportRefusedError

if TYPE_CHECKING:
    from gatepost.agent.cycle import Agent
    from gatepost.agent.wake import Cause
    from gatepost.errors import GatepostError

_SHORTEST_SLICE: Final = 0.1
"""Seconds: whoever sets the watchdog shorter does not make the agent busy with it."""


def now() -> int:
    """Return the clock's time in ms since 1970, UTC."""
    return time.time_ns() // 1_000_000


def status_folder(state: Path) -> StatusFolder:
    """Return the folder that everybody may read, beside the agent's own."""
    return StatusFolder(Path(f"{state}-status"))


_SHUT_OUT: Final = frozenset({Reason.DEVICE_REVOKED.value, Reason.DEVICE_NOT_ENROLLED.value})
"""Reasons for which a server takes nothing from a device any more: what it said before is over."""


def one_cycle(worker: Agent, folder: StatusFolder) -> LastCycle:
    """Do one cycle, and leave what it came to for whoever asks."""
    try:
        last = describe_cycle(worker.run_once(), now())
    except ReportRefusedError as error:
        known = folder.load()
        if error.reason in _SHUT_OUT and known is not None:
            folder.save(describe_refusal(known, Reason(error.reason), now()))
        raise
    folder.save(last)
    return last


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the service shares with whoever finds the stores for it."""

    bell: Bell
    watch: StoreWatch
    supervisor: Supervisor
    begin: tuple[Callable[[], None], ...]
    """Called when a cycle begins."""
    listeners: tuple[BrowserListener | ProgramListener, ...] = ()
    """What waits for browsers and programs on this device."""


def serve(worker: Agent, parts: Parts, folder: StatusFolder) -> None:
    """Run until a signal ends it."""
    bell, watch, supervisor = parts.bell, parts.watch, parts.supervisor
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bell.stop())

    calls = CallWatch(bell, worker.wait)

    def cycle(cause: Cause) -> int:
        for begin in parts.begin:
            begin()
        try:
            last = one_cycle(worker, folder)
        finally:
            watch.follow()
            supervisor.ready()
        calls.start()
        _say(f"{cause}: {_one_line(last)}", supervisor)
        return last.next_in

    def tell(error: GatepostError, pause: float) -> None:
        _say(f"{explain_error(error)[1]}; again in {pause:.0f} s", supervisor)

    NetworkWatch(bell).start()
    folder.prepare()
    for listener in parts.listeners:
        listener.start()
    clocks = Clocks(running=time.monotonic, elapsed=_elapsed, slice=_slice(os.environ.get("WATCHDOG_USEC", "")))
    # Spreads load, keeps no secret.
    Service(cycle, bell, clocks, random.uniform, tell, supervisor.alive).run()
    supervisor.stopping()
    for listener in parts.listeners:
        listener.stop()
    watch.stop()


def _slice(watchdog: str) -> float:
    """Return the seconds between two signs of life: half of what the service manager waits for one (sd_watchdog_enabled(3))."""
    asked = int(watchdog) / 2_000_000 if watchdog.isascii() and watchdog.isdecimal() else SLICE
    return min(max(asked, _SHORTEST_SLICE), SLICE)


def _elapsed() -> float:
    """Return seconds of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _say(line: str, supervisor: Supervisor) -> None:
    # A check's name is the server's: it must not begin another line of the journal.
    line = printable(line)
    click.echo(f"gatepost: {line}", err=True)
    supervisor.doing(line)


def _one_line(last: LastCycle) -> str:
    verdicts = ", ".join(" ".join((item.name or item.id, item.status, *item.reasons)) for item in last.verdicts)
    return f"report {last.acknowledged} acknowledged: {verdicts or 'no check concerns this device'}"
