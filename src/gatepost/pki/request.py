"""What the toolkit is asked for: subjects, other names, purposes, validity, kinds of key; parsed, bounded, checked.

Values only: no key, no file and no signature is made here. Whatever a person may have written wrongly is an
`InputError` here, named by the option of ``gatepost pki`` that carries it, so that nothing is begun with a request that
cannot be met.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, assert_never

import msgspec
from cryptography import x509

from gatepost.errors import InputError

MAXIMUM_NAME_LENGTH: Final = 64
"""Characters of a CN, O or OU (RFC 5280 appendix A, ub-common-name and its kin)."""

MAXIMUM_ALTERNATIVE_NAME_LENGTH: Final = 253
"""Characters of a subject alternative name: as long as a host name (RFC 1035 2.3.4), which every check can hold."""

MAXIMUM_PATH_LENGTH: Final = 8
"""More subordinate levels than anybody has; a bound, so that a slip of the finger is noticed."""

CLOCK_ALLOWANCE: Final = timedelta(minutes=5)
"""How long before its making a certificate begins unless said otherwise, for devices whose clock is behind."""

_EARLIEST: Final = datetime(1950, 1, 1, tzinfo=UTC)
"""The first instant that a UTCTime can say (RFC 5280 4.1.2.5.1)."""

_HOST_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"(\*\.)?{_HOST_LABEL}(\.{_HOST_LABEL})*")
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX: Final = re.compile(rf"{_ATOM}(\.{_ATOM})*@{_HOST_LABEL}(\.{_HOST_LABEL})*")
"""A dot-atom and a domain (RFC 5321 4.1.2); quoted local parts are left out, as nobody's directory has them."""
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


class KeyKind(StrEnum):
    """The keys that the toolkit makes: those that a check accepts."""

    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    ED25519 = "ed25519"


class NameKind(StrEnum):
    """The kinds of subject alternative name; ``upn`` is Microsoft's user principal name, an otherName."""

    DNS = "dns"
    EMAIL = "email"
    URI = "uri"
    IP = "ip"
    UPN = "upn"


class RevocationReason(StrEnum):
    """Why a certificate is revoked (RFC 5280 5.3.1), as far as an end entity's certificate can be."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


PURPOSES: Final = {
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
}
"""The purposes of RFC 5280 4.2.1.12 that have a name here; any other is given as its object identifier."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a certificate names. Any part may be missing; without all of them the subject is empty."""

    cn: str | None = None
    organization: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        """Refuse parts that a certificate cannot hold."""
        for option, value in (("--cn", self.cn), ("--o", self.organization), ("--ou", self.unit)):
            if value is not None and not (0 < len(value) <= MAXIMUM_NAME_LENGTH and value.isprintable()):
                raise InputError(option, "cannot stand in a subject", "1 to 64 printable characters")


class AlternativeName(msgspec.Struct, frozen=True):
    """One subject alternative name; ``value`` has the form of its kind."""

    kind: NameKind
    value: str


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when a certificate is valid: both ends included, whole seconds, UTC."""

    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        """Refuse a span that is empty or that a certificate cannot say."""
        if self.not_before < _EARLIEST:
            raise InputError("--not-before", "lies before 1950", "an instant from 1950-01-01T00:00:00Z")
        if self.not_after <= self.not_before:
            raise InputError("--not-after", "does not lie after the beginning", "an instant after --not-before")


class AuthorityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate authority to be made; ``path_length`` says how many levels of others may stand below it."""

    subject: Subject
    validity: Validity
    key: KeyKind = KeyKind.P256
    path_length: int = 0


class CertificateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A client certificate to be issued.

    ``purposes`` and ``policies`` are object identifiers; with no purposes the certificate has no extended key usage.
    ``csr`` is a PKCS#10 request, PEM or DER, whose public key is certified; without it a key of the kind ``key`` is
    made.
    """

    subject: Subject
    validity: Validity
    names: tuple[AlternativeName, ...] = ()
    purposes: tuple[str, ...] = (PURPOSES["clientAuth"],)
    policies: tuple[str, ...] = ()
    key: KeyKind = KeyKind.P256
    csr: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse a certificate that would name nobody."""
        if self.subject == Subject() and not self.names:
            raise InputError(
                "--cn", "is missing, and so is --san", "a name for the certificate: --cn TEXT, --san KIND:VALUE"
            )


def validity(
    now: datetime, days: int | None, not_before: datetime | None, not_after: datetime | None, *, default_days: int
) -> Validity:
    """Put the span together: unless said otherwise from ``CLOCK_ALLOWANCE`` before ``now`` to ``default_days`` after.

    ``days`` and ``not_after`` exclude each other; ``days`` count from ``not_before`` where that is given.
    """
    if days is not None and not_after is not None:
        raise InputError("--days", "contradicts --not-after", "one of the two")
    start = now.replace(microsecond=0)
    try:
        end = not_after or (not_before or start) + timedelta(days=default_days if days is None else days)
    except OverflowError:
        raise InputError("--days", "goes beyond the year 9999", "an end before that") from None
    return Validity(not_before=not_before or start - CLOCK_ALLOWANCE, not_after=end)


def parse_alternative_name(text: str) -> AlternativeName:
    """Parse ``dns:…``, ``email:…``, ``uri:…``, ``ip:…`` or ``upn:…``."""
    prefix, colon, value = text.partition(":")
    kinds = {kind.value: kind for kind in NameKind}
    kind = kinds.get(prefix.lower()) if colon else None
    if kind is None:
        raise InputError("--san", f"{text!r} does not begin with its kind", "dns:, email:, uri:, ip: or upn:")
    if len(value) > MAXIMUM_ALTERNATIVE_NAME_LENGTH or not _has_form(kind, value):
        raise InputError("--san", f"{value!r} is no name of the kind {kind}", _FORMS[kind])
    return AlternativeName(kind, value)


_FORMS: Final = {
    NameKind.DNS: "a host name in ASCII such as laptop-1.example.com (other scripts in their xn-- form)",
    NameKind.EMAIL: "an address in ASCII such as ada@example.com",
    NameKind.URI: "a URI in ASCII with its scheme, such as urn:uuid:… or https://example.com/ada",
    NameKind.IP: "an IPv4 or IPv6 address without prefix length",
    NameKind.UPN: "1 to 253 printable characters, such as ada@corp.example",
}


def _has_form(kind: NameKind, value: str) -> bool:
    """Tell whether ``value`` can be a name of ``kind``; RFC 5280 4.2.1.6 wants ASCII in all but the last."""
    match kind:
        case NameKind.DNS:
            return _HOST_NAME.fullmatch(value) is not None
        case NameKind.EMAIL:
            return _MAILBOX.fullmatch(value) is not None
        case NameKind.URI:
            return _URI.fullmatch(value) is not None
        case NameKind.IP:
            return _is_address(value)
        case NameKind.UPN:
            return value != "" and value.isprintable()
        case _:
            assert_never(kind)


def _is_address(value: str) -> bool:
    # A zone (fe80::1%eth0) means something on one machine only, and a certificate cannot hold it.
    try:
        return "%" not in str(ip_address(value))
    except ValueError:
        return False


def parse_purposes(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Parse purposes, by name or as object identifiers; ``none`` alone stands for no extended key usage at all."""
    if texts == ("none",):
        return ()
    return tuple(dict.fromkeys(map(_parse_purpose, texts)))


def _parse_purpose(text: str) -> str:
    if text in PURPOSES:
        return PURPOSES[text]
    if _is_object_identifier(text):
        return text
    allowed = f"{', '.join(PURPOSES)}, an object identifier, or none alone"
    near = difflib.get_close_matches(text, PURPOSES, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError("--eku", f"{text!r} is not known as a purpose", allowed + hint)


def parse_policies(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Parse the object identifiers of certificate policies."""
    for text in texts:
        if not _is_object_identifier(text):
            raise InputError(
                "--policy", f"{text!r} is no object identifier", "numbers with dots, such as 1.3.6.1.4.1.5.2"
            )
    return tuple(dict.fromkeys(texts))


def _is_object_identifier(text: str) -> bool:
    try:
        return x509.ObjectIdentifier(text).dotted_string == text
    except ValueError:
        return False
