"""The agent's socket for programs: whom it answers, and with what; a real socket, and a server that is a double."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.agent import programs
from gatepost.agent.programs import Asked, Minter, ProgramListener, ask_agent
from gatepost.client.identity import DeviceKey, EnrolledAs
from gatepost.errors import InputError, TransportError
from gatepost.wire import jws
from gatepost.wire.device_token import IssuedToken, hash_token, read_proof
from tests.services import Ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b'{"url": "https://app.example.com/"}\\n')
print(connection.recv(65536).decode())
"""
"""A program of somebody else's, which has nothing of ours."""
ISSUED_AT = 1_780_272_000_000


class Device:
    """A device's key, what its server answers, and its clock."""

    def __init__(self) -> None:
        """Make a key; the server answers."""
        private = ec.generate_private_key(ec.SECP256R1())
        self.key = DeviceKey(private, private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        self.asked: list[bytes] = []
        self.away = False
        self.ticks = Ticks()
        enrolled = EnrolledAs(
            server="https://gatepost.example",
            account_id="a" * 32,
            registration_id="r",
            device_id="d",
            account_key=jws.to_jwk(self.key.point),
        )
        self.minter = Minter(self.key, enrolled, self._answer, self.ticks, os.urandom)

    def _answer(self, document: bytes) -> IssuedToken:
        self.asked.append(document)
        if self.away:
            raise TransportError("https://gatepost.example", "cannot be reached")
        return IssuedToken(token=f"token-{len(self.asked)}", issued_at=ISSUED_AT, expires_in=300)


@pytest.fixture
def device() -> Device:
    """Give a device."""
    return Device()


@pytest.fixture
def said() -> list[str]:
    """Give the lines of the agent's journal."""
    return []


@pytest.fixture
def path(tmp_path: Path, device: Device, said: list[str]) -> Iterator[Path]:
    """Give the socket of an agent that listens."""
    found = tmp_path / programs.SOCKET
    listener = ProgramListener(device.minter, found, frozenset(), said.append)
    listener.start()
    yield found
    listener.stop()
    assert not found.exists()


def test_a_program_gets_a_token_and_a_proof_of_its_own_for_each_request(device: Device, path: Path) -> None:
    """By the server's time, however this device's clock goes; the token is asked for once while it is good."""
    seen = set()
    for seconds, token in ((0, "token-1"), (239, "token-1"), (1, "token-2")):
        device.ticks.time += seconds
        headers = ask_agent(path, Asked(url="https://App.example.com:443/a/b?c=d#e", method="POST"))
        assert ["Gatepost-Token", "Gatepost-DPoP"] == list(headers)
        proof, point = read_proof(headers["Gatepost-DPoP"])
        assert (token, device.key.point) == (headers["Gatepost-Token"], point)
        assert ("POST", "https://app.example.com/a/b", hash_token(token)) == (proof.htm, proof.htu, proof.ath)
        elapsed = 239 if token == "token-1" and seconds else 0
        assert ISSUED_AT // 1000 + elapsed == proof.iat
        seen.add(proof.jti)
    assert 3 == len(seen)
    assert 2 == len(device.asked)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (Asked(url="http://app.example.com/"), "--url"),
        (Asked(url="https://user@app.example.com/"), "--url"),
        (Asked(url="https://app.example.com/\n"), "--url"),
        (Asked(url="https://app.example.com:port/"), "--url"),
        (Asked(url="app.example.com"), "--url"),
        (Asked(url="https://app.example.com/", method="get it"), "--method"),
    ],
)
def test_what_is_no_request_is_refused_in_words(device: Device, path: Path, asked: Asked, problem: str) -> None:
    """And the server is not asked."""
    with pytest.raises(InputError, match=problem):
        ask_agent(path, asked)
    assert [] == device.asked


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"{}\n", "no question of ours"),
        (b'{"url": "https://a.example/", "sign": "this"}\n', "no question of ours"),
        (b"\xff\n", "no question of ours"),
        (b'{"url": "https://a\x80.example/"}\n', "no question of ours"),
        (b"x" * 10_000, "no question of ours"),
    ],
)
def test_the_socket_takes_nothing_else(device: Device, path: Path, sent: bytes, problem: str) -> None:
    """It mints tokens, and does nothing else."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer: dict[str, Any] = msgspec.json.decode(connection.recv(65_536))
    assert problem in answer["problem"]
    assert [] == device.asked


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a process of another user's")
@pytest.mark.parametrize("named", [False, True], ids=["not named", "named"])
def test_a_user_whom_the_settings_do_not_name_is_refused(device: Device, said: list[str], *, named: bool) -> None:
    """Who it is the kernel says; the journal has it."""
    nobody = pwd.getpwnam("nobody").pw_uid
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / programs.SOCKET
        listener = ProgramListener(device.minter, path, frozenset({nobody} if named else ()), said.append)
        listener.start()
        ended = subprocess.run(
            ["/usr/bin/python3", "-c", _ASK, path], user=nobody, check=True, capture_output=True, cwd="/", env={}
        )
        listener.stop()
    given: dict[str, Any] = msgspec.json.decode(ended.stdout)
    if named:
        assert "token-1" == given["headers"]["Gatepost-Token"]
        return
    assert "token_users" in given["problem"]
    assert [f"uid {nobody} asked for a token and may not (token_users)"] == said
    assert [] == device.asked


def test_while_the_server_is_away_it_is_said(device: Device, path: Path) -> None:
    """And afterwards all is well."""
    device.away = True
    with pytest.raises(InputError, match="cannot be reached"):
        ask_agent(path, Asked(url="https://app.example.com/"))
    device.away = False
    assert ask_agent(path, Asked(url="https://app.example.com/"))


def test_an_agent_that_was_killed_leaves_nothing_in_the_way(device: Device, tmp_path: Path, said: list[str]) -> None:
    """The next one takes the socket's place."""
    path = tmp_path / programs.SOCKET
    path.touch()
    listener = ProgramListener(device.minter, path, frozenset(), said.append)
    listener.start()
    assert ask_agent(path, Asked(url="https://app.example.com/"))
    listener.stop()


def test_where_there_can_be_no_socket_it_is_said(device: Device, tmp_path: Path, said: list[str]) -> None:
    """The agent goes on all the same."""
    listener = ProgramListener(device.minter, tmp_path / "missing" / "socket", frozenset(), said.append)
    listener.start()
    listener.stop()
    assert [f"cannot give tokens to programs: {tmp_path}/missing/socket: No such file or directory"] == said


def test_without_an_agent_a_program_hears_so(tmp_path: Path) -> None:
    """And what to do."""
    with pytest.raises(InputError, match="no agent that answers"):
        ask_agent(tmp_path / "none", Asked(url="https://app.example.com/"))
