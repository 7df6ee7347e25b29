"""From a backup to a database: an empty one of any kind, all or nothing, whichever release made the backup.

The tables are made as they were when it was made, filled, and brought to this release's schema, in one transaction.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import msgspec
from sqlalchemy import LargeBinary, MetaData, Table, insert
from sqlalchemy.exc import SQLAlchemyError

from gatepost.errors import ConflictError, InputError
from gatepost.storage.backup import BATCH, Foot, Head
from gatepost.storage.database import SqlRecords
from gatepost.storage.databases import database_of
from gatepost.storage.locks import hold_schema
from gatepost.storage.migration import upgrade
from gatepost.storage.numbers import set_number
from gatepost.storage.revisions import has_tables, unknown
from gatepost.storage.tables import REVISIONS
from gatepost.storage.translation import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from gatepost.controlplane.ports import Records
    from gatepost.storage.keybox import Keybox

_LINE: Final = 16 * 1024 * 1024
"""Bytes of one line: several times what the largest row can hold."""
_IS_NONE: Final = "is no backup of Gatepost's"
_CHANGED: Final = "was changed or cut short since it was made"

_T = TypeVar("_T")
_Row = list[Any]


def restore_backup(url: str, path: Path, keybox: Keybox, settle: Callable[[Records, int], _T]) -> _T:
    """Fill an empty database from a backup, and return what ``settle`` makes of it in the same transaction.

    ``settle`` gets all of storage and when the backup was made. Raises InputError for a file that is no whole backup,
    ConflictError for a database that is not empty and StorageError where a database cannot be used; nothing is kept then.
    """
    database = database_of(url)
    with _opened(path) as reader:
        head = reader.read_head()
        database.make()
        engine = database.open_migrator()
        try:
            with engine.begin() as connection:
                hold_schema(connection)
                if has_tables(connection):
                    raise ConflictError("database", f"{database.name} is not empty", "restore into a new one")
                upgrade(connection, database.name, head.revision)
                _fill(connection, reader, head)
                upgrade(connection, database.name, REVISIONS[-1])
                return settle(SqlRecords(connection, keybox, writing=True), head.made_at)
        except SQLAlchemyError as error:
            raise storage_error(error) from error
        finally:
            engine.dispose()


class _Reader:
    """Reads a backup's lines; whatever is wrong with them is said of its file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._digest = hashlib.sha256()

    def wrong(self, problem: str) -> InputError:
        """Say of the file what is wrong."""
        return InputError(str(self._path), problem, "a file that `gatepost server backup` made")

    def read_head(self) -> Head:
        """Read the first line."""
        try:
            head = msgspec.json.decode(self._line(), type=Head)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self.wrong(_IS_NONE) from error
        if head.revision not in REVISIONS:
            raise self.wrong(unknown(head.revision))
        return head

    def rows(self) -> Iterator[_Row]:
        """Give every row; raises InputError at the end where they are not those that were written."""
        number = 0
        while True:
            digest, line = self._digest.hexdigest(), self._line()
            if line.startswith(b"{"):
                break
            number += 1
            yield self._decode(line, _Row)
        if self._decode(line, Foot) != Foot(number, digest) or self._file.read(1):
            raise self.wrong(_CHANGED)

    def _decode(self, line: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self.wrong(_CHANGED) from error

    def _line(self) -> bytes:
        line = self._file.readline(_LINE)
        self._digest.update(line)
        if not line.endswith(b"\n"):
            raise self.wrong(_CHANGED)
        return line


@contextmanager
def _opened(path: Path) -> Iterator[_Reader]:
    try:
        with path.open("rb") as file:
            yield _Reader(file, path)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error


def _fill(connection: Connection, reader: _Reader, head: Head) -> None:
    """Write the rows, table by table, in the order in which they name each other."""
    known = MetaData()
    known.reflect(connection)
    for name, rows in groupby(reader.rows(), lambda row: row[0] if row else None):
        columns = head.tables.get(str(name))
        table = known.tables.get(str(name))
        if columns is None or table is None or not set(columns) <= set(table.columns.keys()):
            raise reader.wrong(_CHANGED)
        _write(connection, table, (_values(reader, table, columns, row) for row in rows))
    for name, number in head.numbers.items():
        set_number(connection, name, number)


def _values(reader: _Reader, table: Table, columns: tuple[str, ...], row: _Row) -> dict[str, Any]:
    if len(row) != len(columns) + 1:
        raise reader.wrong(_CHANGED)
    values = dict(zip(columns, row[1:], strict=True))
    for name in columns:
        if isinstance(table.columns[name].type, LargeBinary) and values[name] is not None:
            try:
                values[name] = base64.b64decode(values[name], validate=True)
            except (TypeError, ValueError) as error:
                raise reader.wrong(_CHANGED) from error
    return values


def _write(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    group = []
    for values in rows:
        group.append(values)
        if len(group) == BATCH:
            connection.execute(insert(table), group)
            group = []
    if group:
        connection.execute(insert(table), group)
