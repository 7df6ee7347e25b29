"""What stands between a proxy and the server in these tests, and may behave as badly as a network or a server can."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Relay:
    """Hands bytes on between a port of its own and the server's; told to, it does something else instead."""

    def __init__(self, server: int) -> None:
        """Begin to hand on."""
        self._server = server
        self._answer: bytes | None = None
        self._hangs = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accept_on(self._listener)

    def _accept_on(self, listener: socket.socket) -> None:
        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                self._open.append(connection)
                threading.Thread(target=self._take, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        if self._hangs:
            return
        with suppress(OSError):
            if self._answer is None:
                self._hand_on(connection)
            else:
                connection.recv(65_536)
                connection.sendall(self._answer)
                connection.close()

    def _hand_on(self, connection: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server))
        self._open.append(server)
        threading.Thread(target=_pump, args=(connection, server), daemon=True).start()
        _pump(server, connection)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Accept, and never answer."""
        self._hangs = True
        self._cut()
        yield
        self._hangs = False
        self._cut()

    @contextmanager
    def answering(self, answer: bytes) -> Iterator[None]:
        """Answer every request with these bytes, and end the connection."""
        self._answer = answer
        self._cut()
        yield
        self._answer = None
        self._cut()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Listen no more."""
        self._end(self._listener)
        self._cut()
        yield
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accept_on(self._listener)

    def close(self) -> None:
        """End."""
        self._end(self._listener)
        self._cut()

    def _cut(self) -> None:
        while self._open:
            self._end(self._open.pop())

    @staticmethod
    def _end(ended: socket.socket) -> None:
        with suppress(OSError):
            ended.shutdown(socket.SHUT_RDWR)
        ended.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65_536):
            target.sendall(received)
        target.shutdown(socket.SHUT_WR)
