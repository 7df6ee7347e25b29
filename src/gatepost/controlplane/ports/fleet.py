"""Lists of devices and registrations: a page of them costs the same among a thousand and among a million."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from gatepost.controlplane.ports.devices import Device, Registration


class Activity(StrEnum):
    """Which devices or registrations are wanted: those that count, those that do not, or both. Deleted ones never are."""

    ONLY = "only"
    EXCLUDE = "exclude"
    INCLUDE = "include"


class DeviceOrder(StrEnum):
    """What devices are sorted by; each has its index. ``created_at`` is the order of enrolment."""

    CREATED = "created_at"
    NAME = "name"
    ID = "id"
    LAST_SEEN = "last_seen_at"
    CLIENT_VERSION = "client_version"
    USER = "last_seen_user.email"
    ACTIVE = "active_registrations"


class RegistrationOrder(StrEnum):
    """What registrations are sorted by. ``created_at`` is the order of enrolment."""

    CREATED = "created_at"
    ID = "id"


class Mark(msgspec.Struct, frozen=True):
    """The place of one row in a list: what it is sorted by, and its number."""

    key: str | int
    number: int


class ListedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device with what lists show of it: ``last_seen_at`` (ms) to the quarter of an hour, its last user's e-mail (or "")."""

    device: Device
    active_registrations: int
    last_seen_at: int
    client_version: str
    user_email: str
    deleted_at: int | None = None


class DeviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices are wanted. At most one of ``ids``, ``search``, ``email`` and the two times is given, with its own order.

    The orders are: any; by name; that of enrolment; by when they were seen. ``search``: the whole of an id, serial number,
    hardware id or e-mail address; where no device has that, the beginning of a name. ``seen_after`` < seen < ``seen_before``.
    """

    activity: Activity = Activity.ONLY
    ids: tuple[str, ...] = ()
    search: str | None = None
    email: str | None = None
    seen_after: int | None = None
    seen_before: int | None = None
    order: DeviceOrder = DeviceOrder.CREATED
    descending: bool = False


class RegistrationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which registrations are wanted. At most one of ``ids``, ``device_id``, ``emails`` and ``search`` is given.

    ``search``: the whole of a registration's or device's id, or of an e-mail address.
    """

    activity: Activity = Activity.ONLY
    ids: tuple[str, ...] = ()
    device_id: str | None = None
    emails: tuple[str, ...] | None = None
    search: str | None = None
    order: RegistrationOrder = RegistrationOrder.CREATED
    descending: bool = False


class Fleet(Protocol):
    """Reading lists of devices and registrations, in the order asked for, from behind a mark on."""

    def devices(
        self, account: int, wanted: DeviceFilter, after: Mark | None, limit: int
    ) -> tuple[tuple[ListedDevice, ...], Mark | None]:
        """Return at most ``limit`` devices, and the mark of the last one where more may follow."""
        ...

    def device(self, account: int, device_id: str) -> ListedDevice | None:
        """Return one, a deleted one too."""
        ...

    def registrations(
        self, account: int, wanted: RegistrationFilter, after: Mark | None, limit: int
    ) -> tuple[tuple[Registration, ...], Mark | None]:
        """Return at most ``limit`` registrations, and the mark of the last one where more may follow."""
        ...

    def of_device(self, account: int, device: int) -> tuple[Registration, ...]:
        """Return a device's registrations, deleted ones too, oldest first."""
        ...

    def waiting(self, account: int, after: int, limit: int) -> tuple[Registration, ...]:
        """Return registrations with a number above ``after`` that have something for an administrator to accept."""
        ...

    def twins(self, account: int, device: Device) -> tuple[Registration, ...]:
        """Return live, accepted registrations of other devices that have this one's serial number or hardware id."""
        ...
