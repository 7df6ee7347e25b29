"""The command ``gatepost``: finds the command's module, runs it, and turns errors into words and exit codes.

A command's module is imported when it is asked for and not before: the start of ``gatepost check`` counts.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, NoReturn

import click

from gatepost import __version__
from gatepost.cli.variables import name_unknown
from gatepost.cli.words import COULD_NOT_TELL, USAGE, explain_error, printable
from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_COMMANDS: Final = {
    "check": "One check on this device, without any server.",
    "pki": "A certificate authority to try Gatepost with.",
    "server": "The server: results, log, API.",
    "agent": "The agent: enrols this device and reports.",
    "preview": "What a draft of a rule would come to, before it is saved.",
    "verify-log": "An exported log: whether each line is as it was written.",
    "proxy-config": "The configuration of a proxy that asks about each request.",
    "simulate": "A fleet of simulated devices against a server of your own.",
    "demo": "The whole story on this machine.",
}
"""The commands and what they do, in the order of the help page;

Each is ``gatepost.cli.NAME`` with a command NAME in it; a hyphen is an underscore there.
"""

_INTERRUPTED: Final = 130


class _Commands(click.Group):
    """Knows its commands by name and loads the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(_load(f"gatepost.cli.{name}"), name)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command where there is none of that name."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{hint} Commands: {', '.join(_COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; where its reader has gone, click would end with 1, which means "no" here."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise click.exceptions.Exit(COULD_NOT_TELL) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _load(name: str) -> ModuleType:
    """Import a command's module with all that it needs, and keep the garbage collector away from what that makes.

    It lives as long as the process. The collector would go through all of it several times over, while it grows and once
    more at the end: a sixth of the processor time of ``gatepost check``.
    """
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.enable()
        gc.freeze()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="gatepost %(version)s")
def gatepost() -> None:
    """Which devices hold a client certificate of your own certificate authority.

    Exit codes: 0 yes, 1 no, 2 wrong usage or input, 3 could not tell.
    """
    for sentence in name_unknown(os.environ):
        click.echo(f"gatepost: {printable(sentence)}", err=True)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    _write_utf_8()
    try:
        code = gatepost.main(args=arguments, prog_name="gatepost", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = USAGE
    except click.Abort:
        code = _INTERRUPTED
    except GatepostError as error:
        code, sentence = explain_error(error)
        click.echo(f"gatepost: {sentence}", err=True)
    except BrokenPipeError:
        # Whoever read us has gone; the interpreter must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = COULD_NOT_TELL
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user who did not ask for one.
        code = COULD_NOT_TELL
        click.echo(
            f"gatepost: an error of our own ({type(error).__name__}); GATEPOST_TRACEBACK=1 shows where", err=True
        )
        if os.environ.get("GATEPOST_TRACEBACK"):
            import traceback

            traceback.print_exc()
    sys.exit(code if isinstance(code, int) else 0)


def _write_utf_8() -> None:
    """Write UTF-8 into files and pipes on every system: JSON is nothing else, and Windows' own encoding lacks our marks."""
    for stream in (sys.stdout, sys.stderr):
        if sys.platform == "win32" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
