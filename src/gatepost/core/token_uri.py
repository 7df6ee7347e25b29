"""PKCS#11 URIs (RFC 7512): which token a check names, and which certificates in it. Nothing is opened here.

What is not known is refused rather than passed over: an attribute that is not understood would make a URI name more than it
says. A PIN in a URI is refused always, because checks travel and are shown. Which module is loaded and which file a PIN lies
in, the device's own settings decide; a URI may choose among those.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from gatepost.errors import InputError

SCHEME: Final = "pkcs11:"
_MAXIMUM_URI: Final = 1_024
"""Characters, as many as a report can carry; an ordinary one has fifty."""
_MAXIMUM_SLOT: Final = (1 << 64) - 1


class _Grammar(msgspec.Struct, frozen=True):
    """The attributes of a part of a URI, and what may stand in a value as it is (RFC 7512, 2.3: pk11-pchar, pk11-qchar)."""

    names: tuple[str, ...]
    value: re.Pattern[str]


_IN_PATH: Final = _Grammar(
    ("token", "manufacturer", "serial", "model", "slot-id", "object", "id", "type"),
    re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=&-]|%[0-9A-Fa-f]{2})*"),
)
_IN_QUERY: Final = _Grammar(
    ("module-path", "module-name", "pin-source"),
    re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=/?|-]|%[0-9A-Fa-f]{2})*"),
)
_ENCODED: Final = re.compile(rb"%(..)")
_PATH: Final = re.compile(r"(?:file:(?://)?)?(/[^/].*)")


class TokenUri(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed URI. What is None is not asked for; texts are without the padding that tokens' own fields have."""

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    slot: int | None = None
    label: str | None = None
    """The label of the certificate (the attribute ``object``)."""
    id: bytes | None = None
    """The CKA_ID of the certificate."""
    module_path: str | None = None
    module_name: str | None = None
    pin_source: str | None = None
    """An absolute path."""


def parse_token_uri(text: str, field: str) -> TokenUri:
    """Parse a URI; the `InputError` for what is none, or is none of ours, names ``field``."""
    if len(text) > _MAXIMUM_URI:
        raise InputError(field, f"has {len(text)} characters", f"at most {_MAXIMUM_URI}")
    if not text.startswith(SCHEME):
        raise InputError(field, "is no PKCS#11 URI", "such as pkcs11:token=device")
    path, _, query = text.removeprefix(SCHEME).partition("?")
    where = _split(path, ";", _IN_PATH, field)
    how = _split(query, "&", _IN_QUERY, field)
    _refuse_type(where.get("type"), field)
    return TokenUri(
        token=_text(where, "token", field),
        manufacturer=_text(where, "manufacturer", field),
        serial=_text(where, "serial", field),
        model=_text(where, "model", field),
        slot=_slot(where.get("slot-id"), field),
        label=_text(where, "object", field),
        id=where.get("id"),
        module_path=_path(how, "module-path", field),
        module_name=_text(how, "module-name", field),
        pin_source=_path(how, "pin-source", field),
    )


def _split(part: str, separator: str, grammar: _Grammar, field: str) -> dict[str, bytes]:
    """Take the attributes of a path or a query apart, and decode their values."""
    found: dict[str, bytes] = {}
    for attribute in part.split(separator) if part else ():
        name, _, value = attribute.partition("=")
        _refuse(name, value, grammar, field)
        if name in found:
            raise InputError(field, f"has the attribute {name!r} twice", "each once")
        found[name] = _ENCODED.sub(_byte, value.encode())
    return found


def _byte(encoded: re.Match[bytes]) -> bytes:
    return bytes((int(encoded[1], 16),))


def _refuse(name: str, value: str, grammar: _Grammar, field: str) -> None:
    if name == "pin-value":
        # The value is not repeated in the message.
        problem = "has a PIN in it, which would travel with the check and be shown with it"
        raise InputError(field, problem, "name a file with the PIN in the device's own settings")
    if not value:
        problem = f"has the attribute {name!r} without a value"
        raise InputError(field, problem, "each is NAME=VALUE, with ; between them, and & behind the ?")
    if name not in grammar.names:
        raise InputError(field, f"has the unknown attribute {name!r}", f"known here are {', '.join(grammar.names)}")
    if not grammar.value.fullmatch(value):
        problem = f"has a character in {name!r} that cannot stand there as it is"
        raise InputError(field, problem, "write it as % and two hex digits, such as %20 for a space")


def _refuse_type(kind: bytes | None, field: str) -> None:
    if kind not in {None, b"cert"}:
        problem = "has a type that is no certificate"
        raise InputError(field, problem, "leave type out, or write type=cert: the key is found by its certificate")


def _text(found: dict[str, bytes], name: str, field: str) -> str | None:
    """Decode a text. Tools print the padding of a token's fields too: spaces, or zeros where the module was careless."""
    if name not in found:
        return None
    try:
        text = found[name].decode().rstrip("\0 ")
    except UnicodeDecodeError:
        raise InputError(field, f"has no UTF-8 text in {name!r}") from None
    if not text.isprintable() or not text:
        raise InputError(field, f"has no text that prints in {name!r}")
    return text


def _slot(digits: bytes | None, field: str) -> int | None:
    if digits is None:
        return None
    if not digits.isdigit() or int(digits[:21]) > _MAXIMUM_SLOT:
        raise InputError(field, "has no number in 'slot-id'", f"0 to {_MAXIMUM_SLOT}")
    return int(digits)


def _path(found: dict[str, bytes], name: str, field: str) -> str | None:
    """Decode an absolute path, also one written as a ``file:`` URI; a program to run (``|PROGRAM``) is none."""
    text = _text(found, name, field)
    if text is None:
        return None
    path = _PATH.fullmatch(text)
    if path is None:
        raise InputError(field, f"has no absolute path in {name!r}", "such as /etc/gatepost/pin")
    return path[1]
