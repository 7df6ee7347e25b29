"""The firmware's table, as Windows gives it: what is found in it, and that no table can do harm."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.agent.host_windows import parse_smbios, read_windows

UUID = "00112233-4455-6677-8899-aabbccddeeff"
TEXTS = (b"Example Inc.", b"Book 3 ", b"1.0", b"S-4711")


def _structure(kind: int, body: bytes, *texts: bytes) -> bytes:
    return bytes([kind, 4 + len(body), 1, 0]) + body + (b"".join(text + b"\0" for text in texts) or b"\0") + b"\0"


def _system(identifier: bytes = uuid.UUID(UUID).bytes_le, numbers: bytes = b"\1\2\3\4") -> bytes:
    return _structure(1, numbers + identifier + b"\6\0\0", *TEXTS)


def _table(*structures: bytes, version: tuple[int, int] = (3, 2)) -> bytes:
    content = b"".join(structures) + _structure(127, b"")
    return bytes([0, *version, 0]) + len(content).to_bytes(4, "little") + content


BIOS = _structure(0, bytes(20), b"Vendor", b"1.2.3")


def test_the_system_is_described_by_its_structure() -> None:
    """Manufacturer, model, serial number and UUID; others come before it."""
    expected = {
        "manufacturer": "Example Inc.",
        "model": "Book 3",
        "serial_number": "S-4711",
        "device_uuid": UUID,
    }
    assert expected == parse_smbios(_table(BIOS, _system()))


def test_a_uuid_has_its_highest_byte_first_when_the_table_is_old() -> None:
    """Until SMBIOS 2.5."""
    table = _table(_system(uuid.UUID(UUID).bytes), version=(2, 5))
    assert UUID == parse_smbios(table)["device_uuid"]


@pytest.mark.parametrize("numbers", [b"\0\0\0\0", b"\5\6\7\xff"])
def test_a_text_is_left_out_when_there_is_none_of_its_number(numbers: bytes) -> None:
    """0 stands for none, and a number may be wrong."""
    assert {"device_uuid": UUID} == parse_smbios(_table(_system(numbers=numbers)))


def test_a_short_structure_has_what_it_has() -> None:
    """SMBIOS 2.0 knew no UUID."""
    assert {"manufacturer": "Example Inc."} == parse_smbios(_table(_structure(1, b"\1", *TEXTS)))


@pytest.mark.parametrize(
    "table", [b"", b"\0\3\2\0", _table(BIOS), _table(_system())[:60], _table()[:8] + b"\1\0\0\0" * 100]
)
def test_nothing_is_known_when_the_table_does_not_say(table: bytes) -> None:
    """Empty, without the structure, cut off, or one whose structures have no length."""
    assert {} == parse_smbios(table)


@given(st.binary(max_size=200).map(lambda content: b"\0\3\2\0\0\0\0\0" + content))
def test_no_table_does_harm(table: bytes) -> None:
    """Whatever stands in it, the answer is a few texts."""
    assert set(parse_smbios(table)) <= {"manufacturer", "model", "serial_number", "device_uuid"}


@given(st.integers(0, 120), st.integers(0, 255))
def test_no_byte_of_a_table_does_harm(place: int, value: int) -> None:
    """One byte of a good table is another."""
    table = bytearray(_table(BIOS, _system()))
    table[place % len(table)] = value
    assert set(parse_smbios(bytes(table))) <= {"manufacturer", "model", "serial_number", "device_uuid"}


@pytest.mark.skipif("sys.platform == 'win32'", reason="this is a Windows")
def test_there_is_nothing_to_read_when_this_is_no_windows() -> None:
    """Its libraries are not here."""
    with pytest.raises(OSError, match=r"kernel32\.dll is a library of Windows"):
        read_windows()
