"""The serial numbers of the devices that an organisation owns, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, exists, insert, select

from gatepost.controlplane.ports import OwnedSerial
from gatepost.storage.bounds import page
from gatepost.storage.denial_tables import serial_numbers
from gatepost.storage.states import COUNTS
from gatepost.storage.tables import devices

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_IN_ACCOUNT = serial_numbers.c.account == bindparam("of_account")
_CLEAR = delete(serial_numbers).where(_IN_ACCOUNT)
_ADD = insert(serial_numbers)
_PAGE = (
    select(
        serial_numbers.c.serial_key, serial_numbers.c.serial_number, serial_numbers.c.note, serial_numbers.c.added_at
    )
    .where(_IN_ACCOUNT, serial_numbers.c.serial_key > bindparam("after"))
    .order_by(serial_numbers.c.serial_key)
    .limit(bindparam("limit"))
)
_ENROLLED = exists().where(
    devices.c.account == serial_numbers.c.account,
    devices.c.serial_key == serial_numbers.c.serial_key,
    devices.c.state == COUNTS,
)
_MISSING = _PAGE.where(~_ENROLLED)
_HOLDS = select(serial_numbers.c.serial_key).where(_IN_ACCOUNT, serial_numbers.c.serial_key == bindparam("key"))


def _owned(row: AnyRow) -> OwnedSerial:
    return OwnedSerial(serial_key=row[0], serial_number=row[1], note=row[2], added_at=row[3])


class SqlSerialNumbers:
    """`ports.SerialNumbers` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, account: int, listed: tuple[OwnedSerial, ...]) -> None:
        """Put another list in the place of the one before."""
        self._connection.execute(_CLEAR, {"of_account": account})
        if listed:
            self._connection.execute(_ADD, [{"account": account, **msgspec.structs.asdict(item)} for item in listed])

    def page(self, account: int, after: str, limit: int) -> tuple[OwnedSerial, ...]:
        """Return those with a key above ``after``, in order, at most ``limit``."""
        rows = self._connection.execute(_PAGE, {"of_account": account, "after": after, "limit": page(limit)})
        return tuple(map(_owned, rows))

    def holds(self, account: int, serial_key: str) -> bool:
        """Tell whether one is listed."""
        return self._connection.scalar(_HOLDS, {"of_account": account, "key": serial_key}) is not None

    def missing(self, account: int, after: str, limit: int) -> tuple[OwnedSerial, ...]:
        """Return those above ``after`` that no device with a registration that counts has."""
        rows = self._connection.execute(_MISSING, {"of_account": account, "after": after, "limit": page(limit)})
        return tuple(map(_owned, rows))
