"""Attempts that processes tell each other of, as rows. They are few, and live for a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, LargeBinary, SmallInteger, Table, delete, func, select

from gatepost.controlplane.ports.attempts import AttemptKind, Attempts
from gatepost.storage.tables import integer, metadata, number_column, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

attempts = Table(
    "attempts",
    metadata,
    number_column(),
    Column("process", LargeBinary, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    words("subject"),
    integer("times"),
    integer("at"),
    sqlite_autoincrement=True,
)


class SqlSharedAttempts:
    """`ports.SharedAttempts` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self) -> int:
        """Return the number of the newest entry; 0 where there is none."""
        return self._connection.scalar(select(func.max(attempts.c.number))) or 0

    def add(self, process: bytes, counted: Iterable[Attempts], at: int) -> None:
        """Add what a process counted; ``at``: ms."""
        rows = [
            {"process": process, "kind": item.kind, "subject": item.subject, "times": item.count, "at": at}
            for item in counted
        ]
        if rows:
            self._connection.execute(attempts.insert(), rows)

    def of_others(self, process: bytes, after: int) -> list[tuple[int, Attempts]]:
        """Return the entries of other processes whose number is above ``after``, each with its number, oldest first."""
        found = self._connection.execute(
            select(attempts.c.number, attempts.c.kind, attempts.c.subject, attempts.c.times)
            .where(attempts.c.number > after, attempts.c.process != process)
            .order_by(attempts.c.number)
        )
        return [(row[0], Attempts(AttemptKind(row[1]), row[2], row[3])) for row in found]

    def has_any(self, before: int) -> bool:
        """Tell whether there is an entry from before an instant (ms)."""
        # They are added in the order of their times, but for the clocks of several processes: the oldest is enough.
        oldest = self._connection.scalar(select(attempts.c.at).order_by(attempts.c.number).limit(1))
        return oldest is not None and oldest < before

    def forget(self, before: int) -> None:
        """Forget entries from before an instant (ms)."""
        self._connection.execute(delete(attempts).where(attempts.c.at < before))
