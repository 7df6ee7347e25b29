"""How much a list may hold: what has no page in the ports is bounded where it is added, so that reading it is bounded too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from gatepost.errors import ConflictError, InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

PATIENCE: Final = 10
"""Seconds to wait for another process, or another thread, that writes; a group commit takes some thousandths of one."""
MAXIMUM_ACCOUNTS: Final = 1_000
"""Accounts of one server: each is an organisation."""
MAXIMUM_TOKENS: Final = 10_000
"""Tokens of one account and kind: one for each device of a large roll-out in progress."""
MAXIMUM_CERTIFICATES: Final = 1_000
"""Uploads of one account: every certificate authority that it ever had, many times over."""
MAXIMUM_CHECKS: Final = 1_000
"""Checks of one account, and so results of one registration: more could not be judged at every report."""
MAXIMUM_RESOURCES: Final = 2_000
"""Documents of one kind in one account, such as policies: all of them are held in memory to decide."""
MAXIMUM_OF_USER: Final = 1_000
"""Registrations of one person that are looked at: more have been re-enrolled by a machine."""
MAXIMUM_PAGE: Final = 10_000
"""Rows read at once where the caller says how many; some MB of values."""


def refuse_more(connection: Connection, table: Table, kind: str, maximum: int, /, **equal: object) -> None:
    """Raise ConflictError when ``table`` already has ``maximum`` rows whose columns are as in ``equal``."""
    query = select(func.count()).select_from(table)
    for name, value in equal.items():
        query = query.where(table.c[name] == value)
    if connection.scalars(query).one() >= maximum:
        raise ConflictError(kind, f"there are {maximum} of them already", "remove one first")


def page(limit: int) -> int:
    """Return ``limit``; raises InputError when it is not between 0 and `MAXIMUM_PAGE`."""
    if not 0 <= limit <= MAXIMUM_PAGE:
        raise InputError("limit", f"is {limit}", f"0 to {MAXIMUM_PAGE}")
    return limit
