"""The serial numbers that an organisation owns: ``/accounts/{a}/gatepost/serial-numbers``, as CSV.

Two columns, ``serial_number`` and ``note``, the second and the header line optional. What would be a formula in a
spreadsheet is written with an apostrophe before it, and read back without.
"""

from __future__ import annotations

import csv
import io
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
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")


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
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def write_list(lines: Iterable[ListedSerial]) -> str:
    """Write CSV that a spreadsheet takes for text alone."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(_HEADER)
    writer.writerows((_quoted(line.serial_number), _quoted(line.note)) for line in lines)
    return written.getvalue()


def _quoted(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
