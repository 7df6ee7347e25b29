"""The audit log, as rows that are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from gatepost.controlplane.ports import Actor, AuditEntry, AuditLine
from gatepost.storage.bounds import page
from gatepost.storage.locks import hold_log
from gatepost.storage.tables import audit_log

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.controlplane.ports import AuditFilter
    from gatepost.storage.tables import AnyRow

_ADD = insert(audit_log)
_SELECT = select(
    audit_log.c.number,
    audit_log.c.at,
    audit_log.c.actor,
    audit_log.c.action,
    audit_log.c.kind,
    audit_log.c.reference,
    audit_log.c.before,
    audit_log.c.after,
)


def _line(row: AnyRow) -> AuditLine:
    entry = AuditEntry(
        at=row[1],
        actor=msgspec.json.decode(row[2], type=Actor),
        action=row[3],
        kind=row[4],
        reference=row[5],
        before=row[6],
        after=row[7],
    )
    return AuditLine(number=row[0], entry=entry)


class SqlAuditLog:
    """`ports.AuditLog` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, account: int, entry: AuditEntry) -> None:
        """Write one line. Who has a number commits before the next one is given (`locks`)."""
        values = msgspec.structs.asdict(entry)
        values |= {"account": account, "actor": msgspec.json.encode(entry.actor).decode(), "actor_id": entry.actor.id}
        hold_log(self._connection, account)
        self._connection.execute(_ADD, values)

    def read(self, account: int, wanted: AuditFilter, below: int | None, limit: int) -> tuple[AuditLine, ...]:
        """Return lines with a number below ``below`` (None: the newest), newest first, at most ``limit``."""
        query = _SELECT.where(audit_log.c.account == account)
        for name in ("kind", "reference", "action", "actor_id"):
            value = getattr(wanted, name)
            if value is not None:
                query = query.where(audit_log.c[name] == value)
        if wanted.since is not None:
            query = query.where(audit_log.c.at >= wanted.since)
        if wanted.before is not None:
            query = query.where(audit_log.c.at < wanted.before)
        if below is not None:
            query = query.where(audit_log.c.number < below)
        rows = self._connection.execute(query.order_by(audit_log.c.number.desc()).limit(page(limit)))
        return tuple(map(_line, rows))
