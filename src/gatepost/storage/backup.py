"""A backup: every row of one state of the database, in one file of lines that any kind of database is restored from.

The first line is a `Head`; then each row is a JSON list, its table first and bytes as base64; the last line is a `Foot` with
the SHA-256 of all before it, so that a file that was cut short or changed is not taken. Secrets are in it as they are in the
database: wrapped by the master key, which is not.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gatepost.errors import InputError, StorageError
from gatepost.storage.databases import database_of
from gatepost.storage.numbers import counted_tables, read_number
from gatepost.storage.revisions import refuse_other_revision
from gatepost.storage.schema import REVISIONS, metadata
from gatepost.storage.translation import storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

BATCH: Final = 500
"""Rows that are held in memory at once: some MB."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is, and how far each table had counted. ``made_at``: ms since 1970, UTC."""

    gatepost_backup: Literal[1] = 1
    revision: str
    made_at: int
    tables: dict[str, tuple[str, ...]]
    """The columns of each table, in the order of its rows' values."""
    numbers: dict[str, int]


class Foot(msgspec.Struct, frozen=True):
    """What a backup ends with."""

    rows: int
    sha256: str


class _Writer:
    """Writes lines, and keeps what the last one says of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.rows = 0

    def write(self, document: object) -> None:
        line = msgspec.json.encode(document) + b"\n"
        self._digest.update(line)
        self._file.write(line)

    def end(self) -> None:
        self._file.write(msgspec.json.encode(Foot(self.rows, self._digest.hexdigest())) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def write_backup(url: str, path: Path, now: int) -> int:
    """Write all that is in the database into a new file for its owner alone, and return the number of rows.

    Others may read and write meanwhile: what is written is the state at the beginning. Needs no master key. Raises
    StorageError as `database.open_storage`, and InputError for a file that is there already or cannot be written, and then
    leaves none.
    """
    database = database_of(url)
    database.refuse_missing()
    readers = database.open_readers()
    try:
        refuse_other_revision(readers, database.name)
        with readers.connect() as connection:
            return _write_file(connection, path, now)
    except SQLAlchemyError as error:
        raise storage_error(error) from error
    finally:
        readers.dispose()


def _write_file(connection: Connection, path: Path, now: int) -> int:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(str(path), f"cannot be made: {error.strerror}", "a new file; none is written over") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = _Writer(file)
            _write_rows(connection, writer, now)
            writer.end()
    except OSError as error:
        path.unlink()
        raise StorageError(f"the backup {path} cannot be written: {error.strerror}") from error
    except BaseException:
        path.unlink()
        raise
    return writer.rows


def _write_rows(connection: Connection, writer: _Writer, now: int) -> None:
    # The first statement is what fixes the state that all of them see.
    tables = {str(table.name): tuple(str(column.name) for column in table.columns) for table in metadata.sorted_tables}
    numbers = {name: read_number(connection, name) for name in counted_tables()}
    writer.write(Head(revision=REVISIONS[-1], made_at=now, tables=tables, numbers=numbers))
    for table in metadata.sorted_tables:
        query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
        for row in connection.execute(query):
            writer.write([str(table.name), *row])
            writer.rows += 1
