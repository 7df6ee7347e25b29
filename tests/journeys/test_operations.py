"""A real server as its operator's machines see it: health, metrics of real reports, whose address is limited, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import msgspec
import pytest

from tests.journeys.real import PATIENCE, RealAgent, RealServer, real_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "metrics-token-of-the-operator-0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Give a server that shows metrics, behind a proxy on this machine."""
    folder = tmp_path_factory.mktemp("server")
    token = folder / "token"
    token.write_text(TOKEN, encoding="ascii")
    token.chmod(0o600)
    with real_server(folder, "--metrics-token-file", token, "--trusted-proxy", "127.0.0.1") as opened:
        yield opened


def get(server: RealServer, path: str, **headers: str) -> httpx2.Response:
    """Get a path."""
    with httpx2.Client(trust_env=False, timeout=PATIENCE) as client:
        return client.get(server.url + path, headers=headers)


def test_a_server_that_serves_is_alive_and_ready(server: RealServer) -> None:
    """Without a credential."""
    answers = [get(server, path) for path in ("/health", "/ready")]
    assert [(200, {"status": "alive"}), (200, {"status": "ready"})] == [
        (answer.status_code, answer.json()) for answer in answers
    ]


def test_real_reports_are_counted(server: RealServer, tmp_path: Path) -> None:
    """An enrolment, a report, its verdict, and a group of one."""
    server.ask(cn="${hostname}", locations={"paths": [str(tmp_path / "laptop.pem")]})
    agent = RealAgent(tmp_path)
    assert 0 == agent.enroll(server).code
    agent.install(server.authority.issue(cn="laptop-1"))
    assert 0 == agent.cycle()[0]
    text = get(server, "/metrics", Authorization=f"Bearer {TOKEN}").text
    for line in (
        'gatepost_enrollments_total{outcome="enrolled"} 1.0',
        'gatepost_reports_total{outcome="acknowledged"} 1.0',
        'gatepost_verdicts_total{reason="none",status="pass"} 1.0',
        'gatepost_verifications_total{outcome="valid"} 1.0',
        "gatepost_intake_group_size_count 1.0",
        "gatepost_report_seconds_count 1.0",
        "gatepost_intake_waiting 0.0",
    ):
        assert line in text.splitlines(), line


def test_each_client_behind_a_trusted_proxy_has_its_own_limit(server: RealServer) -> None:
    """The address that the proxy saw is limited, and no other."""
    path = f"/client/v4/accounts/{server.account}/devices/posture"

    def guess(address: str) -> int:
        headers = {"Authorization": f"Bearer gpa_{'A' * 43}", "X-Forwarded-For": f"203.0.113.1, {address}"}
        return get(server, path, **headers).status_code

    assert [401] * 20 == [guess("198.51.100.1") for _ in range(20)]
    # Meanwhile half a second's worth may have come back.
    assert 429 in {guess("198.51.100.1") for _ in range(20)}
    assert 401 == guess("198.51.100.2")
    good = {"Authorization": f"Bearer {server.token}", "X-Forwarded-For": "198.51.100.3"}
    assert 200 == get(server, path, **good).status_code


def test_the_log_is_json_and_has_no_secret(tmp_path: Path) -> None:
    """From the first line to the last, with an enrolment in between."""
    with real_server(tmp_path, "--log-level", "debug") as server:
        agent = RealAgent(tmp_path / "device")
        token = server.enrollment_token()
        enrolled = agent.run("enroll", "--server", server.url, GATEPOST_ENROLLMENT_TOKEN=token)
        assert 0 == enrolled.code
    text = (tmp_path / "log").read_text(encoding="utf-8")
    events = [msgspec.json.decode(line)["event"] for line in text.splitlines()]
    assert ["server starts", "device enrolled", "server has ended"] == events
    assert token not in text
    assert server.token not in text
