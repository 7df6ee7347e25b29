"""What the service manager is told, over a real socket."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from gatepost.agent.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def manager() -> Iterator[tuple[str, socket.socket]]:
    """Give a service manager's socket and its address, which must be short."""
    with TemporaryDirectory(prefix="gatepost-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        address = str(Path(folder) / "notify")
        listener.bind(address)
        yield address, listener


def test_each_word_is_one_of_the_protocol(manager: tuple[str, socket.socket]) -> None:
    """sd_notify(3); a status is one line, whatever was in it."""
    address, listener = manager
    supervisor = Supervisor(address)
    supervisor.ready()
    supervisor.alive()
    supervisor.doing("two\nlines  of\tit\nREADY=1")
    supervisor.stopping()
    said = [listener.recv(4096).decode() for _ in range(4)]
    assert ["READY=1", "WATCHDOG=1", "STATUS=two lines of it READY=1", "STOPPING=1"] == said


def test_an_abstract_address_is_spoken_to() -> None:
    """Written with an @ in front, as systemd in containers does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # The kernel chooses an abstract name.
        name = listener.getsockname()
        assert isinstance(name, bytes)
        Supervisor(f"@{name[1:].decode()}").ready()
        assert listener.recv(4096) == b"READY=1"


@pytest.mark.parametrize("address", [None, "", "/nonexistent/notify", "x" * 4096])
def test_nobody_is_told_where_nobody_listens(address: str | None) -> None:
    """And the agent goes on."""
    Supervisor(address).ready()


def test_a_manager_that_does_not_read_holds_nobody_up(manager: tuple[str, socket.socket]) -> None:
    """What its socket does not take any more is lost, and the agent goes on."""
    address, listener = manager
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.settimeout(0)
        with suppress(BlockingIOError):
            for _ in range(100_000):
                filler.sendto(b"x" * 1_000, address)
        with pytest.raises(BlockingIOError):
            filler.sendto(b"x" * 1_000, address)
    Supervisor(address).ready()
