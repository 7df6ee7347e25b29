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


def find_application(applications: Iterable[Application], host: str, target: str) -> Application | None:
    """Return the application of a request, the one with the most specific host and then the longest path; None: there is none.

    ``host`` as in the Host line, perhaps with a port; ``target`` as in the request line: a path and perhaps a query.
    """
    name = _name(host)
    if not name or len(target) > _LONGEST or not target.startswith("/"):
        return None
    here = [(item, place) for item in applications for place in item.hosts if _covers(place.name, name)]
    path = target.partition("?")[0]
    if any(place.path for _, place in here) and _AMBIGUOUS.search(path):
        return None
    matching = [(item, place) for item, place in here if _lies_below(path, place.path)]
    return max(matching, key=lambda pair: _rank(pair[1]), default=(None, None))[0]


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
