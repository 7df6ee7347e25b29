"""The command ``gatepost``: help for everybody, words for every error, and exit codes that mean what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Never

import click
import pytest

from gatepost import __version__
from gatepost.cli.main import gatepost as root
from tests.cli.commands import gatepost, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = ("check", "pki", "server", "agent", "preview", "verify-log", "proxy-config", "simulate", "demo")


def ways(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words to every command below one."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from ways(child, (*words, name))


ALL = list(ways(root))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    """On stdout, with exit code 0; each option says what it is for."""
    outcome = gatepost(*words, "--help")
    assert (0, "") == (outcome.code, outcome.stderr)
    assert outcome.stdout.startswith(f"Usage: {' '.join(('gatepost', *words))} ")


def test_the_commands_are_those_of_the_contract() -> None:
    """In their order, each with a line."""
    lines = gatepost("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert list(COMMANDS) == [line.split()[0] for line in lines]
    assert all(len(line.split()) > 2 for line in lines)


def test_the_version_is_told() -> None:
    """And nothing else."""
    assert (0, f"gatepost {__version__}\n") == (gatepost("--version").code, gatepost("--version").stdout)


@pytest.mark.parametrize(("word", "nearest"), [("chek", "check"), ("sever", "server"), ("agnet", "agent")])
def test_an_unknown_command_is_named_with_the_nearest(word: str, nearest: str) -> None:
    """And with all that there are."""
    words = refused(word)
    assert repr(word) in words
    assert f"did you mean {nearest}?" in words
    assert all(command in words for command in COMMANDS)


def test_no_command_is_wrong_usage() -> None:
    """The help is shown, where messages are."""
    assert "Usage: gatepost" in refused()
    assert "Usage: gatepost server" in refused("server")


@pytest.mark.parametrize("words", [("--chek",), ("check", "--isuer", "x"), ("server", "run", "--lisen", "x")])
def test_an_unknown_option_is_named(words: tuple[str, ...]) -> None:
    """With the nearest, where there is one."""
    assert next(word for word in words if word.startswith("--")) in refused(*words)


def test_a_command_loads_no_other() -> None:
    """The start of ``gatepost check`` counts: no server room comes with it."""
    code = "import sys, gatepost.cli.main as m\ntry: m.main(['check', '--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "gatepost.cli.check" in loaded
    assert not {"sqlalchemy", "litestar", "granian", "httpx2", "structlog", "rich", "gatepost.cli.server"} & set(loaded)


def _break(_text: object) -> Never:
    raise ZeroDivisionError("inside")


def test_an_error_of_our_own_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, one line, and how to see more; which then is shown."""
    monkeypatch.setattr(import_module("gatepost.cli.check"), "read_instant", _break)
    outcome = gatepost("check", "--issuer", "x")
    assert (3, "") == (outcome.code, outcome.stdout)
    assert "ZeroDivisionError" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    monkeypatch.setenv("GATEPOST_TRACEBACK", "1")
    assert "in _break" in gatepost("check", "--issuer", "x").stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_an_interrupted_command_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """As shells have it: 128 and the signal's number."""

    def interrupt(_text: object) -> Never:
        raise error

    monkeypatch.setattr(import_module("gatepost.cli.check"), "read_instant", interrupt)
    assert 130 == gatepost("check", "--issuer", "x").code


def test_a_reader_that_has_gone_is_no_answer() -> None:
    """Exit code 3 and silence: 1 would mean "no"."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gatepost", "check", "--help"]
    with os.fdopen(writing, "wb") as broken:
        ended = subprocess.run(command, stdout=broken, stderr=subprocess.PIPE, check=False)
    assert (3, b"") == (ended.returncode, ended.stderr)
