"""Accounts, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select

from gatepost.controlplane.ports import Account, Grounds
from gatepost.storage.bounds import MAXIMUM_ACCOUNTS, refuse_more
from gatepost.storage.tables import accounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_ALL = select(accounts.c.number, accounts.c.public_id, accounts.c.created_at).order_by(accounts.c.number)
_FIND = _ALL.where(accounts.c.public_id == bindparam("public_id"))
_VERSIONS = select(accounts.c.number, accounts.c.access_version, accounts.c.checks_version, accounts.c.endings).where(
    accounts.c.number.in_(bindparam("numbers", expanding=True))
)
_ADD = insert(accounts).returning(accounts.c.number)


class SqlAccounts:
    """`ports.Accounts` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, public_id: str, now: int) -> Account:
        """Make an account."""
        refuse_more(self._connection, accounts, "account", MAXIMUM_ACCOUNTS)
        number = self._connection.scalars(_ADD, {"public_id": public_id, "created_at": now}).one()
        return Account(number=number, public_id=public_id, created_at=now)

    def all(self) -> tuple[Account, ...]:
        """Return every account, oldest first."""
        rows = self._connection.execute(_ALL)
        return tuple(Account(number=row[0], public_id=row[1], created_at=row[2]) for row in rows)

    def find(self, public_id: str) -> Account | None:
        """Return the account with this public id."""
        row = self._connection.execute(_FIND, {"public_id": public_id}).one_or_none()
        return Account(number=row[0], public_id=row[1], created_at=row[2]) if row else None

    def grounds(self, numbers: Iterable[int]) -> dict[int, Grounds]:
        """Return how far the grounds of decisions have come in these accounts."""
        rows = self._connection.execute(_VERSIONS, {"numbers": list(numbers)})
        return {row[0]: Grounds(row[1], row[2], row[3]) for row in rows}
