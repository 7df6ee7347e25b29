"""The posture log, as rows that are only ever added; the database itself refuses to change one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, insert, select

from gatepost.controlplane.ports import EVERY_LINE, PostureLine
from gatepost.core.device import DeviceFacts
from gatepost.core.log import PostureEntry
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import page
from gatepost.storage.tables import checks, devices, posture_log, registrations
from gatepost.storage.verdicts import COLUMNS, result_of, values_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.controlplane.ports import LogFilter
    from gatepost.storage.tables import AnyRow

_ENTRY: Final = (*COLUMNS, "expected", "received", "nonce", "signature", "reports")
_COPIED: Final = {
    "account": registrations.c.account,
    "registration_id": registrations.c.public_id,
    "device_id": devices.c.public_id,
    "device_name": devices.c.name,
    "device_details": devices.c.details,
    "serial_number": devices.c.serial_number,
    "hostname": devices.c.hostname,
    "device_uuid": devices.c.device_uuid,
    "user_email": registrations.c.user_email,
    "check_id": checks.c.public_id,
    "check_name": checks.c.name,
    "check_type": checks.c.type,
}
"""What a line says of device and check, and where it is copied from."""

_SOURCE = (
    select(*_COPIED.values(), *(bindparam(name, type_=posture_log.c[name].type) for name in _ENTRY))
    .select_from(registrations)
    .join(devices, (devices.c.account == registrations.c.account) & (devices.c.number == registrations.c.device_number))
    .join(checks, (checks.c.account == registrations.c.account) & (checks.c.number == bindparam("with_check")))
    .where(registrations.c.account == bindparam("in_account"), registrations.c.number == bindparam("with_registration"))
)
_APPEND = insert(posture_log).from_select([*_COPIED, *_ENTRY], _SOURCE, include_defaults=False)
_NEWEST = (
    select(
        posture_log.c.number,
        *(posture_log.c[name] for name in _COPIED if name != "account"),
        *(posture_log.c[name] for name in _ENTRY),
    )
    .where(posture_log.c.account == bindparam("account"))
    .order_by(posture_log.c.number.desc())
)


def _line(row: AnyRow) -> PostureLine:
    return PostureLine(
        number=row[0],
        registration_id=row[1],
        device_id=row[2],
        device_name=row[3],
        device_details=row[4],
        facts=DeviceFacts(serial_number=row[5], hostname=row[6], device_uuid=row[7]),
        user_email=row[8],
        check_id=row[9],
        check_name=row[10],
        check_type=row[11],
        entry=PostureEntry(
            result=result_of(row, 12),
            expected=row[20],
            received=row[21],
            nonce=row[22],
            signature=row[23],
            reports=row[24],
        ),
    )


class SqlPostureLog:
    """`ports.PostureLog` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, account: int, registration: int, check: int, entry: PostureEntry) -> None:
        """Write one line; device and check are copied as they are now, so that the line outlives them.

        Raises NotFoundError when either is not there: a line is never lost in silence.
        """
        values = {
            "in_account": account,
            "with_registration": registration,
            "with_check": check,
            "expected": entry.expected,
            "received": entry.received,
            "nonce": entry.nonce,
            "signature": entry.signature,
            "reports": entry.reports,
            **values_of(entry.result),
        }
        if self._connection.execute(_APPEND, values).rowcount != 1:
            raise NotFoundError("registration or posture rule", f"{registration}, {check}")

    def read(
        self, account: int, before: int | None, limit: int, wanted: LogFilter = EVERY_LINE
    ) -> tuple[PostureLine, ...]:
        """Return lines with a number below ``before`` (None: the newest), newest first, at most ``limit``."""
        query = _NEWEST.limit(page(limit))
        if before is not None:
            query = query.where(posture_log.c.number < before)
        if wanted.registration_id is not None:
            query = query.where(posture_log.c.registration_id == wanted.registration_id)
        if wanted.check_id is not None:
            query = query.where(posture_log.c.check_id == wanted.check_id)
        return tuple(_line(row) for row in self._connection.execute(query, {"account": account}))
