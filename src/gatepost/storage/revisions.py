"""Which schema a database has. A process works on exactly the one that it knows; anything else is refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, Table, Text, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from gatepost.errors import StorageError
from gatepost.storage.tables import REVISIONS
from gatepost.storage.translation import storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

# Alembic keeps the revision in this table, by itself.
_alembic_version = Table("alembic_version", MetaData(), Column("version_num", Text))


def refuse_other_revision(engine: Engine, path: Path) -> None:
    """Raise StorageError unless the database's revision is the one that this release works with."""
    try:
        with engine.connect() as connection:
            revision = revision_of(connection, path)
    except SQLAlchemyError as error:
        raise storage_error(error) from error
    if revision == REVISIONS[-1]:
        return
    if not revision or revision in REVISIONS:
        state = f"has the schema of an older release ({revision})" if revision else "has no tables yet"
        raise StorageError(f"{path} {state}; run `gatepost server migrate`")
    raise StorageError(f"{path} {unknown(revision)}")


def confirm_revision(connection: Connection) -> bool:
    """Write this release's revision over itself; False where the database has another one."""
    column = _alembic_version.c.version_num
    statement = update(_alembic_version).where(column == REVISIONS[-1]).values(version_num=column)
    return connection.execute(statement).rowcount == 1


def unknown(revision: str) -> str:
    """Say what a revision means that this release does not know."""
    return (
        f"has the schema {revision}, which this release does not know: a newer release ran `gatepost server migrate`; "
        "use that release, or restore the backup made before"
    )


def revision_of(connection: Connection, path: Path) -> str:
    """Return the database's revision, empty when it has no tables; raises StorageError when it is not Gatepost's."""
    names = inspect(connection).get_table_names()
    if _alembic_version.name in names:
        return connection.scalar(select(_alembic_version.c.version_num)) or ""
    if names:
        raise StorageError(f"{path} is a database of another program")
    return ""
