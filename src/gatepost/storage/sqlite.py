"""All that is SQLite's own: where the file is, how it is opened, and what makes a commit durable.

`postgresql` is the file beside this one, and `databases` chooses between them.
Sources: sqlite.org/pragma.html, sqlite.org/wal.html; Python's ``sqlite3`` commits before DDL by itself up to 3.11, so its
own transactions are switched off and every ``BEGIN`` is ours.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from gatepost.errors import InputError, StorageError
from gatepost.storage.bounds import PATIENCE
from gatepost.storage.translation import refuse_value

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

READERS: Final = 8
"""Connections for reading that are kept open."""

BURST: Final = 56
"""Connections for reading that are opened beyond those while many threads read at once, and closed afterwards."""

_DURABLE: Final = (
    f"PRAGMA busy_timeout = {PATIENCE * 1000}",
    "PRAGMA journal_mode = WAL",
    # In WAL mode, NORMAL would lose the last commits when the power fails; what we have acknowledged must stand.
    "PRAGMA synchronous = FULL",
    # Names in the schema of a file that somebody else prepared must not run anything.
    "PRAGMA trusted_schema = OFF",
)
_WRITING: Final = (*_DURABLE, "PRAGMA foreign_keys = ON")
_READING: Final = (*_DURABLE, "PRAGMA query_only = ON")


class SqliteFile:
    """`databases.Database` in a file."""

    def __init__(self, url: str) -> None:
        self.path = path_of(url)
        self.name = str(self.path)
        self.lock_file: Path | None = self.path.with_name(f"{self.path.name}.lock")

    def make(self) -> None:
        """Make an empty file where there is none."""
        make_file(self.path)

    def refuse_missing(self) -> None:
        """Raise StorageError where there is no file."""
        _refuse_missing(self.path)

    def open_writer(self) -> Engine:
        """Open the one connection that writes."""
        return open_writer(self.path)

    def open_readers(self) -> Engine:
        """Open connections that can only read."""
        return open_readers(self.path)

    def open_migrator(self) -> Engine:
        """Open a connection that can change the schema."""
        return open_migrator(self.path)


def path_of(url: str) -> Path:
    """Return the file that ``sqlite:///FILE`` names, with links resolved: one file has one name, and so one lock."""
    parsed = make_url(url)
    if not parsed.database or parsed.database == ":memory:" or parsed.host or parsed.query:
        raise InputError("database", "names no file", "sqlite:///FILE")
    return Path(parsed.database).resolve()


def make_file(path: Path) -> None:
    """Make an empty database for the owner alone, where there is none; SQLite gives its companions the same permissions.

    It is in WAL mode before it has its name: of two processes that change to that mode at once, SQLite lets one fail.
    """
    if path.exists():
        return
    try:
        with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            new = Path(folder) / path.name
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            engine = open_migrator(new)
            engine.connect().close()
            engine.dispose()
            with suppress(FileExistsError):
                path.hardlink_to(new)
    except OSError as error:
        raise StorageError(f"{path} cannot be made: {error.strerror}") from error


def open_writer(path: Path) -> Engine:
    """Open the one connection that writes; each of its transactions takes the write lock when it begins."""
    return _open(path, _WRITING, "BEGIN IMMEDIATE", (1, 0))


def open_readers(path: Path) -> Engine:
    """Open connections that can only read; each transaction sees the database as it was at its first statement."""
    return _open(path, _READING, "BEGIN", (READERS, BURST))


def open_migrator(path: Path) -> Engine:
    """Open a connection for changing the schema: tables can be rebuilt while nothing follows foreign keys."""
    return _open(path, (*_DURABLE, "PRAGMA foreign_keys = OFF"), "BEGIN IMMEDIATE", (1, 0))


def has_broken_references(connection: Connection) -> bool:
    """Tell whether a row names another that is not there: what a migration must not leave behind."""
    if connection.dialect.name != "sqlite":
        # Others follow foreign keys while the schema changes, too.
        return False
    return connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise StorageError(f"there is no database at {path}; `gatepost server init` makes one")


def _open(path: Path, pragmas: tuple[str, ...], begin: str, size: tuple[int, int]) -> Engine:
    _refuse_missing(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None, "timeout": PATIENCE},
        # A statement's parameters are nobody's business in an operator's log.
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=size[0],
        max_overflow=size[1],
        pool_timeout=PATIENCE,
    )

    def prepare(connection: DBAPIConnection, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own record, unused.
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    event.listen(engine, "handle_error", refuse_value)
    return engine
