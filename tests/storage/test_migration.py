"""The schema: made by the steps, the same as the tables in code, and refused where it is not this release's."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import gatepost.storage.migrations
from gatepost.errors import StorageError
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.storage.schema import REVISIONS, metadata
from tests.storage import samples
from tests.storage.conftest import predictable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from gatepost.storage.database import SqlStorage


def _run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Run statements on the file with another library than ours, and return the last one's rows."""
    connection = sqlite3.connect(path)
    rows: list[tuple[object, ...]] = []
    for statement in statements:
        rows = connection.execute(statement).fetchall()
    connection.commit()
    connection.close()
    return rows


def _schema(path: Path) -> list[tuple[object, ...]]:
    return _run(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")


def test_the_steps_lead_to_the_tables_in_code(writer: Engine) -> None:
    """What statements are built from is what the migrations make."""
    with writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert [] == compare_metadata(context, metadata)


def test_the_revisions_in_code_are_the_steps_that_are_shipped() -> None:
    """A step that is not in the list would never be run, and one without a file could not."""
    script = ScriptDirectory(gatepost.storage.migrations.__path__[0])
    steps = [step.revision for step in script.walk_revisions()]
    assert list(reversed(steps)) == list(REVISIONS)


def test_migrating_again_changes_nothing(storage: SqlStorage, path: Path) -> None:
    """Data and schema stay as they are."""
    with storage.writing() as records:
        records.tokens.add(samples.token(1))
    before = _schema(path)
    migrate(f"sqlite:///{path}")
    assert before == _schema(path)
    with storage.reading() as records:
        assert (samples.token(1),) == records.tokens.all(1, "enrollment")


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    """An administrator may have made the file before, with permissions of their own."""
    path = tmp_path / "gatepost.db"
    path.touch(0o640)
    migrate(f"sqlite:///{path}")
    open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable).close()


def test_two_that_migrate_at_once_make_one_database(tmp_path: Path) -> None:
    """The second waits for the first, and finds nothing left to do."""
    url = f"sqlite:///{tmp_path / 'gatepost.db'}"
    with ThreadPoolExecutor(2) as pool:
        assert [None, None] == list(pool.map(migrate, (url, url)))
    open_storage(url, samples.MASTER_KEY, predictable).close()


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """Whatever was made before the failure is undone: SQLite undoes changes of the schema too."""
    path = tmp_path / "gatepost.db"
    _run(
        path,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "CREATE TABLE secrets (in_the_way TEXT)",
    )
    before = _schema(path)
    with pytest.raises(StorageError, match="secrets already exists"):
        migrate(f"sqlite:///{path}")
    assert before == _schema(path)


def test_a_migration_that_would_leave_broken_references_is_undone(storage: SqlStorage, path: Path) -> None:
    """Foreign keys are off while tables are rebuilt, so they are checked at the end."""
    storage.close()
    _run(path, "PRAGMA foreign_keys = OFF", "UPDATE accounts SET number = 99")
    _run(
        path, "INSERT INTO results SELECT 1, 1, 1, '', '', '', 1, '', 1, 1, 1, '', '', 1, 1, NULL, NULL, 0, 0, 0, NULL"
    )
    with pytest.raises(StorageError, match="restore a backup"):
        migrate(f"sqlite:///{path}")


def test_the_database_of_a_newer_release_is_refused(path: Path) -> None:
    """Neither opened nor migrated, and the words say what to do."""
    _run(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"9999.*newer release.*gatepost server migrate"):
        open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)
    with pytest.raises(StorageError, match=r"9999.*newer release"):
        migrate(f"sqlite:///{path}")


def test_the_database_of_an_older_release_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process works on its own schema alone; the words name the command."""
    monkeypatch.setattr("gatepost.storage.revisions.REVISIONS", (*REVISIONS, "next"))
    with pytest.raises(StorageError, match=rf"older release \({REVISIONS[-1]}\); run `gatepost server migrate`"):
        open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)


@pytest.mark.parametrize("statement", ["VACUUM", "CREATE TABLE alembic_version (version_num TEXT)"])
def test_a_database_without_tables_is_refused(tmp_path: Path, statement: str) -> None:
    """Opening never makes tables."""
    path = tmp_path / "gatepost.db"
    _run(path, statement)
    path.touch()
    with pytest.raises(StorageError, match="no tables yet; run `gatepost server migrate`"):
        open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """Our tables never come to stand among another program's."""
    path = tmp_path / "places.sqlite"
    _run(path, "CREATE TABLE moz_places (url TEXT)")
    before = _schema(path)
    for act in (migrate, lambda url: open_storage(url, samples.MASTER_KEY, predictable)):
        with pytest.raises(StorageError, match="another program"):
            act(f"sqlite:///{path}")
    assert before == _schema(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posture_log SET status = 'pass'",
        "DELETE FROM posture_log",
        "DELETE FROM posture_log WHERE number = 1",
        "INSERT OR REPLACE INTO posture_log SELECT * FROM posture_log",
        "UPDATE OR REPLACE posture_log SET number = number + 1",
    ],
)
def test_a_line_of_the_log_is_never_changed(storage: SqlStorage, path: Path, statement: str) -> None:
    """The database itself refuses, whichever program asks."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        check = records.checks.add(samples.check(1))
        for _ in range(2):
            records.posture_log.append(1, registration.number, check.number, samples.entry())
        lines = records.posture_log.read(1, None, 10)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        _run(path, statement)
    with storage.reading() as records:
        assert lines == records.posture_log.read(1, None, 10)
