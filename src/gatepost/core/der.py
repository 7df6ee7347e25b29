"""A bounded reader of DER (X.690), as much of it as certificates need.

Certificates are read here and not through a library's lazy objects for two reasons: one odd extension that no criterion
asks for must not make a certificate unreadable that OpenSSL judges, and a name in a store's index has no certificate
around it. The reader takes definite lengths and one-byte tags only and never looks beyond the element that it is in.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
BOOLEAN: Final = 0x01
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18

_LONG_FORM: Final = 0x80
_HIGH_TAG: Final = 0x1F
_MAXIMUM_LENGTH_BYTES: Final = 4
"""Four bytes of length are 4 GiB: more than any certificate needs."""
_MAXIMUM_IDENTIFIER: Final = 128
"""Bytes of an object identifier; real ones have 3 to 30, and arithmetic on long ones grows with their square."""


class DerError(ValueError):
    """The bytes are not the DER that was expected; the message says what was."""


class Element(NamedTuple):
    """One element: its ``tag``, where its header begins, and where its content starts and stops."""

    tag: int
    begin: int
    start: int
    stop: int


_make = tuple.__new__


def read(data: bytes, at: int, end: int) -> Element:
    """Read the header of the element at ``at``, which must stop at or before ``end``; raises `DerError`."""
    if at + 2 > end:
        raise DerError("an element is cut short")
    tag = data[at]
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise DerError("a tag of several bytes")
    length = data[at + 1]
    start = at + 2
    if length & _LONG_FORM:
        count = length & 0x7F
        if not 0 < count <= _MAXIMUM_LENGTH_BYTES or start + count > end:
            raise DerError("a length that DER does not allow")
        length = int.from_bytes(data[start : start + count], "big")
        if length < _LONG_FORM or not data[start]:
            # With two forms of a length, one certificate would have two fingerprints (X.690, 10.1).
            raise DerError("a length that is not in its shortest form")
        start += count
    stop = start + length
    if stop > end:
        raise DerError("an element is longer than what holds it")
    # As Element(...) makes it, without the call in between: fifty of these are read for each certificate.
    return _make(Element, (tag, at, start, stop))


def expect(data: bytes, at: int, end: int, tag: int) -> Element:
    """Read one element and insist on its ``tag``; raises `DerError`."""
    element = read(data, at, end)
    if element.tag != tag:
        raise DerError(f"tag {element.tag:#04x} where {tag:#04x} belongs")
    return element


def children(data: bytes, parent: Element) -> list[Element]:
    """Read the headers of all elements inside ``parent``; raises `DerError`."""
    found = []
    at = parent.start
    while at < parent.stop:
        element = read(data, at, parent.stop)
        found.append(element)
        at = element.stop
    return found


def whole(data: bytes, tag: int) -> Element:
    """Read ``data`` as exactly one element with ``tag`` and nothing behind it; raises `DerError`."""
    element = expect(data, 0, len(data), tag)
    if element.stop != len(data):
        raise DerError("bytes behind the end")
    return element


def content(data: bytes, element: Element) -> bytes:
    """Return the content bytes of ``element``."""
    return data[element.start : element.stop]


def encoded(data: bytes, element: Element) -> bytes:
    """Return the whole element, header and content."""
    return data[element.begin : element.stop]


@lru_cache(maxsize=1024)
def dotted(identifier: bytes) -> str:
    """Turn the content of an OBJECT IDENTIFIER into dotted decimal text (X.690, 8.19); raises `DerError`."""
    if not identifier or identifier[-1] & _LONG_FORM:
        raise DerError("an object identifier is cut short")
    if len(identifier) > _MAXIMUM_IDENTIFIER:
        raise DerError("an object identifier is too long")
    arcs: list[int] = []
    value = 0
    for byte in identifier:
        if byte == _LONG_FORM and not value:
            raise DerError("an object identifier is not in its shortest form")
        value = value << 7 | byte & 0x7F
        if not byte & _LONG_FORM:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def wrap(tag: int, content: bytes) -> bytes:
    """Write an element: its tag, its length in the shortest form, its content."""
    length = len(content)
    if length < 0x80:  # noqa: PLR2004 - the short form (X.690, 8.1.3.4).
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content
