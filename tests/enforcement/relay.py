"""What stands between a proxy and the server in these tests, and may behave as badly as a network or a server can."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.certificates import ip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import CertificateAuthority


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
    def leading_to(self, port: int) -> Iterator[None]:
        """Hand on to another server."""
        server, self._server = self._server, port
        self._cut()
        yield
        self._server = server
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


@contextmanager
def pretending(folder: Path, relay: Relay, authority: CertificateAuthority) -> Iterator[None]:
    """Let another server take the server's place, which lets everybody in, with a certificate of ``authority``."""
    issued = authority.issue(cn="127.0.0.1", sans=[ip("127.0.0.1")], eku=["1.3.6.1.5.5.7.3.1"])
    path = folder / "pretender.pem"
    path.write_bytes(issued.pem + issued.key_pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listener, relay.leading_to(listener.getsockname()[1]):
        threading.Thread(target=_let_in, args=(listener, context), daemon=True).start()
        yield


def _let_in(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65_536):
            target.sendall(received)
        target.shutdown(socket.SHUT_WR)
