"""What proxies send: the head of a request whose headers a shipped proxy configuration sets, read into a question.

Only those are read; one that comes twice, in another spelling, or with bytes that none of ours has, is a refusal, since a client
could have sent it. `web.decisions` lists them.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from gatepost.controlplane.access.answers import Question
from gatepost.core.pem import scan_pem
from gatepost.web.cookies import split_cookies

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Scope = MutableMapping[str, Any]

_OURS: Final = b"x-gatepost-"
_NEEDED: Final = ("proxy", "app", "host", "address")
_KNOWN: Final = frozenset({*_NEEDED, "target", "certificate", "fingerprint", "answer", "method"})
_KEYS_BY_NAME: Final = {_OURS + name.encode(): name for name in _KNOWN} | {
    b"cf-access-client-id": "client-id",
    b"cf-access-client-secret": "client-secret",
    b"cookie": "cookie",
    b"gatepost-token": "token",
    b"gatepost-dpop": "proof",
}
_VISIBLE: Final = re.compile(rb"[\x20-\x7e\t]*")
_COOKIES: Final = re.compile(rb"[\x20-\x7e\t\x80-\xff]*")
"""Applications set cookies with letters beyond ASCII, and those are not ours to judge."""
_LONGEST: Final = 24 * 1024
"""Bytes of one header: a certificate of 16 KiB in base64."""
_PEM: Final = "-----BEGIN "
_CERTIFICATES: Final = 20_000
"""Certificates whose header is not read again: some 50 MB where each is another."""


def read_question(scope: Scope, route: str, reference: str = "") -> Question | None:
    """Read a question from the head of a request to ``route``; None where it is not what a shipped configuration sends."""
    told = _headers(scope["headers"])
    target = _target(scope, route, told)
    if told is None or target is None or any(name not in told for name in _NEEDED):
        return None
    try:
        der, digest = _certificate(told.get("certificate", ""))
        fingerprint = bytes.fromhex(told.get("fingerprint", ""))
    except ValueError:
        return None
    if len(fingerprint) not in {0, hashlib.sha256().digest_size}:
        return None
    others, ours = split_cookies(told.get("cookie", ""))
    return Question(
        credential=told["proxy"],
        reference=reference,
        app=told["app"],
        host=told["host"],
        target=target,
        address=told["address"],
        certificate=digest or fingerprint or None,
        certificate_der=der or None,
        client_id=told.get("client-id", ""),
        client_secret=told.get("client-secret", ""),
        method=told.get("method", ""),
        token=told.get("token", ""),
        proof=told.get("proof", ""),
        cookies=ours,
        others=others,
    )


def _target(scope: Scope, route: str, told: dict[str, str] | None) -> str | None:
    """Return what the client asks for: the header, or what stands behind the route's own path; never both."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    behind = path.removeprefix(route)
    if told is None or not path.startswith(route) or bool(behind) is ("target" in told):
        return None
    query = scope.get("query_string", b"").decode("latin-1")
    return told.get("target") or (f"{behind}?{query}" if query else behind)


def _headers(given: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """Return our headers, each by its name without the prefix; None where one is not as our configurations send it."""
    told: dict[str, str] = {}
    for name, value in given:
        key = _KEYS_BY_NAME.get(name)
        if key is None:
            plain = name.lower().replace(b"_", b"-")
            if not plain.startswith(_OURS) and plain not in _KEYS_BY_NAME:
                continue
            # One that none of ours sends, or in another spelling.
            key = _KEYS_BY_NAME.get(name.lower())
        visible = _COOKIES if key == "cookie" else _VISIBLE
        if key is None or key in told or len(value) > _LONGEST or not visible.fullmatch(value):
            return None
        told[key] = value.decode("latin-1")
    return told


@lru_cache(_CERTIFICATES)
def _certificate(text: str) -> tuple[bytes, bytes]:
    """Read the certificate of a connection to DER and its SHA-256, "" to nothing; raises ValueError."""
    plain = unquote(text) if "%" in text else text
    if not plain.startswith(_PEM):
        der = b64decode(plain, validate=True)
        return der, hashlib.sha256(der).digest() if der else b""
    (block,) = scan_pem(plain)
    if block.label != "CERTIFICATE" or not block.content:
        raise ValueError(block.label)
    return block.content, hashlib.sha256(block.content).digest()
