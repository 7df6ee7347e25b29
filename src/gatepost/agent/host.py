"""What this host says of itself: the facts of the device, read from the operating system.

Linux is read here, Windows in a file of its own. Facts are claims: the server keeps those of the enrolment.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Final

import msgspec

from gatepost.agent.machine import Machine
from gatepost.core.device import DeviceFacts, usable_fact

_DMI: Final = Path("/sys/class/dmi/id")
_OS_RELEASE: Final = Path("/etc/os-release")
_MAXIMUM_FACT: Final = 4096
"""More than any firmware writes into one of these files."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """The facts for templates, and what pages and logs show beside them (empty where not known)."""

    facts: DeviceFacts
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    os_version: str = ""


def read_host(overrides: dict[str, str] | None = None) -> Host:
    """Read this host. ``overrides`` replace facts by name (their names are checked by the caller)."""
    machine = _read_machine()
    facts = {
        "serial_number": machine.serial_number,
        "hostname": machine.name.partition(".")[0],
        "device_uuid": machine.device_uuid,
        **(overrides or {}),
    }
    return Host(
        facts=DeviceFacts(**{name: value if usable_fact(value) else None for name, value in facts.items()}),
        name=machine.name,
        manufacturer=machine.manufacturer or "",
        model=machine.model or "",
        os_version=machine.os_version,
    )


def _read_machine() -> Machine:
    if sys.platform == "win32":
        from gatepost.agent.host_windows import read_windows  # noqa: PLC0415 - it is of use on Windows alone.

        machine = read_windows()
    else:
        machine = _read_linux()
    return machine


def _read_linux() -> Machine:
    return Machine(
        name=socket.gethostname(),
        serial_number=_firmware("product_serial"),
        device_uuid=_firmware("product_uuid"),
        manufacturer=_firmware("sys_vendor"),
        model=_firmware("product_name"),
        os_version=_os_version(),
    )


def _firmware(name: str) -> str | None:
    """Read one SMBIOS string; the serial number and the UUID are for root alone."""
    return _read(_DMI / name)


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_MAXIMUM_FACT).decode("utf-8", "replace").strip() or None
    except OSError:
        return None


def _os_version() -> str:
    for line in (_read(_OS_RELEASE) or "").splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip('"')
    return ""
