"""Tests see no person's files and no other machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError


@pytest.mark.filterwarnings("ignore:A test tried to use")
def test_a_connection_is_refused_when_it_leads_off_this_machine() -> None:
    """Only loopback can be reached; were it not so, no packet would go to this address all the same."""
    with socket.socket() as plug, pytest.raises(SocketConnectBlockedError):
        plug.connect(("255.255.255.255", 9))


def test_a_connection_is_made_when_it_stays_on_loopback() -> None:
    """A server on this machine can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as plug:
        assert plug.getpeername() == server.getsockname()


def test_the_home_is_empty_and_no_settings_come_from_outside() -> None:
    """What the person who runs the tests has in their home and environment makes no difference."""
    assert [] == list(Path.home().iterdir())
    assert [] == [name for name in os.environ if name.startswith("GATEPOST_")]
