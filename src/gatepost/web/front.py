"""What stands before the routes: which application answers, how large and how slow a body may be, and what every answer has.

Limits come before any credential is looked at. The whole body is read here, within its bound and its deadline, so that
nothing behind this waits for a client.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gatepost.web.errors import ASKED, Refusal
from gatepost.web.surroundings import REQUEST
from gatepost.wire.management.codes import Code
from gatepost.wire.management.mtls_certificates import MAXIMUM_UPLOAD
from gatepost.wire.management.serial_numbers import MAXIMUM_LIST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from gatepost.web.surroundings import Surroundings

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAXIMUM_BODY: Final = 64 * 1024
"""The largest body in bytes, but for uploads of certificates and lists of serial numbers."""
DEVICE_PREFIX: Final = "/device/"
DECISION_PREFIX: Final = "/access/"
_HEADERS: Final = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
}
"""What every answer has, unless the route itself says otherwise."""
_METHODS: Final = {"HEAD": "GET", "OPTIONS": "TRACE"}
"""HEAD is a GET without its content; OPTIONS asks for the header Allow, which the answer to any unknown method has."""


class Front:
    """The outermost ASGI application: ``device`` answers below ``/device/``, ``routes`` nearly everywhere else.

    ``decisions`` answers proxies below ``/access/``.
    """

    def __init__(self, routes: Application, device: Application, decisions: Application, around: Surroundings) -> None:
        """Take the three applications, and what stands around them."""
        self.routes = routes
        self.around = around
        self._device = device
        self._decisions = decisions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand on the server's own start and stop."""
        if scope["type"] == "lifespan":
            await self.routes(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "there are no websockets here"})
        else:
            request_id = next(self.around.request_ids)
            before = REQUEST.set(request_id)
            try:
                marked = self._marked(send, request_id)
                if scope["path"].startswith(DEVICE_PREFIX) and not _has_two_hosts(scope):
                    await self._device(scope, receive, marked)
                elif scope["path"].startswith(DECISION_PREFIX) and not _has_two_hosts(scope):
                    await self._decisions(scope, receive, marked)
                else:
                    await self._lead(scope, receive, marked)
            finally:
                REQUEST.reset(before)

    async def _lead(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _has_two_hosts(scope):
            await self._answer(scope, receive, _finished(self._counted(send), scope["method"]))
        elif self.around.operations.has(scope["path"]):
            await self.around.operations(scope, receive, send)
        else:
            await self._answer(scope, receive, _finished(self._counted(send), scope["method"]))

    def _marked(self, send: Send, request_id: str) -> Send:
        """Name the request in an answer that says that something broke, and end the connection while the process leaves."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(b"connection", b"close")] if self.around.leaving else []
                if message["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    more.append((b"x-request-id", request_id.encode()))
                if more:
                    message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        return marked

    def _counted(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.around.counters.answered(message["status"])
            await send(message)

        return counted

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _refused(scope) or await self._read(scope, receive)
        if isinstance(body, Refusal):
            await _refuse(send, body)
            return
        scope = {**scope, "method": _METHODS.get(scope["method"], scope["method"]), ASKED: scope["method"]}
        await self.routes(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Refusal:
        try:
            async with asyncio.timeout(self.around.deadline):
                return await _read_bounded(receive, _limit(scope))
        except TimeoutError:
            return Refusal(Code.BODY_TOO_SLOW, f"the body did not come within {self.around.deadline:g} seconds")


async def _read_bounded(receive: Receive, limit: int) -> bytes | Refusal:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return Refusal(Code.REQUEST_MALFORMED, "the connection ended before the body was complete")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            return _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _refused(scope: Scope) -> Refusal | None:
    """Refuse what the request's head alone says is wrong."""
    if _has_two_hosts(scope):
        return Refusal(Code.REQUEST_MALFORMED, "there are two Host lines")
    if _header(scope, b"content-encoding") not in {b"", b"identity"}:
        return Refusal(Code.MEDIA_TYPE_UNSUPPORTED, "the body is compressed; send it as it is")
    announced = _header(scope, b"content-length")
    # More digits than this are more bytes than any limit.
    if announced.isdigit() and int(announced[:20]) > _limit(scope):
        return _too_large(_limit(scope))
    return None


def _limit(scope: Scope) -> int:
    uploads = scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/mtls_certificates")
    lists = scope["method"] == "PUT" and scope["path"].rstrip("/").endswith("/serial-numbers")
    return MAXIMUM_UPLOAD if uploads else MAXIMUM_LIST if lists else MAXIMUM_BODY


def _too_large(limit: int) -> Refusal:
    return Refusal(Code.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")


def _has_two_hosts(scope: Scope) -> bool:
    return [name for name, _ in scope["headers"]].count(b"host") > 1


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value.strip().lower() for name, value in scope["headers"] if name == wanted), b"")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read, once, and after it whatever the connection says."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        message = next(messages, None)
        return await receive() if message is None else message

    return replayed


def _finished(send: Send, method: str) -> Send:
    """Add what every answer has; leave out the content where it was not asked for (RFC 9110, 9.3.2 and 9.3.7)."""
    empty = method == "HEAD"

    async def finished(message: Message) -> None:
        nonlocal empty
        if message["type"] == "http.response.start":
            message = {**message, "headers": _complete(message.get("headers", ()))}
            if method == "OPTIONS" and message["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
                empty = True
                kept = [pair for pair in message["headers"] if not pair[0].startswith(b"content-")]
                message = {**message, "status": HTTPStatus.NO_CONTENT.value, "headers": kept}
        elif empty and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return finished


def _complete(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = [(name.lower(), value) for name, value in headers]
    names = {name for name, _ in given}
    allow = [(name, value + b", HEAD" if name == b"allow" and b"GET" in value else value) for name, value in given]
    return [*allow, *((name, value) for name, value in _HEADERS.items() if name not in names)]


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = msgspec.json.encode(refusal.body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
