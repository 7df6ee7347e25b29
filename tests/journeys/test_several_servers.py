"""The configuration of ``docs/how-to/run-several-servers.md``: three processes behind a real HAProxy, one of them killed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest

from tests.certificates import CertificateAuthority
from tests.journeys.real import PATIENCE, RealAgent, RealServer, gatepost, kill_server, serving
from tests.running import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgres import Cluster

T = TypeVar("T")

pytestmark = pytest.mark.postgresql
PAGE = ROOT / "docs" / "how-to" / "run-several-servers.md"
PORTS = ("8640", "8641", "8642", "8643")


@contextmanager
def balancing(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    """Run HAProxy with the page's configuration, on free ports."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("HAProxy is not installed (Debian's package haproxy)")
    (text,) = re.findall(r"```haproxy\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for named, free in ports.items():
        assert f"127.0.0.1:{named}\n" in text
        text = text.replace(f"127.0.0.1:{named}\n", f"127.0.0.1:{free}\n")
    settings = folder / "haproxy.cfg"
    settings.write_text(text, encoding="utf-8")
    with (
        (folder / "haproxy.log").open("wb") as log,
        subprocess.Popen([program, "-f", str(settings)], stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(ports["8640"])
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "HAProxy does not answer"
            time.sleep(0.05)
        else:
            return


def test_a_fleet_loses_nothing_when_one_of_three_processes_dies(cluster: Cluster, tmp_path: Path) -> None:
    """A device passes, fails for its reason and passes again; meanwhile a fleet reports, and one process is killed."""
    ports = {name: free_port() for name in PORTS}
    url = f"http://127.0.0.1:{ports['8640']}"
    console = ("--database", cluster.create(), "--master-key", str(tmp_path / "master-key"))
    made = gatepost("server", "init", *console, "--format", "json").document
    more = ("--public-url", url, "--trusted-proxy", "127.0.0.1/32", "--posture-log", "every")
    with ExitStack() as stack:
        running = [
            stack.enter_context(serving(tmp_path / f"log-{name}", ports[name], *console, *more)) for name in PORTS[1:]
        ]
        stack.enter_context(balancing(tmp_path, ports))
        server = RealServer(
            url=url,
            account=made["account_id"],
            token=made["token"],
            console=console,
            port=ports["8640"],
            process=running[0].pid,
            authority=CertificateAuthority.create(cn="Example Root CA"),
        )
        agent = RealAgent(tmp_path / "device")
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        assert 0 == agent.enroll(server).code
        assert (0, [("laptops", "pass", [])]) == agent.cycle()
        fleet = stack.enter_context(_simulating(server))
        agent.install(server.authority.issue(cn="laptop-2"))
        # The fleet brings a check of its own, which this device answers, too.
        assert ("laptops", "fail", ["common-name-mismatch"]) in agent.cycle()[1]
        kill_server(running[0])
        agent.install(server.authority.issue(cn="laptop-1"))
        assert ("laptops", "pass", []) in agent.cycle()[1]
        told, _ = fleet.communicate(timeout=PATIENCE * 2)
        outcome = msgspec.json.decode(told)
        assert (0, {}, 0) == (fleet.returncode, outcome["missing"], outcome["unanswered"])
        assert outcome["acknowledged"] == outcome["recorded"] > 20 * 10
    exported, checkpoints = tmp_path / "log.jsonl", tmp_path / "checkpoints.jsonl"
    assert 0 == gatepost("server", "export", exported, "--checkpoints", checkpoints, *console).code
    verified = gatepost("verify-log", exported, "--checkpoints", checkpoints)
    assert 0 == verified.code, verified.stdout


@contextmanager
def _simulating(server: RealServer) -> Iterator[subprocess.Popen[bytes]]:
    """Let twenty devices report several times a second, from a process of their own, for some seconds."""
    words = ("--agents", "20", "--seconds", "10", "--interval", "0.3", "--connections", "20", "--keep")
    command = [sys.executable, "-m", "gatepost", "simulate", "--server", server.url, "--account", server.account]
    environment = {**os.environ, "GATEPOST_TOKEN": server.token}
    with subprocess.Popen([*command, *words, "--format", "json"], env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_one_process_is_told_reaches_a_device_that_waits_at_another(cluster: Cluster, tmp_path: Path) -> None:
    """An administrator asks for a report at one process; the agent's long poll is open at the other."""
    port, other_port = free_port(), free_port()
    console = ("--database", cluster.create(), "--master-key", str(tmp_path / "master-key"))
    made = gatepost("server", "init", *console, "--format", "json").document
    url = f"http://127.0.0.1:{port}"
    public = ("--public-url", url)
    with (
        serving(tmp_path / "log", port, *console, *public) as one,
        serving(tmp_path / "other-log", other_port, *console, *public),
    ):
        server = RealServer(
            url=url,
            account=made["account_id"],
            token=made["token"],
            console=console,
            port=port,
            process=one.pid,
            authority=CertificateAuthority.create(cn="Example Root CA"),
        )
        agent = RealAgent(tmp_path / "device")
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        assert 0 == agent.enroll(server).code
        with _running(agent, tmp_path / "agent-log"):
            before = _until(lambda: _seen(server))
            other = msgspec.structs.replace(server, url=f"http://127.0.0.1:{other_port}", port=other_port)
            other.call("POST", f"/gatepost/registrations/report-now?id={before[0][0]}")
            _until(lambda: _seen(server) != before)


def _seen(server: RealServer) -> list[tuple[str, int, str]]:
    results = server.call("GET", "/gatepost/results")
    return [(item["registration_id"], item["repeats"], item["judged_at"]) for item in results]


@contextmanager
def _running(agent: RealAgent, log: Path) -> Iterator[None]:
    words = ["agent", "run", "--state", str(agent.state), "--config", str(agent.settings)]
    with log.open("wb") as file, subprocess.Popen([sys.executable, "-m", "gatepost", *words], stderr=file) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _until(look: Callable[[], T]) -> T:
    """Look until there is something; the device's next report by itself is minutes away."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found
