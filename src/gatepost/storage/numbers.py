"""How far each table has counted: a number is never used a second time, not even after its row has gone.

The database counts by itself, each kind in its own place; a restored one goes on where the other had come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, column, delete, func, insert, select, table

from gatepost.storage.schema import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection, TableClause

_SQLITE = table("sqlite_sequence", column("name"), column("seq"))


def counted_tables() -> list[str]:
    """Name the tables that count."""
    return [str(item.name) for item in metadata.sorted_tables if item.autoincrement_column is not None]


def _sequence(name: str) -> TableClause:
    return table(f"{name}_number_seq", column("last_value"), column("is_called"))


def read_number(connection: Connection, name: str) -> int:
    """Return the highest number that a table ever gave, 0 when it gave none."""
    if connection.dialect.name == "postgresql":
        query = select(case((column("is_called"), column("last_value")), else_=0)).select_from(_sequence(name))
    else:
        query = select(_SQLITE.c.seq).where(_SQLITE.c.name == name)
    return connection.scalar(query) or 0


def set_number(connection: Connection, name: str, number: int) -> None:
    """Let a table go on after ``number``."""
    if number < 1:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.setval(_sequence(name).name, number)))
    else:
        connection.execute(delete(_SQLITE).where(_SQLITE.c.name == name))
        connection.execute(insert(_SQLITE).values(name=name, seq=number))
