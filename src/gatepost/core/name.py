"""Distinguished names (RFC 5280, 4.1.2.4): how they are compared, how they are shown, and the common names in them.

Two names are equal when their attributes are, with ASCII case folded, white space collapsed and the string types set aside
(RFC 5280, 7.1, as OpenSSL's canonical encoding does it). Nothing here raises on odd characters: what cannot be decoded is
kept as bytes and equals only itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core import der

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMON_NAME: Final = "2.5.4.3"
_SHORT_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
}
"""Attribute types with a short name (RFC 4514, 3, and the two that OpenSSL's users know); others are shown dotted."""

_ENCODINGS: Final = {
    0x0C: "utf-8",  # UTF8String
    0x13: "latin-1",  # PrintableString; letters that it does not allow are read as OpenSSL reads them
    0x14: "latin-1",  # TeletexString, as every implementation reads it
    0x16: "latin-1",  # IA5String
    0x1A: "latin-1",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
"""The string types that OpenSSL compares by their text; NumericString, as there, equals only itself."""

_MAXIMUM_CACHED: Final = 1_024
"""Bytes of a name that is kept: names are under 300 bytes, and a report's author shall not fill our memory."""
_TO_SPACES: Final = dict.fromkeys(map(ord, " \t\n\r\v\f"), " ")
_ESCAPED: Final = frozenset(',+"\\<>;=')
_UPPER_TO_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

_Attribute = tuple[str, int, bytes]


class DistinguishedName(msgspec.Struct, frozen=True):
    """A name: ``encoded`` DER, ``canonical`` (equal for equal names), ``text`` (RFC 4514) and its ``common_names``."""

    encoded: bytes
    canonical: bytes
    text: str
    common_names: tuple[str, ...]


def fold(text: str) -> str:
    """Fold ASCII case and nothing else: the KELVIN SIGN is not the letter k."""
    return text.lower() if text.isascii() else text.translate(_UPPER_TO_LOWER)


def parse_name(encoded: bytes) -> DistinguishedName:
    """Parse the DER of a Name; raises `der.DerError`. Names seen before are remembered: a fleet has few issuers."""
    return _parse_cached(encoded) if len(encoded) <= _MAXIMUM_CACHED else _parse(encoded)


def _parse(encoded: bytes) -> DistinguishedName:
    # A set without attributes names nothing; OpenSSL leaves it out of the comparison too.
    relative = [group for item in _relative_names(encoded) if (group := list(_attributes(encoded, item)))]
    return DistinguishedName(
        encoded=encoded,
        canonical=repr([sorted(map(_canonical_attribute, group)) for group in relative]).encode(),
        text=",".join("+".join(map(_shown_attribute, group)) for group in reversed(relative)),
        # One that cannot be decoded still counts, as a text that no template can equal.
        common_names=tuple(
            "\0" if (text := decode_text(tag, value)) is None else text
            for group in relative
            for kind, tag, value in group
            if kind == _COMMON_NAME
        ),
    )


_parse_cached = lru_cache(maxsize=4096)(_parse)


def _relative_names(encoded: bytes) -> list[der.Element]:
    return der.children(encoded, der.whole(encoded, der.SEQUENCE))


def _attributes(encoded: bytes, relative: der.Element) -> Iterator[_Attribute]:
    if relative.tag != der.SET:
        raise der.DerError("a relative distinguished name is not a SET")
    for attribute in der.children(encoded, relative):
        kind = der.expect(encoded, attribute.start, attribute.stop, der.OBJECT_IDENTIFIER)
        value = der.read(encoded, kind.stop, attribute.stop)
        yield der.dotted(der.content(encoded, kind)), value.tag, der.content(encoded, value)


def decode_text(tag: int, value: bytes) -> str | None:
    """Decode a string by the type that its ``tag`` names; None where it is no string, or no right one."""
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return None
    try:
        return value.decode(encoding)
    except UnicodeDecodeError:
        return None


def _canonical_attribute(attribute: _Attribute) -> tuple[str, str, bytes]:
    kind, tag, value = attribute
    text = decode_text(tag, value)
    if text is None:
        return kind, "", bytes((tag,)) + value
    words = [word for word in fold(text).translate(_TO_SPACES).split(" ") if word]
    return kind, " ".join(words), b""


def _shown_attribute(attribute: _Attribute) -> str:
    kind, tag, value = attribute
    text = decode_text(tag, value)
    shown = f"#{tag:02x}{value.hex()}" if text is None else _escape(text)
    return f"{_SHORT_NAMES.get(kind, kind)}={shown}"


def _escape(text: str) -> str:
    """Escape for RFC 4514, 2.4, and control characters too, so that a name cannot paint a terminal or a log."""
    out = [f"\\{char}" if char in _ESCAPED else char if char.isprintable() else _hexadecimal(char) for char in text]
    if out and text[0] in " #":
        out[0] = f"\\{text[0]}"
    if len(out) > 1 and text[-1] == " ":
        out[-1] = "\\ "
    return "".join(out)


def _hexadecimal(char: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in char.encode("utf-8", "replace"))
