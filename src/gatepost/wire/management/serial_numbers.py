"""The serial numbers that an organisation owns: ``/accounts/{a}/gatepost/serial-numbers``, as CSV.

Two columns, ``serial_number`` and ``note``, the second and the header line optional. What would be a formula in a
spreadsheet, or could be split into cells of which one is, is written between quotes with an apostrophe before it, and read
back without.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.device import fact_key
from gatepost.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAXIMUM_LIST: Final = 4 * 1024 * 1024
"""The largest list in bytes."""
MAXIMUM_SERIALS: Final = 100_000
"""As many serial numbers as a list may have."""
_MAXIMUM_NOTE: Final = 1_000
_HEADER: Final = ("serial_number", "note")
_FORMULA: Final = re.compile(r"""[\s"'\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|'|.*[;"\n\r\t]""", re.DOTALL)
"""How a formula begins, also behind what spreadsheets pass over and in the wide forms that some read; and what splits cells."""


class ListedSerial(msgspec.Struct, frozen=True):
    """One line of a list."""

    serial_number: str
    note: str = ""


class SerialNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A serial number that is listed, and that no enrolled device has."""

    serial_number: str
    note: str


class SerialCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many serial numbers are listed now."""

    count: int


def read_list(content: bytes) -> tuple[ListedSerial, ...]:
    """Read CSV in UTF-8; raises `InputError` that names the line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("body", "is not UTF-8", "CSV: serial_number,note") from None
    found: dict[str, ListedSerial] = {}
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            line = _read_row(number, row)
            if line is not None:
                found.setdefault(fact_key(line.serial_number) or "", line)
    except csv.Error as error:
        raise InputError("body", f"is not CSV: {error}", "serial_number,note") from None
    if len(found) > MAXIMUM_SERIALS:
        raise InputError("body", f"has {len(found)} serial numbers", f"at most {MAXIMUM_SERIALS}")
    return tuple(found.values())


def _read_row(number: int, row: list[str]) -> ListedSerial | None:
    """Read one line; None for an empty one and for the header."""
    cells = [_unquoted(cell).strip() for cell in row]
    if not any(cells) or (number == 1 and tuple(cells) in {_HEADER, _HEADER[:1]}):
        return None
    if len(cells) > len(_HEADER):
        raise InputError("body", f"has {len(cells)} columns in line {number}", "serial_number,note")
    serial, note = (*cells, "")[:2]
    if fact_key(serial) is None:
        allowed = "1 to 253 printable characters, and no manufacturer's filler"
        raise InputError("body", f"has no serial number in line {number}: {serial[:80]!r}", allowed)
    if len(note) > _MAXIMUM_NOTE or "\0" in note:
        raise InputError(
            "body", f"has a note in line {number} that cannot be kept", f"at most {_MAXIMUM_NOTE} characters"
        )
    return ListedSerial(serial, note)


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def write_list(lines: Iterable[ListedSerial]) -> str:
    """Write CSV that a spreadsheet takes for text alone."""
    written = io.StringIO(newline="")
    plain, quoted = csv.writer(written), csv.writer(written, quoting=csv.QUOTE_ALL)
    plain.writerow(_HEADER)
    for line in lines:
        cells = (line.serial_number, line.note)
        harmless = not any(map(_FORMULA.match, cells))
        (plain if harmless else quoted).writerow(cells if harmless else map(_quoted, cells))
    return written.getvalue()


def _quoted(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
