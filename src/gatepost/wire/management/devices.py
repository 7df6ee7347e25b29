"""Devices and registrations: ``/accounts/{a}/devices/physical-devices``, ``…/registrations``, and the older ``/devices``."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from gatepost.wire.management.envelope import Instant, instant

if TYPE_CHECKING:
    from gatepost.core.device import DeviceFacts

MAXIMUM_IDS: Final = 100
"""Ids that one request may name."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Ids = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAXIMUM_IDS)]


class DeviceUser(msgspec.Struct, frozen=True, kw_only=True):
    """The person to whom a device is enrolled."""

    id: str | None
    email: str
    name: str


class LastRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """What ``include=last_seen_registration.policy`` adds: there are no settings profiles here."""

    policy: None = None


class PhysicalDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device. ``last_seen_at`` is exact to the quarter of an hour; ``hardware_id`` is the hardware's UUID."""

    id: str
    name: str
    created_at: Instant
    updated_at: Instant
    last_seen_at: Instant | None
    active_registrations: int
    client_version: str
    device_type: str
    hardware_id: str | None
    serial_number: str | None
    manufacturer: str
    model: str
    os_version: str
    os_version_extra: str | None = None
    mac_address: str | None = None
    public_ip: str | None = None
    deleted_at: Instant | None = None
    last_seen_user: DeviceUser | None = None
    last_seen_registration: LastRegistration | None = None
    tags: dict[str, str] = {}


class RegisteredDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device of a registration."""

    id: str
    name: str
    client_version: str


class RegistrationObject(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolment of a device. ``key``: its device key, an uncompressed point in base64."""

    id: str
    created_at: Instant
    updated_at: Instant
    last_seen_at: Instant
    key: str
    key_type: Literal["secp256r1"] = "secp256r1"
    registration_type: Literal["warp"] = "warp"
    device: RegisteredDevice
    user: DeviceUser | None = None
    policy: None = None
    revoked_at: Instant | None = None
    deleted_at: Instant | None = None


class OlderDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as the older routes show it: ``id`` is the registration's."""

    id: str
    name: str
    created: Instant
    updated: Instant
    last_seen: Instant
    deleted: bool
    revoked_at: Instant | None
    device_type: str
    key: str
    key_type: Literal["secp256r1"] = "secp256r1"
    manufacturer: str
    model: str
    os_version: str
    serial_number: str | None
    version: str
    user: DeviceUser | None
    gateway_device_id: str
    ip: str | None = None
    mac_address: str | None = None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What was revoked, let in again, or deleted."""

    ids: tuple[str, ...]


class DeviceClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says of itself, as far as checks can name it."""

    serial_number: str | None
    hostname: str | None
    device_uuid: str | None


class WaitingRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration that waits: ``pending`` lists the facts that a live one has too, ``reported`` what it now says of itself.

    ``facts`` are those that count; ``reported`` null: it says the same.
    """

    id: str
    device: RegisteredDevice
    user: DeviceUser | None
    created_at: Instant
    last_seen_at: Instant
    pending: tuple[str, ...]
    facts: DeviceClaims
    reported: DeviceClaims | None


class AcceptBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which registrations are accepted; with ``replace`` those that have the same serial number or hardware id are deleted."""

    ids: Ids
    replace: bool = True


class _Details(msgspec.Struct, frozen=True):
    """What a device said of itself at enrolment, beside its facts."""

    device_type: str = ""
    manufacturer: str = ""
    model: str = ""
    os_version: str = ""
    client_version: str = ""


def read_details(content: bytes) -> _Details:
    """Read what a device said of itself at enrolment."""
    return msgspec.json.decode(content, type=_Details)


def show_key(point: bytes) -> str:
    """Write a device key."""
    return base64.b64encode(point).decode("ascii")


def show_claims(facts: DeviceFacts) -> DeviceClaims:
    """Show a device's facts."""
    return DeviceClaims(serial_number=facts.serial_number, hostname=facts.hostname, device_uuid=facts.device_uuid)


def maybe_instant(milliseconds: int | None) -> str | None:
    """Write an instant, where there is one."""
    return None if milliseconds is None else instant(milliseconds)
