"""The server's settings from its file, `/etc/gatepost/server.toml`, and secrets that lie in files of their own.

The file's values stand in for options that neither the command line nor the environment gives: click asks for them last
before the default. Where several give the database, the heavier one counts, and two of one weight are refused.
"""

from __future__ import annotations

import os
import re
import stat
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click
import msgspec
from click.core import ParameterSource

from gatepost.cli.config import read_settings
from gatepost.errors import InputError, StateError
from gatepost.web.limits import LimitSettings, parse_network

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS: Final = Path("/etc/gatepost/server.toml")
DATABASE: Final = "sqlite:////var/lib/gatepost-server/gatepost.db"
_MAXIMUM_SECRET: Final = 4 * 1024
_TOKEN: Final = re.compile(r"[!-~]{32,512}")
_WEIGHTS: Final = {
    ParameterSource.COMMANDLINE: 3,
    ParameterSource.ENVIRONMENT: 2,
    ParameterSource.DEFAULT_MAP: 1,
}


class ServerFile(msgspec.Struct, frozen=True, kw_only=True):
    """All that the file may say; what it does not say is None."""

    database: str | None = None
    database_file: str | None = None
    master_key_file: str | None = None
    listen: str | None = None
    public_urls: tuple[str, ...] | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    default_expiration: Literal["schedule", "never"] | None = None
    posture_log: Literal["changes", "every"] | None = None
    access_log_sample: int | None = None
    log_retention: int | None = None
    long_polls: int | None = None
    agent_port: int | None = None
    metrics_token_file: str | None = None
    trusted_proxies: tuple[str, ...] | None = None
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    log_format: Literal["auto", "json", "text"] | None = None


_OPTIONS: Final = {"master_key_file": "master_key"}
"""The options' names where they are not the file's own."""


def database_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--config`, `--database` and `--database-file`; it is handed the database's address alone."""

    @click.option(
        "--config",
        is_eager=True,
        expose_value=False,
        callback=_read,
        type=click.Path(path_type=Path),
        envvar="GATEPOST_SERVER_CONFIG",
        help=f"The server's settings, TOML. [default: {SETTINGS}, where it exists]",
    )
    @click.option(
        "--database",
        default=DATABASE,
        show_default=True,
        envvar="GATEPOST_DATABASE",
        help="sqlite:///FILE, with a fourth slash for an absolute path; or postgresql://USER@HOST:PORT/NAME.",
    )
    @click.option(
        "--database-file",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="GATEPOST_DATABASE_FILE",
        help="A file, 0600, that holds what --database would say: an address may have a password in it.",
    )
    @wraps(command)
    def with_database(**options: Any) -> None:  # noqa: ANN401 - the command's own options.
        command(**with_one_database(click.get_current_context(), options))

    return with_database


def with_one_database(context: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with one address of the database, out of a file where that weighs more."""
    path: Path | None = options["database_file"]
    rest = {name: value for name, value in options.items() if name != "database_file"}
    if path is None:
        return rest
    text, file = (_WEIGHTS.get(_source(context, name), 0) for name in ("database", "database_file"))
    if text == file:
        raise InputError("--database and --database-file", "are both given, in the same way", "give one of them")
    return rest if text > file else {**rest, "database": read_secret(path, "--database-file")}


def _source(context: click.Context, name: str) -> ParameterSource:
    return context.get_parameter_source(name) or ParameterSource.DEFAULT


def _read(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    """Let the file answer for what is not given otherwise."""
    said = msgspec.structs.asdict(read_settings(path, SETTINGS, ServerFile))
    known = {_OPTIONS.get(name, name): value for name, value in said.items()}
    context.default_map = {name: value for name, value in known.items() if value is not None}


def read_secret(path: Path, option: str) -> str:
    """Read a secret of one line from a file that nobody but its owner may read; raises `InputError` or `StateError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StateError(str(path), f"is no regular file ({option})")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise StateError(str(path), f"holds a secret that others may read (mode {mode:04o}); give it mode 0600")
            content = file.read(_MAXIMUM_SECRET + 1)
    except OSError as error:
        raise InputError(option, f"cannot be read: {path}: {error.strerror}") from error
    text = content.decode("ascii", "replace").strip()
    if len(content) > _MAXIMUM_SECRET or not text or not text.isprintable() or not text.isascii():
        raise InputError(option, f"holds no secret: {path}", f"one line of ASCII, at most {_MAXIMUM_SECRET} bytes")
    return text


def metrics_token(path: Path | None) -> bytes | None:
    """Return the SHA-256 of the token in a file; the token itself is not kept."""
    if path is None:
        return None
    text = read_secret(path, "--metrics-token-file")
    if not _TOKEN.fullmatch(text):
        raise InputError("--metrics-token-file", f"holds no token: {path}", "32 to 512 characters, without spaces")
    return sha256(text.encode()).digest()


def limit_settings(trusted_proxies: tuple[str, ...]) -> LimitSettings:
    """Return the limits; raises `InputError` for a proxy that is none."""
    for text in trusted_proxies:
        try:
            parse_network(text)
        except ValueError as error:
            raise InputError("--trusted-proxy", f"is no network: {text!r}: {error}", "such as 10.0.0.0/8") from error
    return LimitSettings(trusted_proxies=trusted_proxies)
