"""Rows of a group of reports at once: one statement where there would be one a report.

SQLAlchemy composes a statement and reads its rows anew each time it is asked, which costs more than SQLite's whole work on
one. What every report asks is composed once here, from the same tables, and given to the driver as it is: many rows to one
statement on SQLite, and on PostgreSQL one statement over arrays, so that a group is one round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Select, Table

    from gatepost.storage.tables import AnyRow

_SHAPES: Final = (1, 4, 16, 64, 256)
"""How many values are asked for in one statement: few shapes, so that drivers have each prepared. Far below SQLite's limit."""
_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy says nothing of its type
_ASKED: Final = ":asked:"


def _array(table: Table, name: str) -> str:
    """Return PostgreSQL's type of an array of a column's values, whatever their order is."""
    return table.c[name].type.compile(dialect=_POSTGRESQL).partition(" COLLATE ")[0] + "[]"


class UpdateMany:
    """Sets ``changed`` columns of the rows of ``table`` that ``key`` columns name, many rows at once."""

    def __init__(self, table: Table, key: tuple[str, ...], changed: tuple[str, ...]) -> None:
        names = (*changed, *key)
        equal = " AND ".join(f"{name} = ?" for name in key)
        self._sqlite = f"UPDATE {table.name} SET {', '.join(f'{name} = ?' for name in changed)} WHERE {equal}"  # noqa: S608 - names of our tables.
        arrays = ", ".join(f"%s::{_array(table, name)}" for name in names)
        sets = ", ".join(f"{name} = given.{name}" for name in changed)
        found = " AND ".join(f"{table.name}.{name} = given.{name}" for name in key)
        self._postgresql = (
            f"UPDATE {table.name} SET {sets} FROM unnest({arrays}) AS given ({', '.join(names)}) WHERE {found}"  # noqa: S608 - as above.
        )

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write ``rows``, each the values of the changed columns and then those of the key."""
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(self._sqlite, list(rows))
        else:
            connection.exec_driver_sql(self._postgresql, tuple(map(list, zip(*rows, strict=True))))


class InsertMany:
    """Adds rows to ``table`` whose columns are ``names``, many at once."""

    def __init__(self, table: Table, names: tuple[str, ...]) -> None:
        into = f"INSERT INTO {table.name} ({', '.join(names)})"
        self._sqlite = f"{into} VALUES ({', '.join('?' * len(names))})"
        arrays = ", ".join(f"%s::{_array(table, name)}" for name in names)
        self._postgresql = f"{into} SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our tables.

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add ``rows``, each the values of the columns."""
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(self._sqlite, list(rows))
        else:
            connection.exec_driver_sql(self._postgresql, tuple(map(list, zip(*rows, strict=True))))


class SelectMany:
    """Asks ``query`` for the rows whose ``column`` is one of many values, beside ``fixed`` ones in the order of the query.

    ``query`` holds no parameter of its own. ``rest`` stands behind the condition, and ``lock`` behind that where several
    processes write at once.
    """

    def __init__(
        self, query: Select[Any], table: Table, fixed: tuple[str, ...], column: str, *, rest: str = "", lock: str = ""
    ) -> None:
        text = str(query)
        equal = "".join(f"{table.name}.{name} = {_ASKED} AND " for name in fixed)
        where = " AND " if query.whereclause is not None else " WHERE "
        self._text = f"{text}{where}{equal}{table.name}.{column}"
        self._array = _array(table, column)
        self._rest = rest
        self._lock = lock

    def run(self, connection: Connection, fixed: tuple[Any, ...], values: Iterable[Any]) -> list[AnyRow]:
        """Return the rows, in no order."""
        wanted = list(dict.fromkeys(values))
        if connection.dialect.name != "sqlite":
            text = f"{self._text} = ANY(%s::{self._array}){self._rest}{self._lock}".replace(_ASKED, "%s")
            return list(connection.exec_driver_sql(text, (*fixed, wanted)).all()) if wanted else []
        rows: list[AnyRow] = []
        for start in range(0, len(wanted), _SHAPES[-1]):
            part = wanted[start : start + _SHAPES[-1]]
            shape = next(size for size in _SHAPES if size >= len(part))
            part += part[-1:] * (shape - len(part))
            text = f"{self._text} IN ({', '.join('?' * shape)}){self._rest}".replace(_ASKED, "?")
            rows += connection.exec_driver_sql(text, (*fixed, *part)).all()
        return rows
