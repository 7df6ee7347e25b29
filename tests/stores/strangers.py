"""Other users of the machine, and files that they can change."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import traceback
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STRANGER = 65534  # nobody
CHILD = (sys.executable, "-I", "-m", "gatepost.stores.child")
_FAILED = b"\xff"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be or make another user")


def belongs_to_stranger(path: Path) -> Path:
    """Give a file or folder to another user."""
    os.chown(path, STRANGER, STRANGER)
    return path


def _forked(work: Callable[[], None]) -> int:
    """Run ``work`` in a child of this process, which never returns to pytest; return its id."""
    with warnings.catch_warnings():
        # Python 3.12 warns of threads in the parent; the child starts none and takes no lock of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - whatever it is, it must not run on in a second pytest.
            traceback.print_exc()
        os._exit(1)
    return child


def as_stranger(work: Callable[[], str]) -> str:
    """Return what ``work`` returns when another user does it."""
    reading, writing = os.pipe()

    def become_and_work() -> None:
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        os.write(writing, work().encode())
        os._exit(0)

    child = _forked(become_and_work)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        text = answer.read().decode()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return text


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Let this process itself act as another account, for code that asks who it is."""
    before = os.geteuid()
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(before)


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Let another process do ``work`` again and again; kill it at the end."""

    def forever() -> None:
        while True:
            work()

    child = _forked(forever)
    try:
        yield
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before its time"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextmanager
def holding(file: Path, byte: int) -> Iterator[None]:
    """Let another process hold a lock for writing on one byte of a file."""
    reading, writing = os.pipe()

    def lock() -> None:
        descriptor = os.open(file, os.O_RDWR)
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, byte)
        os.write(writing, b"!")
        signal.pause()

    child = _forked(lock)
    try:
        assert os.read(reading, 1) == b"!"
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def stranger_runs_python() -> bool:
    """Tell whether another user can run this interpreter: one that root built in its own home is out of their reach."""
    if os.geteuid() != 0:
        return False
    command = [sys.executable, "-I", "-c", "import gatepost"]
    try:
        done = subprocess.run(command, user=STRANGER, group=STRANGER, extra_groups=[], capture_output=True, check=False)
    except PermissionError:
        return False
    return done.returncode == 0


needs_common_python = pytest.mark.skipif(
    not stranger_runs_python(), reason="another user cannot run the interpreter of these tests, or these are not root's"
)
