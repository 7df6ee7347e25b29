"""``gatepost simulate`` against a real server: what it counts is so, and what is lost is noticed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.cli.story import Story
from gatepost.client.management import Management
from tests.cli.commands import gatepost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.commands import Outcome


class Server:
    """A running server, its account and its administrator's token."""

    def __init__(self, story: Story, monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
        """Take a server that runs."""
        self.story = story
        self.pid = pid
        monkeypatch.setenv("GATEPOST_TOKEN", story.token)
        self.management = Management(story.url, story.account, story.token)

    def simulate(self, *words: object) -> Outcome:
        """Let a small fleet report."""
        usual = ("--server", self.story.url, "--account", self.story.account, "--seconds", 3, "--format", "json")
        return gatepost("simulate", *usual, *words)


@contextmanager
def _served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    story = Story(folder)
    with story.start_server() as running:
        yield Server(story, monkeypatch, running.identifier)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Give a server that has nothing yet but its account."""
    with _served(tmp_path, monkeypatch) as served:
        yield served


def test_every_acknowledged_report_is_recorded_once(server: Server) -> None:
    """Of a fleet in which some fail and answers get lost; of its own load and the server's memory it tells too."""
    words = ("--agents", 24, "--interval", 0.5, "--failing", 0.4, "--lost-answers", 0.2, "--server-pid", server.pid)
    outcome = server.simulate(*words)
    assert (0, "") == (outcome.code, outcome.stderr)
    found = outcome.document
    assert ({}, {}, 0) == (found["missing"], found["refused"], found["unanswered"])
    assert found["acknowledged"] == found["recorded"] >= 24
    assert found["lost_answers"] == found["duplicated"] > 0
    assert found["statuses"]["pass"] > 0
    assert found["statuses"]["fail"] > 0
    assert found["acknowledged"] < found["verifications"] <= 2 * found["acknowledged"]
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert 0 < found["own_core_load"] < 1
    assert found["server_memory_bytes"] > 10 * 2**20


def test_what_it_made_it_takes_away(server: Server) -> None:
    """Rule, CA, token, devices; unless it shall stay."""
    assert 0 == server.simulate("--agents", 3, "--interval", 1, "--keep").code
    kept = _there(server.management)
    assert {"rules": 1, "certificates": 1, "registrations": 3} == kept
    assert 0 == server.simulate("--agents", 3, "--interval", 1).code
    assert kept == _there(server.management)


def _there(management: Management) -> dict[str, int]:
    return {
        "rules": len(management.call("GET", "/devices/posture")),
        "certificates": len(management.call("GET", "/mtls_certificates")),
        "registrations": len(list(management.pages("/devices/registrations"))),
    }


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda row: {**row, "Reports": row["Reports"] - 1} if "Reports" in row else row, 1),
        (lambda row: {**row, "repeats": row["repeats"] + 2} if "repeats" in row else row, -2),
    ],
)
def test_a_report_that_is_not_in_the_database_is_noticed(
    server: Server, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], dict[str, Any]], missing: int
) -> None:
    """And so is one too many: here what the API answers is changed on its way."""
    pages = Management.pages

    def changed(self: Management, path: str) -> Iterator[Any]:
        seen: set[str] = set()
        for row in pages(self, path):
            name = row.get("RegistrationID", row.get("registration_id", ""))
            yield row if name in seen else change(row)
            seen.add(name)

    monkeypatch.setattr(Management, "pages", changed)
    outcome = server.simulate("--agents", 2, "--interval", 1, "--lost-answers", 0)
    assert 1 == outcome.code
    assert [missing] * 2 == list(outcome.document["missing"].values())


def test_a_person_reads_sentences(server: Server) -> None:
    """And is told that nothing was lost."""
    words = ("--agents", 2, "--interval", 0, "--seconds", 1, "--format", "text")
    outcome = server.simulate(*words)
    assert 0 == outcome.code
    assert outcome.stdout.endswith("Nothing was lost: each acknowledged report is recorded, once.\n")


def test_wrong_words_and_a_server_that_is_not_there_are_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback."""
    assert "is no process here" in server.simulate("--agents", 1, "--interval", 1, "--server-pid", 2**22 - 1).stderr
    gone = gatepost("simulate", "--server", "http://127.0.0.1:1", "--account", server.story.account)
    assert (3, True) == (gone.code, "cannot be reached" in gone.stderr)
    monkeypatch.delenv("GATEPOST_TOKEN")
    assert "needs a token" in server.simulate().stderr


def test_a_token_that_may_do_nothing_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is made."""
    monkeypatch.setenv("GATEPOST_TOKEN", "gpa_nonsense")
    outcome = server.simulate()
    assert outcome.code in {2, 3}
    assert "Traceback" not in outcome.stderr
    assert msgspec.json.encode(_there(server.management)) == b'{"rules":0,"certificates":0,"registrations":0}'
