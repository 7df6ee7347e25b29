"""``gatepost preview``: what a draft of a rule would come to; for people, and for pipelines before they save it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.config import read_text
from gatepost.cli.named_server import named_server
from gatepost.cli.words import COULD_NOT_TELL, printable
from gatepost.errors import InputError

_PREVIEW: Final = "/gatepost/preview"
_PAUSE: Final = 0.5
"""Seconds between two looks at a preview that is running."""
_NAMED: Final = 20
"""Devices that the page names; JSON has more."""


class _Options(TypedDict):
    rule: Path
    replaces: str | None
    server: str
    account: str
    server_ca: Path | None
    max_newly_failing: int | None
    form: str


@click.command()
@click.option(
    "--rule",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The draft, JSON as the API takes it.",
)
@click.option("--replaces", help="The id of the rule that it would replace. [default: a new rule]")
@click.option("--server", required=True, envvar="GATEPOST_SERVER", help="https://HOST[:PORT] of the server.")
@click.option("--account", required=True, envvar="GATEPOST_ACCOUNT", help="The account's id.")
@click.option("--server-ca", type=click.Path(dir_okay=False, path_type=Path), help="Trust this CA for the server.")
@click.option("--max-newly-failing", type=click.IntRange(0), help="Exit with 1 where more devices would fail.")
@click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)
def preview(**options: Unpack[_Options]) -> None:
    """Tell how many devices would pass, fail, or have to report first, if a rule were saved as FILE has it.

    The token comes from the environment, GATEPOST_TOKEN; it needs the scope checks:write, and devices:read to have devices named.
    """
    server = named_server(options["server"], options["account"], options["server_ca"], scope="checks:write")
    body = {"rule": _rule(options["rule"]), "replaces": options["replaces"]}
    found = server.call("POST", _PREVIEW, body)
    while found["state"] == "running":
        time.sleep(_PAUSE)
        found = server.call("GET", f"{_PREVIEW}/{found['id']}")
        _show_progress(found["progress"])
    server.call("DELETE", f"{_PREVIEW}/{found['id']}")
    if found["state"] == "failed":
        click.echo(f"gatepost: the preview failed: {printable(found['detail'])}", err=True)
        sys.exit(COULD_NOT_TELL)
    outlook = found["outlook"]
    click.echo(
        msgspec.json.format(msgspec.json.encode(outlook)).decode() if options["form"] == "json" else _page(outlook)
    )
    limit = options["max_newly_failing"]
    if limit is not None and outlook["would_fail"] > limit:
        click.echo(f"gatepost: {outlook['would_fail']} would fail, more than {limit}", err=True)
        sys.exit(1)


def _rule(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(read_text(path, "--rule"), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InputError("--rule", f"is not one JSON object: {path}: {error}") from error


def _show_progress(progress: dict[str, int]) -> None:
    if sys.stderr.isatty():
        click.echo(
            f"\r{progress['seen']:,} of {progress['total']:,} devices",
            err=True,
            nl=progress["seen"] >= progress["total"],
        )


def _page(outlook: dict[str, Any]) -> str:
    lines = [
        f"devices            {outlook['devices']:>10,}",
        f"  stay as they are {outlook['stay']:>10,}",
        f"  would pass       {outlook['would_pass']:>10,}",
        f"  would fail       {outlook['would_fail']:>10,}",
        f"  cannot be told   {outlook['unknown']:>10,}   until their next report; {outlook['unknown_passing']:,} pass now",
    ]
    if outlook["causes"]:
        lines += ["", "Why devices would fail:"]
        lines += [f"  {item['devices']:>10,}   {' '.join(item['reasons'])}" for item in outlook["causes"]]
    named = outlook["changes"][:_NAMED]
    if named:
        lines += ["", "Among them:"]
        lines += [_device(item) for item in named]
    return "\n".join(lines)


def _device(item: dict[str, Any]) -> str:
    known = " ".join(word for word in (item["serial_number"], item["user_email"]) if word)
    reasons = f"  {' '.join(item['reasons'])}" if item["reasons"] else ""
    return printable(
        f"  {item['device_name']} ({known or item['device_id']}): {item['now'] or 'no result'} → {item['then']}{reasons}"
    )
