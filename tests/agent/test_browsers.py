"""The agent vouches for a browser's window that its own server sent, and for nothing else; over real sockets."""

from __future__ import annotations

import http.client
import socket
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.agent.browsers import BrowserListener, Voucher
from gatepost.agent.doctor import Health, examine_browsers
from gatepost.client.identity import DeviceKey, EnrolledAs
from gatepost.wire import jws
from gatepost.wire.vouch import Vouch

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = "https://gatepost.example"
ACCOUNT = "a" * 32
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
ASKED = {"login": SERVER, "challenge": "e30.AAAA"}


@pytest.fixture
def key() -> DeviceKey:
    """Give a device's key."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return DeviceKey(private, point)


@pytest.fixture
def voucher(key: DeviceKey) -> Voucher:
    """Give what signs on an enrolled device."""
    account_key = jws.to_jwk(key.point)
    enrolled = EnrolledAs(
        server=SERVER, account_id=ACCOUNT, registration_id="r", device_id="d", account_key=account_key
    )
    return Voucher(key, enrolled)


@pytest.fixture
def port() -> int:
    """Give a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def listener(voucher: Voucher, port: int) -> Iterator[BrowserListener]:
    """Give an agent that listens."""
    made = BrowserListener(voucher, port, pytest.fail)
    made.start()
    yield made
    made.stop()


def ask(
    port: int,
    asked: dict[str, str] | list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    path: str = "/vouch",
    method: str = "GET",
) -> tuple[int, dict[str, str], str]:
    """Ask as a browser's window does; ``headers`` change its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    query = urlencode(ASKED if asked is None else asked)
    connection.request(method, f"{path}?{query}", headers={**NAVIGATION, **(headers or {})})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


@pytest.mark.usefixtures("listener")
def test_a_window_is_sent_on_to_the_server_with_the_devices_word(port: int, key: DeviceKey) -> None:
    """Which names the challenge and the server that it is for."""
    status, headers, _ = ask(port)
    assert (303, "no-store", "no-referrer") == (status, headers["cache-control"], headers["referrer-policy"])
    parts = urlsplit(headers["location"])
    assert f"{SERVER}/access/v1/{ACCOUNT}/vouched" == f"{parts.scheme}://{parts.netloc}{parts.path}"
    signed = jws.split(jws.Kind.VOUCH, dict(parse_qsl(parts.query))["voucher"].encode())
    assert jws.verify(signed, key.point)
    assert Vouch(aud=f"{SERVER}/{ACCOUNT}", challenge="e30.AAAA") == msgspec.json.decode(signed.payload, type=Vouch)


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"headers": {"Sec-Fetch-Mode": "cors"}}, 403, id="a script"),
        pytest.param({"headers": {"Sec-Fetch-Mode": "no-cors"}}, 403, id="a picture"),
        pytest.param({"headers": {"Sec-Fetch-Dest": "iframe"}}, 403, id="a frame"),
        pytest.param({"headers": {"Sec-Fetch-Mode": ""}}, 403, id="no browser of today"),
        pytest.param({"headers": {"Host": "rebound.example"}}, 403, id="another name for this address"),
        pytest.param({"headers": {"Host": "localhost:8645"}}, 403, id="a name that others can point elsewhere"),
        pytest.param({"asked": ASKED | {"login": "https://evil.example"}}, 403, id="another login host"),
        pytest.param({"asked": {"challenge": "e30.AAAA"}}, 400, id="no login host"),
        pytest.param({"asked": {"login": SERVER}}, 400, id="no challenge"),
        pytest.param({"asked": ASKED | {"challenge": "x" * 4_097}}, 400, id="a long challenge"),
        pytest.param({"asked": ASKED | {"more": "x"}}, 400, id="more than is asked"),
        pytest.param({"asked": [*ASKED.items(), ("login", SERVER)]}, 400, id="twice"),
        pytest.param({"path": "/"}, 404, id="another path"),
        pytest.param({"method": "POST"}, 501, id="another method"),
        pytest.param({"method": "OPTIONS"}, 501, id="a script's question whether it may"),
    ],
)
def test_nothing_else_is_answered(port: int, change: dict[str, Any], status: int) -> None:
    """Nothing is signed, and nobody is sent anywhere."""
    answered, headers, body = ask(port, **change)
    assert status == answered
    assert "location" not in headers
    assert "access-control-allow-origin" not in headers
    assert "voucher" not in body


def test_what_it_says_of_another_server_is_text(voucher: Voucher, port: int) -> None:
    """The address is whatever a page wrote into its link."""
    listener = BrowserListener(voucher, port, print)
    listener.start()
    _, _, body = ask(port, ASKED | {"login": "<script>alert(1)</script>"})
    listener.stop()
    assert "&lt;script&gt;" in body
    assert "<script" not in body


@pytest.mark.usefixtures("listener")
def test_it_listens_at_one_address_alone(port: int) -> None:
    """Whoever listens at all of them leaves none for another."""
    for address in ("127.0.0.2", "::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()


@pytest.mark.usefixtures("listener")
def test_connections_that_say_nothing_keep_nobody_out_for_long(port: int) -> None:
    """So many are held at once; they end after some seconds."""
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for connection in silent:
        connection.settimeout(20)
        assert connection.recv(1) == b""
        connection.close()
    assert HTTPStatus.SEE_OTHER == ask(port)[0]


def test_where_the_port_is_taken_it_says_so_once_and_ends_all_the_same(voucher: Voucher) -> None:
    """Another program has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        said: list[str] = []
        listener = BrowserListener(voucher, port, said.append)
        listener.start()
        listener.stop()
    (line,) = said
    assert f"cannot vouch for browsers: port {port} of 127.0.0.1: Address already in use" == line


def test_it_takes_the_port_once_that_is_free(voucher: Voucher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being started again."""
    monkeypatch.setattr("gatepost.agent.browsers._AGAIN", 0.05)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        listener = BrowserListener(voucher, port, said.append)
        listener.start()
    tries = (_status(port, listener) for _ in range(200))
    statuses = [next(status for status in tries if status is not None)]
    listener.stop()
    assert ([HTTPStatus.SEE_OTHER], 1) == (statuses, len(said))


def _status(port: int, listener: BrowserListener) -> int | None:
    """Ask; wait a moment where nobody listens yet."""
    try:
        return ask(port)[0]
    except ConnectionRefusedError:
        listener._ending.wait(0.05)  # noqa: SLF001 - waits without a clock.
        return None


def test_the_doctor_sees_who_listens(voucher: Voucher, port: int) -> None:
    """An agent, nobody, another program; or that it is turned off."""
    assert [Health.WELL] == [item.health for item in examine_browsers(0)]
    (nobody,) = examine_browsers(port)
    assert (Health.ODD, True) == (nobody.health, "is the agent running?" in nobody.words)
    listener = BrowserListener(voucher, port, pytest.fail)
    listener.start()
    (agent,) = examine_browsers(port)
    listener.stop()
    assert (Health.WELL, f"an agent vouches for them at port {port} of 127.0.0.1") == (agent.health, agent.words)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nServer: other\r\nContent-Length: 0\r\n\r\n", b"hello\r\n\r\n"])
def test_the_doctor_sees_that_another_program_has_the_port(answer: bytes) -> None:
    """Whatever it speaks."""
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def speak() -> None:
            connection, _ = taken.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        (found,) = examine_browsers(int(taken.getsockname()[1]))
        thread.join()
    assert found.health in {Health.ILL, Health.ODD}
    assert "vouches" not in found.words
