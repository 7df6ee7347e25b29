"""How soon a device is cut off at a proxy, and how much longer a page takes through one: promises, on a wall's clock.

nginx is the real one with the file that `gatepost proxy-config` prints; the agent is the one that runs on devices.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import re
import ssl
import sys
import time
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from bench.decisions import HOST, publish, report
from bench.harness import Bound, Figure, MeasureError, Sense
from gatepost.processes import Running
from tests.enforcement.edge import HOST as PAGE
from tests.enforcement.edge import edge, start_nginx, wait_for
from tests.faults.standing import Standing
from tests.journeys.real import serving
from tests.postgres import Cluster, programs
from tests.running import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.enforcement.edge import Edge

_TIMES: Final = 100
_PROCESSES: Final = 3
_PATIENCE: Final = 30.0
_GLANCE: Final = 0.01
_REMOVED: Final = 2.0
_REVOKED: Final = 1.0
_ADDED: Final = 0.003
_CONNECTIONS: Final = 50
_RATE: Final = 500
_SECONDS: Final = 10
_ROUNDS: Final = 4


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure what becomes of a device that lost its certificate, of one that is revoked, and of those that are let in."""
    for name in ("edge", "revoked"):
        (folder / name).mkdir()
    with edge(folder / "edge", "nginx", start_nginx) as door:
        added = _added(door)
        removed = _removed(door)
    return removed, _revoked(folder / "revoked"), added


def _removed(door: Edge) -> Figure:
    """Take the certificate away and bring it back, again and again, while the agent runs; ask for the page meanwhile."""
    arguments = ("agent", "run", "--state", str(door.agent.state), "--config", str(door.agent.settings))
    aside = door.agent.pem.with_suffix(".aside")
    seconds = []
    with Running([sys.executable, "-m", "gatepost", *arguments], door.folder / "agent.log"):
        for _ in range(_TIMES):
            _until(lambda: door.get(door.device).status == http.HTTPStatus.OK)
            door.agent.pem.rename(aside)
            seconds.append(_until(lambda: door.get(door.device).status == http.HTTPStatus.FORBIDDEN))
            aside.rename(door.agent.pem)
    return _longest(
        "certificate removed on the device until nginx answers 403",
        f"Seconds, the longest of {_TIMES} removals from a PEM file, with a new connection for each question; the reference "
        "documents 5 to 10 minutes",
        seconds,
        _REMOVED,
    )


def _revoked(folder: Path) -> Figure:
    """Revoke devices at one of three server processes, and ask all three until each of them refuses."""
    found = programs()
    if found is None:
        raise MeasureError("PostgreSQL is not installed (Debian's package postgresql)")
    cluster = Cluster(found, quick=False)
    try:
        standing = Standing(folder, _TIMES, database=cluster.create())
        ports = [standing.port, *(free_port() for _ in range(_PROCESSES - 1))]
        with ExitStack() as stack:
            for port in ports:
                words = (*standing.console, "--public-url", standing.url)
                stack.enter_context(serving(folder / f"log-{port}", port, *words))
            asyncio.run(standing.synchronise())
            report(standing)
            token = publish(standing)
            asked = [http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE) for port in ports]
            seconds = [
                _revoke(
                    standing, asked, token, agent.registration_id, hashlib.sha256(agent.certificate.der).hexdigest()
                )
                for agent in standing.agents
            ]
    finally:
        cluster.remove()
    return _longest(
        f"device revoked until each of {_PROCESSES} server processes refuses",
        f"Seconds from the answer to the revocation at one process, PostgreSQL, the longest of {_TIMES} devices, each let in by "
        "all processes just before",
        seconds,
        _REVOKED,
    )


def _revoke(
    standing: Standing, asked: list[http.client.HTTPConnection], token: str, registration: str, fingerprint: str
) -> float:
    headers = {
        "X-Gatepost-Proxy": token,
        "X-Gatepost-App": HOST,
        "X-Gatepost-Host": HOST,
        "X-Gatepost-Target": "/",
        "X-Gatepost-Address": "192.0.2.7",
        "X-Gatepost-Fingerprint": fingerprint,
    }

    def status(connection: http.client.HTTPConnection) -> int:
        connection.request("GET", "/access/v1/decide", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    for connection in asked:
        for _ in range(2):
            if status(connection) != http.HTTPStatus.NO_CONTENT:
                raise MeasureError("a device that passes was not let in")
    standing.reached().call("POST", f"/devices/registrations/revoke?id={registration}")
    began, left = time.monotonic(), list(asked)
    while left:
        left = [connection for connection in left if status(connection) != http.HTTPStatus.FORBIDDEN]
        if time.monotonic() - began > _PATIENCE:
            raise MeasureError("a device that was revoked is let in")
    return time.monotonic() - began


def _longest(name: str, what: str, seconds: list[float], bound: float) -> Figure:
    under = sum(item < bound for item in seconds)
    return Figure(
        name=name,
        what=f"{what} (median {median(seconds):.2f} s); {under} of {len(seconds)} under {bound:.0f} s",
        anchor=f"{bound:.0f} s, on a wall's clock",
        subject_cost=max(seconds) * 1e9,
        anchor_cost=bound * 1e9,
        unit="at the longest",
        rounds=len(seconds),
        bound=Bound(Sense.AT_MOST, 1.0),
    )


def _until(so: Callable[[], bool]) -> float:
    """Wait until it is so; return the seconds that it took."""
    began = time.monotonic()
    while not so():
        if time.monotonic() - began > _PATIENCE:
            raise MeasureError(f"a proxy did not change its answer within {_PATIENCE:.0f} s")
        time.sleep(_GLANCE)
    return time.monotonic() - began


def _added(door: Edge) -> Figure:
    """Ask for a page at a steady rate, through nginx as it was printed and through the same without the question."""
    with _page(door.folder) as page, _proxy(door, page, asks=True) as asking, _proxy(door, page, asks=False) as bare:
        context = _client(door)
        rounds = [
            (asyncio.run(_percentile(port, context)), asyncio.run(_percentile(other, context)))
            for port, other in [(asking, bare)] * (_ROUNDS + 1)
        ][1:]
    with_it, without = (median(item[side] for item in rounds) for side in (0, 1))
    return Figure(
        name=f"page through nginx with the decision, {_RATE} requests/s",
        what=(
            f"What the 99th percentile rises by, through nginx that asks and through the same without `auth_request`: "
            f"{with_it * 1e3:.2f} ms and {without * 1e3:.2f} ms; {_CONNECTIONS} TLS connections with a client certificate, "
            f"{_SECONDS} s a turn"
        ),
        anchor=f"{_ADDED * 1e3:.0f} ms, on a wall's clock",
        subject_cost=max(with_it - without, 0.0) * 1e9,
        anchor_cost=_ADDED * 1e9,
        unit="more",
        rounds=_ROUNDS,
        bound=Bound(Sense.AT_MOST, 1.0),
    )


@contextmanager
def _page(folder: Path) -> Iterator[int]:
    """Serve a page by an nginx of its own; the application of the others."""
    port = free_port()
    (folder / "page").mkdir()
    site = folder / "page" / "site.conf"
    site.write_text(f"server {{ listen 127.0.0.1:{port}; return 200 hello; }}", encoding="utf-8")
    with _nginx(folder / "page", site, port):
        yield port


@contextmanager
def _proxy(door: Edge, page: int, *, asks: bool) -> Iterator[int]:
    """Run nginx with the door's file on another port, before the page."""
    folder = door.folder / ("asking" if asks else "bare")
    folder.mkdir()
    port = free_port()
    text = (door.folder / "site.conf").read_text(encoding="utf-8").replace(f":{door.port} ", f":{port} ")
    text = text.replace(f"server 127.0.0.1:{door.application.port} ", f"server 127.0.0.1:{page} ")
    if not asks:
        text = re.sub(r"(?m)^ *auth_request.*\n", "", text)
        text = re.sub(r"\$gatepost_\w+", '""', text)
    site = folder / "site.conf"
    site.write_text(text, encoding="utf-8")
    with _nginx(folder, site, port):
        yield port


@contextmanager
def _nginx(folder: Path, site: Path, port: int) -> Iterator[None]:
    process = start_nginx(folder, site, port)
    try:
        wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _client(door: Edge) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    path = door.folder / "client.pem"
    path.write_bytes(door.device.pem + door.device.key_pem())
    context.load_cert_chain(path)
    return context


async def _percentile(port: int, context: ssl.SSLContext) -> float:
    """Return the 99th percentile of the seconds that a page takes, all connections together at a steady rate."""
    taken: list[float] = []

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=PAGE)
        await asyncio.sleep(number / _RATE)
        due = time.perf_counter()
        for _ in range(_RATE * _SECONDS // _CONNECTIONS):
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            began = time.perf_counter()
            writer.write(f"GET / HTTP/1.1\r\nHost: {PAGE}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            taken.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 200"):
                raise MeasureError(head.split(b"\r\n")[0].decode("latin-1"))
            due += _CONNECTIONS / _RATE
        writer.close()

    await asyncio.gather(*map(ask, range(_CONNECTIONS)))
    return quantiles(taken, n=100)[98]
