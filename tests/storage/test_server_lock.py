"""One database has one server; commands open it beside that server."""

from __future__ import annotations

import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gatepost.errors import StorageError
from gatepost.storage.database import open_storage
from gatepost.storage.server_lock import take_server_lock
from tests.storage import samples
from tests.storage.conftest import predictable

if TYPE_CHECKING:
    from pathlib import Path

_HOLD = """
import sys
from gatepost.storage.server_lock import take_server_lock

lock = take_server_lock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_server_is_refused_until_the_first_ends(path: Path) -> None:
    """The lock of another process is named in words, and goes with that process, however it ends."""
    url = f"sqlite:///{path}"
    command = [sys.executable, "-c", _HOLD, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StorageError, match=f"{path}.lock"):
            take_server_lock(url)
        process.kill()
    take_server_lock(url).close()


def test_the_lock_is_one_whatever_way_leads_to_the_file(path: Path, tmp_path: Path) -> None:
    """A link to the database, or to its folder, is the same database."""
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "folder").symlink_to(path.parent)
    with take_server_lock(f"sqlite:///{path}"):
        for way in (tmp_path / "link", tmp_path / "folder" / path.name):
            with pytest.raises(StorageError, match="another server"):
                take_server_lock(f"sqlite:///{way}")


def test_a_command_opens_the_database_beside_a_server(path: Path) -> None:
    """The lock is the server's alone; a token can be made while it runs."""
    with take_server_lock(f"sqlite:///{path}"):
        opened = open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)
        with opened.writing() as records:
            assert samples.store_account(records).number == 1
        opened.close()


def test_a_lock_can_be_taken_again_when_it_was_closed(path: Path) -> None:
    """Closing twice does no harm, and the file that stays is the owner's alone."""
    lock = take_server_lock(f"sqlite:///{path}")
    lock.close()
    lock.close()
    take_server_lock(f"sqlite:///{path}").close()
    assert stat.S_IMODE((path.parent / "gatepost.db.lock").stat().st_mode) == 0o600


def test_a_lock_that_cannot_be_made_is_said(path: Path) -> None:
    """A link in the lock's place is not followed."""
    path.with_name("gatepost.db.lock").symlink_to("/dev/null")
    with pytest.raises(StorageError, match="cannot be made"):
        take_server_lock(f"sqlite:///{path}")
