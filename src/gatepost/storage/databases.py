"""Which database a URL names: the one place where its kind is chosen.

What a kind does in its own way stands in a file of its own (`sqlite`, `postgresql`), in three statements by dialect
(``STATEMENTS`` in `results` and `proved_keys`) and in `locks`; the rest of this room does not know which one it speaks to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gatepost.errors import InputError
from gatepost.storage.postgresql import PostgresqlDatabase
from gatepost.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

_ALLOWED: Final = "sqlite:///FILE or postgresql://USER@HOST:PORT/NAME"


class Database(Protocol):
    """A database that may be there or not; nothing is opened before it is asked for."""

    name: str
    """How messages call it: never with a password."""
    lock_file: Path | None
    """Where its one server holds a lock; None where any number of servers may be."""

    def make(self) -> None:
        """Make an empty database where there is none and where that is ours to do."""
        ...

    def refuse_missing(self) -> None:
        """Raise StorageError where it can be told without opening it that it is not there."""
        ...

    def open_writer(self) -> Engine:
        """Open the one connection of this process that writes."""
        ...

    def open_readers(self) -> Engine:
        """Open connections that can only read; each transaction sees one state."""
        ...

    def open_migrator(self) -> Engine:
        """Open a connection that can change the schema."""
        ...


def database_of(url: str) -> Database:
    """Return the database that ``url`` names; raises InputError for another kind of URL, without repeating it."""
    try:
        kind = make_url(url).get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise InputError("database", "is no database URL", _ALLOWED) from error
    match kind:
        case "sqlite":
            return SqliteFile(url)
        case "postgresql":
            return PostgresqlDatabase(url)
        case _:
            raise InputError("database", f"{kind} cannot be used", _ALLOWED)
