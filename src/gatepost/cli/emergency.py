"""``gatepost server emergency``: when posture must not keep anybody out for a while, on the server's console."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.database import chosen_account, master_key_option, open_database
from gatepost.cli.server_config import database_options
from gatepost.cli.words import printable
from gatepost.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from gatepost.controlplane.administration.services import Services
    from gatepost.wire.management.emergencies import EmergencyObject


class _Options(TypedDict):
    database: str
    master_key: Path | None
    account: str | None
    form: str


class _OnOptions(_Options):
    life: str
    reason: str


_account_option = click.option("--account", help="The account's id, where the database holds several.")
_format_option = click.option(
    "--format", "form", type=Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)


@click.group()
def emergency() -> None:
    """Have the posture rules of all policies only reported, for a while.

    Known users and devices are let in whatever their checks say; every decision says report-only. Other rules count as ever.
    """


@emergency.command()
@database_options
@master_key_option
@click.option("--for", "life", required=True, help="How long, such as 2h; at most 24h. It ends by itself.")
@click.option("--reason", required=True, help="Why; it stands in the audit log.")
@_account_option
@_format_option
def on(**options: Unpack[_OnOptions]) -> None:
    """Declare an emergency, in the place of an earlier one."""
    from gatepost.controlplane.administration.access.emergencies import declare_emergency
    from gatepost.wire.management.emergencies import EmergencyBody
    from gatepost.wire.management.strict import convert_strictly

    def declare(services: Services, account: int) -> EmergencyObject:
        try:
            given = {"reason": options["reason"], "expires_in": options["life"]}
            return declare_emergency(services, account, convert_strictly(given, EmergencyBody, ""))
        except InputError as error:
            flag = {"/expires_in": "--for", "/reason": "--reason"}.get(error.field, error.field)
            raise InputError(flag, error.problem, error.allowed) from error

    _print(_run(options, declare), options["form"])


@emergency.command()
@database_options
@master_key_option
@_account_option
@_format_option
def off(**options: Unpack[_Options]) -> None:
    """End the emergency now. Exit code 1: there was none."""
    from gatepost.controlplane.administration.access.emergencies import end_emergency

    ended = _run(options, end_emergency)
    if options["form"] == "json":
        click.echo(msgspec.json.encode(ended).decode())
    else:
        click.echo("there was no emergency" if ended is None else "the emergency has ended")
    if ended is None:
        raise click.exceptions.Exit(1)


@emergency.command()
@database_options
@master_key_option
@_account_option
@_format_option
def status(**options: Unpack[_Options]) -> None:
    """Show the emergency that lasts now. Exit code 1: there is none."""
    from gatepost.controlplane.administration.access.emergencies import find_emergency

    found = _run(options, find_emergency)
    _print(found, options["form"])
    if found is None:
        raise click.exceptions.Exit(1)


def _run(options: Any, act: Callable[[Services, int], EmergencyObject | None]) -> EmergencyObject | None:  # noqa: ANN401 - any command's.
    storage, services = open_database(options["database"], options["master_key"])
    try:
        return act(services, chosen_account(storage, options["account"]).number)
    finally:
        storage.close()


def _print(found: EmergencyObject | None, form: str) -> None:
    if form == "json":
        click.echo(msgspec.json.encode(found).decode())
    elif found is None:
        click.echo("there is no emergency")
    else:
        click.echo(f"emergency until {found.expires_at}: {printable(found.reason)}")
