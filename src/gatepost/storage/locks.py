"""What SQLite's one writer at a time gives by itself, on PostgreSQL: there several processes may write at once.

A writing transaction is *alone*, as on SQLite, unless it says that it is not: administration and enrolment may read, decide and
write without another writer in between. Groups of reports are not alone: any number of them write at once, and these locks
keep apart what would meet:

1. the turn, which those who are alone take for themselves and the others share;
2. the keys that a group's reports prove, all at once and in one order: two processes that are proved one key see each other;
3. the rows of registrations and results, which the statements themselves lock; `intake` takes reports in one order;
4. the head of an account's logs (`chain`): who has a number in them commits before the next number is given, so that a
   reader who has seen a line has seen all before it;
5. the row of an account, where something may have ended (`endings`).

They are taken in this order, which prevents nearly every deadlock. PostgreSQL ends the rest by undoing one of the two, which
`translation` marks as undone, and `intake` tries again. All are advisory locks of a transaction: they go with it, however it
ends. On SQLite nothing here does anything.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from gatepost.storage.bounds import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_MIGRATION: Final = 600
"""Seconds to wait for another process that migrates: it may have many rows to rewrite."""

_KEY: Final = bindparam("key", type_=BigInteger)
_ALONE: Final = select(func.pg_advisory_xact_lock(_KEY))
_TRY: Final = select(func.pg_try_advisory_xact_lock(_KEY))
_SHARED: Final = select(func.pg_advisory_xact_lock_shared(_KEY))
# A function that returns several rows is asked for the next one when the one before is done: in the array's order.
_EACH: Final = select(func.pg_advisory_xact_lock(func.unnest(bindparam("keys", type_=ARRAY(BigInteger)))))


def _number(*parts: object) -> int:
    """Return the 64 bits by which PostgreSQL knows a lock. Two that fall together wait for each other needlessly, no more."""
    name = "\x00".join(map(str, ("gatepost", *parts))).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)


def _is_needed(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def take_turn(connection: Connection, *, alone: bool) -> None:
    """Begin to write: alone, or beside others who are not. The transaction's first statement."""
    if _is_needed(connection):
        connection.execute(_ALONE if alone else _SHARED, {"key": _number("turn")})


def hold_keys(connection: Connection, keys: Iterable[tuple[int, bytes]]) -> None:
    """Keep everybody else from proving these keys, each of an account, until the transaction ends."""
    if _is_needed(connection):
        numbers = sorted({_number("key", account, digest.hex()) for account, digest in keys})
        connection.execute(_EACH, {"keys": numbers}).all()


def try_house(connection: Connection) -> bool:
    """Begin to keep house, without waiting; False where another process does."""
    if not _is_needed(connection):
        return True
    return bool(connection.scalar(_TRY, {"key": _number("house")}))


def hold_schema(connection: Connection) -> None:
    """Begin to migrate: one process at a time. The next one waits for long, but then changes tables as quickly as ever."""
    if _is_needed(connection):
        connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION}s'"))
        connection.execute(_ALONE, {"key": _number("schema")})
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
