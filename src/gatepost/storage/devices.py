"""Devices and their registrations, as rows. A report asks here twice: who sent it, and whether it is newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.controlplane.ports import Device, Registration
from gatepost.core.device import DeviceFacts
from gatepost.errors import ConflictError, NotFoundError
from gatepost.storage.bounds import MAXIMUM_OF_USER, page
from gatepost.storage.tables import devices, registrations
from gatepost.storage.translation import is_missing_reference

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_GROUP: Final = 500
"""Ids asked for in one statement: far below SQLite's limit of 32,766 parameters, and few shapes of statement."""

_SELECT = select(
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
    devices.c.device_type,
).join_from(
    registrations,
    devices,
    (devices.c.account == registrations.c.account) & (devices.c.number == registrations.c.device_number),
)
_IN_ACCOUNT = registrations.c.account == bindparam("account")
_FIND = _SELECT.where(_IN_ACCOUNT, registrations.c.public_id == bindparam("public_id"))
_FIND_MANY = _SELECT.where(_IN_ACCOUNT, registrations.c.public_id.in_(bindparam("public_ids", expanding=True)))
_BY_NUMBERS = _SELECT.where(_IN_ACCOUNT, registrations.c.number.in_(bindparam("numbers", expanding=True)))
_BY_THUMBPRINT = _SELECT.where(registrations.c.thumbprint == bindparam("thumbprint"))
_ALL = (
    _SELECT.where(_IN_ACCOUNT, registrations.c.number > bindparam("after"))
    .order_by(registrations.c.number)
    .limit(bindparam("limit"))
)
_OF_USER = (
    _SELECT.where(_IN_ACCOUNT, registrations.c.user_email == bindparam("email"))
    .order_by(registrations.c.number)
    .limit(MAXIMUM_OF_USER)
)
_ADD = insert(devices).returning(devices.c.number)
_REGISTER = insert(registrations).returning(registrations.c.number)
_THIS = (registrations.c.account == bindparam("in_account"), registrations.c.number == bindparam("with_number"))
_ADVANCE = (
    update(registrations)
    .where(*_THIS, registrations.c.last_sequence < bindparam("sequence"), registrations.c.revoked_at.is_(None))
    .values(last_sequence=bindparam("sequence"), last_digest=bindparam("digest"), last_seen_at=bindparam("now"))
)
_COUNT_LIVE = (
    select(func.count())
    .select_from(registrations)
    .join(devices, (devices.c.account == registrations.c.account) & (devices.c.number == registrations.c.device_number))
    .where(
        _IN_ACCOUNT,
        registrations.c.revoked_at.is_(None),
        registrations.c.deleted_at.is_(None),
        devices.c.device_type == bindparam("device_type"),
    )
)
_REVOKE = (
    update(registrations).where(*_THIS).values(revoked_at=func.coalesce(registrations.c.revoked_at, bindparam("now")))
)


def _registration(row: AnyRow) -> Registration:
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
        device=Device(
            number=row[11],
            id=row[12],
            account=row[2],
            name=row[13],
            facts=DeviceFacts(serial_number=row[14], hostname=row[15], device_uuid=row[16]),
            details=row[17],
            created_at=row[18],
            updated_at=row[19],
            device_type=row[20] or "linux",
        ),
    )


class SqlDevices:
    """`ports.Devices` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, device: Device) -> Device:
        """Store a device and return it with its number."""
        values = msgspec.structs.asdict(device) | msgspec.structs.asdict(device.facts)
        values["public_id"] = values["id"]
        for name in ("number", "id", "facts"):
            del values[name]
        return msgspec.structs.replace(device, number=self._connection.scalars(_ADD, values).one())

    def register(self, registration: Registration) -> Registration:
        """Store a registration of a stored device and return it with its number.

        Raises ConflictError for a known key, and NotFoundError when the device is not stored in this account.
        """
        values = msgspec.structs.asdict(registration)
        values |= {"public_id": registration.id, "device_number": registration.device.number}
        for name in ("number", "id", "device"):
            del values[name]
        try:
            with self._connection.begin_nested():
                number = self._connection.scalars(_REGISTER, values).one()
        except IntegrityError as error:
            if is_missing_reference(error):
                raise NotFoundError("device", registration.device.id) from error
            raise ConflictError("registration", "this device key is registered already", "make a new key") from error
        return msgspec.structs.replace(registration, number=number)

    def find(self, account: int, registration_id: str) -> Registration | None:
        """Return one registration with its device."""
        row = self._connection.execute(_FIND, {"account": account, "public_id": registration_id}).one_or_none()
        return _registration(row) if row else None

    def find_many(self, account: int, registration_ids: tuple[str, ...]) -> dict[str, Registration]:
        """Return those that exist, by id: a group of reports asks once."""
        found = {}
        for start in range(0, len(registration_ids), _GROUP):
            group = registration_ids[start : start + _GROUP]
            for row in self._connection.execute(_FIND_MANY, {"account": account, "public_ids": group}):
                found[row[1]] = _registration(row)
        return found

    def by_numbers(self, account: int, numbers: tuple[int, ...]) -> dict[int, Registration]:
        """Return those that exist, by number."""
        found = {}
        for start in range(0, len(numbers), _GROUP):
            group = numbers[start : start + _GROUP]
            for row in self._connection.execute(_BY_NUMBERS, {"account": account, "numbers": group}):
                found[row[0]] = _registration(row)
        return found

    def by_thumbprint(self, thumbprint: bytes) -> Registration | None:
        """Return the registration that holds this device key, in whatever account."""
        row = self._connection.execute(_BY_THUMBPRINT, {"thumbprint": thumbprint}).one_or_none()
        return _registration(row) if row else None

    def of_user(self, account: int, email: str) -> tuple[Registration, ...]:
        """Return the registrations of the user with this e-mail address (in lower case), oldest first, at most 1,000."""
        return tuple(map(_registration, self._connection.execute(_OF_USER, {"account": account, "email": email})))

    def all(self, account: int, after: int, limit: int) -> tuple[Registration, ...]:
        """Return registrations with a number above ``after``, in order, at most ``limit``."""
        rows = self._connection.execute(_ALL, {"account": account, "after": after, "limit": page(limit)})
        return tuple(_registration(row) for row in rows)

    def advance(self, account: int, registration: int, sequence: int, digest: bytes, now: int) -> bool:
        """Take a report's sequence; False when it is not newer than the last one taken, or the registration was revoked."""
        values = {
            "in_account": account,
            "with_number": registration,
            "sequence": sequence,
            "digest": digest,
            "now": now,
        }
        return self._connection.execute(_ADVANCE, values).rowcount == 1

    def count_live(self, account: int, device_type: str) -> int:
        """Count the registrations of devices of one kind that are neither revoked nor deleted."""
        return self._connection.scalars(_COUNT_LIVE, {"account": account, "device_type": device_type}).one()

    def revoke(self, account: int, registration: int, now: int) -> None:
        """Mark the registration revoked, from the first time on."""
        self._connection.execute(_REVOKE, {"in_account": account, "with_number": registration, "now": now})
