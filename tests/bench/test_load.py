"""The load: every request is sent and every answer looked at."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bench.harness import MeasureError
from bench.load import frame, send_all

if TYPE_CHECKING:
    from collections.abc import Iterator

PASS = b'{"status":"pass"}'


class Listener:
    """A server that gives every request the same answer, and keeps what came; ``answer`` is all bytes of it."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.port = 0
        self.received: list[bytes] = []
        self.connections = 0

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Serve until ``end``."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await end.wait()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            self.received.append(await reader.readexactly(length))
            writer.write(self._answer)
            await writer.drain()
        writer.close()


@contextmanager
def _listening(answer: bytes) -> Iterator[Listener]:
    listener, ready, end = Listener(answer), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(listener.serve(ready, end)))
    thread.start()
    ready.wait()
    try:
        yield listener
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


def _answer(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_every_document_arrives_whole_when_connections_stay_open() -> None:
    """Two connections, five requests, none twice."""
    with _listening(_answer(b"200 OK", PASS)) as listener:
        documents = [[b"a", b"b" * 70_000, b"c"], [b"d", b"e"]]
        send_all(listener.port, [[frame("/x", listener.port, item) for item in row] for row in documents], PASS)
    assert sorted(item for row in documents for item in row) == sorted(listener.received)
    assert listener.connections == 2


@pytest.mark.parametrize(
    "answer", [_answer(b"409 Conflict", PASS), _answer(b"200 OK", b'{"status":"fail"}'), b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_a_measurement_ends_when_an_answer_is_not_the_expected_one(answer: bytes) -> None:
    """A refused report is cheap, and must not pass for a fast server."""
    with _listening(answer) as listener, pytest.raises(MeasureError, match="the server answered"):
        send_all(listener.port, [[frame("/x", listener.port, b"a")]], PASS)


def test_a_measurement_ends_in_words_when_nobody_listens() -> None:
    """A server that is gone is no reason for a traceback."""
    with _listening(b"") as listener:
        pass
    with pytest.raises(MeasureError, match="Connect"):
        send_all(listener.port, [[frame("/x", listener.port, b"a")]], PASS)
