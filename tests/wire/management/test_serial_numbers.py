"""Lists of serial numbers: what is written is read back, and no spreadsheet takes it for a formula."""

from __future__ import annotations

import pytest

from gatepost.errors import InputError
from gatepost.wire.management import serial_numbers
from gatepost.wire.management.serial_numbers import ListedSerial, read_list, write_list

NAUGHTY = ["=1+1", "+1", "-1", "@SUM(A1)", "'=x", "plain, with a comma", 'a "quote"']


def test_what_is_written_is_read_back() -> None:
    """With every naughty beginning, in both columns."""
    lines = tuple(ListedSerial(f"S{index}{text}", text) for index, text in enumerate(NAUGHTY))
    lines += tuple(ListedSerial(text, "") for text in NAUGHTY)
    assert lines == read_list(write_list(lines).encode())


def test_no_cell_begins_as_a_formula() -> None:
    """An apostrophe stands before it."""
    for line in write_list(ListedSerial(text, text) for text in NAUGHTY[:4]).splitlines()[1:]:
        assert line.startswith("'")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\xef\xbb\xbfserial_number\nS-1\n", ["S-1"]),
        (b"S-1,note\n\n s-1 \nS-2", ["S-1", "S-2"]),
        (b"serial_number,note\n", []),
    ],
)
def test_a_list_is_read_however_it_is_written(content: bytes, expected: list[str]) -> None:
    """With or without a header, notes, empty lines and a byte order mark; each serial number once."""
    assert expected == [line.serial_number for line in read_list(content)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "UTF-8"),
        (b"a,b,c", "3 columns in line 1"),
        (b"S-1\nTo be filled by O.E.M.\n", "line 2"),
        (b",note", "line 1"),
        (b"S-1," + b"x" * 1_001, "note in line 1"),
        (b'"S-1', "not CSV"),
    ],
)
def test_what_is_no_list_is_refused_with_its_line(content: bytes, words: str) -> None:
    """In words."""
    with pytest.raises(InputError, match=words):
        read_list(content)


def test_a_list_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is named."""
    monkeypatch.setattr(serial_numbers, "MAXIMUM_SERIALS", 1)
    with pytest.raises(InputError, match="at most 1"):
        read_list(b"S-1\nS-2")
