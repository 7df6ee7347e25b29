"""The agent as it lives on a device: what it keeps resident, and how soon the server knows that a certificate is gone.

The seconds are on a wall's clock, since a promise in seconds is; all the rest of the published figures are processor time.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.harness import Bound, Figure, MeasureError, Sense
from gatepost.agent.cycle import Agent
from gatepost.agent.host import read_host
from gatepost.cli.places import PlaceSettings, find_stores
from gatepost.cli.story import Story
from gatepost.client.identity import StateFolder
from gatepost.client.transport import Server
from gatepost.processes import Running, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_REMOVALS: Final = 100
_CYCLES: Final = 12
"""An hour's worth, at the default schedule of five minutes."""
_LONGEST: Final = 2.0
_PATIENCE: Final = 30.0
_ANCHOR: Final = (
    "import cryptography.x509, OpenSSL, ssl; print(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')))"
)


def measure(folder: Path) -> tuple[Figure, ...]:
    """Start server and agent, take the certificate away a hundred times, and look at the agent's memory."""
    story = Story(folder)
    story.make_authority("ca", "Example Issuing CA 1")
    issued = story.issue("device", "laptop-1")
    with story.start_server():
        _ask(story, issued.certificate, issued.key)
        story.make_stores()
        story.enroll()
        arguments = ("agent", "run", "--state", str(story.state), "--config", str(story.settings))
        with Running([sys.executable, "-m", "gatepost", *arguments], folder / "agent.log") as agent:
            _wait_for(story, "pass")
            first = _resident(agent.identifier)
            seconds = list(_remove_and_restore(story, Path(issued.certificate)))
            last = _resident(agent.identifier)
        growth = _growth_of_cycles(story)
    return _resident_figure(first, last), _flat_figure(growth), _removal_figure(seconds)


def _ask(story: Story, certificate: str, key: str) -> None:
    authority = (story.folder / "ca" / "ca.pem").read_text(encoding="ascii")
    uploaded: dict[str, Any] = story.call("POST", "/mtls_certificates", {"ca": True, "certificates": authority})
    asked = {
        "certificate_id": uploaded["id"],
        "cn": "laptop-1",
        "check_private_key": True,
        "operating_system": "linux",
        "locations": {"paths": [certificate, key]},
    }
    rule = {"name": "measured", "type": "client_certificate_v2", "match": [{"platform": "linux"}], "input": asked}
    story.call("POST", "/devices/posture", rule)


def _status(story: Story) -> str:
    results = story.call("GET", "/gatepost/results")
    return str(results[0]["status"]) if results else ""


def _wait_for(story: Story, status: str) -> float:
    """Wait until the server says so; return the seconds that it took."""
    began = time.monotonic()
    while _status(story) != status:
        if time.monotonic() - began > _PATIENCE:
            words = (story.folder / "agent.log").read_text(encoding="utf-8", errors="replace")[-500:]
            raise MeasureError(f"no {status} within {_PATIENCE:.0f} s: {words}")
        time.sleep(0.01)
    return time.monotonic() - began


def _remove_and_restore(story: Story, certificate: Path) -> Iterator[float]:
    """Take the certificate's file away and bring it back, again and again; yield the seconds until each FAIL."""
    aside = certificate.with_suffix(".aside")
    for _ in range(_REMOVALS):
        certificate.rename(aside)
        yield _wait_for(story, "fail")
        aside.rename(certificate)
        _wait_for(story, "pass")


def _growth_of_cycles(story: Story) -> tuple[int, int]:
    """Do an hour's worth of cycles in this process, once to warm up and once to measure; return KiB before and after."""
    state = StateFolder(story.state)
    enrolled = state.load_registration()
    with Server(enrolled.server) as server:
        agent = Agent(
            state,
            server,
            lambda check: find_stores(check.locations, PlaceSettings()),
            read_host,
            lambda: time.time_ns() // 1_000_000,
        )
        for _ in range(_CYCLES):
            agent.run_once()
        before = _resident(os.getpid())
        for _ in range(_CYCLES):
            agent.run_once()
        return before, _resident(os.getpid())


def _resident(process: int) -> int:
    """Return the resident memory of a process in KiB."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _resident_figure(first: int, last: int) -> Figure:
    anchors = [int(run([sys.executable, "-c", _ANCHOR], timeout=60).stdout.split()[1]) for _ in range(4)]
    return Figure(
        name="agent, resident",
        what=f"The agent after {2 * _REMOVALS} cycles that changes of a store woke ({first:,} KiB after the first)",
        anchor="`python -c 'import cryptography.x509, OpenSSL, ssl'`, resident",
        subject_cost=last,
        anchor_cost=median(anchors),
        unit="resident",
        of_memory=True,
        rounds=len(anchors),
        bound=Bound(Sense.AT_MOST, 2.0),
    )


def _flat_figure(growth: tuple[int, int]) -> Figure:
    before, after = growth
    return Figure(
        name="agent, an hour's cycles later",
        what=f"Resident memory after {_CYCLES} more cycles in one process",
        anchor=f"the same process after the first {_CYCLES}",
        subject_cost=after,
        anchor_cost=before,
        unit="resident",
        of_memory=True,
        rounds=_CYCLES,
        bound=Bound(Sense.AT_MOST, 1.02),
    )


def _removal_figure(seconds: list[float]) -> Figure:
    under = sum(item < _LONGEST for item in seconds)
    return Figure(
        name="certificate removed until the server has the FAIL",
        what=f"Seconds, the longest of {len(seconds)} removals from PEM files (median {median(seconds):.2f} s); "
        f"{under} of {len(seconds)} under {_LONGEST:.0f} s",
        anchor=f"{_LONGEST:.0f} s, on a wall's clock",
        subject_cost=max(seconds) * 1e9,
        anchor_cost=_LONGEST * 1e9,
        unit="at the longest",
        rounds=len(seconds),
        bound=Bound(Sense.AT_MOST, 1.0),
    )
