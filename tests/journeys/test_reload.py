"""A server that is reloaded and stopped under clients who go on asking, and one whose parent is killed: the real processes."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.agent.cycle import Agent, Disclosure
from gatepost.agent.host import Host
from gatepost.cli.serving import now
from gatepost.client.identity import StateFolder
from gatepost.client.transport import Server
from gatepost.core.device import DeviceFacts
from gatepost.errors import TransportError
from gatepost.storage.database import open_storage
from gatepost.wire import jws
from gatepost.wire.device import Called, Wait
from tests.certificates import SERVER_AUTH, CertificateAuthority, ip
from tests.journeys.real import PATIENCE, RealAgent, RealServer, real_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.certificates import Issued

METRICS_TOKEN = "m" * 40
HOST = Host(facts=DeviceFacts(hostname="laptop-1"))
AUTHORITY = CertificateAuthority.create(cn="Server CA")


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def lines(folder: Path) -> list[dict[str, Any]]:
    """Read the operator's log, each line of which must be a JSON object."""
    return [msgspec.json.decode(line) for line in (folder / "log").read_bytes().splitlines()]


def said(folder: Path, event: str) -> int:
    """Count the lines that say that."""
    return sum(line["event"].startswith(event) for line in lines(folder))


class Clients:
    """Threads that ask without a pause, some over one connection each, some over a new one for each request."""

    def __init__(self, server: RealServer) -> None:
        """Begin when `asking` is entered."""
        self._server = server
        self._done = threading.Event()
        self.came: Counter[str] = Counter()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask for the length of the block."""
        keeping = [True, True, False, False]
        threads = [threading.Thread(target=self._ask, args=(keep,)) for keep in keeping]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _ask(self, keep: bool) -> None:  # noqa: FBT001 - a thread's argument.
        path = f"/client/v4/accounts/{self._server.account}/devices/posture"
        headers = {"Authorization": f"Bearer {self._server.token}"}
        connection, used = None, False
        while not self._done.is_set():
            connection = connection or http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE)
            try:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                # An idle connection may be closed at any time (RFC 9110, 7.6); a first request on a new one must be answered.
                self.came["closed while idle" if used else type(error).__name__] += 1
                connection.close()
                connection, used = None, False
                continue
            self.came[str(answer.status)] += 1
            used = True
            if not keep or answer.will_close:
                connection.close()
                connection, used = None, False
        if connection is not None:
            connection.close()


def workers_of(server: RealServer) -> set[int]:
    """Name the processes below the server's own."""
    children = f"/proc/{server.process}/task/{server.process}/children"
    with open(children, encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's.
        return {int(word) for word in file.read().split()}


def test_no_request_fails_while_the_server_is_reloaded(tmp_path: Path) -> None:
    """Three times over, with clients that never pause; each time another worker answers."""
    with real_server(tmp_path) as server:
        clients = Clients(server)
        seen = workers_of(server)
        with clients.asking():
            for number in range(1, 4):
                os.kill(server.process, signal.SIGHUP)
                wait_until(lambda number=number: said(tmp_path, "reloaded") == number, "no reload")  # type: ignore[misc]  # bound now
                seen |= workers_of(server)
        came = clients.came
    closed = came.pop("closed while idle", 0)
    assert {"200"} == set(came)
    assert came["200"] > 100
    assert closed <= 6, "each client has one connection to lose at a time"
    assert len(seen) == 4


def test_whoever_has_just_connected_is_answered_while_the_server_is_reloaded(tmp_path: Path) -> None:
    """At whatever moment they connected, they have a while to ask."""
    came: Counter[str] = Counter()
    done = threading.Event()

    def ask_late(port: int) -> None:
        while not done.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            try:
                connection.connect()
                time.sleep(0.2)
                connection.request("GET", "/health")
                came[str(connection.getresponse().status)] += 1
            except (OSError, http.client.HTTPException) as error:
                came[type(error).__name__] += 1
            finally:
                connection.close()

    with real_server(tmp_path) as server:
        threads = [threading.Thread(target=ask_late, args=(server.port,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        os.kill(server.process, signal.SIGHUP)
        wait_until(lambda: said(tmp_path, "reloaded") == 1, "no reload")
        done.set()
        for thread in threads:
            thread.join()
    assert {"200"} == set(came)


def test_a_device_that_waits_is_sent_home_when_the_server_is_reloaded(tmp_path: Path) -> None:
    """It is answered at once, and told to come back: a long poll delays no reload."""
    token = metrics_token(tmp_path)
    with real_server(tmp_path, "--metrics-token-file", token) as server:
        agent = RealAgent(tmp_path / "device")
        assert 0 == agent.enroll(server).code
        assert 0 == agent.cycle()[0]
        found: list[Called] = []
        thread = threading.Thread(target=lambda: found.append(wait_to_be_called(agent)))
        thread.start()
        wait_until(lambda: "gatepost_waiting_agents 1.0" in metrics_of(server), "nobody waits")
        os.kill(server.process, signal.SIGHUP)
        wait_until(lambda: said(tmp_path, "reloaded") == 1, "no reload")
        thread.join(PATIENCE)
    # A wait that nothing ends takes 50 s, and long before the worker would have been killed and nobody answered.
    assert [Called(report_now=False, again_in=0)] == found


def metrics_token(folder: Path) -> Path:
    """Write a token that opens the metrics."""
    path = folder / "metrics-token"
    path.write_text(METRICS_TOKEN, encoding="ascii")
    path.chmod(0o600)
    return path


def metrics_of(server: RealServer) -> str:
    """Read the metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def wait_to_be_called(agent: RealAgent) -> Called:
    """Ask as an agent does that has nothing to report."""
    state = StateFolder(agent.state)
    enrolled = state.load_registration()
    request = Wait(aud=enrolled.audience, checks_version=state.load_progress().checks_version)
    with Server(enrolled.server, None) as server:
        return server.wait(state.load_key().sign(jws.Kind.WAIT, request))


def tls_files(folder: Path, issued: Issued) -> tuple[Path, Path]:
    """Write a certificate and its key, each at once."""
    certificate, key = folder / "server.pem", folder / "server.key"
    for path, content in ((certificate, issued.pem), (key, issued.key_pem())):
        draft = path.with_suffix(".new")
        draft.write_bytes(content)
        draft.replace(path)
    return certificate, key


def server_certificate() -> Issued:
    """Issue one for the address of this machine."""
    return AUTHORITY.issue(cn="127.0.0.1", sans=[ip("127.0.0.1")], eku=(SERVER_AUTH,))


def presented(port: int) -> bytes:
    """Return the certificate that a server shows."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def test_a_certificate_is_renewed_without_a_restart(tmp_path: Path) -> None:
    """The next worker shows the new one; files that do not fit leave everything as it was."""
    first, second = server_certificate(), server_certificate()
    certificate, key = tls_files(tmp_path, first)
    trust = tmp_path / "ca.pem"
    trust.write_bytes(AUTHORITY.pem)
    tls = ("--tls-cert", certificate, "--tls-key", key)
    with real_server(tmp_path, *tls, scheme="https", trust=trust) as server:
        assert first.der == presented(server.port)
        tls_files(tmp_path, second)
        os.kill(server.process, signal.SIGHUP)
        wait_until(lambda: said(tmp_path, "reloaded") == 1, "no reload")
        assert second.der == presented(server.port)
        key.write_bytes(first.key_pem())
        before = workers_of(server)
        os.kill(server.process, signal.SIGHUP)
        wait_until(lambda: said(tmp_path, "reload refused") == 1, "not refused")
        assert second.der == presented(server.port)
        assert before == workers_of(server)
    refused = next(line for line in lines(tmp_path) if line["event"].startswith("reload refused"))
    assert "--tls-cert and --tls-key" in refused["problem"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [("lisen = '127.0.0.1:1'", "did you mean listen?"), ("long_polls = -1", "long-polls"), ("listen = 1", "listen")],
)
def test_a_reload_with_a_wrong_file_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    """The server goes on, and says what is wrong."""
    file = tmp_path / "server.toml"
    file.write_text("long_polls = 10\n", encoding="utf-8")
    with real_server(tmp_path, "--config", file) as server:
        file.write_text(line + "\n", encoding="utf-8")
        os.kill(server.process, signal.SIGHUP)
        wait_until(lambda: said(tmp_path, "reload refused") == 1, "not refused")
        assert [] == server.call("GET", "/devices/posture")
    assert problem in next(line for line in lines(tmp_path) if line["event"].startswith("reload refused"))["problem"]


def test_a_reload_takes_new_settings_over(tmp_path: Path) -> None:
    """What the file says now counts for the next worker."""
    file = tmp_path / "server.toml"
    file.write_text("", encoding="utf-8")
    with real_server(tmp_path, "--config", file) as server:
        assert 404 == status_of(server, "/metrics")
        file.write_text(f'metrics_token_file = "{metrics_token(tmp_path)}"\n', encoding="utf-8")
        os.kill(server.process, signal.SIGHUP)
        wait_until(lambda: said(tmp_path, "reloaded") == 1, "no reload")
        assert 401 == status_of(server, "/metrics")
        assert 200 == status_of(server, "/metrics", METRICS_TOKEN)


def status_of(server: RealServer, path: str, token: str = "") -> int:
    """Get a path, and return the answer's status."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    status = connection.getresponse().status
    connection.close()
    return status


def test_what_was_begun_is_answered_when_the_server_is_stopped(tmp_path: Path) -> None:
    """Clients who ask get whole answers, or find nobody there; none is left without one."""
    with real_server(tmp_path) as server:
        clients = Clients(server)
        with clients.asking():
            wait_until(lambda: clients.came["200"] > 50, "no answers")
            os.kill(server.process, signal.SIGTERM)
            wait_until(lambda: clients.came["ConnectionRefusedError"] > 0, "it does not end")
        came = clients.came
    closed = ("closed while idle", "ConnectionResetError", "RemoteDisconnected")
    assert {"200", "ConnectionRefusedError"} >= set(came) - set(closed)
    # Of those that were in the kernel's queue, or had only just been taken from it, four clients can have lost one each.
    assert sum(came[name] for name in closed) <= 4
    assert 1 == said(tmp_path, "server has ended")


def test_a_worker_ends_with_its_parent_and_another_server_can_begin(tmp_path: Path) -> None:
    """However the parent ended: the port and the database are free again."""
    with real_server(tmp_path) as server:
        (worker,) = workers_of(server)
        os.kill(server.process, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the worker stays")  # noqa: PTH110 - the kernel's.
        port = server.port
    assert re.search("parent process is gone", (tmp_path / "log").read_text(encoding="utf-8"))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_each_report_is_recorded_once_while_the_server_is_reloaded(tmp_path: Path) -> None:
    """For a moment two workers write: every sequence is taken once, and none that was acknowledged is lost."""
    done = threading.Event()
    with real_server(tmp_path) as server:
        server.ask()
        devices = [RealAgent(tmp_path / f"device-{number}") for number in range(2)]
        for device in devices:
            assert 0 == device.enroll(server).code
        acknowledged = [0, 0]
        faults: list[str] = []

        def report(number: int) -> None:
            state = StateFolder(devices[number].state)
            with Server(state.load_registration().server, None) as connection:
                agent = Agent(state, connection, lambda _: (), lambda: HOST, now, Disclosure.NEARBY)
                while not done.is_set():
                    try:
                        acknowledged[number] = agent.run_once().acknowledgement.acknowledged
                    except TransportError as error:  # an idle connection that ended; the agent tries again
                        faults.append(str(error))

        threads = [threading.Thread(target=report, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for number in range(1, 4):
            os.kill(server.process, signal.SIGHUP)
            wait_until(lambda number=number: said(tmp_path, "reloaded") == number, "no reload")  # type: ignore[misc]  # bound now
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
    storage = open_storage(server.console[1], Path(server.console[3]).read_bytes(), os.urandom)
    with storage.reading() as records:
        kept = [item.last_sequence for item in records.devices.all(1, 0, 10)]
    storage.close()
    assert kept == acknowledged
    assert min(acknowledged) > 20
    assert len(faults) <= 6
