"""The schema on PostgreSQL: made by the same steps, and refused where it is not this release's."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gatepost.errors import StorageError
from gatepost.storage.database import open_storage
from gatepost.storage.databases import database_of
from gatepost.storage.locks import hold_schema
from gatepost.storage.migration import migrate
from gatepost.storage.tables import REVISIONS, metadata
from tests.storage import samples

if TYPE_CHECKING:
    from tests.postgres import Cluster

pytestmark = pytest.mark.postgresql

_SCHEMA = (
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY 1, 2"
)


@pytest.fixture
def url(cluster: Cluster) -> str:
    """Give an empty database."""
    return cluster.create()


def test_the_steps_lead_to_the_tables_in_code(url: str) -> None:
    """What statements are built from is what the migrations make, here too."""
    migrate(url)
    engine = database_of(url).open_readers()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert [] == compare_metadata(context, metadata)
    engine.dispose()


def test_processes_that_migrate_at_once_make_one_database(url: str) -> None:
    """One does it; the others wait, and find nothing left to do."""
    with ThreadPoolExecutor(4) as pool:
        assert [None] * 4 == list(pool.map(migrate, [url] * 4))
    open_storage(url, samples.MASTER_KEY, os.urandom).close()


def test_who_migrates_waits_for_another(url: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as it takes, but not for ever."""
    migrate(url)
    monkeypatch.setattr("gatepost.storage.locks._MIGRATION", 1)
    migrator = database_of(url).open_migrator()
    with migrator.begin() as other:
        hold_schema(other)
        with pytest.raises(StorageError, match="locked by another process"):
            migrate(url)
    migrator.dispose()
    migrate(url)
    assert cluster.execute(url, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


def test_a_step_that_fails_leaves_the_database_as_it_was(url: str, cluster: Cluster) -> None:
    """PostgreSQL undoes changes of the schema too."""
    cluster.execute(
        url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "CREATE TABLE secrets (in_the_way TEXT)",
    )
    before = cluster.execute(url, _SCHEMA)
    with pytest.raises(StorageError, match="refused: DuplicateTable 42P07"):
        migrate(url)
    assert before == cluster.execute(url, _SCHEMA)


def test_the_database_of_another_release_or_program_is_refused(url: str, cluster: Cluster) -> None:
    """Neither opened nor migrated, and the words say what to do."""
    migrate(url)
    cluster.execute(url, "UPDATE alembic_version SET version_num = '9999'")
    stranger = cluster.create()
    cluster.execute(stranger, "CREATE TABLE customers (name TEXT)")
    for act in (migrate, lambda one: open_storage(one, samples.MASTER_KEY, os.urandom)):
        with pytest.raises(StorageError, match=r"9999.*newer release"):
            act(url)
        with pytest.raises(StorageError, match="is a database of another program"):
            act(stranger)
    assert [("customers",)] == cluster.execute(stranger, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


def test_a_database_without_tables_is_refused(url: str) -> None:
    """Opening never makes tables."""
    with pytest.raises(StorageError, match="no tables yet; run `gatepost server migrate`"):
        open_storage(url, samples.MASTER_KEY, os.urandom)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posture_log SET status = 'pass'",
        "DELETE FROM posture_log WHERE number = 1",
        "TRUNCATE posture_log",
        "INSERT INTO posture_log SELECT * FROM posture_log ON CONFLICT (number) DO UPDATE SET status = 'pass'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ],
)
def test_a_line_of_a_log_is_never_changed(url: str, cluster: Cluster, statement: str) -> None:
    """The database itself refuses, whichever program asks."""
    migrate(url)
    with_audit = (
        "INSERT INTO audit_log (account, at, actor, actor_id, action, kind, reference) SELECT 1, 0, '', '', '', '', ''"
    )
    storage = open_storage(url, samples.MASTER_KEY, os.urandom)
    with storage.writing() as records:
        samples.store_account(records)
        registration = samples.store_registration(records, 1)
        check = records.checks.add(samples.check(1))
        records.posture_log.append(1, registration.number, check.number, samples.entry())
    storage.close()
    cluster.execute(url, with_audit)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed"):
        cluster.execute(url, statement)
    assert [(1, 1)] == cluster.execute(
        url, "SELECT (SELECT count(*) FROM posture_log), (SELECT count(*) FROM audit_log)"
    )
