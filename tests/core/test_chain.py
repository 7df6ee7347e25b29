"""The chain: whatever is done to a line, it shows, and it shows where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.chain import START, Flaw, FlawKind, Link, Log, Place, digest_line, extend, follow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LINES = st.lists(st.binary(max_size=8), min_size=2, max_size=12)


def chain(lines: Iterable[bytes], start: Place = Place(), log: str = Log.POSTURE) -> list[Link]:  # noqa: B008 - a value.
    """Give the links of a chain."""
    links = []
    for line in lines:
        digest = digest_line(log, line)
        start = extend(start, digest)
        links.append(Link(position=start.position, log=log, digest=digest, head=start.head, line=line))
    return links


def flaws(
    links: Iterable[Link],
    start: Place = Place(),  # noqa: B008 - as above.
    known: Mapping[int, bytes] | None = None,
) -> list[Flaw]:
    """Follow it; ``known`` are its checkpoints."""
    return list(follow(start, links, known or {}))


def one(kind: FlawKind, first: int, last: int = 0) -> list[Flaw]:
    """Give the one flaw that is expected."""
    return [Flaw(kind=kind, first=first, last=last or first)]


def test_the_digests_are_those_that_the_documentation_gives() -> None:
    """They are final: whoever verifies a chain in ten years computes these."""
    (first, second) = chain((b'{"a":1}', b"{}"))
    # printf 'gatepost log line v1\0posture\0{"a":1}' | sha256sum
    assert "04016545d15db1a19fda07244ec6db47d494d31e1c3813cea6caada3ea518994" == first.digest.hex()
    assert "2efef5a390a6b339a95bbe4ebab8dfc192f1259ace928a213609b19bd1abf23c" == first.head.hex()
    assert (1, 2) == (first.position, second.position)
    assert extend(Place(1, first.head), second.digest) == Place(2, second.head)
    assert extend(Place(), first.digest).head == first.head
    assert bytes(32) == START


@given(lines=LINES, data=st.data())
def test_a_whole_chain_has_no_flaw_wherever_it_begins(lines: list[bytes], data: st.DataObject) -> None:
    """And with any of its own heads as checkpoints."""
    links = chain(lines)
    begin = data.draw(st.integers(0, len(links) - 1))
    start = Place(begin, links[begin - 1].head if begin else START)
    known = {item.position: item.head for item in data.draw(st.lists(st.sampled_from(links)))}
    later = {position: head for position, head in known.items() if position >= begin}
    assert [] == flaws(links[begin:], start, later)


@given(lines=LINES, data=st.data())
def test_a_changed_line_is_named(lines: list[bytes], data: st.DataObject) -> None:
    """Whether or not its own digest was made to fit."""
    links = chain(lines)
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(st.binary(max_size=8).filter(lambda line: line != links[at].line))
    changed = msgspec.structs.replace(links[at], line=other)
    assert one(FlawKind.CHANGED, at + 1) == flaws([*links[:at], changed, *links[at + 1 :]])
    fitted = msgspec.structs.replace(changed, digest=digest_line(changed.log, other))
    assert one(FlawKind.CHANGED, at + 1) == flaws([*links[:at], fitted, *links[at + 1 :]])
    moved = msgspec.structs.replace(links[at], log=Log.AUDIT)
    assert one(FlawKind.CHANGED, at + 1) == flaws([*links[:at], moved, *links[at + 1 :]])


@given(lines=LINES, data=st.data())
def test_a_changed_line_of_which_the_digest_alone_is_shown_is_named(lines: list[bytes], data: st.DataObject) -> None:
    """A line of another log is no hole in the chain."""
    links = [msgspec.structs.replace(item, line=None) for item in chain(lines)]
    assert [] == flaws(links)
    at = data.draw(st.integers(0, len(links) - 1))
    links[at] = msgspec.structs.replace(links[at], digest=bytes(32))
    assert one(FlawKind.CHANGED, at + 1) == flaws(links)


@given(lines=LINES, data=st.data())
def test_missing_lines_are_named(lines: list[bytes], data: st.DataObject) -> None:
    """From the first to the last of them."""
    links = chain(lines)
    first = data.draw(st.integers(0, len(links) - 2))
    last = data.draw(st.integers(first, len(links) - 2))
    assert one(FlawKind.MISSING, first + 1, last + 1) == flaws([*links[:first], *links[last + 1 :]])


@given(lines=LINES, data=st.data())
def test_lines_that_are_cut_off_are_named_by_a_checkpoint(lines: list[bytes], data: st.DataObject) -> None:
    """Without one a chain may end anywhere."""
    links = chain(lines)
    kept = data.draw(st.integers(0, len(links) - 1))
    assert [] == flaws(links[:kept])
    assert one(FlawKind.CUT, kept + 1, len(links)) == flaws(links[:kept], Place(), {len(links): links[-1].head})


@given(lines=LINES, data=st.data())
def test_a_line_that_comes_twice_is_named(lines: list[bytes], data: st.DataObject) -> None:
    """Wherever it comes the second time."""
    links = chain(lines)
    at = data.draw(st.integers(0, len(links) - 1))
    again = data.draw(st.integers(at + 1, len(links)))
    assert one(FlawKind.MOVED, at + 1) == flaws([*links[:again], links[at], *links[again:]])


@given(lines=LINES, data=st.data())
def test_two_lines_that_changed_places_are_found(lines: list[bytes], data: st.DataObject) -> None:
    """The first that is missing there, and the one that comes too late."""
    links = chain(lines)
    at = data.draw(st.integers(0, len(links) - 2))
    links[at], links[at + 1] = links[at + 1], links[at]
    found = flaws(links)
    assert one(FlawKind.MISSING, at + 1) == found[:1]
    assert one(FlawKind.MOVED, at + 1) == found[1:2]


@given(lines=LINES, other=LINES, data=st.data())
def test_a_chain_that_was_made_anew_differs_from_its_checkpoint(
    lines: list[bytes], other: list[bytes], data: st.DataObject
) -> None:
    """It holds by itself: between which checkpoints it was rewritten, they say."""
    first = chain(lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    confirmed = {at: first[at - 1].head} if at else {}
    forged = [*lines[:at], b"forged, surely", *other]
    length = min(len(forged), len(lines))
    if length <= at:
        return
    found = flaws(chain(forged), Place(), {**confirmed, length: first[length - 1].head})
    assert one(FlawKind.REWRITTEN, at + 1, length) == found


def test_a_beginning_that_no_checkpoint_confirms_is_found() -> None:
    """A chain that begins in the middle begins where a checkpoint says, or its past was rewritten."""
    links = chain((b"1", b"2", b"3"))
    assert [] == flaws(links[1:], Place(1, links[0].head), {1: links[0].head})
    assert one(FlawKind.REWRITTEN, 1) == flaws(links[1:], Place(1, links[0].head), {1: bytes(32)})
