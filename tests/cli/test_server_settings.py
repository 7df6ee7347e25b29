"""What a log may show of a server's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.cli.server_settings import ServerSettings, show_database


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("postgresql://host/gatepost", "postgresql://host/gatepost"),
        ("postgresql://user:p@ss@host:5432/gatepost", "postgresql://host:5432/gatepost"),
        ("postgresql://host/gatepost?user=x&password=secret", "postgresql://host/gatepost"),
        ("postgresql://user@/gatepost?host=/run/x", "postgresql:///gatepost"),
        ("", ""),
    ],
)
def test_an_address_of_a_database_is_shown_without_who_asks_and_their_password(url: str, shown: str) -> None:
    """Wherever in it they stand."""
    assert shown == show_database(url)


def test_settings_are_shown_without_secrets() -> None:
    """That there is a token is said, and nothing of it."""
    settings = ServerSettings(
        database="postgresql://user:hunter2@host/gatepost",
        master_key=Path("/etc/gatepost/master-key"),
        host="0.0.0.0",  # noqa: S104 - nothing listens here.
        port=8640,
        public_urls=("https://gatepost.example",),
        metrics_token=b"d" * 32,
    )
    shown = settings.shown()
    assert (True, "postgresql://host/gatepost") == (shown["metrics"], shown["database"])
    assert "hunter2" not in str(shown)
    assert "ddd" not in str(shown)
