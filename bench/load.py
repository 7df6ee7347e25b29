"""Load for a server: documents sent over connections that stay open, as many at once as there are connections.

As little HTTP/1.1 as that takes (RFC 9112), because what the sender costs keeps the server's core from being busy.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from bench.harness import MeasureError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE: Final = 120.0
"""Seconds for all of them together."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_OK: Final = b"HTTP/1.1 200 "


def frame(path: str, port: int, document: bytes) -> bytes:
    """Make a whole request of a document."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/jose\r\n"
    return head.encode() + f"Content-Length: {len(document)}\r\n\r\n".encode() + document


def send_all(port: int, connections: Sequence[Sequence[bytes]], expected: bytes) -> None:
    """Send each connection's requests one after another, all connections side by side.

    Raises `MeasureError` where an answer is not 200, does not contain ``expected``, or does not come in time.
    """
    asyncio.run(_send_all(port, connections, expected))


async def _send_all(port: int, connections: Sequence[Sequence[bytes]], expected: bytes) -> None:
    try:
        async with asyncio.timeout(_PATIENCE), asyncio.TaskGroup() as group:
            for requests in connections:
                group.create_task(_send(port, requests, expected))
    except TimeoutError:
        raise MeasureError(f"the server did not answer everything within {_PATIENCE:.0f} seconds") from None
    except ExceptionGroup as errors:
        raise MeasureError(str(errors.exceptions[0])) from errors


async def _send(port: int, requests: Sequence[bytes], expected: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            if not head.startswith(_OK) or expected not in body:
                raise MeasureError(f"the server answered {head[:40]!r}: {body[:300]!r}")
    finally:
        writer.close()
