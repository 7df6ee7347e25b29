"""Devices and registrations as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.device import DeviceFacts
from gatepost.wire.management.devices import (
    DeviceUser,
    LastRegistration,
    OlderDevice,
    PhysicalDevice,
    RegisteredDevice,
    RegistrationObject,
    WaitingRegistration,
    maybe_instant,
    read_details,
    show_claims,
    show_key,
)
from gatepost.wire.management.envelope import instant

if TYPE_CHECKING:
    from gatepost.controlplane.administration.devices import DeviceView, RegistrationView
    from gatepost.controlplane.ports import Device, User


def show_device(view: DeviceView, *, with_policy: bool = False) -> PhysicalDevice:
    """Show a device; ``with_policy`` adds the settings profile of its registration, which is none."""
    listed, device = view.listed, view.listed.device
    details = read_details(device.details)
    return PhysicalDevice(
        id=device.id,
        name=device.name,
        created_at=instant(device.created_at),
        updated_at=instant(device.updated_at),
        last_seen_at=instant(listed.last_seen_at) if listed.last_seen_at else None,
        active_registrations=listed.active_registrations,
        client_version=listed.client_version,
        device_type=details.device_type,
        hardware_id=device.facts.device_uuid,
        serial_number=device.facts.serial_number,
        manufacturer=details.manufacturer,
        model=details.model,
        os_version=details.os_version,
        deleted_at=maybe_instant(listed.deleted_at),
        last_seen_user=_user(view.user, listed.user_email),
        last_seen_registration=LastRegistration() if with_policy else None,
    )


def show_registration(view: RegistrationView) -> RegistrationObject:
    """Show a registration."""
    registration = view.registration
    changes = (registration.created_at, registration.revoked_at, registration.deleted_at)
    return RegistrationObject(
        id=registration.id,
        created_at=instant(registration.created_at),
        updated_at=instant(max(item for item in changes if item is not None)),
        last_seen_at=instant(registration.last_seen_at),
        key=show_key(registration.public_key),
        device=_device(registration.device),
        user=_user(view.user, registration.user_email),
        revoked_at=maybe_instant(registration.revoked_at),
        deleted_at=maybe_instant(registration.deleted_at),
    )


def show_older(view: RegistrationView) -> OlderDevice:
    """Show a registration as the older routes do."""
    registration, device = view.registration, view.registration.device
    details = read_details(device.details)
    return OlderDevice(
        id=registration.id,
        name=device.name,
        created=instant(registration.created_at),
        updated=instant(device.updated_at),
        last_seen=instant(registration.last_seen_at),
        deleted=registration.deleted_at is not None,
        revoked_at=maybe_instant(registration.revoked_at),
        device_type=details.device_type,
        key=show_key(registration.public_key),
        manufacturer=details.manufacturer,
        model=details.model,
        os_version=details.os_version,
        serial_number=device.facts.serial_number,
        version=details.client_version,
        user=_user(view.user, registration.user_email),
        gateway_device_id=device.id,
    )


def show_waiting(view: RegistrationView) -> WaitingRegistration:
    """Show what there is to accept of a registration."""
    registration, said = view.registration, view.registration.reported_facts
    reported = None if said is None else msgspec.json.decode(said, type=DeviceFacts)
    return WaitingRegistration(
        id=registration.id,
        device=_device(registration.device),
        user=_user(view.user, registration.user_email),
        created_at=instant(registration.created_at),
        last_seen_at=instant(registration.last_seen_at),
        pending=tuple(registration.pending.split(",")) if registration.pending else (),
        facts=show_claims(registration.device.facts),
        reported=None if reported is None else show_claims(reported),
    )


def _device(device: Device) -> RegisteredDevice:
    version = read_details(device.details).client_version
    return RegisteredDevice(id=device.id, name=device.name, client_version=version)


def _user(user: User | None, email: str | None) -> DeviceUser | None:
    """Show a person; one who was enrolled before people were kept has an address alone."""
    if not email:
        return None
    return DeviceUser(id=user.id if user else None, email=email, name=user.name if user else "")
