"""Keychain files put together by hand, for what the files made by real Macs do not have, and for where those are not at hand.

The form is CSSM's database format as macOS writes it (Apple published its code as ``AppleDatabase.cpp``); all numbers are
words of four bytes, the most significant first::

    file    "kych"  version  size of this header (16)  offset of the schema (20)  offset of the signature (unused)
    schema  size    number of tables    offset of each table, counted from the schema
    table   size  number  records  first record  indexes  first free slot  slots, then for each slot the offset of a record,
            counted from the table; a free slot has 0, or the place of the next free one with the lowest bit set
    record  size  number  two counters  size of the data  0, then for each attribute its offset, counted from the record,
            with the lowest bit set (0: absent); the data; the attributes' values
    value   a number is a word; a text or blob is its length and its bytes, filled up to a whole word

Which attributes the records of a table have, and in which order, stands in the table of attributes (number 2).
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate, parse_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

ATTRIBUTES = 0x2
PRIVATE_KEYS = 0x10
CERTIFICATES = 0x80001000

COLUMNS = {
    # The first is a number whose text is absent now and then; a reader must count it all the same.
    CERTIFICATES: (b"CertType", b"CertEncoding", b"PrintName", b"Alias", b"Subject", b"Issuer", b"PublicKeyHash"),
    PRIVATE_KEYS: (b"KeyClass", b"PrintName", b"Alias", b"Permanent", b"Private", b"Modifiable", b"Label", b"KeyType"),
}
"""The attributes of each table, fewer than macOS has and in its order."""

Value = int | bytes | None


class Slot(msgspec.Struct, frozen=True):
    """What stands in place of a record: a free slot."""

    word: int


def words(*numbers: int) -> bytes:
    """Encode numbers of four bytes."""
    return struct.pack(f">{len(numbers)}I", *numbers)


def record(values: Sequence[Value], data: bytes = b"") -> bytes:
    """Encode a record: its attributes, None for an absent one, and its data."""
    start = 24 + 4 * len(values) + len(_filled(data))
    offsets, encoded = [], b""
    for value in values:
        offsets.append(0 if value is None else start + len(encoded) + 1)
        encoded += _value(value)
    return words(start + len(encoded), 0, 0, 0, len(data), 0, *offsets) + _filled(data) + encoded


def table(number: int, records: Sequence[bytes | Slot]) -> bytes:
    """Encode a table; a `Slot` among the records is a free one."""
    offsets, body = [], b""
    start = 28 + 4 * len(records)
    for item in records:
        offsets.append(item.word if isinstance(item, Slot) else start + len(body))
        body += b"" if isinstance(item, Slot) else item
    used = sum(isinstance(item, bytes) for item in records)
    return words(start + len(body), number, used, start, 0, 0, len(records), *offsets) + body


def schema(columns: dict[int, tuple[bytes, ...]] | None = None) -> bytes:
    """Encode the table of attributes."""
    names = [(number, name) for number, names in (columns or COLUMNS).items() for name in names]
    return table(ATTRIBUTES, [record([number, i, 0, name, None, 6]) for i, (number, name) in enumerate(names)])


def keychain(*tables: bytes) -> bytes:
    """Put a file together from its tables."""
    start = 8 + 4 * len(tables)
    offsets = [start + sum(map(len, tables[:index])) for index in range(len(tables))]
    body = words(start + sum(map(len, tables)), len(tables), *offsets) + b"".join(tables)
    return b"kych" + words(0x10000, 16, 20, 20 + len(body)) + body


def certificate(encoded: bytes, name: str | None = None) -> bytes:
    """Encode the record of a certificate under a name."""
    return record([3, 3, name if name is None else name.encode(), None, b"", b"", b""], encoded)


def private_key(owner: bytes) -> bytes:
    """Encode the record of the private key of a certificate (DER); the key itself is encrypted in a file, and here nothing."""
    certificate = parse_certificate(owner)
    assert isinstance(certificate, Certificate)
    digest = hashlib.sha1(certificate.public_key.material, usedforsecurity=False).digest()
    return record([1, b"a key", b"", 1, 1, 1, digest, 73], b"\0" * 48)


def _value(value: Value) -> bytes:
    match value:
        case None:
            return b""
        case int():
            return words(value)
        case _:
            return words(len(value)) + _filled(value)


def _filled(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)
