"""What a decision costs a running server, beside the same requests to the same server's empty 204."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from bench import wrk
from bench.empty_server import EMPTY
from bench.harness import Bound, Comparison, Figure, Sample, Sense, Side
from bench.load import frame
from bench.processor_time import descendants, read_tasks, spent
from bench.server import served
from tests.faults.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.simulator.agent import SimulatedAgent

_DEVICES: Final = 10_000
_POLICIES: Final = 20
_CONNECTIONS: Final = (32, 128)
_ROUNDS: Final = 6
HOST: Final = "wiki.example.com"
_DECIDE: Final = "/access/v1/decide"


def _escaped_pem(agent: SimulatedAgent) -> tuple[str, str]:
    return "Certificate", quote(ssl.DER_cert_to_PEM_cert(agent.certificate.der), safe="")


def _fingerprint(agent: SimulatedAgent) -> tuple[str, str]:
    return "Fingerprint", hashlib.sha256(agent.certificate.der).hexdigest()


_FORMS: Final[dict[str, Callable[[SimulatedAgent], tuple[str, str]]]] = {
    "the certificate as escaped PEM": _escaped_pem,
    "the certificate by its SHA-256": _fingerprint,
}


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure decisions for devices that are let in, each in turn: with each of them in the access log, and one in a hundred."""
    standing = Standing(folder, _DEVICES)
    standing.module = "bench.empty_server"
    with served(standing) as process:
        asyncio.run(standing.synchronise())
        report(standing)
        token = publish(standing)
        every = [
            _figure(_Turns(standing, process, token, form, connections), "each in the access log", binding=True)
            for form in _FORMS
            for connections in _CONNECTIONS
        ]
    with served(standing, "--access-log-sample", "100") as process:
        turns = _Turns(standing, process, token, next(iter(_FORMS)), _CONNECTIONS[-1])
        return (*every, _figure(turns, "one in 100 in the access log", binding=False))


def _figure(turns: _Turns, logged: str, *, binding: bool) -> Figure:
    return Comparison(
        name=f"decision, {turns.form}, {turns.connections} connections, {logged}",
        subject=Side(
            f"One decision over {turns.connections} connections that stay open, by `wrk`: let in by the last of {_POLICIES} "
            f"policies, which asks for a pass of one check. {_DEVICES:,} devices in turn, {turns.form}; {logged}. All of the "
            "server's processes, SQLite",
            partial(turns.send, _DECIDE),
        ),
        anchor=Side(
            "the same requests, header for header, to an empty 204 of the same server", partial(turns.send, EMPTY)
        ),
        unit="a decision",
        rounds=_ROUNDS,
        bound=Bound(Sense.AT_MOST, 1.65, due="part 5") if binding else None,
    ).run()


class _Turns:
    """Turns of the same requests to one path or another."""

    def __init__(self, standing: Standing, server: int, token: str, form: str, connections: int) -> None:
        self.form, self.connections = form, connections
        self._standing = standing
        self._server = server
        self._token = token

    def send(self, path: str) -> Sample:
        """Ask for each device, and return what each answer cost the server."""
        requests = [self._request(path, agent) for agent in self._standing.agents]
        processes = descendants(self._server)
        before, began = read_tasks(processes), time.perf_counter_ns()
        wrk.send(self._standing.port, requests, self._standing.folder, connections=self.connections, status=204)
        elapsed = time.perf_counter_ns() - began
        cost = spent(before, read_tasks(processes))
        return Sample(cost / len(requests), cost / elapsed)

    def _request(self, path: str, agent: SimulatedAgent) -> bytes:
        name, value = _FORMS[self.form](agent)
        told = {
            "Proxy": self._token,
            "App": HOST,
            "Host": HOST,
            "Target": "/page/index.html?version=1",
            "Address": "192.0.2.7",
            name: value,
        }
        lines = [f"X-Gatepost-{key}: {text}" for key, text in told.items()]
        lines += ["CF-Access-Client-Id: ", "CF-Access-Client-Secret: "]
        return "\r\n".join((f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self._standing.port}", *lines, "", "")).encode()


def report(standing: Standing) -> None:
    """Let each device report its certificate."""
    requests = [frame("/device/v1/report", standing.port, agent.report()) for agent in standing.agents]
    wrk.send(standing.port, requests, standing.folder, connections=128, expected='"status":"pass"')


def publish(standing: Standing) -> str:
    """Make an application whose last policy lets managed devices in; return a proxy's token for it."""
    server = standing.reached()
    (check,) = (item["id"] for item in server.call("GET", "/devices/posture"))
    posture = {"device_posture": {"integration_uid": check}}
    policies: list[dict[str, Any]] = [
        {
            "name": f"office {number}",
            "decision": "allow",
            "include": [{"ip": {"ip": f"198.51.100.{number}/32"}}],
            "require": [posture],
        }
        for number in range(_POLICIES - 1)
    ]
    policies.append({"name": "managed", "decision": "allow", "include": [{"everyone": {}}], "require": [posture]})
    server.call("POST", "/access/apps", {"type": "self_hosted", "name": "wiki", "domain": HOST, "policies": policies})
    made = server.call("POST", "/gatepost/tokens", {"kind": "proxy", "name": "edge", "apps": [HOST]})
    token: str = made["token"]
    return token
