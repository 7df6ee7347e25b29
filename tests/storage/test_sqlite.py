"""How a SQLite file is opened: what makes commits durable is in force, and what cannot be opened is said in words."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatepost.errors import InputError, StorageError
from gatepost.storage.database import SqlStorage, open_storage
from gatepost.storage.databases import database_of
from gatepost.storage.keybox import Keybox
from gatepost.storage.migration import migrate
from gatepost.storage.sqlite import make_file, open_readers, path_of
from tests.storage import samples
from tests.storage.conftest import predictable

if TYPE_CHECKING:
    from sqlalchemy import Engine

# A process of its own finds the tests' samples from the project's folder.
_SEEN = {"PYTHONPATH": str(Path(__file__).parents[2])}

_FILL = """
import resource, signal, sys
from gatepost.errors import StorageError
from gatepost.storage.database import open_storage
from tests.storage import samples

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
storage = open_storage(f"sqlite:///{sys.argv[1]}", samples.MASTER_KEY, bytes)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

def fill():
    try:
        with storage.writing() as records:
            records.certificates.add(samples.certificate(1, certificates="x" * 1_000_000))
        print("written")
    except StorageError:
        print("refused")

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
fill()
fill()
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
fill()
"""

_WRITE = """
import sys
from gatepost.storage.database import open_storage
from tests.storage import samples

storage = open_storage(f"sqlite:///{sys.argv[1]}", samples.MASTER_KEY, bytes)
with storage.writing() as records:
    samples.store_account(records)
while True:
    with storage.writing() as records:
        records.checks.touch(1)
        version = records.checks.version(1)
    print(version, flush=True)
"""


def _pragmas(engine: Engine, *names: str) -> dict[str, object]:
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


def test_commits_are_durable_when_the_writer_is_open(writer: Engine) -> None:
    """The write-ahead log, a full synchronisation at each commit, and foreign keys are in force, as SQLite itself says."""
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "query_only": 0, "trusted_schema": 0}
    assert expected == _pragmas(writer, *expected)
    assert _pragmas(writer, "busy_timeout") == {"busy_timeout": 10_000}


def test_readers_can_only_read(readers: Engine) -> None:
    """A connection for reading refuses to write by itself."""
    assert _pragmas(readers, "query_only", "journal_mode") == {"query_only": 1, "journal_mode": "wal"}


def test_a_transaction_begins_as_it_is_meant(readers: Engine, writer: Engine, path: Path) -> None:
    """A writer has the write lock from its first moment; a reader takes none."""
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    with readers.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM accounts")
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    with writer.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_the_database_and_its_companions_are_the_owners_alone(storage: SqlStorage, path: Path) -> None:
    """Nobody else may read what the server knows, whatever the umask."""
    with storage.writing() as records:
        records.checks.touch(1)
    files = sorted(path.parent.glob("gatepost.db*"))
    assert ["gatepost.db", "gatepost.db-shm", "gatepost.db-wal"] == [file.name for file in files]
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}


def test_a_file_is_never_made_over_another(tmp_path: Path) -> None:
    """What is there stays."""
    file = tmp_path / "there.db"
    file.write_text("there")
    make_file(file)
    assert file.read_text() == "there"


def test_a_new_file_is_in_wal_mode_and_alone(tmp_path: Path) -> None:
    """Of two processes that change to that mode at once SQLite refuses one: bytes 18 and 19 say it (sqlite.org/fileformat)."""
    file = tmp_path / "gatepost.db"
    make_file(file)
    assert b"\2\2" == file.read_bytes()[18:20]
    assert [file] == list(tmp_path.iterdir())
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """The folder may be missing."""
    with pytest.raises(StorageError, match="No such file"):
        migrate(f"sqlite:///{tmp_path / 'missing' / 'gatepost.db'}")


def test_a_url_names_one_file_whatever_the_way_to_it(tmp_path: Path) -> None:
    """Links are resolved, so that one file has one lock."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert tmp_path / "real" / "a b.db" == path_of(f"sqlite:///{tmp_path / 'link' / 'a%20b.db'}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gatepost.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///gatepost.db?mode=memory",
        "sqlite://host/gatepost.db",
        "mysql://secret:secret@localhost/gatepost",
        "postgresql://secret:secret@localhost",
    ],
)
def test_a_url_is_refused_when_it_names_no_database(url: str) -> None:
    """Neither a file nor a database on a server of PostgreSQL; a password in the URL is not repeated."""
    with pytest.raises(InputError) as caught:
        database_of(url)
    assert caught.value.field == "database"
    assert "secret" not in str(caught.value)


def test_a_missing_database_is_said_and_not_made(tmp_path: Path) -> None:
    """Opening never makes a file."""
    with pytest.raises(StorageError, match="gatepost server init"):
        open_storage(f"sqlite:///{tmp_path / 'gatepost.db'}", samples.MASTER_KEY, predictable)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"no database at all, and longer than a header of one hundred bytes" * 4])
def test_a_file_of_another_kind_is_said(tmp_path: Path, content: bytes) -> None:
    """Neither opening nor migrating touches it."""
    file = tmp_path / "gatepost.db"
    file.write_bytes(content)
    with pytest.raises(StorageError, match="another kind"):
        open_storage(f"sqlite:///{file}", samples.MASTER_KEY, predictable)
    with pytest.raises(StorageError, match="another kind"):
        migrate(f"sqlite:///{file}")
    assert content == file.read_bytes()


def test_a_damaged_database_is_said(path: Path) -> None:
    """Overwritten pages give an error in words, never wrong rows."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    with pytest.raises(StorageError, match="damaged"):
        open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)


def test_a_database_that_another_process_holds_is_said(storage: SqlStorage, writer: Engine, path: Path) -> None:
    """Who waits in vain is told who is in the way, and goes on afterwards."""
    with writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked by another process"), storage.writing():
        pytest.fail("two write at once")
    other.execute("ROLLBACK")
    other.close()
    with storage.writing() as records:
        records.checks.touch(1)


def test_a_database_that_cannot_be_written_is_said(storage: SqlStorage, writer: Engine) -> None:
    """SQLite's own word for it, translated."""
    with writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="cannot be written"), storage.writing() as records:
        records.checks.touch(1)


def test_a_full_disk_is_said_and_work_goes_on_when_there_is_room(storage: SqlStorage, writer: Engine) -> None:
    """Nothing of the transaction that did not fit remains, and nothing before it is lost."""
    with writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 10}")

    def fill() -> None:
        with storage.writing() as records:
            for number in range(10):
                records.certificates.add(samples.certificate(1, number, certificates="x" * 100_000))

    with pytest.raises(StorageError, match="disk is full"):
        fill()
    with storage.reading() as records:
        assert () == records.certificates.all(1)
    with writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    fill()
    with storage.reading() as records:
        assert len(records.certificates.all(1)) == 10


def test_a_write_that_the_system_refuses_is_said_and_work_goes_on(storage: SqlStorage, path: Path) -> None:
    """The operating system's own limit on a file's size stops the write-ahead log, in a process of its own."""
    storage.close()
    script = path.with_name("fill.py")
    script.write_text(_FILL)
    ran = subprocess.run([sys.executable, script, path], capture_output=True, text=True, check=False, env=_SEEN)
    assert (0, "refused\nrefused\nwritten\n") == (ran.returncode, ran.stdout), ran.stderr


def test_what_was_acknowledged_stays_when_the_process_is_killed(path: Path) -> None:
    """A block that ended is on the disk: nothing that was printed afterwards is missing."""
    script = path.with_name("write.py")
    script.write_text(_WRITE)
    with subprocess.Popen([sys.executable, script, path], stdout=subprocess.PIPE, text=True, env=_SEEN) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    opened = open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)
    with opened.reading() as records:
        assert records.checks.version(1) >= acknowledged[-1]
    opened.close()


def test_a_probe_writes_and_says_whether_the_schema_is_ours(path: Path) -> None:
    """A database that another release migrated meanwhile is told; one that cannot be written raises."""
    opened = open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)
    assert opened.probe()
    with opened._writer.begin() as connection:  # noqa: SLF001 - what a migration would do.
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert not opened.probe()
    opened.close()
    readers = open_storage_that_only_reads(path)
    with pytest.raises(StorageError, match="cannot be written"):
        readers.probe()
    readers.close()


def open_storage_that_only_reads(path: Path) -> SqlStorage:
    """Give a storage whose writer may not write."""
    return SqlStorage(open_readers(path), open_readers(path), Keybox(samples.MASTER_KEY, predictable))
