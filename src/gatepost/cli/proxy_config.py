"""``gatepost proxy-config``: the configuration of a proxy, ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

import click

from gatepost.cli.choice import Choice
from gatepost.enforcement.caddy import render_caddy
from gatepost.enforcement.envoy import render_envoy
from gatepost.enforcement.haproxy import render_haproxy, render_haproxy_lua
from gatepost.enforcement.nginx import render_nginx
from gatepost.enforcement.site import read_site
from gatepost.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from gatepost.enforcement.site import Site

_PROXIES: Final[dict[str, Callable[[Site], str]]] = {
    "nginx": render_nginx,
    "envoy": render_envoy,
    "caddy": render_caddy,
    "haproxy": render_haproxy,
}
_LUA: Final = "haproxy-lua"
_MAXIMUM_TOKEN: Final = 512


class _Options(TypedDict):
    proxy: str
    app: str | None
    upstream: str | None
    server: str
    token_file: Path | None
    listen: str
    tls_cert: str | None
    tls_key: str | None
    server_ca: str | None
    without_default: bool


@click.command("proxy-config")
@click.argument("proxy", type=Choice([*_PROXIES, _LUA]))
@click.option("--app", help="The application's host, such as app.example.com.")
@click.option("--upstream", help="Where the application listens, such as http://127.0.0.1:9000.")
@click.option("--server", default="http://127.0.0.1:8640", show_default=True, help="Where Gatepost listens.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="A file with the proxy's token, as `server token create proxy` prints it.",
)
@click.option("--listen", default="443", show_default=True, help="Where the proxy listens: [ADDRESS:]PORT.")
@click.option("--tls-cert", help="The proxy's own certificate, an absolute path there.")
@click.option("--tls-key", help="Its key, an absolute path there.")
@click.option("--server-ca", help="The CA of Gatepost's certificate, an absolute path there. [default: the system's]")
@click.option(
    "--without-default",
    is_flag=True,
    help="Leave out the server that refuses whatever names no application: another file of this port has it.",
)
def proxy_config(**options: Unpack[_Options]) -> None:
    """Print the configuration with which a proxy asks Gatepost about each request for one application.

    It holds the proxy's token: write it where root alone can read. haproxy-lua is the action that goes with haproxy; it
    takes no options, and holds no secret.
    """
    if options["proxy"] == _LUA:
        click.echo(render_haproxy_lua(), nl=False)
        return
    token_file = options["token_file"]
    site = read_site(
        app=_needed(options["app"], "--app", "the application's host, such as app.example.com"),
        upstream=_needed(options["upstream"], "--upstream", "where the application listens"),
        server=options["server"],
        token="" if token_file is None else _read_token(token_file),
        listen=options["listen"],
        certificate=_needed(options["tls_cert"], "--tls-cert", "the proxy's own certificate"),
        key=_needed(options["tls_key"], "--tls-key", "the key of the proxy's own certificate"),
        server_ca=options["server_ca"],
        refuses_others=not options["without_default"],
    )
    click.echo(_PROXIES[options["proxy"]](site), nl=False)


def _needed(value: str | None, flag: str, what: str) -> str:
    if value is None:
        raise InputError(flag, "is missing", what)
    return value


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAXIMUM_TOKEN)
    except OSError as error:
        raise InputError("--token-file", f"{path}: {error.strerror}", "a file with the proxy's token") from error
    return content.decode("ascii", "replace").strip()
