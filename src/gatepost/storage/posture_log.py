"""The posture log, as rows that are only ever added; the database itself refuses to change one.

Lines are written when the transaction ends, or somebody reads: all of them at once, and the head of the chain moves once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import bindparam, select

from gatepost.controlplane.ports import EVERY_LINE, ChainedLine, PostureLine
from gatepost.core.chain import Log
from gatepost.core.device import DeviceFacts
from gatepost.core.log import PostureDocument, PostureEntry
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import page
from gatepost.storage.chain import move_head
from gatepost.storage.many import InsertMany, SelectMany
from gatepost.storage.tables import checks, devices, posture_log, registrations
from gatepost.storage.verdicts import COLUMNS, result_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from gatepost.controlplane.ports import LogFilter
    from gatepost.storage.tables import AnyRow

_COPIED: Final = (
    "registration_id",
    "device_id",
    "device_name",
    "device_details",
    "serial_number",
    "hostname",
    "device_uuid",
    "user_email",
    "device_key",
)
"""What a line says of its device, in the order of `_DEVICES` behind the registration's number."""
_NAMED: Final = ("check_id", "check_name", "check_type")
_ENTRY: Final = (*COLUMNS, "expected", "received", "nonce", "signature", "reports", "audience")
_INSERT: Final = InsertMany(posture_log, ("account", *_COPIED, *_NAMED, *_ENTRY, "position", "digest"))
_DEVICES: Final = SelectMany(
    select(
        registrations.c.number,
        registrations.c.public_id,
        devices.c.public_id,
        devices.c.name,
        devices.c.details,
        devices.c.serial_number,
        devices.c.hostname,
        devices.c.device_uuid,
        registrations.c.user_email,
        registrations.c.thumbprint,
    ).join_from(
        registrations,
        devices,
        (devices.c.account == registrations.c.account) & (devices.c.number == registrations.c.device_number),
    ),
    registrations,
    ("account",),
    "number",
)
_CHECK = select(checks.c.public_id, checks.c.name, checks.c.type).where(
    checks.c.account == bindparam("of_account"), checks.c.number == bindparam("with_number")
)
_LINE = select(
    posture_log.c.number,
    *(posture_log.c[name] for name in (*_COPIED, *_NAMED, *_ENTRY)),
    posture_log.c.position,
    posture_log.c.digest,
)
_NEWEST = _LINE.where(posture_log.c.account == bindparam("account")).order_by(posture_log.c.number.desc())
_CHAINED = (
    _LINE.where(posture_log.c.account == bindparam("of_account"), posture_log.c.position > bindparam("after"))
    .order_by(posture_log.c.position)
    .limit(bindparam("limit"))
)
_Copies = tuple[Any, ...]


def _line(row: AnyRow) -> PostureLine:
    return PostureLine(
        number=row[0],
        registration_id=row[1],
        device_id=row[2],
        device_name=row[3],
        device_details=row[4],
        facts=DeviceFacts(serial_number=row[5], hostname=row[6], device_uuid=row[7]),
        user_email=row[8],
        check_id=row[10],
        check_name=row[11],
        check_type=row[12],
        entry=PostureEntry(
            result=result_of(row, 13),
            expected=row[21],
            received=row[22],
            nonce=row[23],
            signature=row[24],
            reports=row[25],
            audience=row[26],
        ),
    )


def encode_line(values: _Copies) -> bytes:
    """Write a line as the JSON that the chain is over; ``values`` are those of `_COPIED`, `_NAMED` and `_ENTRY`."""
    document = PostureDocument(
        registration_id=values[0],
        device_id=values[1],
        device_name=values[2],
        device=bytes(values[3]).decode("utf-8", "replace"),
        serial_number=values[4],
        hostname=values[5],
        device_uuid=values[6],
        user_email=values[7],
        device_key=None if values[8] is None else values[8].hex(),
        check_id=values[9],
        check_name=values[10],
        check_type=values[11],
        status=values[12],
        reasons=values[13],
        evidence=values[14],
        check_version=values[15],
        certificate=None if values[16] is None else values[16].hex(),
        measured_at=values[17],
        judged_at=values[18],
        ends_at=values[19],
        expected=values[20],
        received=values[21],
        nonce=values[22],
        signature=values[23],
        reports=values[24],
        audience=values[25],
    )
    return msgspec.json.encode(document)


class SqlPostureLog:
    """`ports.PostureLog` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._expected: dict[int, list[int]] = {}
        self._devices: dict[tuple[int, int], _Copies] = {}
        self._checks: dict[tuple[int, int], _Copies] = {}
        self._lines: dict[int, list[_Copies]] = {}

    def expect(self, account: int, registrations: Iterable[int]) -> None:
        """Read what lines will say of these devices at once, when the first of them is added; checks do not change then."""
        self._expected.setdefault(account, []).extend(registrations)

    def forget_expected(self) -> None:
        """Read anew what lines say of devices: one of them has changed."""
        self._devices.clear()

    def append(self, account: int, registration: int, check: int, entry: PostureEntry) -> None:
        """Add one line; device and check are copied as they are now, so that the line outlives them.

        Raises NotFoundError when either is not there: a line is never lost in silence.
        """
        expected = self._expected.get(account, ())
        device = self._devices.get((account, registration))
        if device is None:
            found = self._read_devices(account, (registration, *expected))
            device = found.get(registration)
            self._devices |= {(account, number): found[number] for number in expected if number in found}
        named = self._checks.get((account, check)) or self._read_check(account, check)
        if device is None or named is None:
            raise NotFoundError("registration or posture rule", f"{registration}, {check}")
        if expected:
            self._checks[account, check] = named
        result = entry.result
        values = (
            *device,
            *named,
            result.status.value,
            ",".join(result.reasons),
            None if result.evidence is None else result.evidence.value,
            result.check_version,
            result.certificate,
            result.measured_at,
            result.judged_at,
            result.ends_at,
            entry.expected,
            entry.received,
            entry.nonce,
            entry.signature,
            entry.reports,
            entry.audience,
        )
        self._lines.setdefault(account, []).append(values)

    def write_late(self) -> None:
        """Write the lines that were added, account by account in one order."""
        for account in sorted(self._lines):
            lines = self._lines.pop(account)
            placed = move_head(self._connection, account, Log.POSTURE, [encode_line(item) for item in lines])
            _INSERT.run(self._connection, [(account, *item, *place) for item, place in zip(lines, placed, strict=True)])

    def read(
        self, account: int, before: int | None, limit: int, wanted: LogFilter = EVERY_LINE
    ) -> tuple[PostureLine, ...]:
        """Return lines with a number below ``before`` (None: the newest), newest first, at most ``limit``."""
        self.write_late()
        query = _NEWEST.limit(page(limit))
        if before is not None:
            query = query.where(posture_log.c.number < before)
        if wanted.registration_id is not None:
            query = query.where(posture_log.c.registration_id == wanted.registration_id)
        if wanted.check_id is not None:
            query = query.where(posture_log.c.check_id == wanted.check_id)
        return tuple(_line(row) for row in self._connection.execute(query, {"account": account}))

    def chained(self, account: int, after: int, limit: int) -> tuple[ChainedLine, ...]:
        """Return lines with a position above ``after`` as the chain has them, in order, at most ``limit``."""
        rows = self._connection.execute(_CHAINED, {"of_account": account, "after": after, "limit": page(limit)})
        return tuple(ChainedLine(row[-2], Log.POSTURE, row[-1], encode_line(row[1:-2])) for row in rows)

    def _read_devices(self, account: int, numbers: Iterable[int]) -> dict[int, _Copies]:
        return {row[0]: tuple(row[1:]) for row in _DEVICES.run(self._connection, (account,), numbers)}

    def _read_check(self, account: int, number: int) -> _Copies | None:
        row = self._connection.execute(_CHECK, {"of_account": account, "with_number": number}).one_or_none()
        return None if row is None else tuple(row)
