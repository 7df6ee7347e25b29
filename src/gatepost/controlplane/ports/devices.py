"""Devices and their registrations."""

from __future__ import annotations

from typing import Protocol

import msgspec

from gatepost.core.device import DeviceFacts


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A physical device, as recorded at enrolment."""

    number: int
    id: str
    account: int
    name: str
    facts: DeviceFacts
    details: bytes
    """JSON object: ``client_version, device_type, manufacturer, model, os_version``… as the agent gave them."""
    created_at: int
    updated_at: int
    device_type: str = "linux"
    """The operating system that it enrolled with, in the API's word."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolment of a device: its key (``public_key``: uncompressed P-256 point, 65 bytes) and how far its reports came."""

    number: int
    id: str
    account: int
    device: Device
    public_key: bytes
    thumbprint: bytes
    """RFC 7638 thumbprint of the device key, 32 bytes; unique."""
    user_email: str | None = None
    created_at: int
    last_seen_at: int
    last_sequence: int = 0
    last_digest: bytes = b""
    revoked_at: int | None = None


class Devices(Protocol):
    """Devices and their registrations."""

    def add(self, device: Device) -> Device:
        """Store a device and return it with its number."""
        ...

    def register(self, registration: Registration) -> Registration:
        """Store a registration of a stored device and return it with its number. Raises ConflictError for a known key."""
        ...

    def find(self, account: int, registration_id: str) -> Registration | None:
        """Return one registration with its device."""
        ...

    def find_many(self, account: int, registration_ids: tuple[str, ...]) -> dict[str, Registration]:
        """Return those that exist, by id: a group of reports asks once."""
        ...

    def by_numbers(self, account: int, numbers: tuple[int, ...]) -> dict[int, Registration]:
        """Return those that exist, by number."""
        ...

    def by_thumbprint(self, thumbprint: bytes) -> Registration | None:
        """Return the registration that holds this device key, in whatever account."""
        ...

    def of_user(self, account: int, email: str) -> tuple[Registration, ...]:
        """Return the registrations of the user with this e-mail address (in lower case), oldest first, at most 1,000."""
        ...

    def all(self, account: int, after: int, limit: int) -> tuple[Registration, ...]:
        """Return registrations with a number above ``after``, in order, at most ``limit``."""
        ...

    def advance(self, account: int, registration: int, sequence: int, digest: bytes, now: int) -> bool:
        """Take a report's sequence (``UPDATE … WHERE last_sequence < :sequence``).

        False when it is not newer, or when the registration was revoked.
        """
        ...

    def count_live(self, account: int, device_type: str) -> int:
        """Count the registrations of devices of one kind that are neither revoked nor deleted."""
        ...

    def revoke(self, account: int, registration: int, now: int) -> None:
        """Mark the registration revoked."""
        ...
