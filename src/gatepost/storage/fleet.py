"""Lists of devices and registrations, as rows: every question walks an index from its mark on, and no further than the page.

Indexes begin with account and state, so that devices of another state are not walked through; where both states are wanted,
each is asked by itself and the two are merged.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import bindparam, or_, select, tuple_

from gatepost.controlplane.ports import (
    Activity,
    Device,
    DeviceOrder,
    ListedDevice,
    Mark,
    Registration,
    RegistrationOrder,
)
from gatepost.core.device import DeviceFacts, fact_key
from gatepost.storage.bounds import page
from gatepost.storage.registrations import SELECT as REGISTRATIONS
from gatepost.storage.registrations import registration_of
from gatepost.storage.states import COUNTS, IDLE
from gatepost.storage.tables import devices, registrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Column, ColumnElement, Connection, Select, Table

    from gatepost.controlplane.ports import DeviceFilter, RegistrationFilter
    from gatepost.storage.tables import AnyRow

_T = TypeVar("_T")
_Conditions = tuple["ColumnElement[bool]", ...]

_MOST: Final = 100
"""Devices that have one serial number, hardware id or address, as many as a search for it gives."""
_LAST: Final = "\U0010ffff"
"""Behind every character that a name has."""
_STATES: Final = {Activity.ONLY: (COUNTS,), Activity.EXCLUDE: (IDLE,), Activity.INCLUDE: (COUNTS, IDLE)}

_DEVICES = select(
    devices.c.number,
    devices.c.public_id,
    devices.c.account,
    devices.c.name,
    devices.c.serial_number,
    devices.c.hostname,
    devices.c.device_uuid,
    devices.c.details,
    devices.c.created_at,
    devices.c.updated_at,
    devices.c.active_registrations,
    devices.c.last_seen_at,
    devices.c.client_version,
    devices.c.user_email,
    devices.c.deleted_at,
    devices.c.name_key,
    devices.c.state,
    devices.c.device_type,
)
_DEVICE_KEYS: Final = {
    DeviceOrder.CREATED: devices.c.number,
    DeviceOrder.NAME: devices.c.name_key,
    DeviceOrder.ID: devices.c.public_id,
    DeviceOrder.LAST_SEEN: devices.c.last_seen_at,
    DeviceOrder.CLIENT_VERSION: devices.c.client_version,
    DeviceOrder.USER: devices.c.user_email,
    DeviceOrder.ACTIVE: devices.c.active_registrations,
}
_REGISTRATION_KEYS: Final = {
    RegistrationOrder.CREATED: registrations.c.number,
    RegistrationOrder.ID: registrations.c.public_id,
}
_OF_ACCOUNT = registrations.c.account == bindparam("of_account")
_OF_DEVICE = REGISTRATIONS.where(_OF_ACCOUNT, registrations.c.device_number == bindparam("of_device")).order_by(
    registrations.c.number
)
_WAITING = (
    REGISTRATIONS.where(
        _OF_ACCOUNT,
        registrations.c.waiting == 1,
        registrations.c.state == COUNTS,
        registrations.c.number > bindparam("after"),
    )
    .order_by(registrations.c.number)
    .limit(bindparam("limit"))
)
# In two steps, and the sum besides: SQLite, which knows nothing of how many rows there are of what, would walk all live
# registrations to find the one or two of a device.
_WITH_FACT = tuple(
    select(devices.c.number)
    .where(
        devices.c.account == bindparam("of_account"),
        devices.c[column] == bindparam("fact"),
        devices.c.number != bindparam("of_device"),
        devices.c.state + 0 == COUNTS,
    )
    .limit(_MOST)
    for column in ("serial_key", "hardware_key")
)
_TWINS = REGISTRATIONS.where(
    registrations.c.account == bindparam("of_account"),
    registrations.c.device_number.in_(bindparam("of_devices", expanding=True)),
    registrations.c.state + 0 == COUNTS,
    registrations.c.pending.is_(None),
).limit(_MOST)


def _listed(row: AnyRow) -> ListedDevice:
    return ListedDevice(
        device=Device(
            number=row[0],
            id=row[1],
            account=row[2],
            name=row[3],
            facts=DeviceFacts(serial_number=row[4], hostname=row[5], device_uuid=row[6]),
            details=row[7],
            created_at=row[8],
            updated_at=row[9],
            device_type=row[17] or "linux",
        ),
        active_registrations=row[10],
        last_seen_at=row[11],
        client_version=row[12],
        user_email=row[13],
        deleted_at=row[14],
    )


class SqlFleet:
    """`ports.Fleet` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def devices(
        self, account: int, wanted: DeviceFilter, after: Mark | None, limit: int
    ) -> tuple[tuple[ListedDevice, ...], Mark | None]:
        """Return at most ``limit`` devices, and the mark of the last one where more may follow."""
        walk = _Walk(devices, _DEVICE_KEYS[wanted.order], after, page(limit), descending=wanted.descending)
        found = self._few_devices(account, wanted)
        if found is not None:
            rows = walk.sort(found)
        else:
            conditions = _device_conditions(wanted)
            rows = self._walk(_DEVICES, walk, [(account, state, conditions) for state in _STATES[wanted.activity]])
        return walk.end(rows, _listed)

    def _few_devices(self, account: int, wanted: DeviceFilter) -> list[AnyRow] | None:
        """Return all devices that are named one by one; None where none is."""
        if wanted.ids:
            alternatives: list[_Conditions] = [(devices.c.public_id.in_(wanted.ids),)]
        elif wanted.search is not None:
            key = fact_key(wanted.search)
            alternatives = [(devices.c.public_id == wanted.search.lower(),)]
            if key is not None:
                alternatives += [(devices.c.serial_key == key,), (devices.c.hardware_key == key,)]
            alternatives += [
                (devices.c.state == state, devices.c.user_email == wanted.search.lower())
                for state in _STATES[wanted.activity]
                if "@" in wanted.search
            ]
        else:
            return None
        found: dict[int, AnyRow] = {}
        for conditions in alternatives:
            query = _DEVICES.where(devices.c.account == account, *conditions).limit(_MOST)
            found |= {row[0]: row for row in self._connection.execute(query)}
        rows = [row for row in found.values() if row.state in _STATES[wanted.activity]]
        return rows if rows or wanted.ids else None

    def device(self, account: int, device_id: str) -> ListedDevice | None:
        """Return one, a deleted one too."""
        query = _DEVICES.where(devices.c.account == account, devices.c.public_id == device_id)
        row = self._connection.execute(query).one_or_none()
        return _listed(row) if row else None

    def registrations(
        self, account: int, wanted: RegistrationFilter, after: Mark | None, limit: int
    ) -> tuple[tuple[Registration, ...], Mark | None]:
        """Return at most ``limit`` registrations, and the mark of the last one where more may follow."""
        key = _REGISTRATION_KEYS[wanted.order]
        walk = _Walk(registrations, key, after, page(limit), descending=wanted.descending)
        few = self._few_registrations(account, wanted)
        states = _STATES[wanted.activity]
        if few is not None:
            rows = walk.sort(few)
        elif wanted.emails is not None:
            of_each = [(registrations.c.user_email == email,) for email in wanted.emails]
            rows = self._walk(REGISTRATIONS, walk, [(account, state, item) for state in states for item in of_each])
        else:
            rows = self._walk(REGISTRATIONS, walk, [(account, state, ()) for state in states])
        return walk.end(rows, registration_of)

    def _few_registrations(self, account: int, wanted: RegistrationFilter) -> list[AnyRow] | None:
        """Return all registrations that are named one by one; None where none is."""
        condition: ColumnElement[bool]
        if wanted.ids:
            condition = registrations.c.public_id.in_(wanted.ids)
        elif wanted.device_id is not None:
            condition = _on_device(account, wanted.device_id)
        elif wanted.search is not None:
            word = wanted.search.lower()
            condition = or_(registrations.c.public_id == word, _on_device(account, word))
        else:
            return None
        states = _STATES[wanted.activity]
        query = REGISTRATIONS.where(registrations.c.account == account, condition, registrations.c.state.in_(states))
        return list(self._connection.execute(query.limit(10 * _MOST)))

    def of_device(self, account: int, device: int) -> tuple[Registration, ...]:
        """Return a device's registrations, deleted ones too, oldest first."""
        rows = self._connection.execute(_OF_DEVICE, {"of_account": account, "of_device": device})
        return tuple(map(registration_of, rows))

    def waiting(self, account: int, after: int, limit: int) -> tuple[Registration, ...]:
        """Return registrations with a number above ``after`` that have something for an administrator to accept."""
        rows = self._connection.execute(_WAITING, {"of_account": account, "after": after, "limit": page(limit)})
        return tuple(map(registration_of, rows))

    def twins(self, account: int, device: Device) -> tuple[Registration, ...]:
        """Return live, accepted registrations of other devices that have this one's serial number or hardware id."""
        others: set[int] = set()
        facts = (fact_key(device.facts.serial_number), fact_key(device.facts.device_uuid))
        for statement, fact in zip(_WITH_FACT, facts, strict=True):
            if fact is not None:
                values = {"of_account": account, "of_device": device.number, "fact": fact}
                others.update(self._connection.scalars(statement, values))
        if not others:
            return ()
        rows = self._connection.execute(_TWINS, {"of_account": account, "of_devices": sorted(others)})
        found = {row[0]: registration_of(row) for row in rows}
        return tuple(found[number] for number in sorted(found))

    def _walk(self, query: Select[Any], walk: _Walk, ways: Iterable[tuple[int, int, _Conditions]]) -> list[AnyRow]:
        """Walk each way as far as the page, and merge them."""
        found = [self._connection.execute(walk.along(query, *way)).all() for way in ways]
        return list(islice(merge(*found, key=walk.place, reverse=walk.descending), walk.limit + 1))


def _on_device(account: int, device_id: str) -> ColumnElement[bool]:
    number = select(devices.c.number).where(devices.c.account == account, devices.c.public_id == device_id)
    return registrations.c.device_number == number.scalar_subquery()


def _device_conditions(wanted: DeviceFilter) -> _Conditions:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search is not None:
        start = wanted.search.casefold()
        conditions += [devices.c.name_key >= start, devices.c.name_key < start + _LAST]
    if wanted.email is not None:
        conditions.append(devices.c.user_email == wanted.email.lower())
    if wanted.seen_after is not None:
        conditions.append(devices.c.last_seen_at > wanted.seen_after)
    if wanted.seen_before is not None:
        conditions.append(devices.c.last_seen_at < wanted.seen_before)
    return tuple(conditions)


class _Walk:
    """One page's way along an index: from behind a mark on, one row further than the page."""

    def __init__(self, table: Table, key: Column[Any], after: Mark | None, limit: int, *, descending: bool) -> None:
        """Take the table, the column that the list is sorted by, where to begin, and how many rows are wanted."""
        self._table = table
        self._key = key
        self._after = after
        self.limit = limit
        self.descending = descending

    def along(self, query: Select[Any], account: int, state: int, conditions: _Conditions) -> Select[Any]:
        """Return the question for the rows of one state."""
        columns = self._table.c
        query = query.where(columns.account == account, columns.state == state, *conditions)
        order: tuple[Column[Any], ...] = (self._key,) if self._key is columns.number else (self._key, columns.number)
        if self._after is not None:
            mark = (self._after.key, self._after.number)[-len(order) :]
            if len(order) == 1:
                here: Any = order[0]
                query = query.where(here < mark[0] if self.descending else here > mark[0])
            else:
                pair, at = tuple_(*order), tuple_(*mark)
                query = query.where(pair < at if self.descending else pair > at)
        return query.order_by(*(item.desc() if self.descending else item for item in order)).limit(self.limit + 1)

    def place(self, row: AnyRow) -> tuple[Any, int]:
        """Return where a row stands in the list."""
        return row._mapping[self._key], row[0]  # noqa: SLF001 - SQLAlchemy's public name for it.

    def sort(self, rows: list[AnyRow]) -> list[AnyRow]:
        """Put rows that were found otherwise into the same order, from behind the mark on."""
        ordered = sorted(rows, key=self.place, reverse=self.descending)
        if self._after is None:
            return ordered
        mark = (self._after.key, self._after.number)
        return [row for row in ordered if (self.place(row) < mark if self.descending else self.place(row) > mark)]

    def end(self, rows: list[AnyRow], read: Callable[[AnyRow], _T]) -> tuple[tuple[_T, ...], Mark | None]:
        """Cut the page off, and mark its end where more follows."""
        kept = rows[: self.limit]
        more = len(rows) > self.limit and bool(kept)
        return tuple(map(read, kept)), Mark(*self.place(kept[-1])) if more else None
