"""Attacks on what a proxy hands on: each is a request by somebody without a device, made to look like one of a device's.

``FORGED`` stands in every value that a client made up, so that it can be looked for in what reaches the application.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from gatepost.enforcement.site import ASKED, BLANKED, TOLD
from tests.enforcement.edge import HOST, Edge

FORGED: Final = "forged-by-the-client"


class Attack(msgspec.Struct, frozen=True):
    """An attack by its name, and the bytes that it sends."""

    name: str
    request: Callable[[Edge], bytes]


def _raw(*lines: str, body: str = "") -> bytes:
    return ("".join(f"{line}\r\n" for line in lines) + "\r\n" + body).encode("latin-1")


def _with(*more: str, target: str = "/", host: str = HOST, method: str = "GET") -> bytes:
    return _raw(f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *more)


def _asked(name: str, request: bytes) -> Attack:
    return Attack(name, lambda _: request)


def _header(name: str, value: str = FORGED) -> Attack:
    return Attack(f"{name}: {value if len(value) < 40 else value[:20] + '…'}", lambda _: _with(f"{name}: {value}"))


def _certificate_as(name: str, write: Callable[[bytes], str], called: str) -> Attack:
    """Claim the device's own certificate in a header, without its key."""
    return Attack(f"{name}: {called}", lambda edge: _with(f"{name}: {write(edge.device.der)}"))


def _escaped(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return quote(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")


def _base64(der: bytes) -> str:
    return base64.b64encode(der).decode()


def _fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def _unsealed(app_id: str) -> str:
    """Make up a session as it would be, without the key that seals it."""
    document = {"type": "session", "ends_at": 9_999_999_999_999, "app_id": app_id, "registration_id": FORGED}
    return base64.urlsafe_b64encode(msgspec.json.encode(document)).decode().rstrip("=") + "." + "A" * 43


def _as_device(edge: Edge) -> list[str]:
    """Give all that a proxy would tell of the device."""
    return [
        f"X-Gatepost-Proxy: {edge.token}",
        f"X-Gatepost-App: {HOST}",
        f"X-Gatepost-Host: {HOST}",
        "X-Gatepost-Target: /",
        "X-Gatepost-Address: 127.0.0.1",
        f"X-Gatepost-Certificate: {_base64(edge.device.der)}",
    ]


ATTACKS: Final = (
    *(_header(f"X-Gatepost-{name}") for name in (*TOLD, *ASKED)),
    *(_header(name) for name in BLANKED),
    _certificate_as("X-Gatepost-Certificate", _escaped, "the device's, as escaped PEM"),
    _certificate_as("X-Gatepost-Certificate", _base64, "the device's, as base64"),
    _certificate_as("X-Gatepost-Fingerprint", _fingerprint, "the device's"),
    _certificate_as("x_gatepost_fingerprint", _fingerprint, "the device's, with underscores"),
    _certificate_as("X-GATEPOST-FINGERPRINT", _fingerprint, "the device's, in capitals"),
    _certificate_as("X-SSL-Client-Cert", _escaped, "the device's"),
    _certificate_as("Client-Cert", lambda der: f":{_base64(der)}:", "the device's (RFC 9440)"),
    _certificate_as("X-Forwarded-Client-Cert", lambda der: f"Hash={_fingerprint(der)}", "the device's digest"),
    Attack("all that a proxy tells of the device, with its token", lambda edge: _with(*_as_device(edge))),
    Attack(
        "the decision itself, asked for through the proxy",
        lambda edge: _with(*_as_device(edge), target="/access/v1/decide"),
    ),
    Attack("the proxy's own place for it", lambda edge: _with(*_as_device(edge), target="/_gatepost/decide")),
    Attack(
        "headers named as hop by hop",
        lambda edge: _raw(
            "GET / HTTP/1.1",
            f"Host: {HOST}",
            "Connection: close, X-Gatepost-Proxy, X-Gatepost-Host, X-Gatepost-App",
            *_as_device(edge),
        ),
    ),
    Attack("a header folded over two lines", lambda _: _with("X-Gatepost-Email: a", f" {FORGED}")),
    Attack("a header with a blank before its colon", lambda _: _with(f"X-Gatepost-Email : {FORGED}")),
    Attack("a header with a NUL", lambda _: _with(f"X-Gatepost-Email: {FORGED}\0")),
    Attack(
        "a header twice",
        lambda edge: _with(
            f"X-Gatepost-Fingerprint: {_fingerprint(edge.device.der)}", f"X-Gatepost-Fingerprint: {FORGED}"
        ),
    ),
    Attack("two Host lines", lambda _: _with(f"Host: other.{HOST}")),
    Attack("no Host line", lambda _: _raw("GET / HTTP/1.1", "Connection: close")),
    Attack("another application's Host", lambda _: _with(host="other.example.com")),
    Attack("an address as Host", lambda _: _with(host="127.0.0.1")),
    Attack("a Host with a port that is none", lambda _: _with(host=f"{HOST}:evil")),
    Attack("a whole URL as target", lambda _: _with(target=f"http://other.example.com/{FORGED}")),
    Attack(
        "a body that two servers would end at different bytes",
        lambda _: _raw(
            "POST / HTTP/1.1",
            f"Host: {HOST}",
            "Content-Length: 6",
            "Transfer-Encoding: chunked",
            "Connection: close",
            body="0\r\n\r\nG",
        ),
    ),
    Attack(
        "a second request behind a body that is too long",
        lambda _: _raw(
            "POST / HTTP/1.1",
            f"Host: {HOST}",
            "Content-Length: 0",
            body=f"GET /{FORGED} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n",
        ),
    ),
    Attack(
        "an upgrade to a websocket",
        lambda _: _raw(
            "GET / HTTP/1.1",
            f"Host: {HOST}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
    ),
    Attack(
        "an upgrade to h2c",
        lambda _: _raw(
            "GET / HTTP/1.1",
            f"Host: {HOST}",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
        ),
    ),
    *(_asked(f"the method {method}", _with(method=method)) for method in ("HEAD", "OPTIONS", "TRACE", "PURGE")),
    *(
        _asked(f"the target {target}", _with(target=target))
        for target in (
            "//",
            "/..%2f",
            "/%2e%2e/",
            "/;/",
            "/%00",
            "/health",
            "/favicon.ico",
            "/robots.txt",
            "/.well-known/x",
        )
    ),
    _header("User-Agent", "kube-probe/1.27"),
    _header("X-Forwarded-For", "127.0.0.1"),
    _header("X-Real-IP", "127.0.0.1"),
    _header("X-Forwarded-Host", "other.example.com"),
    _header("X-Forwarded-Uri", "/health"),
    _header("X-Forwarded-Method", "OPTIONS"),
    _header("X-Envoy-Internal", "true"),
    _header("X-Envoy-Original-Path", "/health"),
    _header("Authorization", "Bearer forged-by-the-client"),
    _header("Cookie", "__Host-gatepost=forged-by-the-client"),
    Attack(
        "a session that nobody sealed",
        lambda edge: _with(f"Cookie: __Host-gatepost-{edge.app_id}={_unsealed(edge.app_id)}"),
    ),
    Attack(
        "the same below a path that is Gatepost's own, and back out of it",
        lambda edge: _with(
            f"Cookie: __Host-gatepost-{edge.app_id}={_unsealed(edge.app_id)}", target=f"/cdn-cgi/access/../{FORGED}"
        ),
    ),
    _asked("a login that ends before it began", _with(target=f"/cdn-cgi/access/callback?code={FORGED}")),
)
