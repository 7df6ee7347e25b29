"""Browsers: the agent vouches for those that run on its device, over a redirect on the loopback interface.

A browser whose window the login host sent here brings a challenge; the agent signs it with the device's key and sends the window
on to the server that this device is enrolled with, and to no other. It listens on 127.0.0.1 alone, and answers what a window
navigates to and nothing that a page's script, picture or frame asks for (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/).
Whoever may open a connection to 127.0.0.1 is on this device; that is all that its word says.
"""

from __future__ import annotations

import base64
import hashlib
import html
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from gatepost.wire import jws
from gatepost.wire.vouch import MAXIMUM_CHALLENGE, Vouch

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    from gatepost.client.identity import DeviceKey, EnrolledAs

PATH: Final = "/vouch"
LISTENER: Final = "gatepost-agent"
"""What it calls itself in the header Server."""
_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 5.0
"""Seconds for which a connection may say nothing."""
_AT_ONCE: Final = 16
"""Connections at once; more are closed."""
_AGAIN: Final = 30.0
"""Seconds after which it is tried again to listen."""
_PARAMETERS: Final = 2
_NAVIGATION: Final = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


_STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.2rem}h1{font-size:1.5rem}"
)
_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


class Voucher:
    """Signs challenges of the server that this device is enrolled with."""

    def __init__(self, key: DeviceKey, enrolled: EnrolledAs) -> None:
        """Take the device's key, and where it is enrolled."""
        self._key = key
        self._enrolled = enrolled

    def answer(self, target: str, headers: Message, port: int) -> tuple[HTTPStatus, str]:
        """Return 303 and where a window goes on to, or another status and why it does not."""
        path, _, query = target.partition("?")
        if problem := _refuse(headers, port):
            return HTTPStatus.FORBIDDEN, problem
        if path != PATH:
            return HTTPStatus.NOT_FOUND, "There is nothing here."
        asked = _read(query)
        if asked is None:
            return HTTPStatus.BAD_REQUEST, "This is not what a login asks."
        server = self._enrolled.server
        if asked["login"] != server:
            return (
                HTTPStatus.FORBIDDEN,
                f"This device is enrolled with {server}; the login is {asked['login'][:200]}'s.",
            )
        document = Vouch(aud=self._enrolled.audience, challenge=asked["challenge"])
        query = urlencode({"voucher": self._key.sign(jws.Kind.VOUCH, document).decode()})
        return HTTPStatus.SEE_OTHER, f"{server}/access/v1/{self._enrolled.account_id}/vouched?{query}"


def _refuse(headers: Message, port: int) -> str:
    """Say what is wrong with a request's head; "" where nothing is."""
    if headers.get_all("Host") != [f"{_HOST}:{port}"]:
        return "This address has another name."
    if any(headers.get_all(name) != [value] for name, value in _NAVIGATION.items()):
        return "Only a browser's window is answered, and no page in it."
    return ""


def _read(query: str) -> dict[str, str] | None:
    """Return what a login asks, each once; None where it is something else."""
    try:
        given = parse_qsl(query, strict_parsing=True, max_num_fields=_PARAMETERS)
    except ValueError:
        return None
    asked = dict(given)
    complete = len(given) == _PARAMETERS and asked.keys() == {"login", "challenge"}
    return asked if complete and len(asked["challenge"]) <= MAXIMUM_CHALLENGE else None


class BrowserListener:
    """Listens in threads of its own; where the port is taken, until it is free."""

    def __init__(self, voucher: Voucher, port: int, tell: Callable[[str], None]) -> None:
        """Take what signs, and whom to ``tell`` in words that nobody can listen."""
        self._voucher = voucher
        self._port = port
        self._tell = tell
        self._ending = threading.Event()
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._work, name="browsers", daemon=True)

    def start(self) -> None:
        """Begin; where the port is free it is taken before this returns."""
        self._server = self._open()
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._ending.set()
        if self._server is not None:
            self._server.shutdown()
        self._thread.join()

    def _open(self) -> _Server | None:
        try:
            return _Server(self._voucher, self._port)
        except OSError as error:
            self._tell(f"cannot vouch for browsers: port {self._port} of {_HOST}: {error.strerror}")
            return None

    def _work(self) -> None:
        while self._server is None:
            if self._ending.wait(_AGAIN):
                return
            self._server = _try(self._voucher, self._port)
        with self._server:
            self._server.serve_forever()


def _try(voucher: Voucher, port: int) -> _Server | None:
    try:
        return _Server(voucher, port)
    except OSError:
        # It was told once; whoever has the port may leave it.
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, voucher: Voucher, port: int) -> None:
        self.voucher = voucher
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__((_HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has them.
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has them.
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has them.
        """Let a connection that broke be over: nothing of it concerns the device."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version = LISTENER
    sys_version = ""

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        status, told = self.server.voucher.answer(self.path, self.headers, int(port))
        body = b"" if status is HTTPStatus.SEE_OTHER else _page(told)
        self.send_response(status)
        if status is HTTPStatus.SEE_OTHER:
            self.send_header("Location", told)
        else:
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the standard library has it.
        """Say nothing: challenges stand in the addresses."""


def _page(told: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Not vouched for</title><style>{_STYLE}</style></head><body>"
        "<h1>The Gatepost agent did not vouch for this browser</h1>"
        f"<p>{html.escape(told)}</p></body></html>\n"
    ).encode()
