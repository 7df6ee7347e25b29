"""A server that is ended and started again while a fleet of simulated devices reports to it, and what must hold meanwhile.

Devices are enrolled through the use case itself, so that the limit of enrolments an address does not make thousands of them
take hours; everything else goes over the real wire. Every report has a line in the log, so that lines can be counted.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import create_engine, text

from gatepost.client.identity import make_device_key
from gatepost.controlplane.enrollment import Enroller
from gatepost.pki.throwaway import ThrowawayAuthority
from gatepost.simulator.agent import PLACE, Kind, SimulatedAgent
from gatepost.simulator.connections import Connections
from gatepost.simulator.fleet import Fleet, Plan
from gatepost.storage.database import open_storage
from gatepost.wire.device import Synced
from tests.certificates import CertificateAuthority
from tests.journeys.real import RealServer, gatepost, serving
from tests.running import free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEPT, LOST = "all that was acknowledged is there", "an acknowledged report is not there"
BROKEN = "the log does not verify"


class Standing:
    """A database with an account, a check and devices; `serve` starts a server process on it, always at the same address."""

    def __init__(
        self, folder: Path, devices: int, *, database: str = "", between: Callable[[int], None] | None = None
    ) -> None:
        """Make it: on SQLite in ``folder``, or where ``database`` says; ``between`` is called before each device is enrolled."""
        self.folder = folder
        self.module = "gatepost"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = database or f"sqlite:///{folder / 'gatepost.db'}"
        self.console: tuple[str, ...] = ()
        self.rebase(self.database)
        made = gatepost("server", "init", *self.console, "--format", "json").document
        self.account, self.token = made["account_id"], made["token"]
        self._authority = ThrowawayAuthority("Example Root CA", datetime.now(UTC))
        with self.serve() as process:
            server = self.reached(process.pid)
            upload = {"ca": True, "certificates": self._authority.pem}
            certificate = server.call("POST", "/mtls_certificates", upload)["id"]
            rule = {
                "name": "laptops",
                "type": "client_certificate_v2",
                "schedule": "5m",
                "match": [{"platform": "linux"}],
                "input": {
                    "certificate_id": certificate,
                    "cn": "${hostname}",
                    "check_private_key": True,
                    "operating_system": "linux",
                    "extended_key_usage": ["clientAuth"],
                    "locations": {"paths": [PLACE]},
                },
            }
            check = server.call("POST", "/devices/posture", rule)["id"]
            version = server.call("GET", f"/gatepost/checks/{check}/effective")["version"]
            token = server.call("POST", "/gatepost/tokens", {"kind": "enrollment", "name": "fleet", "uses": devices})
        self.agents = self._enrolled(devices, token["token"], (check, version), between)

    def rebase(self, database: str) -> None:
        """Find the same database by another URL from now on."""
        self.database = database
        self.console = ("--database", database, "--master-key", str(self.folder / "master-key"))

    @contextmanager
    def serve(self, *more: object) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server process for the block."""
        words = (*self.console, "--public-url", self.url, "--posture-log", "every", *more)
        with serving(self.folder / "log", self.port, *words, module=self.module) as process:
            yield process

    def reached(self, process: int = 0) -> RealServer:
        """Give the server as a client of its management API knows it."""
        return RealServer(
            url=self.url,
            account=self.account,
            token=self.token,
            console=self.console,
            port=self.port,
            process=process,
            authority=CertificateAuthority.create(cn="Another CA"),
        )

    def fleet(self, seconds: float, interval: float, *, connections: int = 64, patient: bool = False) -> Fleet:
        """Give these devices as a fleet; its connections are its own."""
        plan = Plan(
            url=self.url,
            seconds=seconds,
            interval=interval,
            lost=0.01,
            connections=connections,
            patient=patient,
            tries=10**6,
        )
        chance = random.Random(len(self.agents))  # noqa: S311 - a spread.
        return Fleet(plan, Connections(self.url, None, connections), chance.random, lambda _: None)

    async def synchronise(self) -> None:
        """Get each device its first nonce."""
        connections = Connections(self.url, None, 32)
        try:
            for agent in self.agents:
                answer = await connections.post("/device/v1/sync", agent.sync())
                synced = msgspec.json.decode(answer.body, type=Synced)
                agent.nonce, agent.checks_version = synced.nonce, synced.checks_version
        finally:
            await connections.close()

    def kept(self) -> str:
        """Tell whether each device's acknowledged reports are in the database; at most one more may be, which was on its way."""
        recorded = self.recorded()
        for agent in self.agents:
            surplus = recorded.get(agent.registration_id, 0) - agent.acknowledged
            if not 0 <= surplus <= 1:
                words = LOST if surplus < 0 else "a report is there twice"
                return f"{words}: {agent.name}, {agent.acknowledged} acknowledged, {surplus:+} recorded"
        return KEPT

    def recorded(self) -> dict[str, int]:
        """Count the lines of the posture log by registration, by another way than the server's own."""
        engine = create_engine(self.database.replace("postgresql://", "postgresql+psycopg://"))
        try:
            with engine.connect() as connection:
                counted = text("SELECT registration_id, COUNT(*) FROM posture_log GROUP BY registration_id")
                return {row[0]: row[1] for row in connection.execute(counted)}
        finally:
            engine.dispose()

    def verified(self) -> str:
        """Export the log and verify every line, the chain and the proofs, as an auditor would."""
        exported, checkpoints = self.folder / "log.jsonl", self.folder / "checkpoints.jsonl"
        for path in (exported, checkpoints):
            path.unlink(missing_ok=True)
        done = gatepost("server", "export", exported, "--checkpoints", checkpoints, *self.console)
        verified = gatepost("verify-log", exported, "--checkpoints", checkpoints)
        return KEPT if done.code == verified.code == 0 else f"{BROKEN}: {done.stderr}{verified.stdout[-500:]}"

    def _enrolled(
        self, devices: int, token: str, check: tuple[str, int], between: Callable[[int], None] | None
    ) -> list[SimulatedAgent]:
        master_key = (self.folder / "master-key").read_bytes()
        storage = open_storage(self.database, master_key, os.urandom)
        enroller = Enroller(storage, lambda: int(time.time() * 1000), os.urandom, (self.url,))
        agents = []
        try:
            for number in range(devices):
                if between is not None:
                    between(number)
                name = f"device-{number}"
                agent = SimulatedAgent(name, make_device_key(), self._authority.issue(name), Kind.GOOD)
                agent.enrolled(self.url, enroller.enroll(token, agent.enrollment(self.url)), check)
                agents.append(agent)
        finally:
            storage.close()
        return agents


async def reporting(fleet: Fleet, agents: list[SimulatedAgent]) -> asyncio.Task[None]:
    """Let a fleet report in the background."""
    task = asyncio.create_task(fleet.run(agents))
    await asyncio.sleep(0)
    return task


async def finish(fleet: Fleet, task: asyncio.Task[None]) -> None:
    """Let it begin nothing more, wait for what it has begun, and close its connections."""
    fleet.stop()
    await task
    await fleet.close()
