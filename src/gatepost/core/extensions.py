"""The extensions that a check asks about (RFC 5280, 4.2.1), read one by one.

An extension that no criterion asks for is passed over, so that an odd one does not hide a certificate; which critical
ones are unknown is OpenSSL's to say. The same extension twice makes a certificate malformed (RFC 5280, 4.2).
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.core import der
from gatepost.core.name import DistinguishedName, decode_text, parse_name

if TYPE_CHECKING:
    from collections.abc import Callable

_Value = TypeVar("_Value")

KEY_USAGES: Final = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
"""The bits of KeyUsage in their order (RFC 5280, 4.2.1.3)."""

_SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
_KEY_USAGE: Final = "2.5.29.15"
_SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_CERTIFICATE_POLICIES: Final = "2.5.29.32"
_AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
_EXTENDED_KEY_USAGE: Final = "2.5.29.37"
_UPN: Final = "1.3.6.1.4.1.311.20.2.3"
_MAXIMUM_NAMES: Final = 1_000
"""Certificates of devices hold a handful; a list without end is an attack on whoever compares it."""


_REMEMBERED_LENGTH: Final = 256
"""Bytes of an extension's value: the ones that many certificates share have 2 to 100."""


class NameKind(StrEnum):
    """The kinds of subject alternative name that a check can ask for; the values are the prefixes in templates."""

    DNS = "dns"
    EMAIL = "email"
    URI = "uri"
    IP = "ip"
    UPN = "upn"


class AlternativeName(msgspec.Struct, frozen=True):
    """One subject alternative name: its kind and its text (an IP address in its usual form)."""

    kind: NameKind
    value: str


class AuthorityKey(msgspec.Struct, frozen=True):
    """AuthorityKeyIdentifier: the key's identifier, or the issuer's names and serial number, or both."""

    key_identifier: bytes | None = None
    issuers: tuple[DistinguishedName, ...] = ()
    serial_number: int | None = None


class Extensions(msgspec.Struct, frozen=True, kw_only=True):
    """What the extensions say; None means that the extension is absent."""

    ca: bool | None = None
    key_usage: frozenset[str] | None = None
    purposes: tuple[str, ...] | None = None
    """Extended key usages, as dotted identifiers."""
    alternative_names: tuple[AlternativeName, ...] = ()
    subject_key_identifier: bytes | None = None
    authority_key: AuthorityKey | None = None
    policies: tuple[str, ...] = ()
    """Certificate policies, as dotted identifiers."""


def _remember(parse: Callable[[bytes], _Value]) -> Callable[[bytes], _Value]:
    """Remember what an extension says that is the same in most certificates of one CA, where it is short."""
    remembered = lru_cache(maxsize=256)(parse)

    def parse_remembered(value: bytes) -> _Value:
        return remembered(value) if len(value) <= _REMEMBERED_LENGTH else parse(value)

    return parse_remembered


def parse_extensions(encoded: bytes, sequence: der.Element) -> Extensions:
    """Read the Extensions at ``sequence``; raises `der.DerError` where one that matters is broken or stands twice."""
    values: dict[str, bytes] = {}
    for extension in der.children(encoded, sequence):
        identifier = der.expect(encoded, extension.start, extension.stop, der.OBJECT_IDENTIFIER)
        oid = der.dotted(der.content(encoded, identifier))
        value = der.read(encoded, identifier.stop, extension.stop)
        if value.tag == der.BOOLEAN:
            value = der.read(encoded, value.stop, extension.stop)
        if value.tag != der.OCTET_STRING:
            raise der.DerError(f"extension {oid} has no value")
        if oid in values:
            raise der.DerError(f"extension {oid} stands twice")
        values[oid] = der.content(encoded, value)
    return Extensions(
        ca=_read(values, _BASIC_CONSTRAINTS, _basic_constraints),
        key_usage=_read(values, _KEY_USAGE, _key_usage),
        purposes=_read(values, _EXTENDED_KEY_USAGE, _purposes),
        alternative_names=_read(values, _SUBJECT_ALTERNATIVE_NAME, _alternative_names) or (),
        subject_key_identifier=_read(values, _SUBJECT_KEY_IDENTIFIER, _key_identifier),
        authority_key=_read(values, _AUTHORITY_KEY_IDENTIFIER, _authority_key),
        policies=_read(values, _CERTIFICATE_POLICIES, _policies) or (),
    )


def _read(values: dict[str, bytes], oid: str, parse: Callable[[bytes], _Value]) -> _Value | None:
    """Parse the extension ``oid``, if it is there; what is wrong with it is told with its name."""
    value = values.get(oid)
    if value is None:
        return None
    try:
        return parse(value)
    except der.DerError as error:
        raise der.DerError(f"extension {oid}: {error}") from error


@_remember
def _basic_constraints(value: bytes) -> bool:
    fields = der.children(value, der.whole(value, der.SEQUENCE))
    if not fields or fields[0].tag != der.BOOLEAN:
        return False
    flag = der.content(value, fields[0])
    if len(flag) != 1:
        raise der.DerError("a boolean of another length")
    return flag != b"\0"


@_remember
def _key_usage(value: bytes) -> frozenset[str]:
    unused, *bits = der.content(value, der.whole(value, der.BIT_STRING)) or (8,)
    if unused > 7:  # noqa: PLR2004 - the bits of the last byte that do not count (X.690, 8.6.2).
        raise der.DerError("a key usage that is no bit string")
    count = 8 * len(bits) - unused
    return frozenset(
        name for index, name in enumerate(KEY_USAGES) if index < count and bits[index // 8] & 0x80 >> index % 8
    )


@_remember
def _purposes(value: bytes) -> tuple[str, ...]:
    items = der.children(value, der.whole(value, der.SEQUENCE))
    return tuple(der.dotted(der.content(value, item)) for item in items if item.tag == der.OBJECT_IDENTIFIER)


def _alternative_names(value: bytes) -> tuple[AlternativeName, ...]:
    items = der.children(value, der.whole(value, der.SEQUENCE))
    if len(items) > _MAXIMUM_NAMES:
        raise der.DerError(f"more than {_MAXIMUM_NAMES} subject alternative names")
    return tuple(name for item in items if (name := _general_name(value, item)) is not None)


def _general_name(value: bytes, item: der.Element) -> AlternativeName | None:
    """Read one GeneralName (RFC 5280, 4.2.1.6); kinds that no check asks for give None."""
    content = der.content(value, item)
    match item.tag:
        case 0x81:
            return AlternativeName(NameKind.EMAIL, content.decode("ascii", "surrogateescape"))
        case 0x82:
            return AlternativeName(NameKind.DNS, content.decode("ascii", "surrogateescape"))
        case 0x86:
            return AlternativeName(NameKind.URI, content.decode("ascii", "surrogateescape"))
        case 0x87 if len(content) in {4, 16}:
            return AlternativeName(NameKind.IP, str(ipaddress.ip_address(content)))
        case 0xA0:
            return _other_name(value, item)
        case _:
            return None


def _other_name(value: bytes, item: der.Element) -> AlternativeName | None:
    """Read an otherName that is a user principal name: a string under Microsoft's identifier, of whatever type."""
    identifier = der.expect(value, item.start, item.stop, der.OBJECT_IDENTIFIER)
    if der.dotted(der.content(value, identifier)) != _UPN:
        return None
    try:
        explicit = der.read(value, identifier.stop, item.stop)
        string = der.read(value, explicit.start, explicit.stop)
    except der.DerError:
        return None  # Any type may stand there, also one whose tag we do not read; such a name is no text.
    text = decode_text(string.tag, der.content(value, string))
    return None if text is None else AlternativeName(NameKind.UPN, text)


def _key_identifier(value: bytes) -> bytes:
    return der.content(value, der.whole(value, der.OCTET_STRING))


@_remember
def _authority_key(value: bytes) -> AuthorityKey:
    identifier: bytes | None = None
    issuers: tuple[DistinguishedName, ...] = ()
    serial: int | None = None
    for item in der.children(value, der.whole(value, der.SEQUENCE)):
        match item.tag:
            case 0x80:
                identifier = der.content(value, item)
            case 0xA1:
                names = der.children(value, item)
                issuers = tuple(parse_name(der.content(value, name)) for name in names if name.tag == 0xA4)  # noqa: PLR2004 - directoryName.
            case 0x82:
                serial = int.from_bytes(der.content(value, item), "big", signed=True)
            case _:
                continue
    return AuthorityKey(identifier, issuers, serial)


@_remember
def _policies(value: bytes) -> tuple[str, ...]:
    items = der.children(value, der.whole(value, der.SEQUENCE))
    found = (der.expect(value, item.start, item.stop, der.OBJECT_IDENTIFIER) for item in items)
    return tuple(der.dotted(der.content(value, item)) for item in found)
