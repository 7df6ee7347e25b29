"""The audit log, as rows that are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, insert, select

from gatepost.controlplane.ports import Actor, AuditEntry, AuditLine, ChainedLine
from gatepost.core.chain import Log
from gatepost.core.log import AuditDocument
from gatepost.storage.bounds import page
from gatepost.storage.chain import move_head
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

_CHAINED = (
    select(
        audit_log.c.position,
        audit_log.c.digest,
        audit_log.c.at,
        audit_log.c.actor,
        audit_log.c.action,
        audit_log.c.kind,
        audit_log.c.reference,
        audit_log.c.before,
        audit_log.c.after,
    )
    .where(audit_log.c.account == bindparam("of_account"), audit_log.c.position > bindparam("after"))
    .order_by(audit_log.c.position)
    .limit(bindparam("limit"))
)


def encode_line(**values: Any) -> bytes:  # noqa: ANN401 - the fields of a line are of several types.
    """Write a line as the JSON that the chain is over."""
    return msgspec.json.encode(AuditDocument(**values))


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
        """Write one line. Who has a number commits before the next one is given (`chain`)."""
        values = msgspec.structs.asdict(entry) | {"actor": msgspec.json.encode(entry.actor).decode()}
        ((position, digest),) = move_head(self._connection, account, Log.AUDIT, [encode_line(**values)])
        values |= {"account": account, "actor_id": entry.actor.id, "position": position, "digest": digest}
        self._connection.execute(_ADD, values)

    def chained(self, account: int, after: int, limit: int) -> tuple[ChainedLine, ...]:
        """Return lines with a position above ``after`` as the chain has them, in order, at most ``limit``."""
        rows = self._connection.execute(_CHAINED, {"of_account": account, "after": after, "limit": page(limit)})
        names = ("at", "actor", "action", "kind", "reference", "before", "after")
        return tuple(
            ChainedLine(row[0], Log.AUDIT, row[1], encode_line(**dict(zip(names, row[2:], strict=True))))
            for row in rows
        )

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
