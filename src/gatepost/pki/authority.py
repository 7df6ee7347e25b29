"""The certificate authority: make one, open it, issue with it.

The instant and the randomness of serial numbers are arguments; keys come from OpenSSL's own generator. The certificates
follow RFC 5280 as ``openssl verify -x509_strict`` reads it. Nothing is judged here: that is for ``core``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gatepost.errors import InputError, StateError
from gatepost.pki import folder as files
from gatepost.pki.extensions import authority_extensions, client_extensions, signing_path_length
from gatepost.pki.keys import (
    PrivateKey,
    PublicKey,
    generate_key,
    parse_private_key,
    parse_request_key,
    render_key,
    render_pkcs12,
    signature_digest,
)
from gatepost.pki.request import AuthorityRequest, CertificateRequest, Subject, Validity

SERIAL_BITS: Final = 159
"""Random bits of a serial number: with the sign they fill the 20 bytes of RFC 5280 4.1.2.2."""

Random = Callable[[int], bytes]
"""Gives as many random bytes as it is asked for, such as ``secrets.token_bytes``."""


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate authority that can sign: its folder, certificate and key."""

    folder: Path
    certificate: x509.Certificate
    key: PrivateKey

    @property
    def not_after(self) -> datetime:
        """When its own certificate ends."""
        return self.certificate.not_valid_after_utc


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: the files, and what the certificate says.

    ``key`` is None where a certification request brought its own, ``pkcs12`` where none was asked for; ``serial`` is
    upper-case hexadecimal, as OpenSSL prints it; names are RFC 4514 text.
    """

    certificate: Path
    key: Path | None = None
    pkcs12: Path | None = None
    subject: str
    issuer: str
    serial: str
    sha256: str
    not_before: datetime
    not_after: datetime


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Where a certificate goes: ``name.pem``, ``.key`` and, with ``pkcs12``, ``.p12``, encrypted if ``password`` is given."""

    folder: Path
    name: str
    pkcs12: bool = False
    password: bytes | None = None

    def path(self, ending: str) -> Path:
        """Give the path of the file with this ending."""
        return self.folder / f"{self.name}.{ending}"


class _Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate before it is signed."""

    subject: x509.Name
    validity: Validity
    public_key: PublicKey
    extensions: tuple[x509.Extension[x509.ExtensionType], ...]


def create_authority(
    folder: Path, request: AuthorityRequest, parent: Authority | None, now: datetime, random: Random
) -> Made:
    """Make an authority in ``folder``, new or empty: a root, or one that ``parent`` signs and lists in its own index.

    `InputError` when ``folder`` holds something already, or when ``parent`` may have no such authority below it.
    """
    if parent is not None:
        _refuse_too_deep(parent, request.path_length)
    files.make_private_folder(folder, "--ca")
    key = generate_key(request.key)
    above = None if parent is None else parent.certificate
    filled = _Filled(
        subject=_name(request.subject),
        validity=request.validity,
        public_key=key.public_key(),
        extensions=authority_extensions(key.public_key(), request.path_length, above),
    )
    issuer = (filled.subject, key) if parent is None else (parent.certificate.subject, parent.key)
    certificate = _sign(filled, issuer, random)
    if parent is not None:
        _record(parent.folder, certificate, now)
    written = [
        files.NewFile(folder / files.KEY, render_key(key), files.PRIVATE),
        files.NewFile(folder / files.INDEX, b"", files.PRIVATE),
        files.NewFile(folder / files.CERTIFICATE, certificate.public_bytes(Encoding.PEM)),
    ]
    files.write_new(written, _nonce(random), "--ca")
    return _made(certificate, folder / files.CERTIFICATE, folder / files.KEY)


def _refuse_too_deep(parent: Authority, path_length: int) -> None:
    limit = signing_path_length(parent.certificate)
    if limit == 0:
        cure = "one that was made with --path-length 1 or more"
        raise InputError("--parent", "may have no authority below it: its path length is 0", cure)
    if limit is not None and path_length >= limit:
        raise InputError("--path-length", f"{path_length} is more than the parent allows", f"at most {limit - 1}")


def open_authority(folder: Path, field: str) -> Authority:
    """Open the authority in ``folder``, which the option ``field`` named.

    `InputError` when there is none, `StateError` when its files are damaged, do not belong together or are readable by
    others.
    """
    if not (folder / files.CERTIFICATE).exists():
        raise InputError(
            field, f"there is no certificate authority in {folder}", "a folder that gatepost pki root made"
        )
    certificate = _parse_certificate(folder / files.CERTIFICATE, field)
    key = parse_private_key(files.read_key_file(folder / files.KEY, field), folder / files.KEY)
    if key.public_key() != certificate.public_key():
        raise StateError(str(folder / files.KEY), f"is not the key of {files.CERTIFICATE} beside it")
    return Authority(folder=folder, certificate=certificate, key=key)


def _parse_certificate(path: Path, field: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(files.read_bounded(path, field))
    except ValueError as error:
        raise StateError(str(path), "holds no certificate in PEM form") from error


def issue(authority: Authority, request: CertificateRequest, output: Output, now: datetime, random: Random) -> Made:
    """Issue a client certificate, enter it in the index, and write its files.

    `InputError` when one of the files exists, or when the certification request cannot be taken.
    """
    public_key, key = _subject_key(request)
    if key is None and output.pkcs12:
        raise InputError("--p12", "needs the private key, which a --csr does not bring", "--p12 without --csr")
    filled = _Filled(
        subject=_name(request.subject),
        validity=request.validity,
        public_key=public_key,
        extensions=client_extensions(request, public_key, authority.certificate),
    )
    certificate = _sign(filled, (authority.certificate.subject, authority.key), random)
    written = _rendered(certificate, key, output)
    files.make_folder(output.folder, "--out")
    files.refuse_existing([file.path for file in written], "--name")
    # The index comes first: nothing goes out that could not be revoked later.
    _record(authority.folder, certificate, now)
    files.write_new(written, _nonce(random), "--name")
    key_path = None if key is None else output.path("key")
    return _made(certificate, output.path("pem"), key_path, output.path("p12") if output.pkcs12 else None)


def _subject_key(request: CertificateRequest) -> tuple[PublicKey, PrivateKey | None]:
    if request.csr is not None:
        return parse_request_key(request.csr), None
    key = generate_key(request.key)
    return key.public_key(), key


def _rendered(certificate: x509.Certificate, key: PrivateKey | None, output: Output) -> list[files.NewFile]:
    """Render the files; the certificate is the last, so that where it stands the others do too."""
    rendered = []
    if key is not None:
        rendered.append(files.NewFile(output.path("key"), render_key(key), files.PRIVATE))
        if output.pkcs12:
            pkcs12 = render_pkcs12(output.name, key, certificate, output.password)
            rendered.append(files.NewFile(output.path("p12"), pkcs12, files.PRIVATE))
    return [*rendered, files.NewFile(output.path("pem"), certificate.public_bytes(Encoding.PEM))]


def _name(subject: Subject) -> x509.Name:
    """Put the subject together, the most general part first."""
    parts = ((NameOID.ORGANIZATION_NAME, subject.organization), (NameOID.ORGANIZATIONAL_UNIT_NAME, subject.unit))
    present = [(oid, value) for oid, value in (*parts, (NameOID.COMMON_NAME, subject.cn)) if value is not None]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in present])


def _sign(filled: _Filled, issuer: tuple[x509.Name, PrivateKey], random: Random) -> x509.Certificate:
    """Sign ``filled`` in the name and with the key of ``issuer``."""
    issuer_name, issuer_key = issuer
    builder = x509.CertificateBuilder(
        issuer_name=issuer_name,
        subject_name=filled.subject,
        public_key=filled.public_key,
        serial_number=_serial(random),
        not_valid_before=filled.validity.not_before,
        not_valid_after=filled.validity.not_after,
        extensions=list(filled.extensions),
    )
    return builder.sign(issuer_key, signature_digest(issuer_key))


def _serial(random: Random) -> int:
    """Draw a serial number of ``SERIAL_BITS``; zero, which RFC 5280 forbids, gives way to one."""
    return int.from_bytes(random(20)) >> (160 - SERIAL_BITS) or 1


def _nonce(random: Random) -> str:
    return random(8).hex()


def serial_text(serial: int) -> str:
    """Render a serial number as ``openssl x509 -serial`` does: upper-case hexadecimal, whole bytes."""
    text = f"{serial:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


def _record(folder: Path, certificate: x509.Certificate, now: datetime) -> None:
    entry = files.Issuance(
        serial=serial_text(certificate.serial_number),
        subject=certificate.subject.rfc4514_string(),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_after=certificate.not_valid_after_utc,
        at=now,
    )
    files.append(folder, entry)


def _made(certificate: x509.Certificate, path: Path, key: Path | None, pkcs12: Path | None = None) -> Made:
    return Made(
        certificate=path,
        key=key,
        pkcs12=pkcs12,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=serial_text(certificate.serial_number),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
