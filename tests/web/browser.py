"""A browser's window and the agent beside it, step by step and without either: a double. A real browser is in the journeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gatepost.wire import jws
from gatepost.wire.vouch import Vouch
from tests.controlplane.house import URL
from tests.web.door import HOST

if TYPE_CHECKING:
    import httpx2

    from tests.controlplane.house import Member
    from tests.web.door import Door

LOGIN_HOST = urlsplit(URL).netloc


class Browser:
    """A window that keeps each host's cookies as a browser does."""

    def __init__(self, door: Door, host: str = HOST, **told: str) -> None:
        """Stand at a door; ``told`` is what the proxy says otherwise."""
        self.door = door
        self.host = host
        self.told = told
        self.cookies: dict[str, dict[str, str]] = {}

    def _cookie(self, host: str) -> dict[str, str]:
        kept = self.cookies.get(host, {})
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())} if kept else {}

    def _keep(self, host: str, answer: httpx2.Response) -> httpx2.Response:
        jar = self.cookies.setdefault(host, {})
        for told in answer.headers.get_list("set-cookie"):
            pair, *attributes = told.split("; ")
            assert ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] == [
                item for item in attributes if not item.startswith("Max-Age")
            ]
            name, _, value = pair.partition("=")
            assert name.startswith("__Host-gatepost-")
            jar.pop(name, None)
            if "Max-Age=0" not in attributes:
                jar[name] = value
        return answer

    async def ask(self, target: str = "/") -> httpx2.Response:
        """Ask for something of the application."""
        headers = self.door.headers(host=self.host, target=target, **self.told) | self._cookie(self.host)
        return await self.door.client.get("/access/v1/decide", headers=headers)

    async def at(self, target: str) -> httpx2.Response:
        """Come by at the application's host below ``/cdn-cgi/access/``."""
        headers = self.door.headers(host=self.host, target=target, **self.told) | self._cookie(self.host)
        return self._keep(self.host, await self.door.client.get("/access/v1/at", headers=headers))

    async def follow(self, answer: httpx2.Response) -> httpx2.Response:
        """Go where an answer leads: to the login host, or back to the application."""
        assert 303 == answer.status_code, answer.text
        return await self.go(answer.headers["location"])

    async def go(self, url: str) -> httpx2.Response:
        """Go to an address of the login host or of the application."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        if parts.netloc == self.host:
            return await self.at(target)
        assert parts.netloc == LOGIN_HOST, url
        headers = self._cookie(LOGIN_HOST) | {"Accept": "text/html"}
        return self._keep(LOGIN_HOST, await self.door.client.get(target, headers=headers))

    async def challenged(self, to: str = "/") -> httpx2.Response:
        """Go until the answer leads to the agent."""
        return await self.follow(await self.at(f"/cdn-cgi/access/login?{urlencode({'to': to})}"))

    async def log_in(self, member: Member, to: str = "/") -> httpx2.Response:
        """Go all the way, beside the agent of ``member``."""
        voucher = vouch(member, await self.challenged(to))
        return await self.follow(await self.go(voucher))


def vouch(member: Member, answer: httpx2.Response, **changes: Any) -> str:  # noqa: ANN401 - the fields of a document.
    """Give the address to which the agent of ``member`` sends a browser that an answer led to it."""
    parts = urlsplit(answer.headers["location"])
    assert ("http", "127.0.0.1:8645", "/vouch") == (parts.scheme, parts.netloc, parts.path)
    given = dict(parse_qsl(parts.query))
    assert given["login"] == URL
    document = {"v": 1, "aud": member.audience, "challenge": given["challenge"], **changes}
    kind = document.pop("kind", jws.Kind.VOUCH)
    signed = member.sign(kind, Vouch(**document)).decode()
    return f"{URL}/access/v1/{member.house.account_id}/vouched?{urlencode({'voucher': signed})}"
