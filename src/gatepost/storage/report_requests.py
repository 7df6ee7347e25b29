"""Requests that a device report now, as rows. They are few, and short-lived: each server process reads them twice a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Table, bindparam, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.storage.tables import integer, metadata, registrations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

report_requests = Table(
    "report_requests",
    metadata,
    integer("account"),
    integer("registration_number"),
    integer("sequence"),
    integer("asked_at"),
    PrimaryKeyConstraint("account", "registration_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
)


def _put(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    key, values = ("account", "registration_number"), ("sequence", "asked_at")
    return insert.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in values})


_PUT: Final = {"sqlite": _put(sqlite.insert(report_requests)), "postgresql": _put(postgresql.insert(report_requests))}
_OPEN: Final = select(report_requests.c.registration_number, report_requests.c.sequence).where(
    report_requests.c.account.in_(bindparam("accounts", expanding=True))
)
_ANSWERED: Final = exists().where(
    registrations.c.account == report_requests.c.account,
    registrations.c.number == report_requests.c.registration_number,
    registrations.c.last_sequence > report_requests.c.sequence,
)
_FORGET: Final = delete(report_requests).where(or_(report_requests.c.asked_at < bindparam("before"), _ANSWERED))


class SqlReportRequests:
    """`ports.ReportRequests` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, account: int, asked: Iterable[tuple[int, int]], at: int) -> None:
        """Ask registrations, each with the sequence of its last report; an older request of the same one is replaced."""
        rows = [
            {"account": account, "registration_number": number, "sequence": sequence, "asked_at": at}
            for number, sequence in asked
        ]
        if rows:
            self._connection.execute(_PUT[self._connection.dialect.name], rows)

    def open(self, accounts: Iterable[int]) -> dict[int, int]:
        """Return what is asked of the accounts' registrations: by number, the sequence above which a report answers it."""
        return {row[0]: row[1] for row in self._connection.execute(_OPEN, {"accounts": list(accounts)})}

    def forget(self, before: int) -> None:
        """Forget what has been answered, and what was asked before an instant (ms)."""
        self._connection.execute(_FORGET, {"before": before})
