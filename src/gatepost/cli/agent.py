"""``gatepost agent``: enrol this device, report, show what the last report came to."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypedDict, Unpack

import click
import msgspec

from gatepost.agent.browsers import BrowserListener, Voucher
from gatepost.agent.certified import Witness, enroll_by_certificate, first_certificate
from gatepost.agent.cycle import Agent, Disclosure
from gatepost.agent.cycle import enroll as enroll_device
from gatepost.agent.host import Host, read_host
from gatepost.agent.programs import SOCKET, Asked, Minter, ProgramListener, ask_agent
from gatepost.agent.supervisor import Supervisor
from gatepost.agent.wake import Bell
from gatepost.agent.watch import StoreWatch
from gatepost.cli.choice import Choice
from gatepost.cli.config import read_text
from gatepost.cli.places import find_stores, new_allowance
from gatepost.cli.service import Parts, now, one_cycle, serve, status_folder
from gatepost.cli.settings import SETTINGS, read_agent_settings
from gatepost.cli.shown import show_verdicts
from gatepost.cli.words import COULD_NOT_TELL
from gatepost.client.identity import LAST_REPORT, StateFolder
from gatepost.client.transport import Server
from gatepost.core.check import Locations
from gatepost.core.evaluation import Status
from gatepost.errors import InputError, StateError

if TYPE_CHECKING:
    from gatepost.agent.status import LastCycle
    from gatepost.cli.settings import AgentSettings
    from gatepost.core.check import Check
    from gatepost.stores.interface import Store

_STATE: Final = Path("/var/lib/gatepost")
_TOKEN_VARIABLE: Final = "GATEPOST_ENROLLMENT_TOKEN"  # noqa: S105 - the name of a variable.
_TOKEN: Final = re.compile(r"[!-~]{1,512}")
"""What may stand in a header; whether it is a token, the server knows."""
_ACCOUNT: Final = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_WORST: Final = {Status.PASS: 0, Status.FAIL: 1, Status.ERROR: COULD_NOT_TELL}


_state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=_STATE,
    show_default=True,
    envvar="GATEPOST_STATE",
    help="The agent's folder, 0700.",
)
_config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="GATEPOST_AGENT_CONFIG",
    help=f"The device's own settings, TOML. [default: {SETTINGS}, where it exists]",
)
_format_option = click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)


class _EnrollOptions(TypedDict):
    server: str
    token_file: Path | None
    account: str | None
    certificate: Path | None
    key: Path | None
    server_ca: Path | None
    state: Path
    config: Path | None


@click.group()
def agent() -> None:
    """Enrol this device with a server, report, and show the last results."""


@agent.command()
@click.option("--server", required=True, envvar="GATEPOST_SERVER", help="https://HOST[:PORT] of the server.")
@click.option("--token-file", type=click.Path(path_type=Path), help=f"File with the token. [or: {_TOKEN_VARIABLE}]")
@click.option("--account", metavar="ID", help="Enrol by a certificate instead, in this account: 32 hex digits.")
@click.option("--certificate", type=click.Path(path_type=Path), help="The certificate that vouches for it, PEM.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key, PEM.  [default: in --certificate]")
@click.option("--server-ca", type=click.Path(path_type=Path), help="Trust this CA for the server, not the system's.")
@_state_option
@_config_option
def enroll(**given: Unpack[_EnrollOptions]) -> None:
    """Enrol this device: it makes a key, which a token admits, or a certificate whose key signs for it."""
    settings = read_agent_settings(given["config"])
    witness = _witness(given, settings)
    token = "" if witness else _token(given["token_file"])
    authorities = read_text(given["server_ca"], "--server-ca") if given["server_ca"] else None
    folder, host = StateFolder(given["state"]), read_host(settings.facts)
    with Server(given["server"], authorities) as connection:
        if witness is None:
            enrolled = enroll_device(folder, connection, token, host, authorities)
        else:
            enrolled = enroll_by_certificate(folder, connection, witness, host, authorities)
    click.echo(f"enrolled with {enrolled.server} as device {enrolled.device_id}")
    click.echo("next: gatepost agent run --once", err=True)


def _witness(given: _EnrollOptions, settings: AgentSettings) -> Witness | None:
    """Return what vouches for the device; None where a token is to do it."""
    path, account = given["certificate"], given["account"]
    if path is None and account is None and given["key"] is None:
        return None
    if path is None or account is None or given["token_file"] is not None:
        raise InputError("--certificate", "goes with --account, and not with --token-file", "both, or a token")
    if not _ACCOUNT.fullmatch(account):
        raise InputError("--account", f"is {account!r}", "the account's id: 32 hex digits")
    certificate = first_certificate(read_text(path, "--certificate"))
    paths = tuple(str(item.absolute()) for item in (path, given["key"]) if item is not None)
    (store,) = find_stores(Locations(trust_stores=(), paths=paths), settings)
    return Witness(account_id=account.lower(), certificate=certificate, store=store)


@agent.command()
@click.option("--once", is_flag=True, help="One cycle; exit with the worst status of its checks (0, 1, 3).")
@_state_option
@_config_option
@_format_option
def run(*, once: bool, state: Path, config: Path | None, form: str) -> None:
    """Check and report, on schedule until stopped, or once."""
    from gatepost.stores.pins import REFUSED_PINS, RefusedPins

    settings = read_agent_settings(config)
    folder = StateFolder(state)
    _insist_on_enrolment(folder)
    enrolled = folder.load_registration()

    def host() -> Host:
        return read_host(settings.facts)

    bell = Bell()
    watch = StoreWatch(bell)
    refused = RefusedPins(folder.path / REFUSED_PINS)
    allowance = new_allowance()
    supervisor = Supervisor(os.environ.get("NOTIFY_SOCKET"))

    def stores(check: Check) -> tuple[Store, ...]:
        # A cycle of many checks may take longer than the service manager waits for a sign of life.
        supervisor.alive()
        found = find_stores(check.locations, settings, refused=refused, allowance=allowance)
        watch.note(tuple(path for store in found for path in store.watched))
        return found

    with folder.alone(), Server(enrolled.server, enrolled.server_ca) as server:
        worker = Agent(folder, server, stores, host, now, Disclosure(settings.disclosure))
        if once:
            last = one_cycle(worker, status_folder(state))
            _end_with(last, form)
        begin = (watch.begin, allowance.begin)
        parts = Parts(
            bell=bell, watch=watch, supervisor=supervisor, begin=begin, listeners=_listeners(folder, settings, server)
        )
        serve(worker, parts, status_folder(state))


@agent.command()
@_state_option
@click.option("--last-report", is_flag=True, help="Show, as JSON, what left this device last; for its owner alone.")
@_format_option
def status(*, state: Path, last_report: bool, form: str) -> None:
    """Show what the last report came to, to any user; exit with its worst status (0, 1, 3; 3 when its time is over)."""
    if last_report:
        content = StateFolder(state).load(LAST_REPORT)
        if content is None:
            raise InputError("--state", f"{state} has sent no report", "run `gatepost agent run --once` first")
        click.echo(msgspec.json.format(content).decode())
        return
    last = status_folder(state).load()
    if last is None:
        raise InputError("--state", f"{state} has no report to show", "run `gatepost agent run --once` first")
    _end_with(last, form)


@agent.command()
@_state_option
@_config_option
@click.option("--bundle", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to a new file, JSON.")
@_format_option
def doctor(state: Path, config: Path | None, bundle: Path | None, form: str) -> None:
    """Look at stores, rights, keys, clock and server; exit with 0 (well), 1 (something is wrong), 3 (could not see)."""
    from gatepost.cli.doctor import examine, show

    settings = read_agent_settings(config)
    show(examine(state, read_host(settings.facts), settings), form, bundle)


@agent.command()
@click.option("--url", required=True, help="The address that the program is about to ask for.")
@click.option("--method", default="GET", show_default=True, help="The request's method.")
@_state_option
@_format_option
def token(*, url: str, method: str, state: Path, form: str) -> None:
    """Print the headers by which a program on this device is known, for one request: a token, and the proof for it."""
    headers = ask_agent(_socket_of(state), Asked(url=url, method=method))
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(headers)).decode())
        return
    for name, value in headers.items():
        click.echo(f"{name}: {value}")


@agent.command()
@_state_option
def unenroll(state: Path) -> None:
    """Forget the enrolment and remove the device's key; the server keeps its record until it is revoked there."""
    folder = StateFolder(state)
    _insist_on_enrolment(folder)
    # Not under an agent that runs: it would go on with the key that it remembers.
    with folder.alone():
        server = _server_of(folder)
        folder.forget()
        status_folder(state).remove()
    click.echo(f"this device is no longer enrolled with {server}")


def _listeners(
    folder: StateFolder, settings: AgentSettings, server: Server
) -> tuple[BrowserListener | ProgramListener, ...]:
    """Return what waits for browsers, where anything is to, and for programs."""
    key, enrolled = folder.load_key(), folder.load_registration()

    def tell(line: str) -> None:
        click.echo(f"gatepost: {line}", err=True)

    minter = Minter(key, enrolled, server.token, time.monotonic, secrets.token_bytes)
    users = frozenset(map(_uid, settings.token_users))
    programs = ProgramListener(minter, _socket_of(folder.path), users, tell)
    if not settings.browser_port:
        return (programs,)
    return (BrowserListener(Voucher(key, enrolled), settings.browser_port, tell), programs)


def _socket_of(state: Path) -> Path:
    return Path(f"{state}-status") / SOCKET


def _uid(name: str) -> int:
    """Return the uid of a name of the settings; raises `InputError` for one that nobody has."""
    if name.isascii() and name.isdigit():
        return int(name)
    # Imported here: a Windows has none, and only settings that name somebody need it.
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise InputError("token_users", f"names {name!r}, whom this device does not know", "names or uids") from None


def _token(path: Path | None) -> str:
    text = read_text(path, "--token-file") if path else os.environ.get(_TOKEN_VARIABLE, "")
    if not _TOKEN.fullmatch(text.strip()):
        raise InputError("--token-file", "gives no token", f"a file that holds one, or {_TOKEN_VARIABLE}")
    return text.strip()


def _insist_on_enrolment(folder: StateFolder) -> None:
    if not folder.enrolled:
        problem = f"{folder.path} holds no enrolment that you can read"
        raise InputError("--state", problem, "run `gatepost agent enroll --server URL --token-file FILE` first")


def _server_of(folder: StateFolder) -> str:
    """Name the server of an enrolment that is to be forgotten, which may be damaged."""
    try:
        return folder.load_registration().server
    except StateError:
        return "any server"


def _end_with(last: LastCycle, form: str) -> NoReturn:
    """Show a cycle, and end with its worst status; a result whose time is over says nothing about now."""
    moment = now()
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(last)).decode())
    else:
        click.echo(show_verdicts(last, moment))
    sys.exit(max((_WORST[item.status] if item.counts(moment) else COULD_NOT_TELL for item in last.verdicts), default=0))
