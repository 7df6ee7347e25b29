"""Proof of possession: the statement that a certificate's key signs, the nonce in it, and the judgement of the signature.

Wire formats, final from the first day (``docs/reference/semantics.md``, section 5)::

    statement = "gatepost possession v1" NUL
             || SHA-256(audience)                 32 bytes   https://host[:port]/ACCOUNT
             || device key's RFC 7638 thumbprint  32 bytes
             || nonce                             40 bytes
             || SHA-256(certificate's DER)        32 bytes
    nonce     = issue time in ms, big-endian       8 bytes
             || HMAC-SHA-256(secret, "gatepost nonce v1" NUL || account || registration || issue time)   32 bytes

The statement by which a certificate enrols a device is another one, so that neither can stand for the other::

    statement = "gatepost enrollment v1" NUL, and then the same parts
    nonce     = issue time in ms, big-endian       8 bytes
             || HMAC-SHA-256(secret, "gatepost enrollment nonce v1" NUL || account || thumbprint || issue time)   32 bytes

Each part has a fixed length, so that no two statements share bytes; the audience keeps one server from using what was
signed for another, the thumbprint one device from using what another signed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

_STATEMENT: Final = b"gatepost possession v1\0"
_ENROLLMENT: Final = b"gatepost enrollment v1\0"
_NONCE: Final = b"gatepost nonce v1\0"
_ENROLLMENT_NONCE: Final = b"gatepost enrollment nonce v1\0"
NONCE_LENGTH: Final = 40
"""Bytes in a nonce: 8 of issue time and 32 of HMAC."""
_DIGEST_LENGTH: Final = 32
_IDENTIFIER_LENGTH: Final = 16
MAXIMUM_NONCE_AGE: Final = 15 * 60 * 1000
"""The oldest nonce that any report may answer, in ms."""
_FUTURE_TOLERANCE: Final = 5_000
"""How far, in ms, the clocks of two server processes may be apart."""


def build_statement(audience: str, thumbprint: bytes, nonce: bytes, certificate_sha256: bytes) -> bytes:
    """Build the statement; ``thumbprint`` is the device key's RFC 7638 SHA-256 (32 bytes). Raises ValueError on other lengths."""
    return _STATEMENT + _parts(audience, thumbprint, nonce, certificate_sha256)


def build_enrollment_statement(audience: str, thumbprint: bytes, nonce: bytes, certificate_sha256: bytes) -> bytes:
    """Build the statement that enrols the device whose key has this thumbprint. Raises ValueError on other lengths."""
    return _ENROLLMENT + _parts(audience, thumbprint, nonce, certificate_sha256)


def _parts(audience: str, thumbprint: bytes, nonce: bytes, certificate_sha256: bytes) -> bytes:
    if len(thumbprint) != _DIGEST_LENGTH or len(nonce) != NONCE_LENGTH or len(certificate_sha256) != _DIGEST_LENGTH:
        raise ValueError("a part of the possession statement has another length")
    return hashlib.sha256(audience.encode()).digest() + thumbprint + nonce + certificate_sha256


def issue_nonce(secret: bytes, account: bytes, registration: bytes, now_ms: int) -> bytes:
    """Issue a nonce for one registration; nothing is stored anywhere. Raises ValueError where an id is not 16 bytes."""
    if len(account) != _IDENTIFIER_LENGTH or len(registration) != _IDENTIFIER_LENGTH:
        raise ValueError("an account or a registration has an id of another length")
    issued = now_ms.to_bytes(8, "big")
    return issued + hmac.digest(secret, _NONCE + account + registration + issued, "sha256")


def nonce_issued_at(secret: bytes, account: bytes, registration: bytes, nonce: bytes) -> int | None:
    """Return when (ms since 1970) we issued ``nonce`` to this registration, or None when we did not."""
    if len(nonce) != NONCE_LENGTH:
        return None
    issued = int.from_bytes(nonce[:8], "big")
    genuine = issue_nonce(secret, account, registration, issued)
    return issued if hmac.compare_digest(genuine, nonce) else None


def issue_enrollment_nonce(secret: bytes, account: bytes, thumbprint: bytes, now_ms: int) -> bytes:
    """Issue a nonce for a device that is not enrolled yet, by the thumbprint of its key (32 bytes)."""
    if len(account) != _IDENTIFIER_LENGTH or len(thumbprint) != _DIGEST_LENGTH:
        raise ValueError("an account's id or a thumbprint has another length")
    issued = now_ms.to_bytes(8, "big")
    return issued + hmac.digest(secret, _ENROLLMENT_NONCE + account + thumbprint + issued, "sha256")


def enrollment_nonce_issued_at(secret: bytes, account: bytes, thumbprint: bytes, nonce: bytes) -> int | None:
    """Return when (ms since 1970) we issued ``nonce`` to the holder of this device key, or None when we did not."""
    if len(nonce) != NONCE_LENGTH:
        return None
    issued = int.from_bytes(nonce[:8], "big")
    genuine = issue_enrollment_nonce(secret, account, thumbprint, issued)
    return issued if hmac.compare_digest(genuine, nonce) else None


def nonce_is_fresh(issued_ms: int, now_ms: int, maximum_age_ms: int) -> bool:
    """Tell whether a nonce may be answered now: not older than the check allows, and not from the future."""
    return -_FUTURE_TOLERANCE <= now_ms - issued_ms <= min(maximum_age_ms, MAXIMUM_NONCE_AGE)
