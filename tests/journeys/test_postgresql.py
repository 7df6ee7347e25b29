"""A device's journey on PostgreSQL: two server processes on one database, a restart of it, and a move to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.journeys.real import RealAgent, RealServer, gatepost, real_server, serving
from tests.postgres import Cluster, programs
from tests.running import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgresql


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Give a server of PostgreSQL that may be stopped."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    cluster = Cluster(found)
    yield cluster
    cluster.remove()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the servers' folder."""
    made = tmp_path / "server"
    made.mkdir()
    return made


def _statuses(server: RealServer) -> list[str]:
    lines = server.call("GET", "/gatepost/posture-log?per_page=100")
    return [line["PostureStatus"] for line in reversed(lines)]


def test_a_device_passes_whichever_process_is_asked_and_after_a_restart(
    own_cluster: Cluster, folder: Path, tmp_path: Path
) -> None:
    """Enrolled at one process, seen at the other; PostgreSQL goes and comes back, and nobody else is restarted."""
    agent = RealAgent(tmp_path / "device")
    with real_server(folder, database=own_cluster.create()) as server:
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        assert 0 == agent.enroll(server).code
        assert (0, [("laptops", "pass", [])]) == agent.cycle()
        port = free_port()
        with serving(folder / "other-log", port, *server.console):
            other = msgspec.structs.replace(server, url=f"http://127.0.0.1:{port}", port=port)
            assert ["pass"] == _statuses(other)
            agent.install(server.authority.issue(cn="laptop-2"))
            assert (1, [("laptops", "fail", ["common-name-mismatch"])]) == agent.cycle()
            own_cluster.stop()
            assert 3 == agent.run("run", "--once").code
            own_cluster.start()
            agent.install(server.authority.issue(cn="laptop-1"))
            assert (0, [("laptops", "pass", [])]) == agent.cycle()
            assert ["pass", "fail", "pass"] == _statuses(other) == _statuses(server)


def test_a_device_goes_on_where_a_backup_was_restored(cluster: Cluster, folder: Path, tmp_path: Path) -> None:
    """Taken from a server that runs, on SQLite, and served from PostgreSQL under the same address."""
    agent = RealAgent(tmp_path / "device")
    backup = tmp_path / "backup"
    with real_server(folder) as server:
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        agent.enroll(server)
        agent.cycle()
        assert 0 == gatepost("server", "backup", backup, *server.console[:2]).code
        assert (0, [("laptops", "pass", [])]) == agent.cycle()
    moved = ("--database", cluster.create(), *server.console[2:])
    told = gatepost("server", "restore", backup, *moved, "--format", "json").document
    assert 1 == told["accounts"][0]["results_ended"]
    with serving(folder / "moved-log", server.port, *moved):
        assert [False] == [item["counts"] for item in server.call("GET", "/gatepost/results")]
        assert (0, [("laptops", "pass", [])]) == agent.cycle()
        assert [True] == [item["counts"] for item in server.call("GET", "/gatepost/results")]
