"""What counts once and was counted, as rows. They are few, and live for minutes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Index, LargeBinary, Table, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.storage.tables import integer, metadata

spent = Table(
    "spent",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    integer("ends_at"),
    Index(None, "ends_at"),
)

_SPEND: Final = {
    kind: dialect.insert(spent)
    .on_conflict_do_nothing(index_elements=["digest"])
    .execution_options(preserve_rowcount=True)
    for kind, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


class SqlSpentOnce:
    """`ports.SpentOnce` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def spend(self, digest: bytes, ends_at: int) -> bool:
        """Spend what has this SHA-256 and would end at ``ends_at`` (ms); False: it was spent before."""
        statement = _SPEND[self._connection.dialect.name]
        return self._connection.execute(statement, {"digest": digest, "ends_at": ends_at}).rowcount == 1

    def has_any(self, before: int) -> bool:
        """Tell whether there is anything that ended before an instant (ms)."""
        return bool(self._connection.scalar(select(exists().where(spent.c.ends_at < before))))

    def forget(self, before: int) -> None:
        """Forget what ended before an instant (ms)."""
        self._connection.execute(delete(spent).where(spent.c.ends_at < before))
