"""``gatepost server export``: the logs of an account as a file for an auditor, and its checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatepost.cli.choice import Choice
from gatepost.cli.database import chosen_account, master_key_option, open_database
from gatepost.cli.server_config import database_options
from gatepost.cli.serving import now
from gatepost.core.chain import Log
from gatepost.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@database_options
@master_key_option
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=Choice([item.value for item in Log]),
    help="Whose lines are written in full; of the others their digests. Repeatable. [default: all]",
)
@click.option("--checkpoints", type=_FILE, help="Write all checkpoints, this export's included, to a FILE beside it.")
@click.option("--account", help="The account's id, where the database holds several.")
def export(
    file: Path,
    database: str,
    master_key: Path | None,
    logs: tuple[str, ...],
    checkpoints: Path | None,
    account: str | None,
) -> None:
    """Write the logs into a new FILE, which `gatepost verify-log` verifies without any server."""
    from gatepost.controlplane.log_keeping import export_checkpoints, export_log

    for path in filter(None, (file, checkpoints)):
        if path.exists():
            raise InputError(str(path), "cannot be made: it is there already", "a new file; none is written over")
    storage, _ = open_database(database, master_key)
    try:
        chosen = chosen_account(storage, account)
        wanted = tuple(map(Log, logs)) or tuple(Log)
        lines = _write(file, export_log(storage, chosen, wanted, now))
        click.echo(f"{file} holds {lines} lines")
        if checkpoints is not None:
            click.echo(f"{checkpoints} holds {_write(checkpoints, export_checkpoints(storage, chosen))} checkpoints")
    finally:
        storage.close()
    click.echo("Keep checkpoints where nobody who can change the log can change them.", err=True)


def _write(path: Path, lines: Iterable[bytes]) -> int:
    """Write a new file for its owner alone; what cannot be finished is removed."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(str(path), f"cannot be made: {error.strerror}", "a new file; none is written over") from error
    count = 0
    try:
        with os.fdopen(descriptor, "wb") as file:
            for line in lines:
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink()
        raise InputError(str(path), f"cannot be written: {error.strerror}") from error
    except BaseException:
        path.unlink()
        raise
    return count
