"""As much DER as the test certificates need: tag, length, value; object identifiers; names with chosen string types."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum

SEQUENCE = 0x30
SET = 0x31
FIRST_YEAR_OF_UTC_TIME = 1950
LAST_YEAR_OF_UTC_TIME = 2049


class Text(IntEnum):
    """The tags of the string types that stand in names (X.680 table 8)."""

    UTF8 = 0x0C
    PRINTABLE = 0x13
    TELETEX = 0x14
    IA5 = 0x16
    BMP = 0x1E


_ENCODINGS = {Text.UTF8: "utf-8", Text.BMP: "utf-16-be"}
_ATTRIBUTES = {"CN": "2.5.4.3", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10", "OU": "2.5.4.11"}


def tlv(tag: int, *contents: bytes) -> bytes:
    """Wrap ``contents``, joined, in ``tag`` and the shortest length (X.690 8.1.3)."""
    value = b"".join(contents)
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def parts(encoded: bytes) -> list[bytes]:
    """Split the contents of one constructed element into its children, each with its tag and length."""
    start, end = _value_bounds(encoded, 0)
    children = []
    while start < end:
        _, stop = _value_bounds(encoded, start)
        children.append(encoded[start:stop])
        start = stop
    return children


def content(encoded: bytes) -> bytes:
    """Give the content of one element, without its tag and length."""
    start, end = _value_bounds(encoded, 0)
    return encoded[start:end]


def _value_bounds(encoded: bytes, offset: int) -> tuple[int, int]:
    """Give the first and the last-plus-one offset of the value of the element that begins at ``offset``."""
    length = encoded[offset + 1]
    start = offset + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(encoded[start : start + count], "big")
        start += count
    return start, start + length


def oid(dotted: str) -> bytes:
    """Encode an object identifier (X.690 8.19)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, *(_base128(arc) for arc in (40 * first + second, *rest)))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | number & 0x7F)
    return bytes(reversed(digits))


def text(value: str, kind: Text = Text.UTF8) -> bytes:
    """Encode a string as ``kind``; types of one byte a character take Latin-1, whatever their alphabet allows."""
    return tlv(kind, value.encode(_ENCODINGS.get(kind, "latin-1")))


def name(*attributes: tuple[str, str] | tuple[str, str, Text]) -> bytes:
    """Encode a name, one attribute in each set: ``name(("O", "Example"), ("CN", "root", Text.PRINTABLE))``.

    An attribute is known by its short name (CN, C, L, ST, O, OU) or by its dotted identifier.
    """
    return tlv(SEQUENCE, *(tlv(SET, _attribute(*attribute)) for attribute in attributes))


def _attribute(kind: str, value: str, string: Text = Text.UTF8) -> bytes:
    return tlv(SEQUENCE, oid(_ATTRIBUTES.get(kind, kind)), text(value, string))


def integer(value: int) -> bytes:
    """Encode an INTEGER, also one that no certificate should have (0, negative, longer than 20 bytes)."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def time(instant: datetime) -> bytes:
    """Encode a time: UTCTime from 1950 to 2049, else GeneralizedTime (RFC 5280 4.1.2.5)."""
    utc = instant.astimezone(UTC)
    if FIRST_YEAR_OF_UTC_TIME <= utc.year <= LAST_YEAR_OF_UTC_TIME:
        return tlv(0x17, f"{utc:%y%m%d%H%M%SZ}".encode())
    return tlv(0x18, f"{utc.year:04}{utc:%m%d%H%M%SZ}".encode())
