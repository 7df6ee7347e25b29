"""The proof in a line of the posture log, verified again: with nothing but the line and the certificates that it names.

What cannot be verified so is the nonce's origin, which rests on a secret of the server: that it was fresh, the server says.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate, examine_issuance, parse_certificate
from gatepost.core.evaluation import Status
from gatepost.core.possession import build_statement
from gatepost.core.signature import verify_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gatepost.core.log import PostureDocument


class Verified(StrEnum):
    """What became of a line's proof."""

    PROVED = "proved"
    """The certificate's key signed the nonce for this device, and the signing certificate signed the certificate."""
    UNPROVED = "unproved"
    """The line has no proof: it is no pass, its check asked for none, or something else than a report decided it."""
    UNKNOWN = "unknown"
    """A certificate that the line names was not kept."""
    REFUTED = "refuted"
    """A signature does not hold: the line says what was not so."""


class _Explained(msgspec.Struct):
    """What a line says of the nearest certificate."""

    signing_certificate: str = ""


class _Named(msgspec.Struct):
    """What is asked of a line to tell what it rests on."""

    status: str
    certificate: str | None
    received: str


class _Received(msgspec.Struct):
    certificates: tuple[_Explained, ...] = ()


def verify_proof(line: PostureDocument, certificates: Mapping[str, bytes]) -> Verified:
    """Verify what a line's pass rests on; ``certificates`` are DER by their SHA-256, hexadecimal."""
    if line.status != Status.PASS or line.signature is None or not line.audience or line.device_key is None:
        return Verified.UNPROVED
    issuer = _issuer(line.received)
    content, signing = certificates.get(line.certificate or ""), certificates.get(issuer)
    if content is None or signing is None:
        return Verified.UNKNOWN
    certificate, authority = parse_certificate(content), parse_certificate(signing)
    if not isinstance(certificate, Certificate) or not isinstance(authority, Certificate):
        return Verified.REFUTED
    try:
        at = datetime.fromtimestamp(line.judged_at / 1000, UTC)
        statement = build_statement(line.audience, bytes.fromhex(line.device_key), line.nonce, certificate.sha256)
    except (ValueError, OverflowError, OSError):
        return Verified.REFUTED
    signed = verify_signature(certificate.public_key, line.signature, statement)
    issued = examine_issuance(certificate, authority, at, signs=True) is None
    return Verified.PROVED if signed and issued else Verified.REFUTED


def certificates_named(line: bytes) -> tuple[str, ...]:
    """Return the SHA-256, hexadecimal, of the certificates that a passing line (JSON text) rests on."""
    named = msgspec.json.decode(line, type=_Named)
    if named.status != Status.PASS or named.certificate is None:
        return ()
    return tuple(name for name in (named.certificate, _issuer(named.received)) if name)


def _issuer(received: str) -> str:
    try:
        explained = msgspec.json.decode(received, type=_Received).certificates
    except msgspec.MsgspecError:
        return ""
    return explained[0].signing_certificate if explained else ""
