"""From the database's errors to ours, at the door of this room: no exception of SQLAlchemy's ever leaves it.

What is said names neither statements nor values; those may hold what must not stand in a log. Of PostgreSQL's own words none
is repeated: they hold the values of a row that is there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gatepost.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.exc import SQLAlchemyError

# SQLite's result codes by the beginning of their names (sqlite.org/rescode.html); extended codes begin alike. PostgreSQL's
# by the beginning of theirs (postgresql.org/docs, Error Codes): two digits are a class. The first that fits is said.
_WORDS: Final = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_CANTOPEN": "cannot be opened",
    "SQLITE_CORRUPT": "is damaged; restore a backup",
    "SQLITE_FULL": "has no room left: the disk is full",
    "SQLITE_IOERR": "could not be read or written by the operating system",
    "SQLITE_LOCKED": "is locked by this process itself",
    "SQLITE_NOTADB": "is a file of another kind",
    "SQLITE_PERM": "may not be opened by this user",
    "SQLITE_READONLY": "cannot be written",
    "08": "was lost: its connection ended",
    "22": "cannot hold a value",
    "25006": "cannot be written: it is a standby, or was set to read only",
    "25P03": "ended a transaction in which nothing was said for too long",
    "28": "refused the user or the password",
    "3D000": "is not there: the server has none of that name; make it with createdb",
    "40": "undid this: another process stood in its way",
    "42501": "does not let this user do that; let it own the database",
    "53100": "has no room left: the disk is full",
    "53200": "has no memory left",
    "53300": "has no connection free; raise its max_connections",
    "55P03": "is locked by another process",
    "57014": "stopped a statement that took too long",
    "57P": "is being stopped or started",
    "58": "could not be read or written by the operating system",
    "XX001": "is damaged; restore a backup",
    "XX002": "is damaged; restore a backup",
}
_UNDONE: Final = "40"
"""The class of PostgreSQL's codes for what it undid because of another writer: serialisation failures and deadlocks."""

# A connection that does not come about has no code, only libpq's words, which begin with hosts and users. In these pieces of
# them a server that speaks another language than English is "cannot be reached".
_UNCONNECTED: Final = {
    "pg_hba.conf": "does not let this user in from here (its pg_hba.conf)",
    "permission denied": "does not let this user in",
    'role "': _WORDS["28"],
    'database "': _WORDS["3D000"],
    "authentication failed": _WORDS["28"],
    "no password supplied": _WORDS["28"],
    "starting up": _WORDS["57P"],
    "shutting down": _WORDS["57P"],
    "too many clients": _WORDS["53300"],
    "connection slots": _WORDS["53300"],
    "read-only": _WORDS["25006"],
    "SSL": "could not be spoken to by TLS, or is not who its certificate says (sslmode, sslrootcert)",
    "certificate": "could not be spoken to by TLS, or is not who its certificate says (sslmode, sslrootcert)",
}


def storage_error(error: SQLAlchemyError) -> StorageError:
    """Say in words what the database could not do."""
    if isinstance(error, PoolTimeoutError):
        return StorageError("no connection to the database became free: too many threads read at once")
    original = error.orig if isinstance(error, DBAPIError) else None
    code = code_of(error)
    words = next((words for name, words in _WORDS.items() if code.startswith(name)), "")
    if words:
        return StorageError(f"the database {words} ({code})", undone=code.startswith(_UNDONE))
    if isinstance(original, psycopg.Error):
        return StorageError(f"the database {_of_postgresql(original, code)}")
    return StorageError(f"the database refused: {original or type(error).__name__}")


def _of_postgresql(original: psycopg.Error, code: str) -> str:
    """Say what PostgreSQL or its driver could not do where no words of ours go with its code."""
    if not code and isinstance(original, psycopg.DataError):
        return "cannot hold a value (a NUL character)"
    if not code and isinstance(original, psycopg.OperationalError):
        return next((ours for theirs, ours in _UNCONNECTED.items() if theirs in str(original)), "cannot be reached")
    return f"refused: {type(original).__name__} {code}".rstrip()


def code_of(error: SQLAlchemyError) -> str:
    """Return the database's own code, such as ``SQLITE_CONSTRAINT_UNIQUE`` or ``23505``; empty when there is none."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or "")


def is_missing_reference(error: IntegrityError) -> bool:
    """Tell whether a row names another that is not there, or was to go while others name it."""
    return code_of(error) in {"SQLITE_CONSTRAINT_FOREIGNKEY", "23503"}


def refuse_value(context: ExceptionContext) -> None:
    """Listen for what a driver raises by itself: an integer beyond 64 bits, text that is no Unicode."""
    original = context.original_exception
    if isinstance(original, OverflowError | UnicodeError):
        raise StorageError(f"the database cannot hold a value: {type(original).__name__}") from original
