"""The one file that starts processes: a program with its arguments, never a shell's line, always with a time limit.

Output is bounded and decoded for people; a failure is `ProcessError` with the program's own last words. `ask` is for programs
that answer us and not people: bytes in, bytes out, nothing else of ours in their hands.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

import msgspec

from gatepost.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_LAST_WORDS: Final = 2_000
_MAXIMUM_OUTPUT: Final = 4 * 1024 * 1024
"""Bytes of each kind of output that are looked at; the rest is passed over."""
_NOT_FOUND: Final = 127
_NOT_STARTED: Final = 126
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
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        try:
            done = subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=timeout,
                env=environment,
                check=False,
            )
        except OSError as error:
            raise _not_started(command[0], error) from error
        except subprocess.TimeoutExpired as error:
            raise ProcessError(command[0], _TIMED_OUT, f"did not end within {timeout:g} s") from error
        finished = Finished(done.returncode, _text(stdout), _text(stderr))
    if finished.status not in expect:
        words = (finished.stderr.strip() or finished.stdout.strip())[-_LAST_WORDS:]
        raise ProcessError(" ".join(command[:3]), finished.status, words)
    return finished


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MAXIMUM_OUTPUT).decode("utf-8", "replace")


def _not_started(name: str, error: OSError) -> ProcessError:
    if isinstance(error, FileNotFoundError):
        return ProcessError(name, _NOT_FOUND, "is not installed")
    return ProcessError(name, _NOT_STARTED, f"cannot be started: {error.strerror}")


class Answered(msgspec.Struct, frozen=True):
    """What a program answered: its bytes (no more than were asked for, and one), and its exit code.

    The code is negative where a signal ended it; None: it had neither answered to the end nor ended in time, and was killed.
    """

    output: bytes
    status: int | None


def ask(
    command: Sequence[str], question: bytes, *, timeout: float, limit: int, environment: Mapping[str, str]
) -> Answered:
    """Hand ``question`` to a program as its input, and return what it answers within ``timeout`` s.

    It gets a nameless file as its input and a pipe as its output, "/" as its folder, and no other descriptor. Whoever writes
    more than ``limit`` bytes is killed, and so is whoever takes longer. Raises `ProcessError` where it cannot be started.
    """
    deadline = time.monotonic() + timeout
    try:
        with TemporaryFile(buffering=0) as stdin:
            stdin.write(question)
            stdin.seek(0)
            process = subprocess.Popen(
                list(command),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                bufsize=0,
                start_new_session=True,
            )
    except OSError as error:
        raise _not_started(command[0], error) from error
    with process:
        try:
            output = _listen(process, limit, deadline)
            return Answered(output, _wait(process, deadline if len(output) <= limit else 0))
        finally:
            _kill(process)


def _listen(process: subprocess.Popen[bytes], limit: int, deadline: float) -> bytes:
    """Read what a program writes: until it closes the pipe, has written too much, or its time is over."""
    if process.stdout is None:
        return b""
    pipe = process.stdout.fileno()
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(output) <= limit and (left := deadline - time.monotonic()) > 0 and selector.select(left):
            chunk = os.read(pipe, limit + 1 - len(output))
            if not chunk:
                break
            output += chunk
    return bytes(output)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program that has not ended, with all that it may have started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


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
            except OSError as error:
                raise _not_started(self._name, error) from error

    @property
    def identifier(self) -> int:
        """The process id."""
        return self._process.pid

    def insist(self) -> None:
        """Raise `ProcessError` with its last words when it ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise ProcessError(self._name, status, self._last_words())

    def _last_words(self) -> str:
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - 4 * _LAST_WORDS))
            return file.read(4 * _LAST_WORDS).decode("utf-8", "replace").strip()[-_LAST_WORDS:]

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
