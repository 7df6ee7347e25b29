"""Clients that send their requests a byte at a time: each is cut off, and meanwhile everybody else is served."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.faults.campaign import Campaign, Tally, count
from tests.faults.standing import Standing, finish, reporting

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = 20
PATIENCE = 30.0
"""Seconds within which each slow client must be rid of; the server gives 15 for a head and 10 for a body."""
SLOWEST = 1.0
"""Seconds from a device's report to its answer meanwhile, at the most, for 99 of 100."""
CUT, TOLD = "cut off while its head came", "answered 408 while its body came"
_HEAD = b"POST /device/v1/report HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/jose\r\n"


def run(folder: Path, rounds: int) -> Tally:
    """Let so many clients be slow at once, half of them with the head of a request, half with its body."""
    return count(asyncio.run(_campaign(Standing(folder, DEVICES), rounds)), frozenset({CUT, TOLD}))


async def _campaign(standing: Standing, rounds: int) -> list[str]:
    fleet = standing.fleet(86_400, 0.2, connections=DEVICES)
    with standing.serve():
        await standing.synchronise()
        task = await reporting(fleet, standing.agents)
        await asyncio.sleep(1)
        fleet.tally.times.clear()
        outcomes = await asyncio.gather(*(_slow(standing.port, body=number % 2 == 1) for number in range(rounds)))
        times = sorted(fleet.tally.times)
        await finish(fleet, task)
    late = times[int(len(times) * 0.99)] if times else PATIENCE
    if late > SLOWEST or fleet.tally.unanswered:
        outcomes[-1] = f"99 of 100 honest reports took up to {late:.1f} s, {fleet.tally.unanswered} were never answered"
    return list(outcomes)


async def _slow(port: int, *, body: bool) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    words = _HEAD + b"Content-Length: 60000\r\n\r\n" if body else _HEAD + b"X-Slow: "
    writer.write(words)
    began = time.monotonic()
    answer = b""
    while time.monotonic() - began < PATIENCE:
        with suppress(OSError):
            writer.write(b"a")
        try:
            answer = await asyncio.wait_for(reader.read(4096), 0.5)
        except TimeoutError:
            continue
        except OSError:
            answer = b""
        break
    else:
        return f"still served after {PATIENCE:g} s"
    writer.close()
    if body:
        return TOLD if answer.startswith(b"HTTP/1.1 408 ") else f"with a slow body: {answer[:40]!r}"
    return (
        CUT
        if not answer or answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))
        else f"with a slow head: {answer[:40]!r}"
    )


CAMPAIGN = Campaign(
    name="slow clients",
    what=(
        "So many connections at once send a byte every half second, half of them in the head of a request and half in"
        f" its body, while {DEVICES} devices report five times a second; 99 of 100 of those reports are answered "
        f"within {SLOWEST:g} s"
    ),
    rounds=400,
    few=40,
    run=run,
)
