"""How PostgreSQL is reached: what a URL may say, how long anything waits, what is said when it fails, and that it heals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from gatepost.errors import InputError, StorageError
from gatepost.storage.backup import write_backup
from gatepost.storage.database import open_storage
from gatepost.storage.databases import database_of
from gatepost.storage.migration import migrate
from gatepost.storage.server_lock import take_server_lock
from gatepost.storage.translation import storage_error
from tests.postgres import Cluster, programs
from tests.running import free_port
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from gatepost.storage.database import SqlStorage


# URLs.


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gatepost@127.0.0.1:5432/gatepost",
        "postgresql://gatepost@localhost/gatepost",
        "postgresql://gatepost@[::1]/gatepost",
        "postgresql:///gatepost",
        "postgresql:///gatepost?host=/run/postgresql",
        "postgresql://gatepost@/gatepost?host=localhost:5432&host=127.0.0.1:5433",
        "postgresql://gatepost@db.example/gatepost?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://gatepost@/gatepost?host=db1.example,db2.example&sslmode=verify-full&target_session_attrs=read-write",
    ],
)
def test_a_url_names_a_database_on_this_machine_or_says_how_to_be_sure_of_another(url: str) -> None:
    """It is shown as it was written, and no file is locked for it."""
    database = database_of(url)
    assert "secret" not in database_of(url.replace("gatepost@", "gatepost:secret@")).name
    assert (url, None) == (
        database.name.replace("%2F", "/").replace("%2C", ",").replace("%3A", ":"),
        database.lock_file,
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://gatepost:secret@127.0.0.1", "names no database"),
        ("postgresql://gatepost:secret@127.0.0.1/", "names no database"),
        ("postgresql://gatepost:secret@db.example/gatepost", "sslmode=verify-full"),
        ("postgresql://gatepost:secret@192.0.2.1/gatepost", "sslmode=verify-full"),
        ("postgresql://gatepost:secret@/gatepost?host=db.example:5432", "sslmode=verify-full"),
        ("postgresql://gatepost:secret@/gatepost?host=localhost,db.example", "sslmode=verify-full"),
        ("postgresql://gatepost:secret@/gatepost?host=2001:db8::1", "sslmode=verify-full"),
        ("postgresql://gatepost@127.0.0.1/gatepost?password=secret", "unknown option 'password'"),
        ("postgresql://gatepost:secret@127.0.0.1/gatepost?options=x", "unknown option 'options'"),
        ("postgresql://gatepost:secret@127.0.0.1/gatepost?sslmod=require", "did you mean sslmode?"),
        ("postgresql://gatepost:secret@127.0.0.1:port/gatepost", "is no database URL"),
        ("postgresql+psycopg2://gatepost:secret@127.0.0.1/gatepost", "psycopg2 cannot be used"),
    ],
)
def test_a_url_is_refused_in_words_without_its_password(url: str, said: str) -> None:
    """What is wrong is named, with what would be right."""
    with pytest.raises(InputError) as caught:
        database_of(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


# Connections.


@pytest.fixture
def url(cluster: Cluster) -> str:
    """Give an empty database of this release."""
    made = cluster.create()
    migrate(made)
    return made


def _settings(engine: Engine, *names: str) -> dict[str, object]:
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}


@pytest.mark.postgresql
def test_nothing_waits_for_ever(url: str) -> None:
    """Locks, statements and transactions that stand still have their ends; a migration's statements take what they take."""
    database = database_of(url)
    expected = {
        "lock_timeout": "10s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "1min",
    }
    for engine in (database.open_readers(), database.open_writer()):
        assert expected == _settings(engine, *expected)
        engine.dispose()
    migrator = database.open_migrator()
    assert {"statement_timeout": "0"} == _settings(migrator, "statement_timeout")
    migrator.dispose()


@pytest.mark.postgresql
def test_transactions_are_what_they_are_meant_to_be(url: str) -> None:
    """Readers see one state and can write nothing; the writer sees what was committed while it waited."""
    names = ("transaction_isolation", "transaction_read_only")
    database = database_of(url)
    readers, writer = database.open_readers(), database.open_writer()
    assert {names[0]: "repeatable read", names[1]: "on"} == _settings(readers, *names)
    assert {names[0]: "read committed", names[1]: "off"} == _settings(writer, *names)
    readers.dispose()
    writer.dispose()


@pytest.mark.postgresql
def test_any_number_of_servers_may_run(url: str) -> None:
    """No lock is held for one of them."""
    with take_server_lock(url), take_server_lock(url):
        pass


# Errors.


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("user", "name", "said"),
    [
        ("gatepost", "nowhere", "the database is not there: the server has none of that name; make it with createdb"),
        ("nobody", "postgres", "the database refused the user or the password"),
        ("stranger:wrong", "postgres", "the database refused the user or the password"),
        ("stranger", "postgres", "the database refused the user or the password"),
        ("outsider", "postgres", "the database does not let this user in from here (its pg_hba.conf)"),
    ],
)
def test_a_connection_that_does_not_come_about_is_said(cluster: Cluster, user: str, name: str, said: str) -> None:
    """By every way to the database, without password, host or user."""
    url = cluster.url(name, user)
    for act in (migrate, lambda url: open_storage(url, samples.MASTER_KEY, os.urandom)):
        with pytest.raises(StorageError) as caught:
            act(url)
        assert said == caught.value.detail


def test_a_server_that_is_not_there_is_said() -> None:
    """Nobody listens, or there is no such socket."""
    for url in (f"postgresql://gatepost@127.0.0.1:{free_port()}/gatepost", "postgresql:///gatepost?host=/nowhere"):
        with pytest.raises(StorageError, match="the database cannot be reached"):
            migrate(url)


@pytest.mark.postgresql
def test_a_user_who_may_not_make_tables_is_told(cluster: Cluster) -> None:
    """With what to do."""
    url = cluster.create().replace("gatepost@", "stranger:right@")
    with pytest.raises(StorageError, match="does not let this user do that; let it own the database"):
        migrate(url)


@pytest.mark.postgresql
def test_a_value_is_refused_without_repeating_it(storage: SqlStorage) -> None:
    """A NUL, which PostgreSQL's texts cannot hold, and a row that is there already."""
    with pytest.raises(StorageError, match="cannot hold a value"), storage.writing() as records:
        records.tokens.add(samples.token(1, name="secret\x00"))
    with storage.writing() as records:
        records.tokens.add(samples.token(1, name="secret"))
    with pytest.raises(StorageError) as caught, storage.writing() as records:
        records.tokens.add(samples.token(1, name="secret"))
    assert "the database refused: UniqueViolation 23505" == caught.value.detail


class _DriverError(psycopg.OperationalError):
    """An error of psycopg's whose words tell too much; ``sqlstate`` is read where psycopg has it."""

    def __init__(self, code: str, words: str = "secret") -> None:
        super().__init__(words)
        self.sqlstate = code


@pytest.mark.parametrize(
    ("code", "said", "undone"),
    [
        ("08006", "was lost: its connection ended", False),
        ("25006", "cannot be written: it is a standby, or was set to read only", False),
        ("25P03", "ended a transaction in which nothing was said for too long", False),
        ("40001", "undid this: another process stood in its way", True),
        ("40P01", "undid this: another process stood in its way", True),
        ("53100", "has no room left: the disk is full", False),
        ("53300", "has no connection free; raise its max_connections", False),
        ("55P03", "is locked by another process", False),
        ("57014", "stopped a statement that took too long", False),
        ("57P01", "is being stopped or started", False),
        ("58030", "could not be read or written by the operating system", False),
        ("XX001", "is damaged; restore a backup", False),
    ],
)
def test_an_error_of_the_server_is_said_in_our_words(code: str, said: str, undone: bool) -> None:  # noqa: FBT001 - a cell.
    """By its code, in whatever language it speaks; what may be tried again at once is marked."""
    error = storage_error(OperationalError("SELECT secret", {"value": "secret"}, _DriverError(code)))
    assert (f"the database {said} ({code})", undone) == (error.detail, error.undone)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("FATAL: the database system is starting up", "is being stopped or started"),
        ("FATAL: the database system is shutting down", "is being stopped or started"),
        ("FATAL: sorry, too many clients already", "has no connection free; raise its max_connections"),
        ("FATAL: remaining connection slots are reserved", "has no connection free; raise its max_connections"),
        ("server does not support SSL, but SSL was required", "could not be spoken to by TLS"),
        ('root certificate file "/secret" does not exist', "could not be spoken to by TLS"),
        ("session is read-only", "cannot be written: it is a standby, or was set to read only"),
        ("connection timeout expired", "cannot be reached"),
    ],
)
def test_a_connection_s_error_is_known_by_libpq_s_words(words: str, said: str) -> None:
    """It has no code; what is not known so is a server that cannot be reached."""
    error = storage_error(OperationalError("", {}, _DriverError("", f"connection to secret failed: {words}")))
    assert error.detail.startswith(f"the database {said}")
    assert "secret" not in error.detail


def test_an_error_without_words_of_ours_has_its_code_alone() -> None:
    """What the server says may hold values."""
    odd = OperationalError("", {}, _DriverError("42P01", "relation secret does not exist"))
    assert "the database refused: _DriverError 42P01" == storage_error(odd).detail


# Faults.


@pytest.fixture
def storage(url: str) -> Iterator[SqlStorage]:
    """Give storage with one account."""
    opened = open_storage(url, samples.MASTER_KEY, os.urandom)
    with opened.writing() as records:
        samples.store_account(records)
    yield opened
    opened.close()


@pytest.mark.postgresql
def test_connections_that_were_cut_are_made_anew(storage: SqlStorage, cluster: Cluster, url: str) -> None:
    """What was under way fails in words; the next transaction finds another connection by itself."""
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    def write_while_it_is_cut() -> None:
        with storage.writing() as records:
            cluster.execute(url, cut)
            records.checks.touch(1)

    with pytest.raises(StorageError, match="is being stopped or started"):
        write_while_it_is_cut()
    cluster.execute(url, cut)
    with storage.writing() as records:
        records.checks.touch(1)
    with storage.reading() as records:
        assert 1 == records.checks.version(1)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Give a server that may be stopped, and that waits for its disk."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    cluster = Cluster(found, quick=False)
    yield cluster
    cluster.remove()


@pytest.mark.postgresql
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_process_goes_on_by_itself_when_postgresql_was_restarted(own_cluster: Cluster, mode: str) -> None:
    """While it is away that is said; what was acknowledged before is there, also where it was killed."""
    url = own_cluster.create()
    migrate(url)
    storage = open_storage(url, samples.MASTER_KEY, os.urandom)
    with storage.writing() as records:
        samples.store_account(records)
        records.checks.touch(1, 7)
    own_cluster.stop(mode)
    for _ in range(2):
        with pytest.raises(StorageError, match="cannot be reached"), storage.reading() as records:
            records.accounts.all()
        with pytest.raises(StorageError, match="cannot be reached"), storage.writing():
            pytest.fail("nobody is there")
    own_cluster.start()
    with storage.writing() as records:
        records.checks.touch(1)
    with storage.reading() as records:
        assert 8 == records.checks.version(1)
    storage.close()


@pytest.mark.postgresql
def test_commits_are_durable_as_the_server_has_it(own_cluster: Cluster) -> None:
    """Nothing of ours turns off what makes a commit wait for the disk."""
    url = own_cluster.create()
    writer = database_of(url).open_writer()
    expected = {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
    assert expected == _settings(writer, *expected)
    writer.dispose()


@pytest.mark.postgresql
def test_a_database_that_is_not_there_is_not_backed_up(cluster: Cluster, tmp_path: Path) -> None:
    """And no file is made."""
    with pytest.raises(StorageError, match="make it with createdb"):
        write_backup(cluster.url("nowhere"), tmp_path / "backup", 1)
    assert [] == list(tmp_path.iterdir())
