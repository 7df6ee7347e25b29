"""Where the server's database and master key are, as options of its commands, and how both are opened together."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gatepost.cli.config import read_text
from gatepost.cli.serving import now
from gatepost.errors import InputError, StateError

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.storage.database import SqlStorage

_DATABASE: Final = "sqlite:////var/lib/gatepost-server/gatepost.db"
_SQLITE: Final = "sqlite:///"
_PASSWORD_FILE: Final = "GATEPOST_DATABASE_PASSWORD_FILE"  # noqa: S105 - the name of a variable.


def _with_password(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    """Put the password into the URL that lies in the file which the environment names."""
    file = os.environ.get(_PASSWORD_FILE)
    if not file or not url.startswith("postgresql"):
        return url
    from gatepost.storage.databases import with_password

    return with_password(url, read_text(Path(file), _PASSWORD_FILE).rstrip("\r\n"))


database_option = click.option(
    "--database",
    default=_DATABASE,
    show_default=True,
    envvar="GATEPOST_DATABASE",
    callback=_with_password,
    help="sqlite:///FILE, with a fourth slash for an absolute path; or postgresql://USER@HOST:PORT/NAME.",
)
master_key_option = click.option(
    "--master-key",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="GATEPOST_MASTER_KEY_FILE",
    help="File of the key that wraps the secrets in the database. [default: beside a SQLite database]",
)


def make_folder(database: str) -> None:
    """Make the folder of a new SQLite database, for its owner alone; what exists stays as it is."""
    if database.startswith(_SQLITE):
        folder = Path(database.removeprefix(_SQLITE)).parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                "--database", f"lies in a folder that cannot be made: {folder}: {error.strerror}"
            ) from error


def shown(database: str) -> str:
    """Return the URL as it may be shown: without a password."""
    from gatepost.storage.databases import shown as shown_url

    return shown_url(database)


def open_database(database: str, master_key: Path | None, *, new: bool = False) -> tuple[SqlStorage, Services]:
    """Open the database. A master key is made for a ``new`` one alone: made later, it would hide that the right one is lost."""
    from gatepost.controlplane.administration.services import Services
    from gatepost.storage.database import open_storage
    from gatepost.storage.databases import database_of

    database_of(database).refuse_missing()
    storage = open_storage(database, read_master_key(database, master_key, new=new), secrets.token_bytes)
    return storage, Services(storage=storage, now=now, random=secrets.token_bytes)


def read_master_key(database: str, given: Path | None, *, new: bool = False) -> bytes:
    """Return the master key; it is made for a ``new`` database alone."""
    from gatepost.storage.keybox import read_or_create_master_key

    path = master_key_file(database, given)
    if not new and not path.exists():
        raise StateError(str(path), "is missing: the master key that opens the secrets in the database")
    return read_or_create_master_key(path, secrets.token_bytes)


def master_key_file(database: str, given: Path | None) -> Path:
    """Return the key's file: the one given, or the one beside a SQLite database."""
    if given is not None:
        return given
    if not database.startswith(_SQLITE):
        raise InputError("--master-key", "is missing", "a file outside the database, 0600")
    return Path(database.removeprefix(_SQLITE) + ".master-key")
