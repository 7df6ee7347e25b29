"""``gatepost server backup`` and ``restore``: all of the database as one file, and back."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.database import make_folder, master_key_option, read_master_key
from gatepost.cli.server_config import database_options
from gatepost.cli.server_settings import show_database
from gatepost.cli.serving import now
from gatepost.cli.words import printable

if TYPE_CHECKING:
    from gatepost.controlplane.administration.restoring import Restored, Revived
    from gatepost.controlplane.ports import Records

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@database_options
def backup(file: Path, database: str) -> None:
    """Write all that is in the database into a new FILE, beside a running server too."""
    from gatepost.storage.backup import write_backup

    rows = write_backup(database, file, now())
    click.echo(f"{file} holds {rows} rows")
    click.echo("Without the master key nothing can be restored from it: keep a copy of that too, elsewhere.", err=True)


@click.command()
@click.argument("file", type=_FILE)
@database_options
@master_key_option
@click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)
def restore(file: Path, database: str, master_key: Path | None, form: str) -> None:
    """Fill an empty database from FILE, and list what may have come back to life."""
    from gatepost.controlplane.administration.restoring import settle_restored
    from gatepost.storage.keybox import Keybox
    from gatepost.storage.restoration import restore_backup

    keybox = Keybox(read_master_key(database, master_key), secrets.token_bytes)
    make_folder(database)

    def settle(records: Records, made_at: int) -> Restored:
        return settle_restored(records, made_at, now(), secrets.token_bytes)

    restored = restore_backup(database, file, keybox, settle)
    if form == "json":
        click.echo(msgspec.json.encode(restored).decode())
        return
    click.echo(f"{show_database(database)} is as it was at {restored.backup_made_at}")
    for account in restored.accounts:
        _warn(account)


def _warn(account: Revived) -> None:
    click.echo(f"\naccount  {account.account_id}")
    click.echo(f"  {account.results_ended} results count no more; each device passes again with its next report")
    click.echo(f"  {account.enrollment_tokens_revoked} enrolment tokens are revoked; make new ones")
    click.echo("  Whatever was revoked, denied, deleted or changed after the backup is as it was before. Look through:")
    click.echo(f"  {account.registrations} registrations, {account.posture_rules} posture rules, ", nl=False)
    click.echo(
        f"{account.certificates} certificates, the deny-list, and these tokens and exemptions, which count again:"
    )
    for token in (*account.administrators, *account.proxies):
        click.echo(f"  {token.id}  {token.kind:13}  made {token.created_at}  {printable(token.name)}".rstrip())
    for kind, entries in (("service token", account.service_tokens), ("exemption", account.exemptions)):
        for entry in entries:
            click.echo(f"  {entry.id}  {kind:13}  until {entry.expires_at or 'deleted'}  {printable(entry.of)}")
    if account.emergency_ended:
        click.echo("  The emergency that lasted has ended; `gatepost server emergency on` declares it again")
