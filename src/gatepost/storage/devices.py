"""Devices and their registrations, as rows. A report asks here twice: who sent it, and whether it is newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import Boolean, and_, bindparam, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.controlplane.ports import SEEN_WITHIN, Device, Registration
from gatepost.core.device import DeviceFacts, fact_key
from gatepost.errors import ConflictError, NotFoundError
from gatepost.storage.bounds import MAXIMUM_OF_USER, page
from gatepost.storage.endings import ignore
from gatepost.storage.many import SelectMany, UpdateMany
from gatepost.storage.registrations import SELECT, registration_of
from gatepost.storage.states import COUNTS, DELETED, IDLE
from gatepost.storage.tables import devices, registrations
from gatepost.storage.translation import is_missing_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection, Update


_GROUP: Final = 500
"""Ids asked for in one statement: far below SQLite's limit of 32,766 parameters, and few shapes of statement."""

_IN_ACCOUNT = registrations.c.account == bindparam("account")
_FIND = SELECT.where(_IN_ACCOUNT, registrations.c.public_id == bindparam("public_id"))
_FIND_MANY = SELECT.where(_IN_ACCOUNT, registrations.c.public_id.in_(bindparam("public_ids", expanding=True)))
_BY_NUMBERS = SELECT.where(_IN_ACCOUNT, registrations.c.number.in_(bindparam("numbers", expanding=True)))
_OF_USER = (
    SELECT.where(_IN_ACCOUNT, registrations.c.user_email == bindparam("email"))
    .order_by(registrations.c.number)
    .limit(MAXIMUM_OF_USER)
)
_BY_THUMBPRINT = SELECT.where(registrations.c.thumbprint == bindparam("thumbprint"))
_ALL = (
    SELECT.where(_IN_ACCOUNT, registrations.c.number > bindparam("after"))
    .order_by(registrations.c.number)
    .limit(bindparam("limit"))
)
_BY_THUMBPRINTS = SelectMany(SELECT, registrations, (), "thumbprint")
_PROGRESS = SelectMany(
    select(registrations.c.number, registrations.c.last_sequence, registrations.c.state),
    registrations,
    ("account",),
    "number",
    lock=" ORDER BY registrations.number FOR UPDATE",
)
_ADVANCE_MANY = UpdateMany(registrations, ("account", "number"), ("last_sequence", "last_digest", "last_seen_at"))
_SEE_MANY = UpdateMany(devices, ("account", "number"), ("last_seen_at", "client_version", "user_email"))
_ADD = insert(devices).returning(devices.c.number)
_REGISTER = insert(registrations).returning(registrations.c.number)
_THIS = (registrations.c.account == bindparam("in_account"), registrations.c.number == bindparam("with_number"))
_ADVANCE = (
    update(registrations)
    .where(*_THIS, registrations.c.last_sequence < bindparam("sequence"), registrations.c.state == COUNTS)
    .values(last_sequence=bindparam("sequence"), last_digest=bindparam("digest"), last_seen_at=bindparam("now"))
)
_COUNT_LIVE = (
    select(func.count())
    .select_from(registrations)
    .join(devices, (devices.c.account == registrations.c.account) & (devices.c.number == registrations.c.device_number))
    .where(
        _IN_ACCOUNT,
        registrations.c.state == COUNTS,
        registrations.c.pending.is_(None),
        devices.c.device_type == bindparam("device_type"),
    )
)
_REVOKE = (
    update(registrations)
    .where(*_THIS)
    .values(
        revoked_at=func.coalesce(registrations.c.revoked_at, bindparam("now")),
        state=case((registrations.c.state == COUNTS, IDLE), else_=registrations.c.state),
    )
)
_UNREVOKE = (
    update(registrations)
    .where(*_THIS)
    .values(revoked_at=None, state=case((registrations.c.state == IDLE, COUNTS), else_=registrations.c.state))
)
_GONE = {"deleted_at": func.coalesce(registrations.c.deleted_at, bindparam("now")), "state": DELETED, "waiting": 0}
_DELETE = update(registrations).where(*_THIS).values(_GONE)
_OF_DEVICE = (
    registrations.c.account == bindparam("in_account"),
    registrations.c.device_number == bindparam("of_device"),
)
_DELETE_ALL = update(registrations).where(*_OF_DEVICE).values(_GONE)
_ACCEPT = (
    update(registrations)
    .where(*_THIS)
    .values(pending=None, waiting=case((registrations.c.reported_facts.is_(None), 0), else_=1))
)
_WAIT = update(registrations).where(*_THIS).values(pending=bindparam("colliding"), waiting=1)
_REPORT_FACTS = (
    update(registrations)
    .where(*_THIS)
    .values(
        reported_facts=bindparam("facts"),
        waiting=case((and_(registrations.c.pending.is_(None), bindparam("none", type_=Boolean)), 0), else_=1),
    )
)
_DEVICE_OF = select(registrations.c.device_number).where(*_THIS)
_DEVICE = (devices.c.account == bindparam("in_account"), devices.c.number == bindparam("of_device"))
_ACTIVE = (
    select(func.count())
    .select_from(registrations)
    .where(
        registrations.c.account == devices.c.account,
        registrations.c.device_number == devices.c.number,
        registrations.c.state == COUNTS,
    )
    .scalar_subquery()
)
_COUNT = (
    update(devices)
    .where(*_DEVICE)
    .values(
        active_registrations=_ACTIVE,
        state=case((devices.c.deleted_at.is_not(None), DELETED), (_ACTIVE > 0, COUNTS), else_=IDLE),
    )
)
_DELETE_DEVICE = (
    update(devices).where(*_DEVICE).values(deleted_at=func.coalesce(devices.c.deleted_at, bindparam("now")))
)
_CHANGE_FACTS = (
    update(devices)
    .where(*_DEVICE)
    .values(
        {
            name: bindparam(name)
            for name in ("serial_number", "hostname", "device_uuid", "serial_key", "hardware_key", "updated_at")
        }
    )
)


class _Agent(msgspec.Struct, frozen=True):
    """What a device's details say of its agent."""

    client_version: str = ""


class SqlDevices:
    """`ports.Devices` within one transaction."""

    def __init__(
        self,
        connection: Connection,
        changed: Callable[[], None] = lambda: None,
        ended: Callable[[int], None] = ignore,
    ) -> None:
        """Take what is called when a registration begins or ceases to count, or a device has other facts.

        ``ended`` is called with the account, but not for a new registration: nobody was let in by it.
        """
        self._connection = connection
        self._changed = changed
        self._ended = ended
        self._expected: dict[tuple[int, int], int] = {}
        self._advanced: dict[tuple[int, int], tuple[int, bytes, int]] = {}
        self._seen: dict[tuple[int, int], tuple[int, str, str]] = {}

    def expect(self, account: int, numbers: Iterable[int]) -> None:
        """Read how far these registrations have come, and hold them; what `advance` and `see` change is put off."""
        for number, last, state in _PROGRESS.run(self._connection, (account,), numbers):
            if state == COUNTS:
                self._expected[account, number] = last

    def write_late(self) -> None:
        """Write what was put off."""
        for statement, late in ((_ADVANCE_MANY, self._advanced), (_SEE_MANY, self._seen)):
            statement.run(self._connection, [(*values, *key) for key, values in late.items()])
            late.clear()

    def add(self, device: Device) -> Device:
        """Store a device and return it with its number."""
        values = msgspec.structs.asdict(device) | msgspec.structs.asdict(device.facts)
        values |= {"public_id": device.id, "name_key": device.name.casefold(), **_keys(device.facts)}
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
        state = COUNTS if registration.revoked_at is None else IDLE
        values["state"] = state if registration.deleted_at is None else DELETED
        values["waiting"] = int(registration.pending is not None or registration.reported_facts is not None)
        try:
            with self._connection.begin_nested():
                number = self._connection.scalars(_REGISTER, values).one()
        except IntegrityError as error:
            if is_missing_reference(error):
                raise NotFoundError("device", registration.device.id) from error
            raise ConflictError("registration", "this device key is registered already", "make a new key") from error
        stored = msgspec.structs.replace(registration, number=number)
        self.see(stored, _client_version(registration.device), registration.last_seen_at)
        self._count(registration.account, registration.device.number)
        return stored

    def find(self, account: int, registration_id: str) -> Registration | None:
        """Return one registration with its device."""
        self.write_late()
        row = self._connection.execute(_FIND, {"account": account, "public_id": registration_id}).one_or_none()
        return registration_of(row) if row else None

    def find_many(self, account: int, registration_ids: tuple[str, ...]) -> dict[str, Registration]:
        """Return those that exist, by id: a group of reports asks once."""
        self.write_late()
        found = {}
        for start in range(0, len(registration_ids), _GROUP):
            group = registration_ids[start : start + _GROUP]
            for row in self._connection.execute(_FIND_MANY, {"account": account, "public_ids": group}):
                found[row[1]] = registration_of(row)
        return found

    def by_numbers(self, account: int, numbers: tuple[int, ...]) -> dict[int, Registration]:
        """Return those that exist, by number."""
        self.write_late()
        found = {}
        for start in range(0, len(numbers), _GROUP):
            group = numbers[start : start + _GROUP]
            for row in self._connection.execute(_BY_NUMBERS, {"account": account, "numbers": group}):
                found[row[0]] = registration_of(row)
        return found

    def by_thumbprints(self, thumbprints: Iterable[bytes]) -> dict[bytes, Registration]:
        """Return those that hold these device keys, in whatever account."""
        self.write_late()
        rows = _BY_THUMBPRINTS.run(self._connection, (), thumbprints)
        return {row[4]: registration_of(row) for row in rows}

    def by_thumbprint(self, thumbprint: bytes) -> Registration | None:
        """Return the registration that holds this device key, in whatever account."""
        self.write_late()
        row = self._connection.execute(_BY_THUMBPRINT, {"thumbprint": thumbprint}).one_or_none()
        return registration_of(row) if row else None

    def of_user(self, account: int, email: str) -> tuple[Registration, ...]:
        """Return the registrations of the user with this e-mail address (in lower case), oldest first, at most 1,000."""
        self.write_late()
        return tuple(map(registration_of, self._connection.execute(_OF_USER, {"account": account, "email": email})))

    def all(self, account: int, after: int, limit: int) -> tuple[Registration, ...]:
        """Return registrations with a number above ``after``, in order, at most ``limit``."""
        self.write_late()
        rows = self._connection.execute(_ALL, {"account": account, "after": after, "limit": page(limit)})
        return tuple(registration_of(row) for row in rows)

    def advance(self, account: int, registration: int, sequence: int, digest: bytes, now: int) -> bool:
        """Take a report's sequence; False when it is not newer than the last one taken, or the registration was revoked."""
        last = self._expected.get((account, registration))
        if last is not None:
            if sequence <= last:
                return False
            self._expected[account, registration] = sequence
            self._advanced[account, registration] = sequence, digest, now
            return True
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
        self._change(_REVOKE, account, registration, now=now)

    def unrevoke(self, account: int, registration: int) -> None:
        """Let a revoked registration count again; a deleted one stays deleted."""
        self._change(_UNREVOKE, account, registration)

    def delete(self, account: int, registration: int, now: int) -> None:
        """Mark the registration deleted, from the first time on."""
        self._change(_DELETE, account, registration, now=now)

    def delete_device(self, account: int, device: int, now: int) -> None:
        """Mark a device and all its registrations deleted."""
        self.write_late()
        self._ended(account)
        for statement in (_DELETE_ALL, _DELETE_DEVICE):
            self._connection.execute(statement, {"in_account": account, "of_device": device, "now": now})
        self._count(account, device)

    def see(self, registration: Registration, client_version: str, now: int) -> None:
        """Note on the device that this registration reported, and with which agent."""
        seen_at = now // SEEN_WITHIN * SEEN_WITHIN
        device = registration.account, registration.device.number
        self._seen[device] = seen_at, client_version, (registration.user_email or "").lower()

    def accept(self, account: int, registration: int) -> None:
        """Let a pending registration count."""
        self._ended(account)
        self._connection.execute(_ACCEPT, {"in_account": account, "with_number": registration})

    def wait(self, account: int, registration: int, pending: str) -> None:
        """Let a registration wait to be accepted, for these facts that belong to a live one too."""
        values = {"in_account": account, "with_number": registration, "colliding": pending}
        self._ended(account)
        self._connection.execute(_WAIT, values)

    def report_facts(self, account: int, registration: int, facts: bytes | None) -> None:
        """Note what a device says of itself beside what is recorded; None: it says what is recorded."""
        values = {"in_account": account, "with_number": registration, "facts": facts, "none": facts is None}
        self._connection.execute(_REPORT_FACTS, values)

    def change_facts(self, account: int, device: int, facts: DeviceFacts, now: int) -> None:
        """Record other facts of a device than those that it enrolled with."""
        self._changed()
        self._ended(account)
        values = {**msgspec.structs.asdict(facts), **_keys(facts), "updated_at": now}
        self._connection.execute(_CHANGE_FACTS, {"in_account": account, "of_device": device, **values})

    def _change(self, statement: Update, account: int, registration: int, **values: object) -> None:
        """Change a registration's state, and count those of its device anew."""
        self.write_late()
        self._ended(account)
        this = {"in_account": account, "with_number": registration}
        self._connection.execute(statement, {**this, **values})
        device = self._connection.scalar(_DEVICE_OF, this)
        if device is not None:
            self._count(account, device)

    def _count(self, account: int, device: int) -> None:
        self._expected.clear()
        self._changed()
        self._connection.execute(_COUNT, {"in_account": account, "of_device": device})


def _keys(facts: DeviceFacts) -> dict[str, str | None]:
    """Return the columns by which devices with the same hardware find each other."""
    return {"serial_key": fact_key(facts.serial_number), "hardware_key": fact_key(facts.device_uuid)}


def _client_version(device: Device) -> str:
    return msgspec.json.decode(device.details, type=_Agent).client_version
