"""The access log, as rows that are only ever added.

The line is kept as the JSON text that the chain is over; the columns beside it are what lines are found by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Select, bindparam, select, tuple_

from gatepost.controlplane.ports import AccessLine, AccessPlace, ChainedLine
from gatepost.core.chain import Log
from gatepost.core.log import AccessDocument
from gatepost.storage.access_tables import access_log
from gatepost.storage.bounds import page
from gatepost.storage.chain import move_head
from gatepost.storage.many import InsertMany

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gatepost.controlplane.ports import AccessFilter

_FOUND_BY: Final = ("at", "reference", "app_id", "registration_id", "user_email", "allowed")
_EQUAL: Final = ("reference", "app_id", "registration_id", "user_email")
_INSERT: Final = InsertMany(access_log, ("account", *_FOUND_BY, "line", "position", "digest"))
_SELECT = select(access_log.c.at, access_log.c.number, access_log.c.line)
_CHAINED = (
    select(access_log.c.position, access_log.c.digest, access_log.c.line)
    .where(access_log.c.account == bindparam("of_account"), access_log.c.position > bindparam("after"))
    .order_by(access_log.c.position)
    .limit(bindparam("limit"))
)


class SqlAccessLog:
    """`ports.AccessLog` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, account: int, documents: Sequence[AccessDocument]) -> None:
        """Write lines. Who has a number commits before the next one is given (`chain`)."""
        lines = [msgspec.json.encode(document) for document in documents]
        placed = move_head(self._connection, account, Log.ACCESS, lines)
        rows = [
            (account, *(getattr(document, name) for name in _FOUND_BY), line, *place)
            for document, line, place in zip(documents, lines, placed, strict=True)
        ]
        _INSERT.run(self._connection, rows)

    def read(
        self, account: int, wanted: AccessFilter, below: AccessPlace | None, limit: int, *, skip: int = 0
    ) -> tuple[AccessLine, ...]:
        """Return lines that stand before ``below`` (None: the newest), newest first, at most ``limit`` behind ``skip``."""
        query = _matching(account, wanted)
        if below is not None:
            query = query.where(tuple_(access_log.c.at, access_log.c.number) < tuple_(below.at, below.number))
        return self._run(query.order_by(access_log.c.at.desc(), access_log.c.number.desc()), limit, skip)

    def read_upwards(self, account: int, wanted: AccessFilter, limit: int, *, skip: int) -> tuple[AccessLine, ...]:
        """Return lines, oldest first, at most ``limit`` behind ``skip``."""
        query = _matching(account, wanted)
        return self._run(query.order_by(access_log.c.at, access_log.c.number), limit, skip)

    def chained(self, account: int, after: int, limit: int) -> tuple[ChainedLine, ...]:
        """Return lines with a position above ``after`` as the chain has them, in order, at most ``limit``."""
        rows = self._connection.execute(_CHAINED, {"of_account": account, "after": after, "limit": page(limit)})
        return tuple(ChainedLine(position, Log.ACCESS, digest, line) for position, digest, line in rows)

    def _run(self, query: Select[Any], limit: int, skip: int) -> tuple[AccessLine, ...]:
        rows = self._connection.execute(query.limit(page(limit)).offset(skip))
        return tuple(
            AccessLine(AccessPlace(at, number), msgspec.json.decode(line, type=AccessDocument))
            for at, number, line in rows
        )


def _matching(account: int, wanted: AccessFilter) -> Select[Any]:
    query = _SELECT.where(access_log.c.account == account)
    for name in _EQUAL:
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(access_log.c[name] == value)
    if wanted.allowed is not None:
        query = query.where(access_log.c.allowed.is_(wanted.allowed))
    if wanted.since is not None:
        query = query.where(access_log.c.at >= wanted.since)
    if wanted.before is not None:
        query = query.where(access_log.c.at < wanted.before)
    return query
