"""What an operating system says of the machine that it runs on, in one form for all of them; None or empty where not known."""

from __future__ import annotations

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Claims of the firmware and of the system, as they were found; nothing is judged yet."""

    name: str
    """The machine's whole name."""
    serial_number: str | None = None
    device_uuid: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    os_version: str = ""
