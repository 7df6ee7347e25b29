"""How long it takes after an hour's sleep of the device until a page opens: a promise, on a wall's clock.

The sleep is made: the agent is stopped (SIGSTOP), and the clocks of server and agent go on by an hour (libfaketime). Then it goes
on (SIGCONT), and in the same moment Chromium asks for the page. The result has ended, and so has the browser's session. Clocks
that count while a machine sleeps do not here, so that the agent does not notice the sleep by itself, which it does on a device.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from bench.harness import Bound, Figure, MeasureError, Sense
from tests.enforcement.edge import BODY, HOST, edge, start_nginx
from tests.journeys.chromium import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.enforcement.edge import Edge

_TIMES: Final = 20
_BOUND: Final = 5.0
_ASLEEP: Final = 3_600
_SETTLED: Final = 2.0
"""Seconds in which an agent that began ends what it had to do at once."""
_PATIENCE: Final = 60_000
"""Ms in which a page is there."""


def measure(folder: Path) -> tuple[Figure, ...]:
    """Let a device sleep, again and again, and open the page in the moment in which it wakes."""
    clock = folder / "clock"
    _set(clock, 0)
    seconds: list[float] = []
    with ExitStack() as stack:
        with _faked(clock):
            door = stack.enter_context(edge(folder, "nginx", start_nginx))
        # Chromium's own clock goes on as it is: with the library it takes ten times as long for everything.
        browser = stack.enter_context(chromium(folder / "home"))
        page = browser.new_context(ignore_https_errors=True).new_page()
        for number in range(1, _TIMES + 1):
            # Each sleep is a first one: an agent that is called again and again within seconds takes its time.
            with _faked(clock):
                agent = stack.enter_context(door.agent.running())
            _open(page, door)
            time.sleep(_SETTLED)
            agent.send_signal(signal.SIGSTOP)
            _set(clock, number * _ASLEEP)
            agent.send_signal(signal.SIGCONT)
            began = time.monotonic()
            if _open(page, door) != HTTPStatus.FORBIDDEN:
                raise MeasureError("a device that slept for an hour was let in without a word")
            seconds.append(time.monotonic() - began)
            agent.terminate()
            agent.wait()
    slow = quantiles(seconds, n=20)[-1]
    return (
        Figure(
            name="resume after an hour's sleep until the page opens",
            what=(
                f"Seconds, the 95th percentile of {_TIMES} times (median {median(seconds):.2f} s, longest {max(seconds):.2f} s): "
                "a real Chromium behind nginx, whose session has ended, and a device whose result has; both begin in the moment "
                "in which the device wakes"
            ),
            anchor=f"{_BOUND:.0f} s, on a wall's clock",
            subject_cost=slow * 1e9,
            anchor_cost=_BOUND * 1e9,
            unit="at the 95th percentile",
            rounds=_TIMES,
            bound=Bound(Sense.AT_MOST, 1.0),
        ),
    )


def _open(page: Page, door: Edge) -> int | None:
    """Ask for the page and wait until it is there; return the status of the first answer."""
    first = page.goto(f"https://{HOST}:{door.port}/")
    page.get_by_text(BODY.decode().strip()).wait_for(timeout=_PATIENCE)
    return None if first is None else first.status


def _set(clock: Path, seconds: int) -> None:
    """Let the clocks go so far ahead: at once, since whoever reads half a file would go back."""
    draft = clock.with_suffix(".new")
    draft.write_text(f"+{seconds}s", encoding="ascii")
    draft.rename(clock)


@contextmanager
def _faked(clock: Path) -> Iterator[None]:
    """Let every process that begins meanwhile take its clock from a file; monotonic clocks stay what they are."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        raise MeasureError("libfaketime is not installed (Debian's package faketime)")
    faked = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    os.environ.update(faked)
    try:
        yield
    finally:
        for name in faked:
            os.environ.pop(name)
