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
from gatepost.storage.revisions import revision_of, unknown
from gatepost.storage.sqlite import has_broken_references, make_file, open_migrator, path_of
from gatepost.storage.tables import REVISIONS
from gatepost.storage.translation import storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


def migrate(url: str) -> None:
    """Make the database that ``url`` names where there is none, and bring it to this release's schema.

    All or nothing: what fails leaves the database as it was. Raises InputError for another kind of URL, and StorageError
    for a database of another program or of a newer release.
    """
    path = path_of(url)
    make_file(path)
    engine = open_migrator(path)
    try:
        with engine.begin() as connection:
            _upgrade(connection, path)
    except SQLAlchemyError as error:
        raise storage_error(error) from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection, path: Path) -> None:
    revision = revision_of(connection, path)
    if revision and revision not in REVISIONS:
        raise StorageError(f"{path} {unknown(revision)}")
    with as_file(files("gatepost.storage") / "migrations") as folder:
        config = Config(attributes={"connection": connection})
        # A percent sign would begin an interpolation.
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        command.upgrade(config, REVISIONS[-1])
    if has_broken_references(connection):
        raise StorageError(f"{path} holds rows that name others which are not there; restore a backup")
