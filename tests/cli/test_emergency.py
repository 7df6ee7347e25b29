"""``gatepost server emergency``: on, status, off, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import gatepost, refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> tuple[str, str]:
    """Give the words that name a new database."""
    words = ("--database", f"sqlite:///{tmp_path / 'gatepost.db'}")
    assert 0 == gatepost("server", "init", *words).code
    return words


def test_an_emergency_is_declared_shown_and_ended(database: tuple[str, str]) -> None:
    """Whether there is one stands in the exit code, too."""
    emergency = ("server", "emergency")
    assert (1, "there is no emergency\n") == (
        gatepost(*emergency, "status", *database).code,
        gatepost(*emergency, "status", *database).stdout,
    )
    declared = gatepost(*emergency, "on", "--for", "2h", "--reason", "the CA\x1b[2J is down", *database)
    assert (0, True) == (declared.code, declared.stdout.startswith("emergency until 20"))
    assert "\x1b" not in declared.stdout
    shown = gatepost(*emergency, "status", *database, "--format", "json")
    assert (0, "the CA\x1b[2J is down") == (shown.code, shown.document["reason"])
    ended = gatepost(*emergency, "off", *database)
    assert (0, "the emergency has ended\n") == (ended.code, ended.stdout)
    again = gatepost(*emergency, "off", *database, "--format", "json")
    assert (1, None) == (again.code, again.document)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--for", "48h", "--reason", "x"), "--for"),
        (("--for", "soon", "--reason", "x"), "--for"),
        (("--for", "1h", "--reason", " "), "--reason"),
        (("--for", "1h"), "--reason"),
    ],
)
def test_an_emergency_without_end_or_reason_is_refused(
    database: tuple[str, str], words: tuple[str, ...], named: str
) -> None:
    """The words name the flag."""
    assert named in refused("server", "emergency", "on", *words, *database)
