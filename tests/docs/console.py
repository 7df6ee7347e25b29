"""Runs the commands of a page as a reader would type them, and holds what they print to what the page shows.

A block fenced as ``console`` has commands behind ``$ ``, their further lines behind ``> ``, and below each command what it
prints. A block fenced as ``python`` that begins with ``# NAME.py`` is a part of that file, which the blocks of a page make one
after the other. ``…`` stands for any text within a line and, alone on a line, for any lines; a command with nothing below it may
print nothing of note. All commands of a page run in one shell, in their order.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(r"^```(?:console\n|python\n(?=# \w+\.py\n))(.*?)^```$", re.DOTALL | re.MULTILINE)
_PART: Final = re.compile(r"# (\w+\.py)\n")
"""How a block of Python begins: with the name of the file that it is a part of."""
_PORT: Final = "8640"
"""The port that pages name; each run takes a free one in its place."""
_MARK: Final = "-----  command ended:"
_END: Final = re.compile(rf"\n{_MARK} (\d+)\n")
_PATIENCE: Final = 60.0
"""Seconds for one command."""
_ANY: Final = "…"


class Command(msgspec.Struct, frozen=True):
    """One command of a page, and the lines that the page shows below it."""

    text: str
    shown: tuple[str, ...] = ()


class Ran(msgspec.Struct, frozen=True):
    """A command that ran: its exit code and the lines that it printed."""

    command: Command
    status: int
    printed: tuple[str, ...]

    def agrees(self) -> bool:
        """Tell whether it printed what the page shows."""
        return not self.command.shown or _matches(self.command.shown, self.printed)


def read_commands(page: Path) -> list[Command]:
    """Return the commands of a page in their order."""
    commands: list[Command] = []
    for block in _FENCE.findall(page.read_text(encoding="utf-8")):
        if part := _PART.match(block):
            commands.append(Command(f"cat >> {part[1]} <<'PART'\n{block}PART"))
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append(Command(line[2:]))
                continue
            last = commands.pop()
            if line.startswith("> "):
                commands.append(Command(f"{last.text}\n{line[2:]}"))
            else:
                commands.append(Command(last.text, (*last.shown, line)))
    return commands


def run_commands(commands: list[Command], folder: Path) -> list[Ran]:
    """Run the commands in ``folder``, which is the reader's checkout and home at once, with ``.venv`` and ``scripts`` in it.

    A command behind a ``sleep`` is run again while it does not print what is shown: how long things take on a busy machine
    is not what a page is held to.
    """
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "scripts").symlink_to(ROOT / "scripts")
    (folder / ".proxies").symlink_to(ROOT / ".proxies")
    ran: list[Ran] = []
    with _open_shell(folder) as shell:
        waited = False
        for command in commands:
            ran.append(shell.run(command))
            patience = time.monotonic() + _PATIENCE
            while waited and not ran[-1].agrees() and time.monotonic() < patience:
                ran[-1] = shell.run(command)
            waited = command.text.startswith("sleep ")
    return ran


class _Shell:
    """A shell that takes one command after the other; what it and its children print lies in ``log``."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self._process = process
        self._log = log
        self._port = port
        self._read = 0

    def run(self, command: Command) -> Ran:
        """Run one command to its end."""
        assert self._process.stdin is not None
        text = command.text.replace(_PORT, str(self._port))
        self._process.stdin.write(f"{text}\nprintf '\\n%s %d\\n' '{_MARK}' $?\n".encode())
        self._process.stdin.flush()
        end = self._wait()
        printed = self._text()[self._read : end.start()].replace(str(self._port), _PORT)
        self._read = end.end()
        return Ran(command, int(end[1]), tuple(printed.strip("\n").splitlines()))

    def _wait(self) -> re.Match[str]:
        patience = time.monotonic() + _PATIENCE
        while time.monotonic() < patience and self._process.poll() is None:
            end = _END.search(self._text(), self._read)
            if end is not None:
                return end
            time.sleep(0.01)
        raise AssertionError(f"the shell does not come back: {self._text()[self._read :]}")

    def _text(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def _open_shell(folder: Path) -> Iterator[_Shell]:
    port = _free_port()
    # Where a page names no address, a server listens at its default; here at the port in its place.
    settings = {"HOME": str(folder), "NO_COLOR": "1", "GATEPOST_LISTEN": f"127.0.0.1:{port}"}
    log = folder / "page.log"
    with log.open("wb") as file:
        # A session of its own, so that what a page left running ends with it.
        process = subprocess.Popen(
            ["/bin/sh"],
            cwd=folder,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    with process:
        try:
            yield _Shell(process, log, port)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _matches(shown: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Tell whether ``printed`` is what ``shown`` describes."""
    pattern = "".join(r"(?:.*\n)*?" if line == _ANY else f"{_line(line)}\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed)) is not None


def _line(line: str) -> str:
    return ".*".join(map(re.escape, line.split(_ANY)))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
