"""A backup is one state of everything, and what is restored from it is the same on either kind of database, or nothing."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from sqlalchemy import select

from gatepost.errors import ConflictError, InputError, StorageError
from gatepost.storage.backup import Foot, write_backup
from gatepost.storage.database import open_storage
from gatepost.storage.databases import database_of
from gatepost.storage.keybox import Keybox
from gatepost.storage.migration import migrate
from gatepost.storage.numbers import counted_tables, read_number
from gatepost.storage.restoration import restore_backup
from gatepost.storage.schema import REVISIONS, metadata
from tests.kinds import KINDS, new_database
from tests.migrations.dump import fill
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.controlplane.ports import Records
    from tests.postgres import Cluster

KEYBOX = Keybox(samples.MASTER_KEY, os.urandom)
MADE_AT = samples.NOW + 1


def _settle(records: Records, made_at: int) -> tuple[int, int]:
    """Change nothing; say what was given."""
    return len(records.accounts.all()), made_at


def _content(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Read every row of every table, and how far each has counted."""
    engine = database_of(url).open_readers()
    with engine.connect() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in metadata.sorted_tables
        }
        found |= {f"last of {name}": [(read_number(connection, name),)] for name in counted_tables()}
    engine.dispose()
    return found


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest) -> str:
    """Give a database with something in it."""
    url = new_database(request)
    fill(url)
    return url


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give what is in a backup; made once."""
    folder = tmp_path_factory.mktemp("good")
    url = f"sqlite:///{folder / 'gatepost.db'}"
    fill(url)
    write_backup(url, folder / "backup", MADE_AT)
    return (folder / "backup").read_bytes()


@pytest.fixture
def backup(good: bytes, tmp_path: Path) -> Path:
    """Give a file with it, which may be spoiled."""
    path = tmp_path / "backup"
    path.write_bytes(good)
    return path


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest) -> str:
    """Give an empty database."""
    return new_database(request)


def test_what_is_restored_is_what_was_there_on_either_kind(source: str, target: str, tmp_path: Path) -> None:
    """Every row, and how far every table had counted: no number is given a second time."""
    backup = tmp_path / "backup"
    write_backup(source, backup, MADE_AT)
    assert (1, MADE_AT) == restore_backup(target, backup, KEYBOX, _settle)
    assert _content(source) == _content(target)
    storage = open_storage(target, samples.MASTER_KEY, os.urandom)
    with storage.writing() as records:
        assert 4 == records.checks.add(samples.check(1, 4)).number
        assert b"" != records.secrets.get(1, "nonce-secret")
    storage.close()


def test_a_backup_is_the_owners_alone_and_written_over_nothing(source: str, tmp_path: Path) -> None:
    """Nor is a link followed."""
    path = tmp_path / "backup"
    assert write_backup(source, path, MADE_AT) > 10
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for taken in (path, tmp_path / "link", tmp_path / "missing" / "backup"):
        with pytest.raises(InputError, match="cannot be made"):
            write_backup(source, taken, MADE_AT)
    assert before == path.read_bytes()
    assert not (tmp_path / "elsewhere").exists()


def test_a_backup_is_one_state_while_others_write(source: str, tmp_path: Path, target: str) -> None:
    """A writer goes on all the time: a device and its registration are both in it, or neither."""
    writing, ended = threading.Event(), threading.Event()
    storage = open_storage(source, samples.MASTER_KEY, os.urandom)

    def write() -> None:
        number = 10
        while not ended.is_set():
            with storage.writing() as records:
                samples.store_registration(records, 1, number)
            number += 1
            if number == 20:
                writing.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert writing.wait(60)
    path = tmp_path / "backup"
    write_backup(source, path, MADE_AT)
    ended.set()
    writer.join(60)
    storage.close()
    restore_backup(target, path, KEYBOX, _settle)
    content = _content(target)
    assert len(content["devices"]) == len(content["registrations"]) > 10


def test_a_database_that_is_not_empty_is_left_as_it_is(source: str, backup: Path) -> None:
    """Whatever is in it."""
    before = _content(source)
    with pytest.raises(ConflictError, match="is not empty"):
        restore_backup(source, backup, KEYBOX, _settle)
    assert before == _content(source)


# Restores that fail.


def _sealed(lines: list[bytes]) -> bytes:
    """End lines as a backup ends, so that what is wrong is in the lines themselves."""
    text = b"".join(line + b"\n" for line in lines)
    return text + msgspec.json.encode(Foot(len(lines) - 1, hashlib.sha256(text).hexdigest())) + b"\n"


def _without_end(content: bytes) -> bytes:
    return content[: content.rindex(b"\n", 0, -1) + 1]


def _spoil(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def spoiled(content: bytes) -> bytes:
        lines = content.splitlines()[:-1]
        lines[number] = change(lines[number])
        return _sealed(lines)

    return spoiled


SPOILED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "was changed or cut short"),
    "another file": (lambda _: b"PRAGMA foreign_keys=OFF;\n", "is no backup of Gatepost's"),
    "another document": (lambda _: b'{"a": 1}\n', "is no backup of Gatepost's"),
    "no text": (lambda _: b"\xff\xfe\n", "is no backup of Gatepost's"),
    "cut at a line": (_without_end, "was changed or cut short"),
    "cut in a line": (lambda content: content[:-10], "was changed or cut short"),
    "a line too few": (lambda content: content.replace(content.splitlines(keepends=True)[3], b""), "was changed"),
    "a letter changed": (lambda content: content.replace(b"owner@example.com", b"other@example.com", 1), "was changed"),
    "more behind its end": (lambda content: content + b"\n", "was changed or cut short"),
    "another release's": (lambda content: content.replace(REVISIONS[-1].encode(), b"9999", 1), "9999.*newer release"),
    "no row": (_spoil(1, lambda _: b"[]"), "was changed"),
    "no list": (_spoil(1, lambda _: b"7"), "was changed"),
    "no JSON": (_spoil(1, lambda _: b"["), "was changed"),
    "an unknown table": (_spoil(1, lambda _: b'["alembic_version","1"]'), "was changed"),
    "a value too few": (_spoil(1, lambda _: b'["accounts",1]'), "was changed"),
    "no base64": (_spoil(-1, lambda _: b'["secrets",1,"x","\xc3\xa4",1]'), "was changed"),
    "an unknown column": (_spoil(0, lambda line: line.replace(b'"checks_version"', b'"unknown"')), "was changed"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_file_that_is_no_whole_backup_is_refused_and_nothing_is_kept(
    name: str, good: bytes, backup: Path, target: str
) -> None:
    """All or nothing: the same database then takes the good one."""
    change, said = SPOILED[name]
    backup.write_bytes(change(good))
    with pytest.raises(InputError, match=said):
        restore_backup(target, backup, KEYBOX, _settle)
    backup.write_bytes(good)
    assert (1, MADE_AT) == restore_backup(target, backup, KEYBOX, _settle)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, target: str) -> None:
    """Nothing is made."""
    with pytest.raises(InputError, match="cannot be read: No such file"):
        restore_backup(target, tmp_path / "missing", KEYBOX, _settle)


def test_nothing_is_kept_when_settling_fails(backup: Path, target: str) -> None:
    """A master key that is another one shows then."""

    def fail(records: Records, _made_at: int) -> None:
        records.secrets.get(1, "nonce-secret")

    with pytest.raises(StorageError, match="another master key"):
        restore_backup(target, backup, Keybox(b"x" * 32, os.urandom), fail)
    restore_backup(target, backup, KEYBOX, _settle)


def test_a_database_that_refuses_a_row_is_said(backup: Path, target: str) -> None:
    """An account that is there twice."""
    lines = backup.read_bytes().splitlines()[:-1]
    backup.write_bytes(_sealed([*lines[:2], lines[1], *lines[2:]]))
    with pytest.raises(StorageError, match="the database refused"):
        restore_backup(target, backup, KEYBOX, _settle)


# Backups that fail.


def test_no_file_is_left_when_a_backup_fails(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, or whatever else happens."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gatepost.storage.backup.os.fsync", full)
    with pytest.raises(StorageError, match="cannot be written: No space left on device"):
        write_backup(source, tmp_path / "backup", MADE_AT)
    monkeypatch.setattr("gatepost.storage.backup.os.fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_backup(source, tmp_path / "backup", MADE_AT)
    assert [] == list(tmp_path.glob("backup*"))


def test_a_missing_database_is_said_and_not_made(tmp_path: Path) -> None:
    """Nor is a file for its backup."""
    with pytest.raises(StorageError, match="there is no database"):
        write_backup(f"sqlite:///{tmp_path / 'gatepost.db'}", tmp_path / "backup", MADE_AT)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.postgresql
def test_a_backup_of_an_older_release_is_restored_and_upgraded(tmp_path: Path, cluster: Cluster) -> None:
    """Its tables are made as they were, filled, and brought to this release's."""
    old = {
        "accounts": ["number", "public_id", "created_at", "checks_version"],
        "tokens": ["number", "account", "public_id", "kind", "name", "digest", "scopes", "created_at"],
    }
    head = {"gatepost_backup": 1, "revision": "0001", "made_at": 1, "tables": old, "numbers": {"accounts": 3}}
    token = ["tokens", 1, 1, "id", "administrator", "first", b"d" * 32, "[]", 1]
    path = tmp_path / "backup"
    rows = [head, ["accounts", 1, "a" * 32, 1, 9], token]
    path.write_bytes(_sealed([msgspec.json.encode(item) for item in rows]))
    for url in (f"sqlite:///{tmp_path / 'gatepost.db'}", cluster.create()):
        restore_backup(url, path, KEYBOX, _settle)
        opened = open_storage(url, samples.MASTER_KEY, os.urandom)
        with opened.writing() as records:
            assert (9, 4) == (records.checks.version(1), samples.store_account(records, 2).number)
            assert [("*",)] == [item.scopes for item in records.tokens.all(1, "administrator")]
        opened.close()


def test_a_process_that_does_nothing_else_backs_up_every_table(tmp_path: Path) -> None:
    """The command imports what it needs and no more: a table that nobody imported would be left out in silence."""
    url = f"sqlite:///{tmp_path / 'gatepost.db'}"
    migrate(url)
    source = (
        f"from pathlib import Path; import gatepost.storage.backup as b; b.write_backup({url!r}, Path('backup'), 1)"
    )
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, check=True)
    head = msgspec.json.decode((tmp_path / "backup").read_bytes().splitlines()[0])
    with sqlite3.connect(tmp_path / "gatepost.db") as connection:
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        there = {row[0] for row in connection.execute(query)} - {"alembic_version"}
    assert there == set(head["tables"])
