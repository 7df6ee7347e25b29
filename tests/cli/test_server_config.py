"""The server's settings: flag over environment over file, secrets out of files, nothing unknown in silence."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import pytest

from gatepost.cli.main import gatepost as main
from gatepost.cli.server import run
from gatepost.cli.server_config import ServerFile, limit_settings, metrics_token, read_secret
from gatepost.cli.variables import VARIABLES, name_unknown
from gatepost.errors import InputError, StateError
from tests.cli.commands import gatepost, refused

CLI = Path(main.callback.__code__.co_filename).parent if main.callback else Path()


def taken(file: Path, *words: str, **environment: str) -> dict[str, Any]:
    """Return the options as `server run` would take them from words, environment and file."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        context = run.make_context("run", ["--config", str(file), *words])
    return context.params


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a settings file that says everything."""
    path = tmp_path / "server.toml"
    path.write_text(
        """
database = "sqlite:////srv/file.db"
master_key_file = "/srv/file.key"
listen = "127.0.0.1:1"
public_urls = ["https://one.example", "https://two.example"]
tls_cert = "/srv/file.pem"
tls_key = "/srv/file-tls.key"
default_expiration = "never"
long_polls = 11
agent_port = 12
posture_log = "every"
access_log_sample = 10
log_retention = 366
metrics_token_file = "/srv/file-token"
trusted_proxies = ["10.0.0.0/8"]
log_level = "debug"
log_format = "text"
""",
        encoding="utf-8",
    )
    return path


def test_the_file_answers_for_what_nobody_else_gives(file: Path) -> None:
    """Every key of it."""
    params = taken(file)
    expected = {
        "database": "sqlite:////srv/file.db",
        "database_file": None,
        "master_key": Path("/srv/file.key"),
        "listen": "127.0.0.1:1",
        "public_urls": ("https://one.example", "https://two.example"),
        "tls_cert": Path("/srv/file.pem"),
        "tls_key": Path("/srv/file-tls.key"),
        "default_expiration": "never",
        "long_polls": 11,
        "agent_port": 12,
        "posture_log": "every",
        "access_log_sample": 10,
        "log_retention": 366,
        "metrics_token_file": Path("/srv/file-token"),
        "trusted_proxies": ("10.0.0.0/8",),
        "log_level": "debug",
        "log_format": "text",
    }
    assert expected == params
    assert set(ServerFile.__struct_fields__) == {
        "master_key_file" if name == "master_key" else name for name in expected
    }


GIVEN = [
    ("listen", "--listen", "GATEPOST_LISTEN"),
    ("database", "--database", "GATEPOST_DATABASE"),
    ("log_level", "--log-level", "GATEPOST_LOG_LEVEL"),
]


@pytest.mark.parametrize(("name", "option", "variable"), GIVEN)
def test_the_environment_weighs_more_than_the_file_and_a_flag_more_than_both(
    file: Path, name: str, option: str, variable: str
) -> None:
    """Whatever order they come in."""
    one, other = ("warning", "error") if name == "log_level" else ("from-environment", "from-flag")
    assert one == taken(file, **{variable: one})[name]
    assert other == taken(file, option, other, **{variable: one})[name]


def test_several_come_with_spaces_from_the_environment(file: Path) -> None:
    """And replace the file's."""
    given = taken(file, GATEPOST_TRUSTED_PROXIES="192.0.2.1 198.51.100.0/24")["trusted_proxies"]
    assert ("192.0.2.1", "198.51.100.0/24") == given


@pytest.mark.parametrize("command", [("init",), ("migrate",), ("run",), ("token", "list")])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("databse = 'x'", "unknown key 'databse'; did you mean database?"),
        ("public_url = ['x']", "did you mean public_urls?"),
        ("log_level = 'loud'", "log_level"),
        ("long_polls = 'many'", "long_polls"),
        ("[metrics]\ntoken = 'x'", "unknown key 'metrics'"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_every_command(
    tmp_path: Path, command: tuple[str, ...], text: str, words: str
) -> None:
    """With the key, and the nearest one that is known."""
    path = tmp_path / "server.toml"
    path.write_text(text, encoding="utf-8")
    said = refused("server", *command, "--config", path)
    assert re.sub(r"[:;] ", "; ", words) in re.sub(r"[:;] ", "; ", said)
    assert str(path) in said


def test_a_database_that_the_file_names_is_used(tmp_path: Path) -> None:
    """By init, and by whatever comes after it; an address in a file of its own as well."""
    settings, secret = tmp_path / "server.toml", tmp_path / "database-url"
    secret.write_text(f"sqlite:///{tmp_path / 'x.db'}\n", encoding="ascii")
    secret.chmod(0o600)
    settings.write_text(f'database_file = "{secret}"', encoding="utf-8")
    assert 0 == gatepost("server", "init", "--config", settings).code
    assert (tmp_path / "x.db").exists()
    listed = gatepost("server", "token", "list", "--database-file", secret, "--format", "json")
    assert ["administrator"] == [item["kind"] for item in listed.document]


def test_of_two_addresses_of_the_database_the_heavier_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And two that weigh the same are refused."""
    settings, secret = tmp_path / "server.toml", tmp_path / "database-url"
    secret.write_text(f"sqlite:///{tmp_path / 'secret.db'}", encoding="ascii")
    secret.chmod(0o600)
    settings.write_text(f'database_file = "{secret}"', encoding="utf-8")
    given = ("--database", f"sqlite:///{tmp_path / 'flag.db'}")
    assert 0 == gatepost("server", "init", "--config", settings, *given).code
    assert (True, False) == ((tmp_path / "flag.db").exists(), (tmp_path / "secret.db").exists())
    assert "are both given" in refused("server", "migrate", *given, "--database-file", secret)
    monkeypatch.setenv("GATEPOST_DATABASE", f"sqlite:///{tmp_path / 'environment.db'}")
    assert 0 == gatepost("server", "migrate", "--database-file", secret).code
    assert (True, False) == ((tmp_path / "secret.db").exists(), (tmp_path / "environment.db").exists())


# Secrets in files.


def test_a_secret_is_one_line_that_nobody_else_may_read(tmp_path: Path) -> None:
    """What others can read is refused in words, and its text never said."""
    path = tmp_path / "secret"
    path.write_text("hunter2-hunter2\n", encoding="ascii")
    path.chmod(0o600)
    assert "hunter2-hunter2" == read_secret(path, "--x")
    for mode in (0o640, 0o604, 0o620, 0o666):
        path.chmod(mode)
        with pytest.raises(StateError) as open_to_others:
            read_secret(path, "--x")
        assert f"mode {mode:04o}" in open_to_others.value.detail
        assert "hunter2" not in str(open_to_others.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"\xff", b"a\x00b", b"x" * 4097])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, more than a line, no ASCII, too long."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError) as wrong:
        read_secret(path, "--x")
    assert "--x" == wrong.value.field


def test_what_is_no_file_is_no_secret(tmp_path: Path) -> None:
    """Nor waited for."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(StateError):
        read_secret(tmp_path / "fifo", "--x")
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises((InputError, StateError)):
            read_secret(path, "--x")


def test_of_the_metrics_token_a_digest_is_kept(tmp_path: Path) -> None:
    """And a short one, which could be guessed, is refused."""
    path = tmp_path / "token"
    path.write_text("t" * 32, encoding="ascii")
    path.chmod(0o600)
    assert sha256(b"t" * 32).digest() == metrics_token(path)
    assert metrics_token(None) is None
    for text in ("t" * 31, "t" * 20 + " " + "t" * 20):
        path.write_text(text, encoding="ascii")
        with pytest.raises(InputError, match="32 to 512"):
            metrics_token(path)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0.1/8", "proxy.example", "10.0.0.0/8,192.0.2.1"])
def test_a_proxy_that_is_no_network_is_refused(text: str) -> None:
    """With what one is."""
    with pytest.raises(InputError) as wrong:
        limit_settings((text,))
    assert ("--trusted-proxy", True) == (wrong.value.field, "10.0.0.0/8" in wrong.value.allowed)
    assert ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1") == limit_settings(
        ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1")
    ).trusted_proxies


# The environment.


def test_a_variable_that_nobody_reads_is_named_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, by every command; it stops nothing."""
    monkeypatch.setenv("GATEPOST_LISTN", "127.0.0.1:1")
    monkeypatch.setenv("GATEPOST_\x1b[2J", "x")
    outcome = gatepost("server", "token", "--help")
    assert 0 == outcome.code
    assert "the variable GATEPOST_LISTN is not known and has no effect; did you mean GATEPOST_LISTEN?" in outcome.stderr
    assert r"GATEPOST_\x1b[2J is not known" in outcome.stderr


def test_variables_of_others_are_nobodys_business() -> None:
    """Nor are those that are read."""
    assert [] == list(name_unknown(["PATH", "GATEPOSTS", "XGATEPOST_LISTEN", *VARIABLES]))


def test_each_variable_that_is_read_is_known() -> None:
    """As the options and the files of the command line name them."""
    files = [path for path in CLI.glob("*.py") if path.name != "variables.py"]
    read = {name for path in files for name in re.findall(r"\"(GATEPOST_[A-Z_]+)\"", path.read_text(encoding="utf-8"))}
    assert read == set(VARIABLES)


def test_each_option_of_a_served_server_can_come_from_the_environment() -> None:
    """A container has little else."""
    options = [item for item in run.params if isinstance(item, click.Option)]
    assert [] == [item.name for item in options if not item.envvar]
