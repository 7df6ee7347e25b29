"""A registration with its device, as a row: what every question about devices reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from gatepost.controlplane.ports import Device, Registration
from gatepost.core.device import DeviceFacts
from gatepost.storage.tables import devices, registrations

if TYPE_CHECKING:
    from gatepost.storage.tables import AnyRow

SELECT: Final = select(
    registrations.c.number,
    registrations.c.public_id,
    registrations.c.account,
    registrations.c.public_key,
    registrations.c.thumbprint,
    registrations.c.user_email,
    registrations.c.created_at,
    registrations.c.last_seen_at,
    registrations.c.last_sequence,
    registrations.c.last_digest,
    registrations.c.revoked_at,
    devices.c.number,
    devices.c.public_id,
    devices.c.name,
    devices.c.serial_number,
    devices.c.hostname,
    devices.c.device_uuid,
    devices.c.details,
    devices.c.created_at,
    devices.c.updated_at,
    registrations.c.pending,
    registrations.c.deleted_at,
    registrations.c.reported_facts,
    devices.c.device_type,
).join_from(
    registrations,
    devices,
    (devices.c.account == registrations.c.account) & (devices.c.number == registrations.c.device_number),
)
"""A registration with its device, as `registration_of` reads it."""


def registration_of(row: AnyRow) -> Registration:
    """Read a row of `SELECT`."""
    return Registration(
        number=row[0],
        id=row[1],
        account=row[2],
        public_key=row[3],
        thumbprint=row[4],
        user_email=row[5],
        created_at=row[6],
        last_seen_at=row[7],
        last_sequence=row[8],
        last_digest=row[9],
        revoked_at=row[10],
        pending=row[20],
        deleted_at=row[21],
        reported_facts=row[22],
        device=Device(
            number=row[11],
            id=row[12],
            account=row[2],
            name=row[13],
            facts=DeviceFacts(serial_number=row[14], hostname=row[15], device_uuid=row[16]),
            details=row[17],
            created_at=row[18],
            updated_at=row[19],
            device_type=row[23] or "linux",
        ),
    )
