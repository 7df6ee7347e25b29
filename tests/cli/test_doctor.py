"""``gatepost agent doctor``: one page in words, whoever's words are on it, with an exit code that says whether to worry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gatepost.agent.status import CheckStatus, LastCycle
from gatepost.client.identity import StateFolder
from gatepost.core.evaluation import Status
from tests.cli.commands import gatepost
from tests.cli.test_agent import HERE, enrolled, put_status

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "\x1b[2J\u202e laptops\n✔ state"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give a path where a state may be."""
    return tmp_path / "state"


def named(name: str) -> LastCycle:
    """Make a last cycle whose one check has this name."""
    verdict = CheckStatus(
        id="check-1",
        name=name,
        status=Status.PASS,
        reasons=(),
        evidence=None,
        ends_at=None,
        certificates=(),
        faults=(),
    )
    return LastCycle(acknowledged=1, at=time.time_ns() // 1_000_000, next_in=300, verdicts=(verdict,))


def test_nobody_s_names_do_anything_to_the_page(state: Path) -> None:
    """A check's name is the server's: it clears no screen, begins no line, turns no direction; in JSON it is what it is."""
    put_status(state, named(HOSTILE))
    text = gatepost("agent", "doctor", "--state", state).stdout
    assert "check \\x1b[2J\\u202e laptops\\n✔ state" in text
    assert all(line.isprintable() for line in text.splitlines())
    document = gatepost("agent", "doctor", "--state", state, "--format", "json").document
    assert f"check {HOSTILE}" in [item["topic"] for item in document["examinations"]]


def test_a_device_that_is_not_enrolled_is_ill(state: Path) -> None:
    """And the cure is a command."""
    StateFolder(state).create()
    outcome = gatepost("agent", "doctor", "--state", state)
    assert (1, True) == (outcome.code, "run `gatepost agent enroll" in outcome.stdout)


def test_a_server_that_is_not_there_is_on_the_page(state: Path) -> None:
    """Beside what is well."""
    enrolled(state)
    document = gatepost("agent", "doctor", "--state", state, "--format", "json")
    found = {item["topic"]: item for item in document.document["examinations"]}
    assert ("well", "ill", 1) == (found["enrolment"]["health"], found["server"]["health"], document.code)
    assert found["server"]["words"].startswith(HERE)


def test_a_bundle_is_the_page_and_overwrites_nothing(state: Path, tmp_path: Path) -> None:
    """In a new file; of the key and the token nothing is in it."""
    folder = enrolled(state)
    bundle = tmp_path / "page.json"
    gatepost("agent", "doctor", "--state", state, "--bundle", bundle)
    content = bundle.read_text(encoding="utf-8")
    assert '"examinations"' in content
    key = (folder.path / "device.key").read_text(encoding="ascii").splitlines()[1]
    assert key not in content
    again = gatepost("agent", "doctor", "--state", state, "--bundle", bundle)
    assert (2, True) == (again.code, "--bundle cannot be written" in again.stderr)
    assert content == bundle.read_text(encoding="utf-8")
