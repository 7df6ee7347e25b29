"""Certificates: the one place where bytes become facts or ``malformed-certificate``, and the one step to their issuer.

OpenSSL judges the signature and the constraints, in process (pyOpenSSL is imported here and nowhere else); the order
of the questions, the dates and the strength are ours, because OpenSSL reports one error a call. No path is ever built.
Sources: RFC 5280; ``docs/reference/semantics.md``, section 2.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec
from OpenSSL import crypto

from gatepost.core import der
from gatepost.core.extensions import Extensions, parse_extensions
from gatepost.core.name import DistinguishedName, parse_name
from gatepost.core.public_key import PublicKey, parse_public_key
from gatepost.core.reason import Reason

_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL does not name: the dates are judged by us, at an instant that is given."""
_REMEMBERED_LENGTH: Final = 4_096
"""Bytes of DER: devices' certificates have 400 to 2,000, so that what is remembered of OpenSSL's answers is 4 MiB at most."""
_VERSION_3: Final = 2
_MAXIMUM_SERIAL: Final = 64
"""Bytes of a serial number: RFC 5280 allows 20, some issuers more; it is shown in decimal, which has to end."""

_OPENSSL_ERRORS: Final = {
    7: Reason.SIGNATURE_INVALID,  # X509_V_ERR_CERT_SIGNATURE_FAILURE
    20: Reason.SIGNATURE_INVALID,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, the names being equal
    18: Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE,  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
    79: Reason.SIGNING_CERTIFICATE_NOT_A_CA,  # X509_V_ERR_INVALID_CA
    32: Reason.SIGNING_CERTIFICATE_NOT_A_CA,  # X509_V_ERR_KEYUSAGE_NO_CERTSIGN
    34: Reason.UNKNOWN_CRITICAL_EXTENSION,  # X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION
    **dict.fromkeys((47, 48, 49, 51, 52, 53), Reason.NAME_CONSTRAINT_VIOLATED),
}

_STRONG_SIGNATURES: Final = frozenset(
    {
        "1.2.840.113549.1.1.11",  # RSA with SHA-256, 384, 512 (RFC 8017)
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.2",  # ECDSA with SHA-256, 384, 512 (RFC 5758)
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
        "1.3.101.112",  # Ed25519 (RFC 8410)
        "1.3.101.113",  # Ed448; its key is what is not supported, and the reason shall say so
    }
)
_RSA_PSS: Final = "1.2.840.113549.1.1.10"
_STRONG_DIGESTS: Final = frozenset(bytes.fromhex(f"060960864801650304020{n}") for n in (1, 2, 3))
"""The encoded object identifiers of SHA-256, SHA-384 and SHA-512, as they stand in the parameters of RSA-PSS."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The facts of one certificate. Two are the same when their DER is (compare ``sha256``)."""

    der: bytes
    sha256: bytes
    """SHA-256 of the DER, 32 bytes."""
    version: int
    serial_number: int
    issuer: DistinguishedName
    subject: DistinguishedName
    not_before: datetime
    not_after: datetime
    public_key: PublicKey
    signature_strong: bool
    signature_algorithm: str
    """Dotted object identifier of the outer signatureAlgorithm."""
    extensions: Extensions

    @property
    def is_ca(self) -> bool:
        """Tell whether it claims to be a certificate authority: CA:TRUE, or a key usage with keyCertSign."""
        return self.extensions.ca is True or bool(
            self.extensions.key_usage and "keyCertSign" in self.extensions.key_usage
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER as 64 lower-case hex digits."""
        return self.sha256.hex()


class Malformed(msgspec.Struct, frozen=True):
    """Bytes that stand where a certificate belongs and are none; ``detail`` says where reading stopped."""

    der: bytes
    sha256: bytes
    detail: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the bytes as 64 lower-case hex digits."""
        return self.sha256.hex()


class Refusal(msgspec.Struct, frozen=True):
    """Why one step did not hold: ``step`` of section 2 (1 to 6), the reason, and what was expected and found."""

    step: int
    reason: Reason
    expected: str
    found: str


def parse_certificate(encoded: bytes) -> Certificate | Malformed:
    """Turn DER into facts, or say why not. Never raises, whatever the bytes."""
    digest = hashlib.sha256(encoded).digest()
    try:
        return _parse(encoded, digest)
    except ValueError as error:
        return Malformed(encoded, digest, str(error))


def _parse(encoded: bytes, digest: bytes) -> Certificate:
    outer = der.whole(encoded, der.SEQUENCE)
    body = der.expect(encoded, outer.start, outer.stop, der.SEQUENCE)
    algorithm = der.expect(encoded, body.stop, outer.stop, der.SEQUENCE)
    if der.expect(encoded, algorithm.stop, outer.stop, der.BIT_STRING).stop != outer.stop:
        raise der.DerError("bytes behind the signature")
    fields = der.children(encoded, body)
    version = 0
    if fields and fields[0].tag == 0xA0:  # noqa: PLR2004 - [0] EXPLICIT Version, RFC 5280, 4.1.
        inner = der.expect(encoded, fields[0].start, fields[0].stop, der.INTEGER)
        version = int.from_bytes(der.content(encoded, inner), "big", signed=True)
        fields = fields[1:]
    if len(fields) < 6:  # noqa: PLR2004 - serialNumber to subjectPublicKeyInfo, RFC 5280, 4.1.
        raise der.DerError("fields of the certificate are missing")
    serial, _, issuer, validity, subject, key = fields[:6]
    not_before, not_after = (_instant(encoded, item) for item in _pair(encoded, validity))
    oid, strong = _signature(encoded, algorithm)
    return Certificate(
        der=encoded,
        sha256=digest,
        version=version,
        serial_number=_serial_number(encoded, serial),
        issuer=parse_name(der.encoded(encoded, issuer)),
        subject=parse_name(der.encoded(encoded, subject)),
        not_before=not_before,
        not_after=not_after,
        public_key=parse_public_key(der.encoded(encoded, key)),
        signature_strong=strong,
        signature_algorithm=oid,
        extensions=_extensions(encoded, fields[6:]),
    )


def public_key_in(encoded: bytes) -> PublicKey | None:
    """Return the public key of a certificate without reading the rest; None where it has none that can be read.

    Whoever believes the certificate reads all of it (`parse_certificate`).
    """
    try:
        outer = der.whole(encoded, der.SEQUENCE)
        fields = der.children(encoded, der.expect(encoded, outer.start, outer.stop, der.SEQUENCE))
        behind = 6 if fields[0].tag == 0xA0 else 5  # noqa: PLR2004 - a version, or none, before the other fields.
        return parse_public_key(der.encoded(encoded, fields[behind]))
    except (ValueError, IndexError):
        return None


def _serial_number(encoded: bytes, serial: der.Element) -> int:
    content = der.content(encoded, serial)
    if serial.tag != der.INTEGER or not 0 < len(content) <= _MAXIMUM_SERIAL:
        raise der.DerError(f"a serial number that is no integer of 1 to {_MAXIMUM_SERIAL} bytes")
    return int.from_bytes(content, "big", signed=True)


def _pair(encoded: bytes, validity: der.Element) -> tuple[der.Element, der.Element]:
    items = der.children(encoded, validity)
    if len(items) != 2:  # noqa: PLR2004 - notBefore and notAfter.
        raise der.DerError("the validity is not a pair of times")
    return items[0], items[1]


def _instant(encoded: bytes, item: der.Element) -> datetime:
    """Read a UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5); two-digit years from 50 on are of the last century."""
    text = der.content(encoded, item)
    if item.tag == der.UTC_TIME:
        text = (b"19" if text[:2] >= b"50" else b"20") + text
    elif item.tag != der.GENERALIZED_TIME:
        raise der.DerError("a time of another type")
    if len(text) != len("20260101000000Z") or text[-1:] != b"Z" or not text[:-1].isdigit():
        raise der.DerError("a time that RFC 5280 does not allow")
    year, month, day, hour, minute, second = int(text[:4]), *(int(text[i : i + 2]) for i in range(4, 14, 2))
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _signature(encoded: bytes, algorithm: der.Element) -> tuple[str, bool]:
    """Read an AlgorithmIdentifier: its dotted identifier, and whether its digest is SHA-256 or better."""
    oid_element = der.expect(encoded, algorithm.start, algorithm.stop, der.OBJECT_IDENTIFIER)
    oid = der.dotted(der.content(encoded, oid_element))
    if oid != _RSA_PSS:
        return oid, oid in _STRONG_SIGNATURES
    try:
        digest = _pss_digest(encoded[oid_element.stop : algorithm.stop])
    except der.DerError:
        # Parameters that are missing or broken are OpenSSL's to judge, with the signature that they belong to.
        digest = b""
    return oid, digest in _STRONG_DIGESTS


def _pss_digest(parameters: bytes) -> bytes:
    """Return hashAlgorithm, [0] EXPLICIT AlgorithmIdentifier in the parameters; absent it is SHA-1 (RFC 4055, 3.1)."""
    sequence = der.whole(parameters, der.SEQUENCE)
    for item in der.children(parameters, sequence):
        if item.tag == 0xA0:  # noqa: PLR2004 - [0] hashAlgorithm.
            algorithm = der.expect(parameters, item.start, item.stop, der.SEQUENCE)
            digest = der.expect(parameters, algorithm.start, algorithm.stop, der.OBJECT_IDENTIFIER)
            return der.encoded(parameters, digest)
    return b""


def _extensions(encoded: bytes, rest: list[der.Element]) -> Extensions:
    for item in rest:
        if item.tag == 0xA3:  # noqa: PLR2004 - [3] EXPLICIT Extensions, RFC 5280, 4.1.
            return parse_extensions(encoded, der.expect(encoded, item.start, item.stop, der.SEQUENCE))
    return Extensions()


def examine_authority(authority: Certificate) -> Refusal | None:
    """Step 1: may this certificate sign others at all? None means yes. Asked at upload and at each evaluation."""
    extensions = authority.extensions
    allowed = extensions.key_usage is None or "keyCertSign" in extensions.key_usage
    if authority.version == _VERSION_3 and extensions.ca and allowed:
        return None
    found = f"version {authority.version + 1}, CA:{'TRUE' if extensions.ca else 'FALSE'}"
    if extensions.key_usage is not None:
        found += f", key usage {', '.join(sorted(extensions.key_usage)) or 'empty'}"
    expected = "version 3, CA:TRUE, key usage absent or with keyCertSign"
    return Refusal(1, Reason.SIGNING_CERTIFICATE_NOT_A_CA, expected, found)


def examine_issuance(certificate: Certificate, authority: Certificate, now: datetime, *, signs: bool) -> Refusal | None:
    """Judge the one step from ``certificate`` to ``authority`` at ``now``, in section 2's order; None: it holds.

    ``signs`` tells that a signature of the certificate's key is asked for, so that its key usage matters.
    """
    return (
        examine_authority(authority)
        or _end_entity(certificate)
        or _names(certificate, authority)
        or _openssl(certificate, authority)
        or _dates(certificate, authority, now)
        or _strength(certificate, authority, signs=signs)
    )


def excludes_issuance(certificate: Certificate, authority: Certificate, now: datetime, *, signs: bool) -> bool:
    """Tell whether `examine_issuance` refuses whatever OpenSSL says; which step gives the reason is left open."""
    refusal = (
        examine_authority(authority)
        or _end_entity(certificate)
        or _names(certificate, authority)
        or _dates(certificate, authority, now)
        or _strength(certificate, authority, signs=signs)
    )
    return refusal is not None


def _end_entity(certificate: Certificate) -> Refusal | None:
    # With that it is not the signing certificate itself either, which step 1 found to be an authority's.
    if certificate.is_ca:
        return Refusal(2, Reason.CERTIFICATE_IS_A_CA, "an end entity's certificate", "a certificate authority's")
    return None


def _names(certificate: Certificate, authority: Certificate) -> Refusal | None:
    if certificate.issuer.canonical != authority.subject.canonical:
        return Refusal(3, Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE, authority.subject.text, certificate.issuer.text)
    claimed = certificate.extensions.authority_key
    if claimed is None:
        return None
    own = authority.extensions.subject_key_identifier
    if claimed.key_identifier is not None and own is not None and claimed.key_identifier != own:
        return Refusal(3, Reason.AUTHORITY_KEY_MISMATCH, own.hex(), claimed.key_identifier.hex())
    if claimed.serial_number is not None and claimed.serial_number != authority.serial_number:
        return Refusal(3, Reason.AUTHORITY_KEY_MISMATCH, f"{authority.serial_number:x}", f"{claimed.serial_number:x}")
    # Of several names, the first counts, as for OpenSSL.
    if claimed.issuers and claimed.issuers[0].canonical != authority.issuer.canonical:
        return Refusal(3, Reason.AUTHORITY_KEY_MISMATCH, authority.issuer.text, claimed.issuers[0].text)
    return None


@lru_cache(maxsize=64)
def _trust(authority: bytes) -> crypto.X509Store:
    """Make a store that trusts one certificate alone. OpenSSL's stores may be shared between threads for verification."""
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, authority))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN | _NO_CHECK_TIME)
    return store


def _openssl(certificate: Certificate, authority: Certificate) -> Refusal | None:
    # A device asks twice within one cycle, and the same again in the next. Only small certificates are remembered, so that
    # what is remembered is bounded.
    ask = _ask_openssl if len(certificate.der) <= _REMEMBERED_LENGTH else _ask_openssl.__wrapped__
    answer = ask(certificate.der, authority.der)
    if answer is None:
        return None
    reason, found = answer
    return Refusal(4, reason, f"signed by the key of {authority.subject.text}", found)


@lru_cache(maxsize=1024)
def _ask_openssl(certificate: bytes, authority: bytes) -> tuple[Reason, str] | None:
    """Ask about signature and constraints alone, which time does not change; None means that they hold."""
    try:
        subject = crypto.load_certificate(crypto.FILETYPE_ASN1, certificate)
        chain = crypto.X509StoreContext(_trust(authority), subject).get_verified_chain()
    except crypto.X509StoreContextError as error:
        number = int(error.errors[0])
        reason = _OPENSSL_ERRORS.get(number, Reason.MALFORMED_CERTIFICATE)
        return reason, f"OpenSSL error {number}: {error.errors[2]}"
    except crypto.Error as error:
        return Reason.MALFORMED_CERTIFICATE, f"OpenSSL cannot read it: {_last_words(error)}"
    # A store of one certificate gives no other chain than the certificate and its issuer; if one did, it would not count.
    other = Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE, f"a chain of {len(chain)}"
    return None if len(chain) == 2 else other  # noqa: PLR2004 - as above.


def _last_words(error: crypto.Error) -> str:
    """Return the end of OpenSSL's queue of errors: what stands before may be of another certificate."""
    words = [reason for *_, reason in error.args[0] if reason != "nested asn1 error"]
    return "".join(words[-1:])


def _dates(certificate: Certificate, authority: Certificate, now: datetime) -> Refusal | None:
    """Both ends count (RFC 5280, 4.1.2.5)."""
    if now > certificate.not_after:
        return _date(
            Reason.CERTIFICATE_EXPIRED, f"valid at {rfc3339(now)}", f"expired at {rfc3339(certificate.not_after)}"
        )
    if now < certificate.not_before:
        found = f"valid from {rfc3339(certificate.not_before)}"
        return _date(Reason.CERTIFICATE_NOT_YET_VALID, f"valid at {rfc3339(now)}", found)
    if now > authority.not_after:
        found = f"signing certificate expired at {rfc3339(authority.not_after)}"
        return _date(Reason.SIGNING_CERTIFICATE_EXPIRED, f"signing certificate valid at {rfc3339(now)}", found)
    if now < authority.not_before:
        found = f"signing certificate valid from {rfc3339(authority.not_before)}"
        return _date(Reason.SIGNING_CERTIFICATE_NOT_YET_VALID, f"signing certificate valid at {rfc3339(now)}", found)
    return None


def _date(reason: Reason, expected: str, found: str) -> Refusal:
    return Refusal(5, reason, expected, found)


def rfc3339(instant: datetime) -> str:
    """Show an instant in UTC, to the second: ``2026-06-01T12:00:00Z``."""
    # What is in UTC already, as nearly everything here is, needs no arithmetic.
    universal = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{universal.isoformat()[:19]}Z"


def _strength(certificate: Certificate, authority: Certificate, *, signs: bool) -> Refusal | None:
    if not certificate.signature_strong:
        found = f"signature algorithm {certificate.signature_algorithm}"
        return Refusal(6, Reason.SIGNATURE_ALGORITHM_WEAK, "a signature with SHA-256 or better", found)
    for owner, key in (("", certificate.public_key), ("signing certificate's ", authority.public_key)):
        if key.kind is None:
            expected = "RSA 2048 to 8192, P-256, P-384, P-521 or Ed25519"
            return Refusal(6, Reason.KEY_UNSUPPORTED, expected, f"{owner}{key.name}")
    usage = certificate.extensions.key_usage
    if signs and usage is not None and "digitalSignature" not in usage:
        found = ", ".join(sorted(usage)) or "none"
        return Refusal(6, Reason.KEY_USAGE_UNSUITABLE, "key usage digitalSignature", found)
    return None
