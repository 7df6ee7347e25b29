"""``gatepost server``: make the database, serve, and make the tokens that a console may make."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict, Unpack

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.copies import backup, restore
from gatepost.cli.database import database_option, make_folder, master_key_file, master_key_option, open_database, shown
from gatepost.cli.serving import ServerSettings, serve
from gatepost.cli.words import printable
from gatepost.errors import ConflictError, InputError

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Account
    from gatepost.storage.database import SqlStorage

_LISTEN: Final = "127.0.0.1:8640"

_format_option = click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)


class _RunOptions(TypedDict):
    database: str
    master_key: Path | None
    listen: str
    public_urls: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    default_expiration: str


class _CreateOptions(TypedDict):
    kind: Literal["enrollment", "administrator"]
    database: str
    master_key: Path | None
    name: str
    uses: int | None
    expires_in: str | None
    account: str | None
    form: str


@click.group()
def server() -> None:
    """Run the server, and what is done on its console."""


@server.command()
@database_option
@master_key_option
@click.option("--email", help="The first administrator's e-mail address, for X-Auth-Email.")
@_format_option
def init(database: str, master_key: Path | None, email: str | None, form: str) -> None:
    """Make the database and the account, and print the first administrator's token, this once."""
    from gatepost.controlplane.administration.accounts import create_account
    from gatepost.storage.migration import migrate as migrate_database

    make_folder(database)
    migrate_database(database)
    storage, services = open_database(database, master_key, new=True)
    try:
        with storage.reading() as records:
            if records.accounts.all():
                raise ConflictError(
                    "database", f"{shown(database)} holds an account already", "make a token with `server token create`"
                )
        made = create_account(services, email)
    finally:
        storage.close()
    if form == "json":
        click.echo(msgspec.json.encode(made).decode())
        return
    click.echo(f"account  {made.account_id}")
    click.echo(f"token    {made.token}")
    click.echo("The token is the administrator's and is not shown again. Next: gatepost server run", err=True)


server.add_command(backup)
server.add_command(restore)


@server.command()
@database_option
def migrate(database: str) -> None:
    """Bring the database to this release's schema."""
    from gatepost.storage.migration import migrate as migrate_database

    migrate_database(database)
    click.echo(f"{shown(database)} has the schema of this release")


@server.command()
@database_option
@master_key_option
@click.option("--listen", default=_LISTEN, show_default=True, envvar="GATEPOST_LISTEN", help="HOST:PORT")
@click.option(
    "--public-url",
    "public_urls",
    multiple=True,
    envvar="GATEPOST_PUBLIC_URLS",
    help="The address by which agents know this server. Repeatable. [default: the one it listens on]",
)
@click.option("--tls-cert", type=click.Path(dir_okay=False, path_type=Path), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(dir_okay=False, path_type=Path), help="Its private key, PEM, PKCS #8.")
@click.option(
    "--default-expiration",
    type=Choice(["schedule", "never"]),
    default="schedule",
    show_default=True,
    help="When results end where a check sets no expiration: after 2 x schedule + 1 minute, or never.",
)
def run(**options: Unpack[_RunOptions]) -> None:
    """Serve agents and administrators."""
    host, port = _address(options["listen"])
    certificate = options["tls_cert"]
    _check_tls(certificate, options["tls_key"], host)
    _try_address(host, port)
    _try_database(options["database"], options["master_key"])
    settings = ServerSettings(
        database=options["database"],
        master_key=master_key_file(options["database"], options["master_key"]),
        host=host,
        port=port,
        public_urls=tuple(_public(url) for url in options["public_urls"]) or (_own_url(host, port, certificate),),
        tls_certificate=certificate,
        tls_key=options["tls_key"],
        results_expire=options["default_expiration"] != "never",
    )
    click.echo(f"gatepost serves {' '.join(settings.public_urls)} from {shown(settings.database)}", err=True)
    serve(settings)


def _own_url(host: str, port: int, certificate: Path | None) -> str:
    """Return the address by which agents know this server where none is given: the one it listens on."""
    if ip_address(host).is_unspecified:
        problem = f"is missing: with --listen {host} this server has no one address"
        raise InputError("--public-url", problem, "https://HOST[:PORT], as agents write it")
    return _public(f"{'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}")


def _try_address(host: str, port: int) -> None:
    """Refuse an address that is taken: the server shares its port, and would take every other request of a stranger's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError("--listen", f"cannot be used: {host} port {port}: {error.strerror}") from error


def _try_database(database: str, master_key: Path | None) -> None:
    """Open the database once, with all its secrets, so that what is wrong is said in words before any worker starts."""
    from gatepost.controlplane.keys import load_keys

    storage, _ = open_database(database, master_key)
    try:
        with storage.reading() as records:
            accounts = records.accounts.all()
            for account in accounts:
                load_keys(records, account.number)
    finally:
        storage.close()
    if not accounts:
        raise InputError("--database", f"holds no account yet: {shown(database)}", "run `gatepost server init` first")


def _check_tls(certificate: Path | None, key: Path | None, host: str) -> None:
    if (certificate is None) != (key is None):
        raise InputError("--tls-cert and --tls-key", "go together", "give both or neither")
    for flag, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None and not path.is_file():
            raise InputError(flag, f"is not a file: {path}")
    if certificate is not None and key is not None:
        _try_tls(certificate, key)
    if certificate is None and not _is_loopback(host):
        problem = f"would serve without TLS on {host}"
        raise InputError("--listen", problem, "give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy")


def _try_tls(certificate: Path, key: Path) -> None:
    """Load both as a server would; a password, which nobody is there to type, is not asked for."""
    import ssl

    given = f"{certificate} and {key}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        problem = f"are no chain of certificates and its key: {given}: {error.reason or 'no PEM'}"
        raise InputError("--tls-cert and --tls-key", problem, "PEM; the key PKCS #8, not encrypted") from error
    except OSError as error:
        raise InputError("--tls-cert and --tls-key", f"cannot be read: {given}: {error.strerror}") from error


@server.group()
def token() -> None:
    """Make, list and revoke tokens on the server's console."""


@token.command()
@click.argument("kind", type=Choice(["enrollment", "administrator"]))
@database_option
@master_key_option
@click.option("--name", default="", help="What it is for.")
@click.option("--uses", type=click.IntRange(1, 1_000_000), help="Enrolments that it admits. [default: any number]")
@click.option("--expires-in", help="Such as 24h. [default: enrolment 7 days, administrators' never]")
@click.option("--account", help="The account's id, where the database holds several.")
@_format_option
def create(**options: Unpack[_CreateOptions]) -> None:
    """Make a token and print it, this once."""
    from gatepost.controlplane.administration.tokens import create_token
    from gatepost.wire.management.strict import convert_strictly
    from gatepost.wire.management.tokens import TokenBody

    given = {key: options[key] for key in ("kind", "name", "uses", "expires_in")}
    storage, services = open_database(options["database"], options["master_key"])
    try:
        body = convert_strictly({key: value for key, value in given.items() if value is not None}, TokenBody, "")
        made = create_token(services, _account(storage, options["account"]).number, body)
    except InputError as error:
        raise _of_flag(error) from error
    finally:
        storage.close()
    click.echo(msgspec.json.encode(made).decode() if options["form"] == "json" else made.token)


@token.command("list")
@database_option
@master_key_option
@click.option("--account", help="The account's id, where the database holds several.")
@_format_option
def list_all(database: str, master_key: Path | None, account: str | None, form: str) -> None:
    """List the tokens, without their texts."""
    from gatepost.controlplane.administration.tokens import list_tokens

    storage, services = open_database(database, master_key)
    try:
        found = list_tokens(services, _account(storage, account).number, None)
    finally:
        storage.close()
    if form == "json":
        click.echo(msgspec.json.encode(found).decode())
        return
    for item in found:
        state = "revoked" if item.revoked_at else f"until {item.expires_at or 'revoked'}"
        left = "" if item.uses_left is None else f", {item.uses_left} uses left"
        click.echo(f"{item.id}  {item.kind:13}  {state}{left}  {printable(item.name)}".rstrip())


@token.command()
@click.argument("token_id")
@database_option
@master_key_option
@click.option("--account", help="The account's id, where the database holds several.")
def revoke(token_id: str, database: str, master_key: Path | None, account: str | None) -> None:
    """Revoke the token with this id, as `token list` shows it."""
    from gatepost.controlplane.administration.tokens import revoke_token

    storage, services = open_database(database, master_key)
    try:
        revoke_token(services, _account(storage, account).number, token_id)
    finally:
        storage.close()
    click.echo(f"token {token_id} is revoked")


def _of_flag(error: InputError) -> InputError:
    """Name the flag where a use case names the field of a document: ``/expires_in`` is ``--expires-in``."""
    field = error.field
    return InputError(f"--{field[1:].replace('_', '-')}" if field[:1] == "/" else field, error.problem, error.allowed)


def _account(storage: SqlStorage, given: str | None) -> Account:
    with storage.reading() as records:
        accounts = records.accounts.all()
    found = [item for item in accounts if given in {None, item.public_id}]
    if len(found) != 1:
        known = ", ".join(item.public_id for item in accounts) or "none; run `gatepost server init` first"
        raise InputError("--account", f"names {len(found)} accounts" if given else "is needed", f"there are {known}")
    return found[0]


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - ports.
        raise InputError("--listen", f"is not HOST:PORT: {listen!r}", "such as 127.0.0.1:8640 or [::1]:8640")
    return "127.0.0.1" if host == "localhost" else host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        raise InputError(
            "--listen", f"is not an address: {host!r}", "an IP address of this machine, such as 0.0.0.0"
        ) from None


def _public(url: str) -> str:
    from gatepost.client.transport import check_server_url

    return check_server_url(url, "--public-url")
