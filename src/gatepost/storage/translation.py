"""From the database's errors to ours, at the door of this room: no exception of SQLAlchemy's ever leaves it.

What is said names neither statements nor values; those may hold what must not stand in a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gatepost.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.exc import SQLAlchemyError

# SQLite's result codes by the beginning of their names (sqlite.org/rescode.html); extended codes begin alike.
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
}


def storage_error(error: SQLAlchemyError) -> StorageError:
    """Say in words what the database could not do."""
    if isinstance(error, PoolTimeoutError):
        return StorageError("no connection to the database became free: too many threads read at once")
    original = error.orig if isinstance(error, DBAPIError) else None
    code = sqlite_code(error)
    words = next((words for name, words in _WORDS.items() if code.startswith(name)), "")
    if words:
        return StorageError(f"the database {words} ({code})")
    return StorageError(f"the database refused: {original or type(error).__name__}")


def sqlite_code(error: SQLAlchemyError) -> str:
    """Return the name of SQLite's result code, such as ``SQLITE_CONSTRAINT_UNIQUE``; empty when there is none."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(original, "sqlite_errorname", ""))


def is_missing_reference(error: IntegrityError) -> bool:
    """Tell whether a row names another that is not there, or was to go while others name it."""
    return sqlite_code(error) == "SQLITE_CONSTRAINT_FOREIGNKEY"


def refuse_value(context: ExceptionContext) -> None:
    """Listen for what a driver raises by itself: an integer beyond 64 bits, text that is no Unicode."""
    original = context.original_exception
    if isinstance(original, OverflowError | UnicodeError):
        raise StorageError(f"the database cannot hold a value: {type(original).__name__}") from original
