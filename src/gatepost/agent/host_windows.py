"""What Windows says of its machine: the firmware's table (SMBIOS), the DNS host name, and the version.

The table is parsed here, because Windows gives it as it is; the parser reads no byte outside of it, whatever stands in it.
Sources: DMTF DSP0134 (System Management BIOS), 6.1 and 7.2; Microsoft's documentation of GetSystemFirmwareTable.
"""

from __future__ import annotations

import ctypes
import sys
import uuid
from ctypes import POINTER, wintypes
from typing import TYPE_CHECKING, Final

from gatepost.agent.machine import Machine
from gatepost.stores.windows_api import declare, load_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.stores.windows_api import Library

_SMBIOS: Final = int.from_bytes(b"RSMB", "big")
_DNS_HOST_NAME: Final = 1
"""ComputerNameDnsHostname."""
_MAXIMUM_TABLE: Final = 1 << 20
_MAXIMUM_NAME: Final = 256
_HEADER: Final = 8
"""Bytes before the table: a byte of no interest, the version (major, minor, revision), and the table's length."""
_SYSTEM: Final = 1
"""The type of the structure that describes the system; 127 would be the end."""
_LITTLE_ENDIAN_SINCE: Final = (2, 6)


def read_windows(load: Callable[[str], Library] = load_library) -> Machine:
    """Read the machine that this Windows runs on; raises OSError on another system."""
    kernel32 = load("kernel32.dll")
    firmware = parse_smbios(_read_table(kernel32))
    return Machine(
        name=_read_name(kernel32),
        serial_number=firmware.get("serial_number"),
        device_uuid=firmware.get("device_uuid"),
        manufacturer=firmware.get("manufacturer"),
        model=firmware.get("model"),
        os_version=_version(),
    )


def _read_table(kernel32: Library) -> bytes:
    read = declare(
        kernel32,
        "GetSystemFirmwareTable",
        wintypes.UINT,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.LPVOID,
        wintypes.DWORD,
    )
    table = ctypes.create_string_buffer(_MAXIMUM_TABLE)
    size: int = read(_SMBIOS, 0, table, _MAXIMUM_TABLE)
    return table.raw[: min(size, _MAXIMUM_TABLE)]


def _read_name(kernel32: Library) -> str:
    read = declare(
        kernel32, "GetComputerNameExW", wintypes.BOOL, ctypes.c_int, wintypes.LPWSTR, POINTER(wintypes.DWORD)
    )
    name, size = ctypes.create_unicode_buffer(_MAXIMUM_NAME), wintypes.DWORD(_MAXIMUM_NAME)
    return name.value if read(_DNS_HOST_NAME, name, size) else ""


def _version() -> str:
    numbers: tuple[int, ...] = ()
    if sys.platform == "win32":
        numbers = sys.getwindowsversion().platform_version
    return f"Windows {'.'.join(map(str, numbers))}"


def parse_smbios(raw: bytes) -> dict[str, str]:
    """Find the facts of the system in the table that Windows gives; what is missing or odd is left out. Never raises."""
    version = tuple(raw[1:3])
    for kind, body, texts in _structures(raw[_HEADER:]):
        if kind == _SYSTEM:
            numbers = {"manufacturer": 4, "model": 5, "serial_number": 7}
            named = {name: _text(body, place, texts) for name, place in numbers.items()}
            named["device_uuid"] = _uuid(body[8:24], little_endian=version >= _LITTLE_ENDIAN_SINCE)
            return {name: value for name, value in named.items() if value}
    return {}


def _structures(table: bytes) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """Yield each structure's type, its formatted part, and the texts behind that, which two NULs end."""
    start = 0
    while start + 4 <= len(table) and table[start + 1] >= 4:  # noqa: PLR2004 - a structure begins with four bytes.
        behind = start + table[start + 1]
        end = table.find(b"\0\0", behind)
        if end < 0:
            return
        yield table[start], table[start:behind], table[behind:end].split(b"\0")
        start = end + 2


def _text(body: bytes, place: int, texts: list[bytes]) -> str:
    """Return the text whose number stands at a place of a structure; 0 stands for none."""
    number = body[place] if place < len(body) else 0
    return texts[number - 1].decode("utf-8", "replace").strip() if 0 < number <= len(texts) else ""


def _uuid(content: bytes, *, little_endian: bool) -> str:
    """Show a UUID as Windows and Linux do; since SMBIOS 2.6 its first three numbers have the lowest byte first."""
    if len(content) != 16:  # noqa: PLR2004 - the length of a UUID.
        return ""
    return str(uuid.UUID(bytes_le=content) if little_endian else uuid.UUID(bytes=content))
