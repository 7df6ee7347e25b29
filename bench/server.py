"""What a report costs a running server, beside the two signatures in it that somebody has to verify.

The server is `gatepost server run` with `posture_log = "every"` on a core of its own where there are two; the load, and
PostgreSQL, are on the other. Devices are enrolled through the use case itself, everything else goes over the wire.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from sqlalchemy import create_engine, insert, select

from bench import wrk
from bench.harness import Bound, Comparison, Figure, MeasureError, Sample, Sense, Side
from bench.large_fleet import rows_of
from bench.load import frame
from bench.processor_time import descendants, of_calls, read_tasks, spent
from gatepost.storage import evidence_tables, tables
from gatepost.wire import jws
from tests.faults.standing import Standing
from tests.postgres import Cluster, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gatepost.simulator.agent import SimulatedAgent

_DEVICES: Final = 10_000
_ES256: Final = ec.ECDSA(hashes.SHA256())
_CONNECTIONS: Final = 256
_ROUNDS: Final = 6
_FEW: Final = 1_000
_MANY: Final = 1_000_000
_INTERVAL: Final = 300
"""Seconds between a device's reports, for what a core carries."""
_SHARE: Final = 0.7
"""As much of a core as one plans with."""
_WHAT: Final = (
    f"One report (one candidate, named by its digest, proof of possession) over {_CONNECTIONS} connections that stay open, by "
    "`wrk`: judged, committed, a line in the posture log's chain, acknowledged. All of the server's processes"
)
_ANCHOR: Final = (
    "two bare ES256 verifications, with as many keys, in process: of the report's signature, and of the possession "
    "statement's"
)


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure reports under full load."""
    return (_on_sqlite(_made(folder / "sqlite")), _on_postgresql(_made(folder / "postgresql")), _by_size(folder))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _on_sqlite(folder: Path) -> Figure:
    standing = Standing(folder, _DEVICES)
    return _beside_verifications("device report, SQLite", standing, "SQLite", 0.5)


def _on_postgresql(folder: Path) -> Figure:
    found = programs()
    if found is None:
        raise MeasureError("PostgreSQL is not installed (Debian's package postgresql)")
    with _elsewhere():
        cluster = Cluster(found, quick=False)
    try:
        standing = Standing(folder, _DEVICES, database=cluster.create())
        return _beside_verifications("device report, PostgreSQL", standing, "PostgreSQL on the other core", 0.45)
    finally:
        cluster.remove()


def _beside_verifications(name: str, standing: Standing, database: str, share: float) -> Figure:
    verify = verification(standing)
    with _reporting(standing) as turns:
        figure = Comparison(
            name=name,
            subject=Side(f"{_WHAT}; {_DEVICES:,} devices, {database}", turns.send),
            anchor=Side(_ANCHOR, partial(of_calls, verify, _DEVICES)),
            unit="a report",
            bound=Bound(Sense.AT_LEAST, share, due="part 4"),
            rounds=_ROUNDS,
        ).run()
    rate = 1e9 / figure.subject_cost
    carried = (
        f"{rate:,.0f} reports/s on one core. At one report in {_INTERVAL // 60} minutes and {_SHARE:.0%} load such a core carries "
        f"{rate * _INTERVAL * _SHARE:,.0f} devices; computed from the rate, not tried. Fleet publishes 7,500 to 15,000 hosts "
        "for each CPU of its server"
    )
    return msgspec.structs.replace(figure, what=f"{figure.what}. {carried}")


def _by_size(folder: Path) -> Figure:
    """Compare a report in a large database with one in a small one."""
    few = Standing(_made(folder / "few"), _FEW)
    inside = _made(folder / "many")
    many = Standing(inside, _DEVICES, between=_Filler(f"sqlite:///{inside / 'gatepost.db'}"))
    with _reporting(few) as of_few, _reporting(many) as of_many:
        return Comparison(
            name="device report, 1,000,000 devices in the database",
            subject=Side(
                f"{_WHAT}. SQLite; {_DEVICES:,} devices, spread evenly over {_MANY:,} rows, report in turn",
                of_many.send,
            ),
            anchor=Side(f"the same with {_FEW:,} devices", of_few.send),
            unit="a report",
            bound=Bound(Sense.AT_MOST, 1.5, due="part 4"),
            rounds=_ROUNDS,
        ).run()


class _Filler:
    """Puts rows of other devices between those that are enrolled."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._last = 0

    def __call__(self, number: int) -> None:
        """Fill up before the device of this number: a whole block before every hundredth."""
        if number % 100:
            return
        block = _MANY // _DEVICES * 100 - 100
        engine = create_engine(self._url)
        with engine.begin() as connection:
            # What is lost with the machine is made again; what is read again should not be read from the disk.
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            connection.exec_driver_sql("PRAGMA cache_size = -1000000")
            first = (
                connection.scalar(select(tables.registrations.c.number).order_by(tables.registrations.c.number.desc()))
                or 0
            ) + 1
            numbers = range(first, first + block)
            device, registration, result, evidence = rows_of(1, 1, numbers)
            connection.execute(insert(tables.devices), device)
            connection.execute(insert(tables.registrations), registration)
            connection.execute(insert(tables.results), result)
            connection.execute(insert(evidence_tables.evidence), evidence)
        engine.dispose()


@contextmanager
def _reporting(standing: Standing) -> Iterator[_Turns]:
    """Serve reports, with a nonce for each device."""
    with served(standing) as process:
        asyncio.run(standing.synchronise())
        yield _Turns(standing, process)


@contextmanager
def served(standing: Standing, *more: object) -> Iterator[int]:
    """Start the server on the last core, and give its process; this one stays on the others."""
    allowed = os.sched_getaffinity(0)
    last = max(allowed)
    os.sched_setaffinity(0, {last})
    try:
        with standing.serve(*more) as process:
            os.sched_setaffinity(0, allowed - {last} or allowed)
            yield process.pid
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Start what begins in the block on other cores than the server's."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed - {max(allowed)} or allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def verification(standing: Standing) -> Callable[[], None]:
    """Return a call that verifies what one report of the next device needs verified."""
    for agent in standing.agents:
        # Any nonce has the length that the statement needs; these signatures are never sent.
        agent.nonce = bytes(40)
    turns = cycle([_verifications(agent) for agent in standing.agents])

    def verify() -> None:
        for verification in next(turns):
            verification()

    return verify


def _verifications(agent: SimulatedAgent) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the bare verifications of a report's signature and of a possession statement's."""
    report = jws.split(jws.Kind.REPORT, agent.report())
    statement = agent.statement()
    of_report, of_statement = (_dss(item) for item in (report.signature, agent.certificate.sign(statement)))
    device, certificate = agent.key.private.public_key(), agent.certificate.key.public_key()
    return (
        lambda: device.verify(of_report, report.signing_input, _ES256),
        lambda: certificate.verify(of_statement, statement, _ES256),
    )


def _dss(signature: bytes) -> bytes:
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


class _Turns:
    """Turns of reports, so many in each that the small fleet and the large one send as many."""

    def __init__(self, standing: Standing, server: int) -> None:
        self._standing = standing
        self._server = server

    def send(self) -> Sample:
        """Sign the next reports of all devices, send them, and return what each cost the server."""
        agents = self._standing.agents
        requests = [
            frame("/device/v1/report", self._standing.port, agent.report())
            for _ in range(_DEVICES // len(agents))
            for agent in agents
        ]
        processes = descendants(self._server)
        before, began = read_tasks(processes), time.perf_counter_ns()
        wrk.send(
            self._standing.port,
            requests,
            self._standing.folder,
            connections=_CONNECTIONS,
            expected='"status":"pass"',
        )
        elapsed = time.perf_counter_ns() - began
        for agent in agents:
            agent.shown = True
        cost = spent(before, read_tasks(processes))
        return Sample(cost / len(requests), cost / elapsed)
