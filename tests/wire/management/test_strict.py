"""What does not fit is refused, with a pointer to it and what would fit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest

from gatepost.errors import InputError
from gatepost.wire.management.strict import convert_strictly, decode_strictly, nearest


class Colour(StrEnum):
    """Words for the tests."""

    RED = "red"
    GREEN = "green"


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """An inner object."""

    colour: Colour | None = None
    count: int = 0


class Document(msgspec.Struct):
    """An outer object."""

    name: Annotated[str, msgspec.Meta(max_length=5)]
    items: tuple[Item, ...] = ()
    rest: dict[str, Any] | None = None


@pytest.mark.parametrize(
    ("content", "field", "problem", "allowed"),
    [
        (b"{}", "/name", "is missing", "it is required"),
        (b'{"name":1}', "/name", "is a whole number", "expected a text"),
        (b'{"name":null}', "/name", "is null", "expected a text"),
        (b'{"name":"abcdef"}', "/name", "is too long or too short", "a text of length <= 5"),
        (b"[]", "", "is a list", "expected an object"),
        (b'{"name":"a","rest":[]}', "/rest", "is a list", "expected an object or null"),
        (b'{"name":"a","items":[{},{"count":"1"}]}', "/items/1/count", "is a text", "expected a whole number"),
        (b'{"name":"a","items":[{"count":true}]}', "/items/0/count", "is true or false", "expected a whole number"),
        (
            b'{"name":"a","items":[{"colour":"gren"}]}',
            "/items/0/colour",
            "is 'gren'",
            "allowed are red, green; did you mean green?",
        ),
        (
            b'{"name":"a","items":[{"a/~b":1}]}',
            "/items/0/a~1~0b",
            "is not a field here",
            "allowed are colour, count",
        ),
    ],
)
def test_a_wrong_value_is_named_by_its_pointer(content: bytes, field: str, problem: str, allowed: str) -> None:
    """Each refusal says where, what, and what would be right."""
    with pytest.raises(InputError) as caught:
        decode_strictly(content, Document)
    assert (field, problem, allowed) == caught.value.args


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"name":"a"}x',
        b'{"name":NaN}',
        b'{"name":Infinity}',
        b'{"name":"\xff"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\\ud800\\ud800"}',
        b'{"name":"a","rest":{"a":' + b"[" * 100_000,
        b'{"name":"a","unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"name":"a","rest":{"a":' + b"9" * 100_000 + b"}}",
        b'{"name":"a","rest":{"a":1e999}}',
    ],
)
def test_what_is_no_json_is_refused_in_words(content: bytes) -> None:
    """Odd bytes, depth without end and numbers beyond measure are an `InputError` and nothing else."""
    with pytest.raises(InputError):
        decode_strictly(content, Document)


def test_of_equal_keys_the_last_counts() -> None:
    """As most parsers do it, and as the documentation says."""
    assert "b" == decode_strictly(b'{"name":"a","name":"b"}', Document).name


def test_a_converted_value_points_below_where_it_stands() -> None:
    """An inner document's pointer begins with its own place."""
    with pytest.raises(InputError) as caught:
        convert_strictly({"colour": "blue"}, Item, "/input")
    assert "/input/colour" == caught.value.field


def test_a_wrong_word_is_shown_short() -> None:
    """A message repeats no more than a line of what was sent."""
    with pytest.raises(InputError) as caught:
        convert_strictly({"colour": "x" * 10_000}, Item, "/input")
    assert len(str(caught.value)) < 300


def test_the_nearest_word_is_named_only_where_one_is_near() -> None:
    """A wild guess would not help."""
    assert "allowed are red, green" == nearest("blue", ["red", "green"])
    assert "allowed are red, green; did you mean red?" == nearest("rad", ["red", "green"])
