"""``gatepost server admin``: what an administrator does on the console who has no token any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.database import chosen_account, master_key_option, open_database
from gatepost.cli.server_config import database_options

if TYPE_CHECKING:
    from pathlib import Path


class _ResetOptions(TypedDict):
    database: str
    master_key: Path | None
    email: str | None
    revoke_others: bool
    account: str | None
    form: str


@click.group()
def admin() -> None:
    """Administrators, on the server's console."""


@admin.command()
@database_options
@master_key_option
@click.option("--email", help="The administrator's e-mail address, for X-Auth-Email.")
@click.option("--revoke-others", is_flag=True, help="Revoke every other administrator's token.")
@click.option("--account", help="The account's id, where the database holds several.")
@click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)
def reset(**options: Unpack[_ResetOptions]) -> None:
    """Make another administrator's token that reaches everything, and print it, this once."""
    from gatepost.controlplane.administration.accounts import reset_administrator

    storage, services = open_database(options["database"], options["master_key"])
    try:
        account = chosen_account(storage, options["account"])
        made, revoked = reset_administrator(services, account, options["email"], revoke_others=options["revoke_others"])
    finally:
        storage.close()
    if options["revoke_others"]:
        click.echo(f"{revoked} other administrators' tokens are revoked", err=True)
    if options["form"] == "json":
        click.echo(msgspec.json.encode(made).decode())
        return
    click.echo(f"account  {made.account_id}")
    click.echo(f"token    {made.token}")
    click.echo("The token is the administrator's and is not shown again.", err=True)
