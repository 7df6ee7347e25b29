"""The serial numbers of the devices that an organisation owns."""

from __future__ import annotations

from typing import Protocol

import msgspec


class OwnedSerial(msgspec.Struct, frozen=True, kw_only=True):
    """One serial number as it was given, and the form in which it is compared (`core.device.fact_key`)."""

    serial_key: str
    serial_number: str
    note: str = ""
    added_at: int


class SerialNumbers(Protocol):
    """The list; it is replaced as a whole."""

    def replace(self, account: int, listed: tuple[OwnedSerial, ...]) -> None:
        """Put another list in the place of the one before."""
        ...

    def page(self, account: int, after: str, limit: int) -> tuple[OwnedSerial, ...]:
        """Return those with a key above ``after``, in order, at most ``limit``."""
        ...

    def holds(self, account: int, serial_key: str) -> bool:
        """Tell whether one is listed."""
        ...

    def missing(self, account: int, after: str, limit: int) -> tuple[OwnedSerial, ...]:
        """Return those above ``after`` that no device with a registration that counts has."""
        ...
