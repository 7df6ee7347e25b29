"""A server of ``tests.serve`` for the length of a test, on a port of its own, reached as any client would."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.accounts import NewAccount

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PATIENCE = 60
"""Seconds in which a server must have begun to answer, on a machine that is busy with other things."""


class Running(msgspec.Struct, frozen=True):
    """A server that answers: its account, and the address of its management API."""

    account: NewAccount
    port: int

    @property
    def base_url(self) -> str:
        """Where clients of the reference point to."""
        return f"http://127.0.0.1:{self.port}/client/v4"


@contextmanager
def running_server(folder: Path) -> Iterator[Running]:
    """Start a server whose database is in ``folder``; end it when the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "tests.serve", str(folder), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            account = msgspec.json.decode(process.stdout.readline(), type=NewAccount)
            _wait_for(port)
            yield Running(account, port)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def free_port() -> int:
    """Ask the system for a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
        else:
            return
