"""Uploaded certificates: ``/accounts/{a}/mtls_certificates``.

PEM, or its base64 on one line as some clients send it; one certificate or several. The text is kept and given back as it
was sent. A private key in it is refused before anything else, and no message repeats a part of what was sent.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Literal

import msgspec

from gatepost.core import der
from gatepost.core.certificate import Certificate, examine_authority, parse_certificate, rfc3339
from gatepost.core.pem import scan_pem
from gatepost.errors import InputError, StorageError
from gatepost.wire.management.envelope import Instant

MAXIMUM_UPLOAD: Final = 256 * 1024
"""The largest body of an upload, in bytes."""
MAXIMUM_CERTIFICATES: Final = 64
"""As many certificates as one upload may hold: each is held against every candidate."""

_FIELD: Final = "/certificates"
_KEY_MARK: Final = "PRIVATE KEY"
_SIGNATURES: Final = {
    "1.2.840.113549.1.1.5": "SHA1WithRSA",
    "1.2.840.113549.1.1.11": "SHA256WithRSA",
    "1.2.840.113549.1.1.12": "SHA384WithRSA",
    "1.2.840.113549.1.1.13": "SHA512WithRSA",
    "1.2.840.10045.4.1": "ECDSAWithSHA1",
    "1.2.840.10045.4.3.2": "ECDSAWithSHA256",
    "1.2.840.10045.4.3.3": "ECDSAWithSHA384",
    "1.2.840.10045.4.3.4": "ECDSAWithSHA512",
    "1.3.101.112": "PureEd25519",
}
"""Signature algorithms that are taken, by the names that the reference gives them (Go's)."""
_PSS: Final = "1.2.840.113549.1.1.10"
_PSS_DIGESTS: Final = {
    "2.16.840.1.101.3.4.2.1": "SHA256WithRSAPSS",
    "2.16.840.1.101.3.4.2.2": "SHA384WithRSAPSS",
    "2.16.840.1.101.3.4.2.3": "SHA512WithRSAPSS",
}


class UploadBody(msgspec.Struct, frozen=True, kw_only=True):
    """An upload. ``private_key`` is checked against the first certificate and then thrown away."""

    ca: bool
    certificates: Annotated[str, msgspec.Meta(max_length=MAXIMUM_UPLOAD)]
    name: Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")] | None = None
    private_key: Annotated[str, msgspec.Meta(max_length=MAXIMUM_UPLOAD)] | None = None


class CertificateObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An upload as it is shown: of a bundle, the first certificate's fields. ``serial_number`` is decimal text."""

    id: str
    ca: bool
    certificates: str
    name: str
    issuer: str
    serial_number: str
    signature: str
    expires_on: Instant
    uploaded_on: Instant
    type: Literal["custom", "gateway_managed", "access_managed"]
    updated_at: Instant | None = None


class Association(msgspec.Struct, frozen=True, kw_only=True):
    """One use of an upload: a posture rule that names it."""

    service: str
    status: str


def parse_upload(text: str, *, ca: bool) -> tuple[Certificate, ...]:
    """Read the certificates of an upload, in their order; raises `InputError` that names the cause."""
    pem = _unwrap(text)
    if _KEY_MARK in pem:
        problem = "holds a private key; nothing was stored, but treat that key as exposed"
        raise InputError(_FIELD, problem, "send the certificate alone")
    blocks = scan_pem(pem)
    if not blocks:
        hint = "; it has the characters \\n where lines should end" if "\\n" in pem else ""
        raise InputError(_FIELD, f"holds no PEM certificate{hint}", "-----BEGIN CERTIFICATE----- and what follows")
    if len(blocks) > MAXIMUM_CERTIFICATES:
        raise InputError(_FIELD, f"holds more than {MAXIMUM_CERTIFICATES} certificates", "send several uploads")
    parsed = tuple(_certificate(block.label, block.content, place) for place, block in enumerate(blocks, 1))
    for place, certificate in enumerate(parsed, 1):
        _check(certificate, place, ca=ca)
    return parsed


def read_first(text: str) -> Certificate:
    """Read the first certificate of an upload that was taken; raises `StorageError` where it is none any more."""
    block = next(iter(scan_pem(_unwrap(text))), None)
    certificate = parse_certificate(block.content or b"") if block else None
    if not isinstance(certificate, Certificate):
        raise StorageError("an uploaded certificate cannot be read")
    return certificate


def _unwrap(text: str) -> str:
    """Return PEM as it is, and decode what is its base64."""
    if "-----" in text:
        return text
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii", "replace")
    except (binascii.Error, ValueError):
        return text


def _certificate(label: str, content: bytes | None, place: int) -> Certificate:
    if label != "CERTIFICATE":
        raise InputError(_FIELD, f"has another kind of block at place {place}", "only CERTIFICATE blocks")
    if content is None:
        raise InputError(_FIELD, f"has a broken block at place {place}: its end is missing, or it is not base64")
    certificate = parse_certificate(content)
    if not isinstance(certificate, Certificate):
        raise InputError(_FIELD, f"has no readable certificate at place {place}: {certificate.detail}")
    return certificate


def _check(certificate: Certificate, place: int, *, ca: bool) -> None:
    which = f"certificate {place} ({certificate.subject.text or 'without a subject'})"
    if certificate.public_key.kind is None:
        allowed = "RSA 2048 to 8192, P-256, P-384, P-521 or Ed25519"
        raise InputError(_FIELD, f"{which} has a key of another kind: {certificate.public_key.name}", allowed)
    if _signature(certificate) is None:
        allowed = "RSA or ECDSA with SHA-1, SHA-256, SHA-384 or SHA-512, or Ed25519"
        raise InputError(_FIELD, f"{which} is signed with {certificate.signature_algorithm}", allowed)
    refusal = examine_authority(certificate) if ca else None
    if refusal is not None:
        problem = f"{which} is not a certificate authority's: found {refusal.found}"
        raise InputError(_FIELD, problem, f"with ca: true, {refusal.expected}")


def _signature(certificate: Certificate) -> str | None:
    if certificate.signature_algorithm != _PSS:
        return _SIGNATURES.get(certificate.signature_algorithm)
    try:
        return _pss(certificate.der)
    except der.DerError:
        return None


def _pss(encoded: bytes) -> str | None:
    """Name RSASSA-PSS by the digest in its parameters; absent it is SHA-1 (RFC 4055, 3.1), which is not taken."""
    outer = der.whole(encoded, der.SEQUENCE)
    algorithm = der.children(encoded, outer)[1]
    for parameters in der.children(encoded, algorithm)[1:]:
        for item in der.children(encoded, parameters):
            if item.tag == 0xA0:  # noqa: PLR2004 - [0] hashAlgorithm.
                digest = der.expect(encoded, item.start, item.stop, der.SEQUENCE)
                oid = der.expect(encoded, digest.start, digest.stop, der.OBJECT_IDENTIFIER)
                return _PSS_DIGESTS.get(der.dotted(der.content(encoded, oid)))
    return None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload's object shows beside its certificate. ``uploaded_on`` is RFC 3339."""

    id: str
    ca: bool
    certificates: str
    name: str
    uploaded_on: str


def to_object(shown: Shown, first: Certificate, *, created: bool = False) -> CertificateObject:
    """Show an upload; ``created`` adds ``updated_at``, which the reference has on create alone."""
    return CertificateObject(
        id=shown.id,
        ca=shown.ca,
        certificates=shown.certificates,
        name=shown.name,
        issuer=first.issuer.text,
        serial_number=str(first.serial_number),
        signature=_signature(first) or first.signature_algorithm,
        expires_on=rfc3339(first.not_after),
        uploaded_on=shown.uploaded_on,
        type="custom",
        updated_at=shown.uploaded_on if created else None,
    )
