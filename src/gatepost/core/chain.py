"""The chain of an account's logs: what makes a changed, missing, moved or cut line show.

All lines of an account, whichever log they are in, have positions one after the other, from 1. Over them::

    digest_n = SHA-256("gatepost log line v1" NUL log NUL line)         line: the JSON text, byte for byte
    head_n   = SHA-256("gatepost log chain v1" NUL head_(n-1) position_n digest_n)
    head_0   = 32 zero bytes                                             position: 8 bytes, big-endian

Who keeps a head that the account's key signed (a checkpoint) elsewhere can tell later that nothing up to it was changed.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

START: Final = bytes(32)
"""The head before the first line."""
_LINE: Final = b"gatepost log line v1\0"
_CHAIN: Final = b"gatepost log chain v1\0"


class Log(StrEnum):
    """The logs whose lines an account's chain holds."""

    POSTURE = "posture"
    AUDIT = "audit"
    ACCESS = "access"


class Place(msgspec.Struct, frozen=True, gc=False):
    """How far a chain has come: the position of its last line, and the head over all lines up to that one."""

    position: int = 0
    head: bytes = START


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One line as somebody shows it: ``line`` is its JSON text; None where nothing but its digest is shown."""

    position: int
    log: str
    digest: bytes
    head: bytes
    line: bytes | None = None


class FlawKind(StrEnum):
    """What is wrong with a chain."""

    CHANGED = "changed"
    """The line, its digest and the head after it do not belong together."""
    MISSING = "missing"
    """Lines are not there between others that are."""
    MOVED = "moved"
    """A line stands where one with a higher position was expected: it came before, or later ones did."""
    CUT = "cut"
    """A checkpoint is of a later line than the last one that is there."""
    REWRITTEN = "rewritten"
    """The chain holds by itself and is another than the one that the checkpoint was made of."""


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and the positions of the first and the last line that it concerns."""

    kind: FlawKind
    first: int
    last: int


def digest_line(log: str, line: bytes) -> bytes:
    """Return the digest of a line's JSON text in a log."""
    return hashlib.sha256(_LINE + log.encode() + b"\0" + line).digest()


def extend(place: Place, digest: bytes) -> Place:
    """Return how far a chain has come with one more line."""
    position = place.position + 1
    return Place(position, hashlib.sha256(_CHAIN + place.head + position.to_bytes(8, "big") + digest).digest())


def follow(start: Place, links: Iterable[Link], checkpoints: Mapping[int, bytes]) -> Iterator[Flaw]:
    """Go along a chain from ``start`` and give what is wrong with it; ``checkpoints`` are heads by position.

    What is wrong with one line is said once: from there the chain is followed as it shows itself.
    """
    place, confirmed = start, start.position
    if (known := checkpoints.get(start.position)) is not None and known != start.head:
        yield Flaw(kind=FlawKind.REWRITTEN, first=1, last=start.position)
    for link in links:
        if link.position <= place.position:
            yield Flaw(kind=FlawKind.MOVED, first=link.position, last=link.position)
            continue
        whole = link.line is None or digest_line(link.log, link.line) == link.digest
        if link.position > place.position + 1:
            yield Flaw(kind=FlawKind.MISSING, first=place.position + 1, last=link.position - 1)
            fits = True
        else:
            fits = extend(place, link.digest).head == link.head
        if not whole or not fits:
            yield Flaw(kind=FlawKind.CHANGED, first=link.position, last=link.position)
        place = Place(link.position, link.head)
        known = checkpoints.get(place.position)
        if known is not None:
            if known != place.head:
                yield Flaw(kind=FlawKind.REWRITTEN, first=confirmed + 1, last=place.position)
            confirmed = place.position
    if checkpoints and max(checkpoints) > place.position:
        yield Flaw(kind=FlawKind.CUT, first=place.position + 1, last=max(checkpoints))
