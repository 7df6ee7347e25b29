"""A server on loopback that answers what a test tells it to, over TLS or not, and keeps what it was sent.

It stands for a server that is not ours, or not good: what no server of Gatepost's would do cannot be tried with one.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

from tests.certificates import SERVER_AUTH, CertificateAuthority, ip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from tests.certificates import Options


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """Give a whole answer, after which the connection ends."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


class Peer:
    """Answers every request with ``reply``, bytes or a function of the connection; ``requests`` holds what came."""

    def __init__(self, reply: bytes | Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        """Listen on a port of the system's choice."""
        self._reply = reply
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.requests: list[bytes] = []
        self.connections = 0

    @property
    def url(self) -> str:
        """Its address."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        spoken = self._context.wrap_socket(connection, server_side=True) if self._context else connection
        with spoken:
            self.requests.append(_read_request(spoken))
            if callable(self._reply):
                self._reply(spoken)
            else:
                spoken.sendall(self._reply)


def _read_request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def tls_context(
    folder: Path, authority: CertificateAuthority, version: ssl.TLSVersion | None = None, **options: object
) -> ssl.SSLContext:
    """Make a server's context with a certificate for 127.0.0.1; ``options`` replace what is asked of it."""
    wanted: Options = {"cn": "127.0.0.1", "sans": [ip("127.0.0.1")], "eku": (SERVER_AUTH,)}
    wanted.update(options)  # type: ignore[typeddict-item]  # the fields of Options, as a test gives them
    issued = authority.issue(**wanted)
    certificate, key = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(issued.pem)
    key.write_bytes(issued.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context
