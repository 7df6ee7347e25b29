"""Revocation: enter it in the authority's index, and sign the list of all that was revoked (RFC 5280 section 5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from gatepost.errors import ConflictError, InputError
from gatepost.pki import folder as files
from gatepost.pki.authority import Authority, Random, serial_text
from gatepost.pki.extensions import authority_key_identifier
from gatepost.pki.keys import signature_digest
from gatepost.pki.request import RevocationReason

if TYPE_CHECKING:
    from collections.abc import Iterable


class RevocationList(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation list that was made: its file, its number (RFC 5280 5.2.3), how many it holds, and its span."""

    path: Path
    number: int
    revoked: int
    this_update: datetime
    next_update: datetime


def parse_serial(text: str) -> str:
    """Bring a serial number in hexadecimal, with or without colons, into the form of the index."""
    try:
        serial = int(text.replace(":", ""), 16)
    except ValueError:
        serial = 0
    if serial <= 0:
        raise InputError("--serial", f"{text!r} is no serial number", "hexadecimal, as openssl x509 -serial prints it")
    return serial_text(serial)


def certificate_serial(content: bytes, authority: Authority) -> str:
    """Take the serial number from a certificate in PEM form; `InputError` when ``authority`` did not issue it."""
    try:
        certificate = x509.load_pem_x509_certificate(content)
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        problem = "is no certificate of this authority"
        raise InputError("--certificate", problem, "a PEM file that gatepost pki issue wrote") from error
    return serial_text(certificate.serial_number)


def revoke(authority: Authority, serial: str, reason: RevocationReason, now: datetime) -> files.Revocation:
    """Revoke the certificate with this serial number.

    `InputError` when the authority's index does not know it, `ConflictError` when it is revoked already.
    """
    entries = files.read_index(authority.folder)
    if not any(isinstance(entry, files.Issuance) and entry.serial == serial for entry in entries):
        raise InputError("--serial", f"{serial} was not issued here", f"one from {authority.folder / files.INDEX}")
    for entry in _revocations(entries):
        if entry.serial == serial:
            raise ConflictError("certificate", f"{serial} was revoked already, at {entry.at:%Y-%m-%dT%H:%M:%SZ}")
    revocation = files.Revocation(serial=serial, reason=reason.value, at=now.replace(microsecond=0))
    files.append(authority.folder, revocation)
    return revocation


def issue_list(authority: Authority, path: Path, days: int, now: datetime, random: Random) -> RevocationList:
    """Sign the list of all revoked certificates and write it, PEM, over the one before.

    A certificate stays on the list after its end: whoever judges an old signature wants to know (RFC 5280 3.3).
    """
    entries = files.read_index(authority.folder)
    revocations = list(_revocations(entries))
    number = 1 + max((entry.number for entry in entries if isinstance(entry, files.ListMade)), default=0)
    start = now.replace(microsecond=0)
    made = RevocationList(
        path=path, number=number, revoked=len(revocations), this_update=start, next_update=start + timedelta(days=days)
    )
    signed = _signed(authority, made, revocations)
    # The index comes first: a number is never given twice (RFC 5280 5.2.3), be it that it is never used.
    files.append(authority.folder, files.ListMade(number=number, at=start))
    files.replace(files.NewFile(path, signed), random(8).hex(), "--out")
    return made


def _revocations(entries: Iterable[files.Entry]) -> Iterable[files.Revocation]:
    return (entry for entry in entries if isinstance(entry, files.Revocation))


def _signed(authority: Authority, made: RevocationList, revocations: list[files.Revocation]) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.certificate.subject,
        last_update=made.this_update,
        next_update=made.next_update,
        revoked_certificates=[_listed(revocation) for revocation in revocations],
    )
    builder = builder.add_extension(authority_key_identifier(authority.certificate), critical=False)
    builder = builder.add_extension(x509.CRLNumber(made.number), critical=False)
    return builder.sign(authority.key, signature_digest(authority.key)).public_bytes(Encoding.PEM)


def _listed(revocation: files.Revocation) -> x509.RevokedCertificate:
    """Make the list's entry; ``unspecified`` is left out of it, as RFC 5280 5.3.1 wants."""
    builder = x509.RevokedCertificateBuilder(int(revocation.serial, 16), revocation.at)
    if revocation.reason != RevocationReason.UNSPECIFIED:
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(revocation.reason)), critical=False)
    return builder.build()
