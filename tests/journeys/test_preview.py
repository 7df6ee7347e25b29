"""A draft is asked of a real server before it is saved, as a pipeline does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.journeys.real import RealAgent, gatepost, real_server
from tests.services import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.real import Ended, RealServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Serve one device that passes one check."""
    folder = tmp_path_factory.mktemp("server")
    with real_server(folder) as server:
        agent = RealAgent(folder / "agent")
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        assert 0 == agent.enroll(server).code
        assert 0 == agent.cycle()[0]
        yield server


def draft(server: RealServer, folder: Path, **changes: object) -> tuple[Path, str]:
    """Write the server's one rule, changed, into a file; return it, and the rule's id."""
    (rule,) = server.call("GET", "/devices/posture")
    path = folder / "rule.json"
    given = {**rule["input"], **changes}
    path.write_bytes(msgspec.json.encode(rule_of(given.pop("certificate_id"), **given)))
    return path, rule["id"]


def preview(server: RealServer, rule: Path, *more: object, token: str | None = None) -> Ended:
    """Run the command."""
    words = ("--rule", rule, "--server", server.url, "--account", server.account)
    return gatepost("preview", *words, *more, GATEPOST_TOKEN=server.token if token is None else token)


def test_a_pipeline_is_stopped_by_a_draft_that_would_shut_devices_out(server: RealServer, tmp_path: Path) -> None:
    """With 1, and with why; the page names the device."""
    rule, rule_id = draft(server, tmp_path, cn="${serial_number}")
    ended = preview(server, rule, "--replaces", rule_id, "--max-newly-failing", 0)
    assert 1 == ended.code
    assert "would fail                1" in ended.stdout
    assert "common-name-mismatch" in ended.stdout
    assert "pass → fail" in ended.stdout
    assert "1 would fail, more than 0" in ended.stderr
    assert 0 == preview(server, rule, "--replaces", rule_id, "--max-newly-failing", 1).code


def test_a_draft_that_shuts_nobody_out_may_be_saved(server: RealServer, tmp_path: Path) -> None:
    """With 0; a script reads the numbers."""
    rule, rule_id = draft(server, tmp_path, extended_key_usage=["clientAuth"])
    ended = preview(server, rule, "--replaces", rule_id, "--max-newly-failing", 0, "--format", "json")
    assert (0, 1, 0, 0) == (ended.code, *(ended.document[name] for name in ("stay", "would_fail", "unknown")))


def test_what_a_server_refuses_is_said_in_words(server: RealServer, tmp_path: Path) -> None:
    """The place in the draft, the credential, the account."""
    rule, _ = draft(server, tmp_path, cn="${hostnam}")
    ended = preview(server, rule)
    assert (2, "") == (ended.code, ended.stdout)
    assert "${hostnam}" in ended.stderr
    assert 2 == preview(server, rule, token="").code
    assert 2 == preview(server, rule, token="gpa_" + "x" * 43).code
    rule.write_text("[]")
    assert "is not one JSON object" in preview(server, rule).stderr


def test_a_preview_whose_process_fails_is_told_so(server: RealServer, tmp_path: Path) -> None:
    """Here its master key is gone while it starts."""
    key = tmp_path / "nothing"
    master_key = Path(server.console[-1])
    rule, rule_id = draft(server, tmp_path)
    master_key.rename(key)
    try:
        master_key.mkdir()
        ended = preview(server, rule, "--replaces", rule_id)
    finally:
        master_key.rmdir()
        key.rename(master_key)
    assert 3 == ended.code
    assert "the preview failed" in ended.stderr
    assert "master key" in ended.stderr


def test_a_preview_runs_where_the_database_is_named_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process has another folder than the server."""
    monkeypatch.chdir(tmp_path)
    with real_server(Path()) as server:
        server.ask(cn="${hostname}")
        rule, _ = draft(server, tmp_path)
        assert 0 == preview(server, rule).code
