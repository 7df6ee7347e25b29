"""An application's door: what a proxy asks about it, in a house with one check, without any proxy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from gatepost.controlplane.administration.access import apps
from gatepost.controlplane.administration.tokens import create_token
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.services import as_json

if TYPE_CHECKING:
    import httpx2

    from gatepost.controlplane.access.memory import Memory
    from gatepost.controlplane.access.recording import AccessRecorder
    from tests.certificates import Issued
    from tests.controlplane.house import House, Member

HOST = "app.example.com"
EVERYONE: dict[str, Any] = {"everyone": {}}


class Door:
    """An application behind a proxy, in a house whose one check is in its one policy."""

    def __init__(
        self, house: House, client: httpx2.AsyncClient, check: str, recorder: AccessRecorder, memory: Memory
    ) -> None:
        """Make the application, its policy and the proxy's token."""
        self.house = house
        self.client = client
        self.check = check
        self.recorder = recorder
        self.memory = memory
        self.remembers = False
        managed = {"device_posture": {"integration_uid": self.check}}
        self.app = self.install(HOST, include=[EVERYONE], require=[managed])
        self.proxy = self.token(HOST)

    def install(self, *hosts: str, decision: str = "allow", **rules: Any) -> dict[str, Any]:  # noqa: ANN401 - rule objects.
        """Make an application with one policy."""
        document = {
            "type": "self_hosted",
            "name": hosts[0],
            "self_hosted_domains": hosts,
            "policies": [{"name": "managed", "decision": decision, **rules}],
        }
        kept = apps.create_app(self.house.services, self.house.account, as_json(document))
        shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(kept.document))
        return shown

    def token(self, *names: str) -> str:
        """Make a proxy's token for applications."""
        body = TokenBody(kind=TokenKind.PROXY, name="edge-1", apps=names)
        return create_token(self.house.services, self.house.account, body).token

    def headers(self, **changes: str | None) -> dict[str, str]:
        """Give what a proxy sends; None leaves a header out."""
        given: dict[str, str | None] = {
            "proxy": self.proxy,
            "app": HOST,
            "host": HOST,
            "target": "/",
            "address": "192.0.2.7",
        }
        sent = {f"X-Gatepost-{name.title()}": value for name, value in (given | changes).items()}
        return {name: value for name, value in sent.items() if value is not None}

    async def ask(self, **changes: str | None) -> httpx2.Response:
        """Ask as a proxy does. Where decisions are to come from memory, once before, and after looks for what has ended."""
        if self.remembers:
            self.memory.refresh()
            await self._ask(changes)
            self.memory.refresh()
        return await self._ask(changes)

    async def _ask(self, changes: dict[str, str | None]) -> httpx2.Response:
        return await self.client.get("/access/v1/decide", headers=self.headers(**changes))

    async def outcome(self, **changes: str | None) -> tuple[int, str]:
        """Give the status and the reasons of an answer."""
        answer = await self.ask(**changes)
        assert "no-store" == answer.headers["cache-control"]
        assert answer.headers["x-gatepost-reference"]
        return answer.status_code, answer.headers.get("x-gatepost-reasons", "")


def fingerprint(issued: Issued) -> str:
    """Give a certificate's SHA-256 in hex."""
    return hashlib.sha256(issued.der).hexdigest()


def proved(house: House, member: Member) -> Issued:
    """Give the member a certificate, and let it report that."""
    issued = house.authority.issue(cn="laptop-1")
    member.prove(issued)
    return issued
