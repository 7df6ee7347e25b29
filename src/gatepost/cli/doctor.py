"""``gatepost agent doctor``: one page that says what is well and what is not, for the device's user and for a help desk."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Final

import click
import msgspec

from gatepost import __version__
from gatepost.agent.doctor import (
    Examination,
    Health,
    examine_browsers,
    examine_host,
    examine_last,
    examine_server,
    examine_state,
    examine_stores,
    worst,
)
from gatepost.cli.places import find_stores
from gatepost.cli.service import now, status_folder
from gatepost.cli.words import printable
from gatepost.client.identity import StateFolder
from gatepost.client.transport import Server
from gatepost.errors import InputError, StateError
from gatepost.stores.pins import REFUSED_PINS, RefusedPins

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.agent.host import Host
    from gatepost.cli.settings import AgentSettings
    from gatepost.core.check import Check
    from gatepost.stores.interface import Store

_MARKS: Final = {
    Health.WELL: ("✔", "green"),
    Health.ODD: ("~", "yellow"),
    Health.UNSEEN: ("?", "yellow"),
    Health.ILL: ("✘", "red"),
}
_EXIT: Final = {Health.WELL: 0, Health.ODD: 0, Health.UNSEEN: 3, Health.ILL: 1}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """All that the doctor found. Nothing secret is in it: no key, no token, no certificate."""

    gatepost: str
    python: str
    system: str
    at: int
    examinations: tuple[Examination, ...]


def examine(state: Path, host: Host, settings: AgentSettings) -> Page:
    """Look at everything that can be looked at with these rights."""
    folder = StateFolder(state)
    found = [*examine_host(host), *examine_state(folder)]
    found += examine_last(status_folder(state).load(), now())
    try:
        enrolled = folder.load_registration()
    except StateError:
        enrolled = None
    if enrolled is not None:

        def stores(check: Check) -> tuple[Store, ...]:
            return find_stores(check.locations, settings, refused=RefusedPins(folder.path / REFUSED_PINS))

        with Server(enrolled.server, enrolled.server_ca) as server:
            found += examine_server(server, now())
        found += examine_browsers(settings.browser_port)
        found += examine_stores(folder, enrolled, stores)
    return Page(
        gatepost=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        at=now(),
        examinations=tuple(found),
    )


def show(page: Page, form: str, bundle: Path | None) -> None:
    """Print the page, keep it where a bundle is asked for, and end with 0 (well), 1 (ill) or 3 (could not see)."""
    content = msgspec.json.format(msgspec.json.encode(page))
    if bundle is not None:
        try:
            with bundle.open("xb") as file:
                file.write(content + b"\n")
        except OSError as error:
            raise InputError("--bundle", f"cannot be written: {bundle}: {error.strerror}", "a new file") from error
        click.echo(f"written to {bundle}; it holds no key, token or certificate", err=True)
    if form == "json":
        click.echo(content.decode())
    else:
        for item in page.examinations:
            mark, colour = _MARKS[item.health]
            # A check's name is the server's, a file's its owner's: neither may move the cursor of whoever looks for help.
            click.echo(f"{click.style(mark, fg=colour)} {printable(item.topic):24} {printable(item.words)}")
    sys.exit(_EXIT[worst(page.examinations)])
