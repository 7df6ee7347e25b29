"""The reader of DER: bounded, strict, and never surprised."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core import der
from tests import der as made


@given(content=st.binary(max_size=300), tag=st.sampled_from([0x02, 0x04, 0x30, 0x31, 0xA0, 0x82]))
def test_an_element_is_read_back_when_it_is_written_in_its_shortest_form(content: bytes, tag: int) -> None:
    """Tag and content come back, whatever the length."""
    encoded = made.tlv(tag, content)
    element = der.whole(encoded, tag)
    assert (tag, content, encoded) == (element.tag, der.content(encoded, element), der.encoded(encoded, element))


@given(items=st.lists(st.binary(max_size=9), max_size=9))
def test_children_are_read_in_their_order_when_a_sequence_holds_several(items: list[bytes]) -> None:
    """Each child is found, and none is made up."""
    encoded = made.tlv(der.SEQUENCE, *(made.tlv(4, item) for item in items))
    children = der.children(encoded, der.whole(encoded, der.SEQUENCE))
    assert items == [der.content(encoded, child) for child in children]


@given(st.binary(max_size=64))
def test_reading_raises_nothing_else_when_the_bytes_are_arbitrary(data: bytes) -> None:
    """There are elements or there is a DerError."""
    with suppress(der.DerError):
        der.children(data, der.read(data, 0, len(data)))


@pytest.mark.parametrize(
    ("encoded", "problem"),
    [
        ("", "cut short"),
        ("30", "cut short"),
        ("3001", "longer than what holds it"),
        ("30020500ff", "behind the end"),
        ("0400", "tag 0x04 where 0x30 belongs"),
        ("1f8100", "tag of several bytes"),
        ("3080050000", "a length that DER does not allow"),
        ("308500000000020500", "a length that DER does not allow"),
        ("3082", "a length that DER does not allow"),
        ("3081020500", "shortest form"),
        ("3082008005", "shortest form"),
        ("308200ff" + "00" * 255, "shortest form"),
        ("30817f" + "00" * 127, "shortest form"),
    ],
)
def test_bytes_are_refused_when_they_are_not_one_der_element(encoded: str, problem: str) -> None:
    """Indefinite, padded and overlong lengths, long tags, and bytes behind the end."""
    with pytest.raises(der.DerError, match=problem):
        der.whole(bytes.fromhex(encoded), der.SEQUENCE)


def test_a_child_is_refused_when_it_reaches_beyond_its_parent() -> None:
    """The reader never looks beyond the element that it is in."""
    data = bytes.fromhex("30030402ffff")
    with pytest.raises(der.DerError, match="longer than what holds it"):
        der.children(data, der.read(data, 0, len(data)))


_ARCS = st.tuples(st.integers(0, 1), st.integers(0, 39)) | st.tuples(st.just(2), st.integers(0, 2**70))


@given(first=_ARCS, rest=st.lists(st.integers(0, 2**70), max_size=6))
def test_an_object_identifier_is_dotted_when_it_is_in_its_shortest_form(
    first: tuple[int, int], rest: list[int]
) -> None:
    """All arcs come back, also large ones."""
    dotted = ".".join(map(str, (*first, *rest)))
    assert dotted == der.dotted(made.oid(dotted)[2:])


def test_an_object_identifier_of_128_bytes_is_read() -> None:
    """The bound itself is allowed."""
    assert der.dotted(b"\x55" * 128) == "2.5" + ".85" * 127


@pytest.mark.parametrize(
    ("identifier", "problem"),
    [
        (b"", "cut short"),
        (b"\x55\x9d", "cut short"),
        (b"\x80\x55\x1d\x25", "shortest form"),
        (b"\x55\x80\x1d\x25", "shortest form"),
        (b"\x55" + b"\x81" * 128 + b"\1", "too long"),
    ],
)
def test_an_object_identifier_is_refused_when_it_is_padded_or_endless(identifier: bytes, problem: str) -> None:
    """One identifier has one encoding, and a bound."""
    with pytest.raises(der.DerError, match=problem):
        der.dotted(identifier)
