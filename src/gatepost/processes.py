"""The one file that starts processes: a program with its arguments, never a shell's line, always with a time limit.

Output is bounded and decoded for people; a failure is `ProcessError` with the program's own last words.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_LAST_WORDS: Final = 2_000
_NOT_FOUND: Final = 127
_TIMED_OUT: Final = 124
_GRACE: Final = 10.0
"""Seconds that a program gets to end by itself before it is killed."""


class Finished(msgspec.Struct, frozen=True):
    """A program that ended: its exit code and what it printed."""

    status: int
    stdout: str
    stderr: str


def run(
    command: Sequence[str],
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    expect: Sequence[int] = (0,),
) -> Finished:
    """Run a program to its end; raises `ProcessError` for any exit code that is not in ``expect``, and after ``timeout`` s."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProcessError(command[0], _NOT_FOUND, "is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(command[0], _TIMED_OUT, f"did not end within {timeout:.0f} s") from error
    finished = Finished(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    if finished.status not in expect:
        words = (finished.stderr.strip() or finished.stdout.strip())[-_LAST_WORDS:]
        raise ProcessError(" ".join(command[:3]), finished.status, words)
    return finished


class Running:
    """A program that runs beside us; leaving the block ends it. Its output goes to ``log``."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._name = command[0]
        self._log = log
        with log.open("ab") as file:
            try:
                self._process = subprocess.Popen(
                    list(command), stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment
                )
            except FileNotFoundError as error:
                raise ProcessError(self._name, _NOT_FOUND, "is not installed") from error

    @property
    def identifier(self) -> int:
        """The process id."""
        return self._process.pid

    def insist(self) -> None:
        """Raise `ProcessError` with its last words when it ended by itself."""
        status = self._process.poll()
        if status is not None:
            words = self._log.read_text(encoding="utf-8", errors="replace").strip()[-_LAST_WORDS:]
            raise ProcessError(self._name, status, words)

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and kill it where it does not."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        """Use it within a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()
