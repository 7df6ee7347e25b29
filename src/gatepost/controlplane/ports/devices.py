"""Devices and their registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from gatepost.core.device import DeviceFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

SEEN_WITHIN: Final = 15 * 60 * 1000
"""As exactly, in ms, a device's row knows when it was last seen: each step changes an index, and so may not be each report."""


class Device(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Registration(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    pending: str | None = None
    """Which facts belong to a live registration too, with commas between; None: accepted."""
    deleted_at: int | None = None
    reported_facts: bytes | None = None
    """JSON of `DeviceFacts`: what the device says now of itself, where that is not what is recorded; None: the same."""

    @property
    def counts(self) -> bool:
        """Whether its results may be used: it is neither revoked, nor deleted, nor waiting to be accepted."""
        return self.revoked_at is None and self.deleted_at is None and self.pending is None


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

    def by_thumbprints(self, thumbprints: Iterable[bytes]) -> dict[bytes, Registration]:
        """Return those that hold these device keys, in whatever account: a group of reports asks once."""
        ...

    def expect(self, account: int, numbers: Iterable[int]) -> None:
        """Say which registrations the transaction will `advance`: all are read and held at once, and written late."""
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
        """Count the registrations of devices of one kind that are neither revoked nor deleted, and wait for nobody."""
        ...

    def revoke(self, account: int, registration: int, now: int) -> None:
        """Mark the registration revoked, from the first time on."""
        ...

    def unrevoke(self, account: int, registration: int) -> None:
        """Let a revoked registration count again; a deleted one stays deleted."""
        ...

    def delete(self, account: int, registration: int, now: int) -> None:
        """Mark the registration deleted: it counts for nothing, and its device may enrol again."""
        ...

    def delete_device(self, account: int, device: int, now: int) -> None:
        """Mark a device and all its registrations deleted."""
        ...

    def see(self, registration: Registration, client_version: str, now: int) -> None:
        """Note on the device that this registration reported, and with which agent; ``now`` is rounded down to `SEEN_WITHIN`."""
        ...

    def accept(self, account: int, registration: int) -> None:
        """Let a pending registration count."""
        ...

    def wait(self, account: int, registration: int, pending: str) -> None:
        """Let a registration wait to be accepted, for these facts that belong to a live one too."""
        ...

    def report_facts(self, account: int, registration: int, facts: bytes | None) -> None:
        """Note what a device says of itself beside what is recorded; None: it says what is recorded."""
        ...

    def change_facts(self, account: int, device: int, facts: DeviceFacts, now: int) -> None:
        """Record other facts of a device than those that it enrolled with."""
        ...
