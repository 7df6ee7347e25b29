"""``gatepost server explain``: what a decision rests on, by the reference that who was refused reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.database import chosen_account, master_key_option, open_database
from gatepost.cli.server_config import database_options
from gatepost.cli.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.controlplane.administration.decisions import Names
    from gatepost.core.reason import Reason
    from gatepost.wire.management.access_log import DecisionLine, UnmetRule

_LABEL = 14


@click.command()
@click.argument("reference")
@database_options
@master_key_option
@click.option("--account", help="The account's id, where the database holds several.")
@click.option(
    "--format", "form", type=Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
def explain(*, reference: str, database: str, master_key: Path | None, account: str | None, form: str) -> None:
    """Say what was decided under a REFERENCE, on whom, and why.

    The reference stands on the page that a refused user sees. Exit code 0: who asked was let in; 1: refused.
    """
    from gatepost.controlplane.administration.decisions import find_decision

    storage, services = open_database(database, master_key)
    try:
        line, names = find_decision(services, chosen_account(storage, account).number, reference)
    finally:
        storage.close()
    if form == "json":
        click.echo(msgspec.json.encode(line).decode())
    else:
        for text in _told(line, names):
            click.echo(printable(text))
    if not line.allowed:
        raise click.exceptions.Exit(1)


def _told(line: DecisionLine, names: Names) -> Iterator[str]:
    yield f"{'let in' if line.allowed else 'refused'} at {line.timestamp}, reference {line.reference}"
    if line.stands_for > 1:
        yield _row("stands for", f"{line.stands_for} decisions: allows are sampled")
    yield _row("asked for", f"{line.host}{line.path}" + _in_brackets(line.app_name, line.app_id))
    yield _row("device", _device(line))
    yield _row("user", line.user_email or "not known")
    if line.service_token_id is not None:
        yield _row("program", f"service token {line.service_token_id}")
    yield _row("from", f"{line.ip_address}, by the proxy {names.proxy or line.proxy_id}")
    if line.policy_id is not None:
        yield _row("policy", f"{_named(names.policies, line.policy_id)}: {line.decision}")
    if line.evidence is not None:
        yield _row("evidence", f"{line.evidence}, {(line.evidence_age or 0) / 1000:.0f} s old")
    yield _row("reasons", ", ".join(line.reasons) or "none")
    for item in line.unmet:
        yield _row("not met", _rule(item, names))
        yield from _explained(item.reasons)
    if not line.unmet:
        yield from _explained(line.reasons)


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _in_brackets(*words: str | None) -> str:
    known = ", ".join(filter(None, words))
    return f" ({known})" if known else " (no application of this proxy)"


def _device(line: DecisionLine) -> str:
    if line.registration_id is None:
        shown = "no client certificate" if line.certificate is None else f"client certificate {line.certificate}"
        return f"not known: {shown}"
    return f"{line.device_name} (registration {line.registration_id}, by {line.binding})"


def _rule(item: UnmetRule, names: Names) -> str:
    check = "" if item.check_id is None else f", the check {_named(names.checks, item.check_id)}"
    return f"{item.rule} of the policy {_named(names.policies, item.policy_id)}{check}: {', '.join(item.reasons)}"


def _named(names: dict[str, str], identifier: str) -> str:
    return f'"{names[identifier]}"' if identifier in names else f"{identifier}, which is no more"


def _explained(reasons: tuple[Reason, ...]) -> Iterator[str]:
    """Say what each reason means, and what mends it."""
    from gatepost.core.explanation import for_administrator

    for reason in reasons:
        yield " " * (_LABEL + 2) + for_administrator(reason, "", "")
