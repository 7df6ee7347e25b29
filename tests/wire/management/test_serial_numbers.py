"""Lists of serial numbers: what is written is read back, and no spreadsheet takes it for a formula."""

from __future__ import annotations

import csv
import io

import pytest

from gatepost.errors import InputError
from gatepost.wire.management import serial_numbers
from gatepost.wire.management.serial_numbers import ListedSerial, read_list, write_list

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "'=x", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", "'\"=1", '"=1']
SPLIT = ["x;=1+1", "x\t=1+1", "x\n=1+1", "x\r=1+1", 'a "quote"', "first\nsecond"]
NAUGHTY = [*FORMULAS, *SPLIT, "plain, with a comma", "'plain"]


def test_what_is_written_is_read_back() -> None:
    """With every naughty beginning, in both columns."""
    lines = tuple(ListedSerial(f"S{index}", text) for index, text in enumerate(NAUGHTY))
    lines += tuple(ListedSerial(text, "") for text in NAUGHTY if text.isprintable())
    assert lines == read_list(write_list(lines).encode())


@pytest.mark.parametrize("text", [*FORMULAS, *SPLIT, " =1+1", "\ufeff=1", ' "=1'])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    """An apostrophe stands before it, between quotes; also before what could be split into cells."""
    _, written = write_list([ListedSerial(text, text)]).split("\r\n", 1)
    assert written.startswith("\"'")
    assert [["'" + text] * 2] == list(csv.reader(io.StringIO(written, newline="")))
    assert written.endswith('"\r\n')


def test_a_harmless_line_is_written_as_it_is() -> None:
    """A minus or an equals sign within a word is no formula."""
    line = ListedSerial("S-1", "1 = 1 @ home's")
    assert "serial_number,note\r\nS-1,1 = 1 @ home's\r\n" == write_list([line])


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
