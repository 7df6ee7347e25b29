"""``gatepost server``: make the database, serve, and make the tokens that a console may make."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final, Literal, TypedDict, Unpack, cast

import click
import msgspec

from gatepost.cli.admin import admin
from gatepost.cli.choice import Choice
from gatepost.cli.copies import backup, restore
from gatepost.cli.database import chosen_account, make_folder, master_key_file, master_key_option, open_database
from gatepost.cli.emergency import emergency
from gatepost.cli.explain import explain
from gatepost.cli.export import export
from gatepost.cli.listening import check_tls, own_url, parse_address, public_url, try_address
from gatepost.cli.operator_log import FORMS, LEVELS
from gatepost.cli.server_config import database_options, limit_settings, metrics_token, with_one_database
from gatepost.cli.server_settings import LONG_POLLS, ServerSettings, show_database
from gatepost.cli.serving import serve
from gatepost.cli.settings import AGENT_PORT
from gatepost.cli.words import printable
from gatepost.errors import ConflictError, InputError

_LISTEN: Final = "127.0.0.1:8640"
_WORDS: Final = "gatepost.cli.server.words"
"""Where a command's context keeps the words that it was called with."""
_FILE: Final = click.Path(dir_okay=False, path_type=Path)

_format_option = click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)


class _RunOptions(TypedDict):
    database: str
    master_key: Path | None
    listen: str
    public_urls: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    default_expiration: str
    posture_log: str
    access_log_sample: int
    log_retention: int | None
    long_polls: int
    agent_port: int
    metrics_token_file: Path | None
    trusted_proxies: tuple[str, ...]
    log_level: str
    log_format: str


class _CreateOptions(TypedDict):
    kind: Literal["enrollment", "administrator"]
    database: str
    master_key: Path | None
    name: str
    uses: int | None
    expires_in: str | None
    user_email: str | None
    scopes: tuple[str, ...]
    apps: tuple[str, ...]
    account: str | None
    form: str


@click.group()
def server() -> None:
    """Run the server, and what is done on its console."""


@server.command()
@database_options
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
                    "database",
                    f"{show_database(database)} holds an account already",
                    "make a token with `server token create`",
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


server.add_command(admin)
server.add_command(backup)
server.add_command(emergency)
server.add_command(explain)
server.add_command(export)
server.add_command(restore)


@server.command()
@database_options
def migrate(database: str) -> None:
    """Bring the database to this release's schema."""
    from gatepost.storage.migration import migrate as migrate_database

    migrate_database(database)
    click.echo(f"{show_database(database)} has the schema of this release")


class _Remembering(click.Command):
    """A command that knows the words it was called with, so that they can be read again with a changed file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse them, and keep them."""
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


@server.command(cls=_Remembering)
@database_options
@master_key_option
@click.option("--listen", default=_LISTEN, show_default=True, envvar="GATEPOST_LISTEN", help="HOST:PORT")
@click.option(
    "--public-url",
    "public_urls",
    multiple=True,
    envvar="GATEPOST_PUBLIC_URLS",
    help="The address by which agents know this server. Repeatable. [default: the one it listens on]",
)
@click.option("--tls-cert", type=_FILE, envvar="GATEPOST_TLS_CERT", help="Certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, envvar="GATEPOST_TLS_KEY", help="Its private key, PEM, PKCS #8.")
@click.option(
    "--default-expiration",
    type=Choice(["schedule", "never"]),
    default="schedule",
    show_default=True,
    envvar="GATEPOST_DEFAULT_EXPIRATION",
    help="When results end where a check sets no expiration: after 2 x schedule + 1 minute, or never.",
)
@click.option(
    "--posture-log",
    type=Choice(["changes", "every"]),
    default="changes",
    show_default=True,
    envvar="GATEPOST_POSTURE_LOG",
    help="What has a line in the posture log: changes, and once a day what did not change; or every report.",
)
@click.option(
    "--access-log-sample",
    metavar="N",
    type=click.IntRange(1, 1_000_000),
    default=1,
    show_default=True,
    envvar="GATEPOST_ACCESS_LOG_SAMPLE",
    help="Of how many allowed requests one has a line in the access log; each refusal has its own.",
)
@click.option(
    "--log-retention",
    metavar="DAYS",
    type=click.IntRange(1, 36_500),
    envvar="GATEPOST_LOG_RETENTION",
    help="For how long lines of the logs are kept. [default: for ever]",
)
@click.option(
    "--long-polls",
    type=click.IntRange(0, 100_000),
    default=LONG_POLLS,
    show_default=True,
    envvar="GATEPOST_LONG_POLLS",
    help="Agents that may wait to be called, at some 18 KiB each.",
)
@click.option(
    "--agent-port",
    type=click.IntRange(0, 65_535),
    default=AGENT_PORT,
    show_default=True,
    envvar="GATEPOST_AGENT_PORT",
    help="Where agents listen on their own machines, to vouch for browsers; 0: none is asked to.",
)
@click.option(
    "--metrics-token-file",
    type=_FILE,
    envvar="GATEPOST_METRICS_TOKEN_FILE",
    help="A file, 0600, with the token that opens /metrics. [default: there is no /metrics]",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    envvar="GATEPOST_TRUSTED_PROXIES",
    help="An address or network whose X-Forwarded-For is believed. Repeatable. [default: none]",
)
@click.option(
    "--log-level",
    type=Choice(LEVELS),
    default="info",
    show_default=True,
    envvar="GATEPOST_LOG_LEVEL",
    help="What the operator's log has.",
)
@click.option(
    "--log-format",
    type=Choice(FORMS),
    default="auto",
    show_default=True,
    envvar="GATEPOST_LOG_FORMAT",
    help="JSON lines, text, or text on a terminal alone.",
)
def run(**options: Unpack[_RunOptions]) -> None:
    """Serve agents and administrators; SIGHUP reads settings and certificates again."""
    settings = _settings(options)
    try_address(settings.host, settings.port)
    _try_database(options["database"], options["master_key"])
    serve(settings, partial(_read_again, click.get_current_context(), settings))


def _settings(options: _RunOptions) -> ServerSettings:
    host, port = parse_address(options["listen"])
    certificate = options["tls_cert"]
    check_tls(certificate, options["tls_key"], host)
    return ServerSettings(
        database=options["database"],
        master_key=master_key_file(options["database"], options["master_key"]),
        host=host,
        port=port,
        public_urls=tuple(map(public_url, options["public_urls"])) or (own_url(host, port, certificate),),
        tls_certificate=certificate,
        tls_key=options["tls_key"],
        results_expire=options["default_expiration"] != "never",
        log_every=options["posture_log"] == "every",
        access_log_sample=options["access_log_sample"],
        log_retention=options["log_retention"],
        long_polls=options["long_polls"],
        agent_port=options["agent_port"],
        metrics_token=metrics_token(options["metrics_token_file"]),
        limits=limit_settings(options["trusted_proxies"]),
        log_level=options["log_level"],
        log_format=options["log_format"],
    )


def _read_again(context: click.Context, before: ServerSettings) -> ServerSettings:
    """Read the settings anew: the same words and variables, the file as it is now. Raises where they cannot be taken over."""
    try:
        again = context.command.make_context(context.info_name, list(context.meta[_WORDS]), parent=context.parent)
    except click.ClickException as error:
        raise InputError("the settings", error.format_message()) from error
    options = cast("_RunOptions", with_one_database(again, again.params))
    settings = _settings(options)
    if (settings.database, settings.host, settings.port) != (before.database, before.host, before.port):
        raise InputError("--database and --listen", "cannot change while the server runs", "restart it")
    _try_database(options["database"], options["master_key"])
    return settings


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
        raise InputError(
            "--database", f"holds no account yet: {show_database(database)}", "run `gatepost server init` first"
        )


@server.group()
def token() -> None:
    """Make, list and revoke tokens on the server's console."""


@token.command()
@click.argument("kind", type=Choice(["enrollment", "administrator", "proxy"]))
@database_options
@master_key_option
@click.option("--name", default="", help="What it is for.")
@click.option("--uses", type=click.IntRange(1, 1_000_000), help="Enrolments that it admits. [default: any number]")
@click.option("--expires-in", help="Such as 24h. [default: enrolment 7 days, others never]")
@click.option("--user-email", help="Whose it is; for enrolment the user of the devices.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="How far an administrator's reaches, such as checks:read. Repeatable. [default: everything]",
)
@click.option(
    "--app", "apps", multiple=True, help="An application that a proxy may ask for: its host or its id. Repeatable."
)
@click.option("--account", help="The account's id, where the database holds several.")
@_format_option
def create(**options: Unpack[_CreateOptions]) -> None:
    """Make a token and print it, this once."""
    from gatepost.controlplane.administration.tokens import create_token
    from gatepost.wire.management.strict import convert_strictly
    from gatepost.wire.management.tokens import TokenBody

    given: dict[str, object] = {key: options[key] for key in ("kind", "name", "uses", "expires_in", "user_email")}
    given |= {key: options[key] for key in ("scopes", "apps") if options[key]}
    storage, services = open_database(options["database"], options["master_key"])
    try:
        body = convert_strictly({key: value for key, value in given.items() if value is not None}, TokenBody, "")
        made = create_token(services, chosen_account(storage, options["account"]).number, body)
    except InputError as error:
        raise _of_flag(error) from error
    finally:
        storage.close()
    click.echo(msgspec.json.encode(made).decode() if options["form"] == "json" else made.token)


@token.command("list")
@database_options
@master_key_option
@click.option("--account", help="The account's id, where the database holds several.")
@_format_option
def list_all(database: str, master_key: Path | None, account: str | None, form: str) -> None:
    """List the tokens, without their texts."""
    from gatepost.controlplane.administration.tokens import list_tokens

    storage, services = open_database(database, master_key)
    try:
        found = list_tokens(services, chosen_account(storage, account).number, None)
    finally:
        storage.close()
    if form == "json":
        click.echo(msgspec.json.encode(found).decode())
        return
    for item in found:
        state = "revoked" if item.revoked_at else f"until {item.expires_at or 'revoked'}"
        left = "" if item.uses_left is None else f", {item.uses_left} uses left"
        reach = ", ".join((*item.scopes, *item.apps))
        told = (item.id, f"{item.kind:13}", state + left, printable(item.name), f"({reach})" if reach else "")
        click.echo("  ".join(part for part in told if part))


@token.command()
@click.argument("token_id")
@database_options
@master_key_option
@click.option("--account", help="The account's id, where the database holds several.")
def revoke(token_id: str, database: str, master_key: Path | None, account: str | None) -> None:
    """Revoke the token with this id, as `token list` shows it."""
    from gatepost.controlplane.administration.tokens import revoke_token

    storage, services = open_database(database, master_key)
    try:
        revoke_token(services, chosen_account(storage, account).number, token_id)
    finally:
        storage.close()
    click.echo(f"token {token_id} is revoked")


def _of_flag(error: InputError) -> InputError:
    """Name the flag where a use case names the field of a document: ``/expires_in`` is ``--expires-in``, ``/apps/0`` ``--app``."""
    field = error.field
    if field[:1] == "/":
        name, listed, _ = field[1:].partition("/")
        field = f"--{name.removesuffix('s') if listed else name}".replace("_", "-")
    return InputError(field, error.problem, error.allowed)
