"""How the server's database and its master key are found and opened together."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gatepost.cli.serving import now
from gatepost.errors import InputError, StateError

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Account
    from gatepost.storage.database import SqlStorage

_SQLITE: Final = "sqlite:///"


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


def chosen_account(storage: SqlStorage, given: str | None) -> Account:
    """Return the account that is named, or the only one; raises `InputError`."""
    with storage.reading() as records:
        accounts = records.accounts.all()
    found = [item for item in accounts if given in {None, item.public_id}]
    if len(found) != 1:
        known = ", ".join(item.public_id for item in accounts) or "none; run `gatepost server init` first"
        raise InputError("--account", f"names {len(found)} accounts" if given else "is needed", f"there are {known}")
    return found[0]
