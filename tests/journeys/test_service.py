"""The agent as a service manager runs it: the real process, and a real socket in the place of systemd's.

No systemd runs here. What it would say and hear is what `sd_notify(3)` and `systemd.service(5)` tell; its own program reads the
unit of the documentation.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.journeys.real import PATIENCE, RealAgent, RealServer, real_server

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "enrol-a-device.md"
PROGRAM = "/opt/gatepost/.venv/bin/gatepost"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Give one server for all journeys."""
    with real_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def agent(server: RealServer, tmp_path: Path) -> RealAgent:
    """Give a device that is enrolled."""
    made = RealAgent(tmp_path / "device")
    made.enroll(server)
    return made


class Manager:
    """Stands for systemd's end of the socket: it hears what the service says."""

    def __init__(self, listener: socket.socket, address: str) -> None:
        """Take the socket, and the address as the service is told it."""
        self.address = address
        self._listener = listener
        listener.settimeout(PATIENCE)

    def hear(self, wanted: str, times: int = 1) -> list[str]:
        """Listen until it was said so many times; return all that was said until then."""
        said: list[str] = []
        while sum(item.startswith(wanted) for item in said) < times:
            said.append(self._listener.recv(8_192).decode())
        return said


@contextmanager
def managed(*, abstract: bool = False) -> Iterator[Manager]:
    """Listen as a service manager does."""
    with TemporaryDirectory(prefix="gatepost-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("" if abstract else str(Path(folder) / "notify"))
        name = listener.getsockname()
        yield Manager(listener, f"@{name[1:].decode()}" if isinstance(name, bytes) else name)


@contextmanager
def service(agent: RealAgent, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the agent as a service does; kill it where a test has left it running."""
    words = ["agent", "run", "--state", str(agent.state), "--config", str(agent.settings)]
    command = [sys.executable, "-m", "gatepost", *words]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Ask it to end; return its exit code and all that it wrote."""
    process.send_signal(number)
    _, words = process.communicate(timeout=PATIENCE)
    return process.returncode, words


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_says_when_it_is_ready_alive_and_ending(agent: RealAgent, abstract: bool) -> None:  # noqa: FBT001 - both kinds.
    """READY=1 after its first cycle, WATCHDOG=1 twice in the time that the manager waits, STOPPING=1 before it ends with 0."""
    with (
        managed(abstract=abstract) as manager,
        service(agent, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="1000000") as process,
    ):
        before = manager.hear("READY=1")
        assert not any(item.startswith(("STATUS=schedule", "STOPPING")) for item in before)
        assert "STATUS=schedule: report 1 acknowledged" in " ".join(manager.hear("STATUS=schedule"))
        # Half of the time, not each five seconds: ten of them would be missed else, and the test's patience be over.
        manager.hear("WATCHDOG=1", times=20)
        code, words = end(process, signal.SIGTERM)
        assert (0, False) == (code, "Traceback" in words)
        assert ["STOPPING=1"] == manager.hear("STOPPING=1")[-1:]


def test_a_service_ends_by_the_keyboard_too(agent: RealAgent) -> None:
    """As a person runs it, without a manager."""
    with service(agent) as process:
        assert process.stderr is not None
        assert "report 1 acknowledged" in process.stderr.readline()
        assert (0, "") == end(process, signal.SIGINT)


def test_a_service_is_ready_also_without_its_server(tmp_path: Path) -> None:
    """A boot is not held up by a server that is away: it is ready when it has tried, says what is wrong, and goes on."""
    agent = RealAgent(tmp_path / "device")
    (tmp_path / "server").mkdir()
    with real_server(tmp_path / "server") as gone:
        agent.enroll(gone)
    with managed() as manager, service(agent, NOTIFY_SOCKET=manager.address) as process:
        manager.hear("READY=1")
        assert "cannot be reached" in manager.hear("STATUS=")[-1]
        assert 0 == end(process, signal.SIGTERM)[0]


def test_a_second_instance_is_refused_and_the_first_goes_on(agent: RealAgent) -> None:
    """It would take the first one's sequence. After a kill the next one starts: the lock is the kernel's."""
    with managed() as manager, service(agent, NOTIFY_SOCKET=manager.address) as first:
        manager.hear("READY=1")
        second = agent.run("run")
        assert (3, True) == (second.code, "is held by another agent" in second.stderr)
        once = agent.run("run", "--once")
        assert (3, "") == (once.code, once.stdout)
        assert first.poll() is None
        end(first, signal.SIGKILL)
    assert 0 == agent.run("run", "--once").code


def test_the_unit_of_the_documentation_is_one(tmp_path: Path) -> None:
    """As systemd's own program reads it, the command replaced by one that exists here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (text,) = re.findall(r"```ini\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert f"ExecStart={PROGRAM} agent run\n" in text
    unit = tmp_path / "gatepost-agent.service"
    unit.write_text(text.replace(PROGRAM, str(Path(sys.executable).with_name("gatepost"))), encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "", "") == (verified.returncode, verified.stdout, verified.stderr)
    unit.write_text(text.replace("Type=notify", "Type=notified"), encoding="utf-8")
    spoiled = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "notified" in spoiled.stderr
