"""What a report costs a running server, beside the two signatures in it that somebody has to verify.

The server is `gatepost server run` on SQLite, on a core of its own where there are two; the load comes from another.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.fleet import PATH, Device, enroll_devices
from bench.harness import Bound, Comparison, Figure, Sample, Sense, Side
from bench.load import frame, send_all
from bench.processor_time import descendants, of_calls, read_tasks, spent
from gatepost.cli.story import Story
from tests.certificates import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gatepost.processes import Running

_DEVICES: Final = 256
_CONNECTIONS: Final = 64
_REPORTS: Final = 8
"""Of each device in one turn, which takes a second or two."""
_ROUNDS: Final = 6
_VERIFIED: Final = 8
"""How often the anchor goes through the keys of all devices in one turn."""


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure reports under full load."""
    story = Story(folder)
    authority = CertificateAuthority.create(cn="Example Issuing CA 1")
    with _on_a_core_of_its_own(story) as server:
        devices = enroll_devices(story.url, _prepare(story, authority), authority, _DEVICES)
        turns = _Turns(story.port, server.identifier, devices)
        figure = Comparison(
            name="device report",
            subject=Side(
                f"One report (one candidate, proof of possession) of {_DEVICES} devices, over {_CONNECTIONS} connections "
                "that stay open: judged, committed to SQLite, acknowledged. All of the server's processes",
                turns.send,
            ),
            anchor=Side(
                "two bare ES256 verifications, with as many keys, in process: of the report's signature, and of the "
                "possession statement's",
                partial(of_calls, _verification(devices), _VERIFIED * _DEVICES),
            ),
            unit="a report",
            bound=Bound(Sense.AT_LEAST, 0.5, due="part 4"),
            rounds=_ROUNDS,
        ).run()
    return (figure,)


@contextmanager
def _on_a_core_of_its_own(story: Story) -> Iterator[Running]:
    """Start the server on the last core, and keep this process on the others."""
    allowed = os.sched_getaffinity(0)
    last = max(allowed)
    os.sched_setaffinity(0, {last})
    try:
        with story.start_server() as server:
            os.sched_setaffinity(0, allowed - {last} or allowed)
            yield server
    finally:
        os.sched_setaffinity(0, allowed)


def _prepare(story: Story, authority: CertificateAuthority) -> str:
    """Upload the signing certificate, make the check, and return a token that enrols all devices."""
    pem = authority.pem.decode()
    uploaded = story.call("POST", "/mtls_certificates", {"ca": True, "certificates": pem, "name": "measured"})
    story.call("POST", "/devices/posture", _rule(uploaded["id"]))
    command = ("server", "token", "create", "enrollment", "--database", story.database)
    made = story.gatepost(*command, "--uses", str(_DEVICES), "--format", "json")
    token: str = msgspec.json.decode(made.stdout)["token"]
    return token


def _rule(certificate: str) -> dict[str, Any]:
    return {
        "name": "measured",
        "type": "client_certificate_v2",
        "schedule": "1h",
        "match": [{"platform": "linux"}],
        "input": {
            "certificate_id": certificate,
            "cn": "${hostname}",
            "check_private_key": True,
            "operating_system": "linux",
            "extended_key_usage": ["clientAuth"],
            "locations": {"paths": [PATH]},
        },
    }


def _verification(devices: tuple[Device, ...]) -> Callable[[], None]:
    """Return a call that verifies what one report of the next device needs verified."""
    turns = cycle([device.verifications() for device in devices])

    def verify() -> None:
        for verification in next(turns):
            verification()

    return verify


class _Turns:
    """Turns of reports: each device goes on with its sequence where the turn before ended."""

    def __init__(self, port: int, server: int, devices: tuple[Device, ...]) -> None:
        self._port = port
        self._server = server
        self._devices = devices
        self._next = 1

    def send(self) -> Sample:
        """Sign the next reports of all devices, send them, and return what each cost the server."""
        sequences = range(self._next, self._next + _REPORTS)
        self._next = sequences.stop
        connections = [self._requests(self._devices[first::_CONNECTIONS], sequences) for first in range(_CONNECTIONS)]
        processes = descendants(self._server)
        before, began = read_tasks(processes), time.perf_counter_ns()
        send_all(self._port, connections, b'"status":"pass"')
        elapsed = time.perf_counter_ns() - began
        cost = spent(before, read_tasks(processes))
        return Sample(cost / (_REPORTS * len(self._devices)), cost / elapsed)

    def _requests(self, devices: tuple[Device, ...], sequences: range) -> list[bytes]:
        """Return one connection's requests, in turns of its devices."""
        reports = [device.sign_reports(sequences) for device in devices]
        return [
            frame("/device/v1/report", self._port, report) for turn in zip(*reports, strict=True) for report in turn
        ]
