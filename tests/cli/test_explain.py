"""``gatepost server explain``: a decision in words, by the reference that a refused user has."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration.access import policies
from gatepost.controlplane.administration.services import Services
from gatepost.core.log import UnmetDocument
from gatepost.storage.database import open_storage
from gatepost.storage.keybox import read_or_create_master_key
from tests.cli.commands import gatepost, refused
from tests.controlplane.test_access import shown
from tests.services import Clock, as_json
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.core.log import AccessDocument


@pytest.fixture
def database(tmp_path: Path) -> tuple[str, str]:
    """Give the words that name a new database."""
    words = ("--database", f"sqlite:///{tmp_path / 'gatepost.db'}")
    assert 0 == gatepost("server", "init", *words).code
    return words


@pytest.fixture
def note(database: tuple[str, str]) -> Callable[..., str]:
    """Write a decision into the log, which one policy that is there decided; give the policy's id."""

    def write(**changes: object) -> str:
        master_key = read_or_create_master_key(
            Path(database[1].removeprefix("sqlite:///") + ".master-key"), secrets.token_bytes
        )
        storage = open_storage(database[1], master_key, secrets.token_bytes)
        services = Services(storage=storage, now=Clock(), random=secrets.token_bytes)
        body = {"name": "staff only", "decision": "allow", "include": [{"everyone": {}}]}
        policy = str(shown(policies.create_policy(services, 1, as_json(body)))["id"])
        found = (UnmetDocument(policy_id=policy, rule="require/0", check_id="gone", reasons=("report-missing",)),)
        line: AccessDocument = samples.decision(**{"policy_id": policy, "unmet": found} | changes)
        with storage.writing() as records:
            records.access_log.append(1, [line])
        storage.close()
        return policy

    return write


def test_a_refusal_is_explained_with_each_rule_that_was_not_met(
    database: tuple[str, str], note: Callable[..., str]
) -> None:
    """By names where there are any, in the words for administrators, with what mends it; exit code 1."""
    note(allowed=False, reasons=("report-missing",), device_name="lap\x1b[2Jtop")
    outcome = gatepost("server", "explain", "ab12-1", *database)
    assert 1 == outcome.code
    assert "\x1b" not in outcome.stdout
    for words in (
        "refused at 2026-",
        "reference ab12-1",
        "wiki.example.com/page (wiki, ",
        "user          user@example.com",
        'require/0 of the policy "staff only", the check gone, which is no more: report-missing',
        "The device has not answered this check. Run gatepost agent doctor on the device.",
    ):
        assert words in outcome.stdout


def test_who_was_let_in_is_explained_too(database: tuple[str, str], note: Callable[..., str]) -> None:
    """Exit code 0; what stands for several says so."""
    note(reasons=(), unmet=(), stands_for=10, registration_id=None, app_name=None, app_id=None)
    outcome = gatepost("server", "explain", "ab12-1", *database)
    assert (0, "let in at ") == (outcome.code, outcome.stdout[:10])
    for words in (
        "10 decisions",
        "not known: client certificate ",
        "reasons       none",
        "evidence      possession, 0 s",
    ):
        assert words in outcome.stdout
    assert "ab12-1" == gatepost("server", "explain", "ab12-1", *database, "--format", "json").document["reference"]


def test_a_reference_that_nothing_was_decided_under_is_refused(database: tuple[str, str]) -> None:
    """In words."""
    assert "there is no decision in the access log 'ab-9'" in refused("server", "explain", "ab-9", *database)
