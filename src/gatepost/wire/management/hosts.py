"""Host names as people write them, and in the one form in which they are compared: IDNA's ASCII, in lower case."""

from __future__ import annotations

import re
from typing import Final

import idna

from gatepost.core.policy import Host
from gatepost.errors import InputError
from gatepost.wire.management.strict import shown

MAXIMUM_HOST: Final = 253
"""The longest host name, in characters (RFC 1035, 2.3.4)."""
MAXIMUM_PATH: Final = 1_000
"""The longest path that is taken; longer ones name no place that people protect."""

_LABEL: Final = re.compile(r"[a-z0-9_*](?:[a-z0-9_*-]{0,61}[a-z0-9_*])?", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*", re.ASCII)
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%2f|%5c|%00|%2e", re.ASCII | re.IGNORECASE)
_EXAMPLE: Final = "a host and perhaps a path, such as app.example.com, *.example.com or example.com/admin"


def parse_host(text: str, field: str) -> Host:
    """Read where an application is: ``app.example.com``, ``*.example.com/path``; raises `InputError`."""
    if "://" in text:
        raise InputError(field, f"is {shown(text)}, with a scheme", _EXAMPLE)
    name, slash, path = text.partition("/")
    return Host(_name(name, text, field), _path(slash + path, text, field))


def parse_domain(text: str, field: str) -> str:
    """Read a domain without wildcards, such as that of e-mail addresses; raises `InputError`."""
    if "*" in text:
        raise InputError(field, f"is {shown(text)}", "a domain such as example.com, without wildcards")
    return _name(text, text, field)


def _name(name: str, text: str, field: str) -> str:
    labels = name.split(".")
    encoded = [_label(label, text, field) for label in labels]
    joined = ".".join(encoded)
    if len(joined) > MAXIMUM_HOST:
        raise InputError(field, f"is longer than {MAXIMUM_HOST} characters", _EXAMPLE)
    if "*" in encoded[-1]:
        raise InputError(field, f"is {shown(text)}, which ends in a wildcard", _EXAMPLE)
    if any(label.count("*") > 1 for label in encoded):
        raise InputError(field, f"is {shown(text)}", "at most one * in each label")
    return joined


def _label(label: str, text: str, field: str) -> str:
    lower = label.lower()
    if not label.isascii():
        try:
            lower = idna.encode(label, uts46=True).decode()
        except idna.IDNAError:
            raise InputError(field, f"is {shown(text)}, no host name", _EXAMPLE) from None
    if not _LABEL.fullmatch(lower):
        raise InputError(field, f"is {shown(text)}, no host name", _EXAMPLE)
    return lower


def _path(path: str, text: str, field: str) -> str:
    """Refuse what could be read in two ways: a proxy and the application behind it must mean the same place."""
    plain = path.removesuffix("/")
    if len(path) > MAXIMUM_PATH or not _PATH.fullmatch(plain) or _ESCAPE.search(plain):
        raise InputError(field, f"is {shown(text)}, with a path that can be read in two ways", _EXAMPLE)
    segments = plain.split("/")[1:]
    if any(segment in {"", ".", ".."} or segment.count("*") > 1 for segment in segments):
        problem = f"is {shown(text)}, with an empty segment, a dot segment, or two wildcards in one"
        raise InputError(field, problem, _EXAMPLE)
    return plain
