"""An agent and a server in one process: the agent's own client and the server's own application, without a socket.

Time stands still at the instant around which test certificates are valid. What happens before a request, and what becomes
of its answer, is up to the test.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2

from gatepost.agent.cycle import Agent, Cycle, enroll
from gatepost.agent.host import Host
from gatepost.client.identity import StateFolder
from gatepost.client.transport import Server
from gatepost.controlplane.calls import Calls
from gatepost.core.device import DeviceFacts
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from gatepost.web.app import create_app
from gatepost.web.device import DeviceApi, DeviceUseCases
from tests.services import access_of, surround

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.client.identity import EnrolledAs
    from gatepost.core.check import Check
    from gatepost.stores.interface import Store
    from tests.certificates import Issued
    from tests.controlplane.house import House

HOST = Host(
    facts=DeviceFacts(serial_number="S-1", hostname="laptop-1"), name="laptop-1.example", os_version="Debian 12"
)


class DirectServer(Server):
    """The device's client, whose requests go to the application itself; ``before`` and ``answers`` are the test's."""

    def __init__(self, house: House) -> None:
        """Put the house's parts behind the application."""
        super().__init__(house.url)
        calls = Calls(house.services.storage, 10)
        around = surround()
        device = DeviceApi(DeviceUseCases(house.enroller, house.posture, house.intake, calls), around)
        self._transport = httpx2.ASGITransport(
            app=create_app(house.services, device, around, access_of(house.services))
        )
        self.sent: list[tuple[str, bytes]] = []
        self.before: dict[str, Callable[[], object]] = {}
        self.answers: dict[str, Callable[[int, bytes], tuple[int, bytes]]] = {}

    def _exchange(self, url: str, document: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        name = url.rpartition("/")[2]
        self.sent.append((name, document))
        if happens := self.before.pop(name, None):
            happens()
        answer = asyncio.run(self._ask(url, document, headers))
        change = self.answers.get(name)
        return change(*answer) if change else answer

    async def _ask(self, url: str, document: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        async with httpx2.AsyncClient(transport=self._transport) as client:
            answer = await client.post(url, content=document, headers=headers)
            return answer.status_code, answer.content

    def names(self) -> list[str]:
        """Name the requests so far, and forget them."""
        names = [name for name, _ in self.sent]
        self.sent.clear()
        return names


class Laptop:
    """A device with one PEM file, and an agent on it."""

    def __init__(self, house: House, folder: Path) -> None:
        """Make its place, without a certificate in it."""
        self.house = house
        self.folder = folder
        self.pem = folder / "laptop.pem"
        self.state = StateFolder(folder / "state")
        self.server = DirectServer(house)

    def ask(self, **changes: Any) -> str:  # noqa: ANN401 - the fields of a rule are of many types.
        """Let the server ask for what lies in this laptop's file."""
        return self.house.ask(**{"locations": {"paths": [str(self.pem)]}, "cn": "${hostname}", **changes})

    def install(self, *issued: Issued, key: bool = True) -> None:
        """Put certificates into the file, with their keys or without."""
        blocks = [block for item in issued for block in (item.pem, item.key_pem() if key else b"")]
        self.pem.write_bytes(b"".join(blocks))
        self.pem.chmod(0o600)

    def enroll(self, token: str | None = None) -> EnrolledAs:
        """Enrol it."""
        return enroll(self.state, self.server, token or self.house.token(), HOST, None)

    def stores(self, check: Check) -> tuple[Store, ...]:
        """Give the one place in which every check looks."""
        return (PemFiles(check.locations.paths, Access(allowed_paths=(str(self.folder),))),)

    def agent(self) -> Agent:
        """Start the agent."""
        return Agent(self.state, self.server, self.stores, lambda: HOST, self.house.clock)


def outcome(cycle: Cycle) -> tuple[str, tuple[str, ...]]:
    """Return status and reasons of the one verdict."""
    (verdict,) = cycle.acknowledgement.verdicts
    return verdict.status, verdict.reasons
