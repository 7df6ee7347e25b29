"""Endings: a number of each account that rises whenever something may end what was let in.

Whatever process remembers a decision's grounds asks for that number, and forgets them where it rose (`access.memory`). It is
raised in the transaction that changes the grounds, so that nobody sees the one without the other; last of all, behind the
head of the logs (`locks`), since its row is every account's one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from gatepost.storage.tables import accounts

if TYPE_CHECKING:
    from sqlalchemy import Connection

_RAISE = update(accounts).where(accounts.c.number == bindparam("of_account")).values(endings=accounts.c.endings + 1)


def ignore(account: int) -> None:
    """Note nothing: of a transaction that only reads."""
    del account


class Endings:
    """Gathers the accounts in which one transaction ends something."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._accounts: set[int] = set()

    def note(self, account: int) -> None:
        """Note that what was let in may no longer be."""
        self._accounts.add(account)

    def write(self) -> None:
        """Raise the numbers, in one order."""
        for account in sorted(self._accounts):
            self._connection.execute(_RAISE, {"of_account": account})
        self._accounts.clear()
