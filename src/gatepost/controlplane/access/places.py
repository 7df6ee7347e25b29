"""Places: which application a host and a path belong to.

What could be read in two ways, by a proxy and by the application behind it, belongs to none: an escaped letter, digit, slash, dot
or other mark that nobody needs to escape, an escape of an escape, an empty or a dot segment, a semicolon, a backslash. That is
asked only of hosts of which an application has a part.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gatepost.errors import InputError
from gatepost.wire.management.hosts import parse_domain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.core.policy import Application, Host

_AMBIGUOUS: Final = re.compile(
    r"%(?![0-9a-f]{2})"  # no escape
    r"|%(?:00|2[3def]|3[0-9f]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9ae])"  # NUL # - . / digits ? letters backslash _ ~
    r"|%25[0-9a-f]{2}"  # an escape of an escape
    r"|[\\\x00#;]|//|/\.{1,2}(?:/|$)",
    re.ASCII | re.IGNORECASE,
)
_LONGEST: Final = 8_192
_REMEMBERED: Final = 4_096
"""Hosts, as clients spell them, whose applications are not looked for again."""


class Directory:
    """Applications by their places. Safe to use from many threads."""

    def __init__(self, applications: Iterable[Application]) -> None:
        """Take the applications; they never change."""
        self._applications = tuple(applications)
        self._by_host: dict[str, tuple[tuple[Application, Host], ...]] = {}

    def find(self, host: str, target: str) -> Application | None:
        """Return the application of a request, that with the most specific host and then the longest path; None: there is none.

        ``host`` as in the Host line, perhaps with a port; ``target`` as in the request line: a path and perhaps a query.
        """
        if len(target) > _LONGEST or not target.startswith("/"):
            return None
        here = self._by_host.get(host)
        if here is None:
            here = self._here(host)
        if not here:
            return None
        if not any(place.path for _, place in here):
            return here[0][0]
        path = target.partition("?")[0]
        if _AMBIGUOUS.search(path):
            return None
        return next((item for item, place in here if _lies_below(path, place.path)), None)

    def _here(self, host: str) -> tuple[tuple[Application, Host], ...]:
        name = _name(host)
        found = [(item, place) for item in self._applications for place in item.hosts if _covers(place.name, name)]
        here = tuple(sorted(found, key=lambda pair: _rank(pair[1]), reverse=True)) if name else ()
        if len(self._by_host) >= _REMEMBERED:
            self._by_host = {}
        self._by_host[host] = here
        return here


def _name(host: str) -> str:
    """Return a host's name in the form in which they are compared, without its port; "" where it is none."""
    name, colon, port = host.partition(":")
    if colon and not (port.isascii() and port.isdigit()):
        return ""
    try:
        return parse_domain(name.removesuffix("."), "host")
    except InputError:
        return ""


def _covers(pattern: str, name: str) -> bool:
    """Tell whether a host's pattern covers a name: ``*`` any characters in a label; alone as the leftmost, any labels."""
    wanted, labels = pattern.split("."), name.split(".")
    if wanted[0] == "*" and len(wanted) > 1:
        rest = len(wanted) - 1
        if len(labels) <= rest:
            return False
        wanted, labels = wanted[1:], labels[-rest:]
    return len(wanted) == len(labels) and all(map(_fits, wanted, labels))


def _fits(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


def _lies_below(path: str, place: str) -> bool:
    wanted, found = place.split("/"), path.split("/")
    return len(found) >= len(wanted) and all(map(_fits, wanted, found))


def _rank(place: Host) -> tuple[int, int, int, int]:
    """Order places: without wildcards before those with, then by their number of labels, then by segments and length."""
    return (
        -place.name.count("*"),
        place.name.count("."),
        place.path.count("/"),
        len(place.path) - place.path.count("*"),
    )
