"""``gatepost server backup`` and ``restore``, and the server's console on PostgreSQL."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import gatepost, refused
from tests.postgres import STRANGER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Cluster


class Made:
    """A database on SQLite that `server init` made, and a backup of it."""

    def __init__(self, folder: Path) -> None:
        """Make both."""
        self.url = f"sqlite:///{folder / 'gatepost.db'}"
        self.key = folder / "gatepost.db.master-key"
        self.file = folder / "backup"
        self.account: str = gatepost("server", "init", "--database", self.url, "--format", "json").document[
            "account_id"
        ]
        outcome = gatepost("server", "backup", self.file, "--database", self.url)
        assert (0, True) == (outcome.code, outcome.stdout.startswith(f"{self.file} holds "))
        assert "the master key" in outcome.stderr


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Give such a database."""
    return Made(tmp_path)


def test_a_backup_is_restored_into_another_file_and_what_came_back_is_listed(made: Made, tmp_path: Path) -> None:
    """With the master key of the first one; the account's own token is in the list."""
    assert 0o600 == stat.S_IMODE(made.file.stat().st_mode)
    url = f"sqlite:///{tmp_path / 'new' / 'restored.db'}"
    told = gatepost("server", "restore", made.file, "--database", url, "--master-key", made.key)
    assert (0, "") == (told.code, told.stderr)
    assert told.stdout.startswith(f"{url} is as it was at 20")
    assert f"account  {made.account}" in told.stdout
    assert "first administrator" in told.stdout
    assert "which count again" in told.stdout
    listed = gatepost("server", "token", "list", "--database", url, "--master-key", made.key, "--format", "json")
    assert ["first administrator"] == [item["name"] for item in listed.document]


def test_an_emergency_that_the_backup_holds_is_said_to_have_ended(made: Made, tmp_path: Path) -> None:
    """And how it is declared again."""
    declared = gatepost("server", "emergency", "on", "--for", "2h", "--reason", "no CA", "--database", made.url)
    assert 0 == declared.code
    later = tmp_path / "later"
    gatepost("server", "backup", later, "--database", made.url)
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    told = gatepost("server", "restore", later, "--database", url, "--master-key", made.key)
    assert "The emergency that lasted has ended" in told.stdout


def test_a_script_gets_the_list_as_json(made: Made, tmp_path: Path) -> None:
    """Alone on stdout."""
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    told = gatepost("server", "restore", made.file, "--database", url, "--master-key", made.key, "--format", "json")
    (account,) = told.document["accounts"]
    assert (made.account, 0, 0) == (account["account_id"], account["results_ended"], account["registrations"])
    assert ["first administrator"] == [item["name"] for item in account["administrators"]]


def test_a_restore_is_refused_where_something_is_wrong_before_anything_is_made(made: Made, tmp_path: Path) -> None:
    """No master key, a file that is none, a database that is in use."""
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    lost = gatepost("server", "restore", made.file, "--database", url)
    assert (3, True) == (lost.code, "restored.db.master-key is missing" in lost.stderr)
    key = ("--master-key", made.key)
    assert "cannot be read" in refused("server", "restore", tmp_path / "missing", "--database", url, *key)
    assert not (tmp_path / "restored.db").exists()
    assert "is not empty" in refused("server", "restore", made.file, "--database", made.url, *key)
    made.file.write_bytes(b"junk\n")
    assert "is no backup" in refused("server", "restore", made.file, "--database", url, *key)
    assert "a new file" in refused("server", "backup", made.file, "--database", made.url)


@pytest.mark.postgresql
def test_the_console_works_on_postgresql_and_a_backup_moves_there(made: Made, cluster: Cluster, tmp_path: Path) -> None:
    """From SQLite; the account and its token are the same there."""
    url, empty = cluster.create(), cluster.create()
    key = ("--master-key", made.key)
    assert 0 == gatepost("server", "restore", made.file, "--database", url, *key).code
    listed = gatepost("server", "token", "list", "--database", url, *key, "--format", "json")
    assert ["first administrator"] == [item["name"] for item in listed.document]
    assert 0 == gatepost("server", "migrate", "--database", url).code
    back = tmp_path / "back"
    assert 0 == gatepost("server", "backup", back, "--database", url).code
    other = ("--master-key", tmp_path / "other-key")
    assert 0 == gatepost("server", "init", "--database", empty, *other).code
    assert "holds an account already" in refused("server", "init", "--database", empty, *other)
    assert "--master-key is missing" in refused("server", "token", "list", "--database", empty)
    assert gatepost("server", "token", "create", "enrollment", "--database", empty, *other).stdout.startswith("gpe_")


@pytest.mark.postgresql
def test_a_password_comes_from_a_file_and_is_never_shown(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right one works, the wrong one is refused, and no message has either."""
    url = cluster.create()
    cluster.execute(url, f"GRANT ALL ON SCHEMA public TO {STRANGER}")
    file = tmp_path / "database"
    file.touch(0o600)
    monkeypatch.setenv("GATEPOST_DATABASE_FILE", str(file))
    file.write_text(url.replace("gatepost@", f"{STRANGER}:secret-and-wrong@"))
    wrong = gatepost("server", "migrate")
    assert (3, True) == (wrong.code, "refused the user or the password" in wrong.stderr)
    file.write_text(url.replace("gatepost@", f"{STRANGER}:right@"))
    told = gatepost("server", "migrate")
    assert 0 == told.code
    assert "right" not in told.stdout + told.stderr
    assert "secret" not in wrong.stdout + wrong.stderr
