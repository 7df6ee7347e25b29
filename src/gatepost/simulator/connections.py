"""Connections to a server that stay open, shared by many simulated devices: HTTP/1.1 (RFC 9112) as little as that takes.

A client that can do everything costs more processor time than the server under load.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from gatepost.errors import TransportError

if TYPE_CHECKING:
    import ssl

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_RETRY_AFTER: Final = re.compile(rb"\r\nretry-after: *(\d+)\r\n", re.IGNORECASE)
_CLOSES: Final = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_MAXIMUM_ANSWER: Final = 1024 * 1024
_PATIENCE: Final = 60.0
"""Seconds for one answer."""


class Answer(msgspec.Struct, frozen=True):
    """A status, the body, and in how many seconds to come back, where that is said."""

    status: int
    body: bytes
    retry_after: int | None = None


class LostAnswerError(Exception):
    """The connection was cut before the answer came: nobody knows whether the server has the request."""


class Connections:
    """At most ``limit`` connections to one server."""

    def __init__(self, url: str, context: ssl.SSLContext | None, limit: int) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc
        self._context = context if parts.scheme == "https" else None
        self._free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.LifoQueue()
        for _ in range(limit):
            self._free.put_nowait(None)

    async def post(self, path: str, body: bytes, *, bearer: str = "", lose: bool = False) -> Answer:
        """Send a document; ``lose`` cuts the connection when it is sent, and raises `LostAnswerError`.

        Raises `TransportError` where the server cannot be reached or says something that is no answer.
        """
        held = await self._free.get()
        try:
            try:
                async with asyncio.timeout(_PATIENCE):
                    answer, held = await self._exchange(held, self._request(path, body, bearer), lose=lose)
            except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                self._close(held)
                held = None
                raise TransportError(self._url, f"did not answer: {str(error) or type(error).__name__}") from error
            except LostAnswerError:
                held = None
                raise
        finally:
            self._free.put_nowait(held)
        return answer

    async def close(self) -> None:
        """Close all that are free."""
        while not self._free.empty():
            self._close(self._free.get_nowait())

    def _request(self, path: str, body: bytes, bearer: str) -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: {self._authority}\r\nContent-Type: application/jose\r\n"
        if bearer:
            head += f"Authorization: Bearer {bearer}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def _exchange(
        self, held: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None, request: bytes, *, lose: bool
    ) -> tuple[Answer, tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]:
        if held is None or held[0].at_eof():
            self._close(held)
            held = await asyncio.open_connection(self._host, self._port, ssl=self._context, limit=_MAXIMUM_ANSWER)
        try:
            return await self._ask(held, request, lose=lose)
        except BaseException:
            # Whoever asked does not have it yet, where it was opened here.
            self._close(held)
            raise

    async def _ask(
        self, held: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes, *, lose: bool
    ) -> tuple[Answer, tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]:
        reader, writer = held
        writer.write(request)
        await writer.drain()
        if lose:
            raise LostAnswerError
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 ") or length is None or int(length[1]) > _MAXIMUM_ANSWER:
            raise ValueError("what came is no answer of ours")
        body = await reader.readexactly(int(length[1]))
        later = _RETRY_AFTER.search(head)
        answer = Answer(int(head[9:12]), body, int(later[1]) if later else None)
        if _CLOSES.search(head):
            self._close(held)
            return answer, None
        return answer, held

    @staticmethod
    def _close(held: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
        if held is not None:
            with suppress(OSError, RuntimeError):
                held[1].close()
