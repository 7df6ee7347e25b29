"""Sealing: what a browser carries from one of our addresses to the next, and cannot change or make.

A sealed text is a document and an HMAC-SHA256 over its bytes (RFC 2104), both in base64url, under a key of the account alone.
The document names its kind, so that one is nothing in another's place, and says when it ends. Nothing in it is secret.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, TypeVar

import msgspec

from gatepost.errors import InputError
from gatepost.wire.jws import decode_base64url, encode_base64url

LONGEST: Final = 4_096
"""Characters of a sealed text: what fits into a cookie."""
_LABEL: Final = b"gatepost browser sessions v1"


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What every sealed document has: when (ms) it ends."""

    ends_at: int


class Login(Sealed, frozen=True, kw_only=True, tag="login"):
    """A browser wants to be known at an application. ``state``: the SHA-256 of the cookie that it got there, in hex."""

    app_id: str
    host: str
    """As the client names it, with a port where that is not 443."""
    to: str
    state: str


class Challenge(Sealed, frozen=True, kw_only=True, tag="challenge"):
    """What a device's agent is to sign for a login. ``browser``: the SHA-256 of the login host's cookie, in hex."""

    login: Login
    browser: str
    number: str
    """Drawn, so that no challenge is there twice."""


class Code(Sealed, frozen=True, kw_only=True, tag="code"):
    """A login that a device vouched for, on its way back to the application."""

    login: Login
    registration_id: str
    number: str


class Session(Sealed, frozen=True, kw_only=True, tag="session"):
    """A browser at one application, on one device."""

    app_id: str
    registration_id: str


class DeviceToken(Sealed, frozen=True, kw_only=True, tag="token"):
    """A device's token for its programs, bound to the device's key by its RFC 7638 thumbprint, in hex."""

    registration_id: str
    thumbprint: str


_T = TypeVar("_T", bound=Sealed)


def derive_secret(secret: bytes) -> bytes:
    """Return the key that seals, from the account's secret for nonces: whatever ends those ends sessions, too."""
    return hmac.digest(secret, _LABEL, "sha256")


def seal(secret: bytes, document: Sealed) -> str:
    """Seal a document."""
    body = encode_base64url(msgspec.json.encode(document))
    return f"{body}.{encode_base64url(_tag(secret, body))}"


def unseal(secret: bytes, text: str, kind: type[_T], now: int) -> _T | None:
    """Return the document of a text that was sealed here as this kind, and has not ended by ``now`` (ms); or None."""
    if len(text) > LONGEST or not text.isascii():
        return None
    body, _, tag = text.partition(".")
    try:
        if not hmac.compare_digest(decode_base64url(tag.encode(), "tag"), _tag(secret, body)):
            return None
        document = msgspec.json.decode(decode_base64url(body.encode(), "body"), type=kind)
    except (InputError, msgspec.MsgspecError):
        return None
    return document if now < document.ends_at else None


def digest_of(text: str) -> str:
    """Return a text's SHA-256 in hex: by it a cookie is known again without being handed on."""
    return hashlib.sha256(text.encode()).hexdigest()


def _tag(secret: bytes, body: str) -> bytes:
    return hmac.digest(secret, body.encode(), "sha256")
