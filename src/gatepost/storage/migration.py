"""Bringing a database to the schema of this release: in one transaction, with the data that is in it.

Alembic is imported here and in the migrations alone, so that what merely opens a database starts without it.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import SQLAlchemyError

from gatepost.errors import StorageError
from gatepost.storage.databases import database_of
from gatepost.storage.locks import hold_schema
from gatepost.storage.revisions import revision_of, unknown
from gatepost.storage.sqlite import has_broken_references
from gatepost.storage.tables import REVISIONS
from gatepost.storage.translation import storage_error

if TYPE_CHECKING:
    from sqlalchemy import Connection


def migrate(url: str) -> None:
    """Bring the database that ``url`` names to this release's schema; a SQLite file is made where there is none.

    All or nothing: what fails leaves the database as it was. Of two processes at once one waits, and then finds nothing to
    do. Raises InputError for another kind of URL, and StorageError for a database of another program or of a newer release.
    """
    database = database_of(url)
    database.make()
    engine = database.open_migrator()
    try:
        with engine.begin() as connection:
            hold_schema(connection)
            upgrade(connection, database.name, REVISIONS[-1])
    except SQLAlchemyError as error:
        raise storage_error(error) from error
    finally:
        engine.dispose()


def upgrade(connection: Connection, name: str, target: str) -> None:
    """Run the steps that lead to ``target``, on a connection of `databases.Database.open_migrator`; never one back."""
    revision = revision_of(connection, name)
    if revision and revision not in REVISIONS:
        raise StorageError(f"{name} {unknown(revision)}")
    with as_file(files("gatepost.storage") / "migrations") as folder:
        config = Config(attributes={"connection": connection})
        # A percent sign would begin an interpolation.
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        command.upgrade(config, target)
    if has_broken_references(connection):
        raise StorageError(f"{name} holds rows that name others which are not there; restore a backup")
