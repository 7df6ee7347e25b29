"""NSS databases that cannot be read, or must not: each says why, none is touched, none makes us wait or write."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.reason import Reason
from gatepost.stores.hot_journal import _copy, ask_copy
from gatepost.stores.nssdb import NssDatabase, _examine
from gatepost.stores.safe_open import Access, Obstacle, OpenFile, open_file
from tests.stores import nss
from tests.stores.conftest import Database, by_label
from tests.stores.strangers import as_stranger, belongs_to_stranger, holding, needs_root

if TYPE_CHECKING:
    from collections.abc import Callable
NSS_TABLE = "CREATE TABLE nssPublic (id, a0, a3, a11, a81, a82, a102, ace536359)"

# --- Contents ---------------------------------------------------------------------------------------------------------


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20_000])


def _scribble(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4_096] + b"\xff" * (len(content) - 4_096))


def _misspell(file: Path) -> None:
    nss.change(file, "CREATE TABLE misspelt (a)")
    content = file.read_bytes()
    assert b"CREATE TABLE misspelt" in content
    content = content.replace(b"CREATE TABLE misspelt", b"CREATE TABEL misspelt")
    file.write_bytes(content.replace(b"misspelt", b"\xff\xfesspelt"))


def _wal(file: Path) -> None:
    nss.change(file, "PRAGMA journal_mode = WAL")


def _view(file: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT x'00' UNION ALL SELECT x || x'00' FROM n) SELECT x AS a81, x AS a0 FROM n"
    nss.make_database(file, f"CREATE VIEW nssPublic AS {endless}")


def _virtual(file: Path) -> None:
    nss.make_database(file, "CREATE VIRTUAL TABLE nssPublic USING fts5(a0, a3, a11, a81, a82, a102, ace536359)")


def _giant_value(file: Path) -> None:
    nss.change(file, "UPDATE nssPublic SET a11 = zeroblob(2000000) WHERE a0 = x'00000001'")


def _giant_row(file: Path) -> None:
    nss.change(file, "UPDATE nssPublic SET a81 = zeroblob(2000000) WHERE a0 = x'00000002'")


def _no_index(file: Path) -> None:
    fill = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 9999)"
        " INSERT INTO nssPublic (a81) SELECT CAST(x AS BLOB) FROM n"
    )
    nss.make_database(file, NSS_TABLE, fill)


@pytest.mark.parametrize(
    ("spoil", "reason", "words"),
    [
        (_truncate, Reason.STORE_CORRUPT, "it is damaged"),
        (_misspell, Reason.STORE_CORRUPT, "what SQLite says of it is no text"),
        (_scribble, Reason.STORE_CORRUPT, "it is damaged"),
        (lambda file: file.write_bytes(b""), Reason.STORE_CORRUPT, "it is empty"),
        (lambda file: file.write_bytes(b"words" * 99), Reason.STORE_CORRUPT, "it is no SQLite database"),
        (lambda file: file.write_bytes(b"SQLite"), Reason.STORE_CORRUPT, "it is no SQLite database"),
        (_wal, Reason.STORE_UNREADABLE, "it is in WAL mode"),
        (_view, Reason.STORE_CORRUPT, "it has no table nssPublic"),
        (_virtual, Reason.STORE_CORRUPT, "it has no table nssPublic"),
        (lambda file: nss.make_database(file, "CREATE TABLE a (b)"), Reason.STORE_CORRUPT, "it has no table nssPublic"),
        (lambda file: nss.make_database(file, "CREATE TABLE nssPublic (id)"), Reason.STORE_CORRUPT, "not one of NSS"),
        (_giant_value, Reason.STORE_CORRUPT, "more than 1048576 bytes"),
        (_giant_row, Reason.STORE_CORRUPT, "more than 1048576 bytes"),
        (_no_index, Reason.STORE_UNREADABLE, "more than 20000000 steps"),
    ],
)
def test_a_database_that_cannot_be_read_says_why(
    database: Database, spoil: Callable[[Path], None], reason: Reason, words: str
) -> None:
    """``certutil`` has one and the same error for nearly all of them."""
    spoil(database.certificates)
    actual, detail = database.fault()
    assert (reason, True) == (actual, words in detail)
    assert detail.startswith(f"{database.certificates}: ")


def test_a_row_of_no_consequence_may_be_giant(database: Database) -> None:
    """What is not looked at is not loaded."""
    nss.change(database.certificates, "UPDATE nssPublic SET a101 = zeroblob(2000000) WHERE a0 = x'00000001'")
    assert 3 == len(database.read(msgspec.structs.replace(database.query, asks_key=False)).candidates)


# --- Files ------------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_gives_store_missing(database: Database) -> None:
    """As on a plain Debian, which has no /etc/pki/nssdb."""
    (fault,) = database.read(folder=f"{database.folder}/none/nssdb").faults
    assert (Reason.STORE_MISSING, f"{database.folder}/none: No such file or directory") == (fault.reason, fault.detail)


def test_a_folder_without_a_database_gives_store_missing(database: Database) -> None:
    """The detail names the file."""
    database.certificates.unlink()
    assert (Reason.STORE_MISSING, f"{database.certificates}: No such file or directory") == database.fault()


def test_the_legacy_format_is_said_to_be_that_when_nothing_else_is_there(database: Database) -> None:
    """Never "empty" or "missing"; beside a newer database it is passed over."""
    legacy = database.folder / "cert8.db"
    legacy.write_bytes(bytes.fromhex("00061561000000020000") + bytes(16_000))
    assert 3 == len(by_label(database.read()))
    database.certificates.unlink()
    reason, detail = database.fault()
    assert reason is Reason.STORE_LEGACY_FORMAT
    assert detail.startswith(f"{legacy} is in the legacy format")
    legacy.unlink()
    legacy.mkdir()
    assert Reason.STORE_LEGACY_FORMAT is database.fault()[0]


@pytest.mark.parametrize("name", ["cert9.db", "key4.db"])
def test_a_fifo_in_the_place_of_a_database_is_refused_without_waiting(database: Database, name: str) -> None:
    """SQLite would wait for ever."""
    (database.folder / name).unlink()
    os.mkfifo(database.folder / name)
    assert (Reason.PATH_REFUSED, f"{database.folder / name} is a FIFO, not a regular file") == database.fault()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_database_is_refused_when_others_can_lay_files_beside_it(database: Database, mode: int) -> None:
    """They could lay a journal, which SQLite obeys; so a sticky folder does not do here."""
    database.folder.chmod(mode)
    reason, detail = database.fault()
    assert reason is Reason.PATH_REFUSED
    assert "written by" in detail or "other users can write there" in detail


def test_a_database_is_refused_even_where_the_settings_allow_its_untrusted_folder(database: Database) -> None:
    """SQLite opens files by their paths, so that they could be exchanged meanwhile."""
    database.folder.chmod(0o777)
    findings = NssDatabase(str(database.folder), Access(allowed_paths=("/",))).read(database.query)
    assert [Reason.PATH_REFUSED] == [fault.reason for fault in findings.faults]
    assert () == findings.candidates


def test_a_database_is_refused_when_others_can_write_its_file(database: Database) -> None:
    """Whatever the folder."""
    database.certificates.chmod(0o666)
    assert Reason.PATH_REFUSED is database.fault()[0]


@needs_root
def test_another_users_database_is_refused(database: Database) -> None:
    """Until it is read by a process that becomes that user."""
    belongs_to_stranger(database.folder)
    reason, detail = database.fault()
    assert reason is Reason.PATH_REFUSED
    assert detail.startswith(f"{database.folder} belongs to uid 65534")


@needs_root
def test_keys_that_only_root_may_read_give_permission_denied(database: Database) -> None:
    """Everybody may read the certificates, as in /etc/pki/nssdb; they are read."""
    with tempfile.TemporaryDirectory() as name:
        folder = nss.copy_of(database.folder, Path(name) / "nssdb")
        for path in (Path(name), folder):
            path.chmod(0o755)
        (folder / "cert9.db").chmod(0o644)
        store = NssDatabase(str(folder), Access())

        def read() -> str:
            findings = store.read(database.query)
            return f"{len(findings.candidates)} {findings.faults[0].reason} {findings.faults[0].detail}"

        assert f"3 permission-denied {folder}/key4.db: Permission denied" == as_stranger(read)


def test_links_to_a_database_are_followed_where_nobody_else_can_have_laid_them(database: Database) -> None:
    """Folder and files; SQLite gets the real path, beside which the journal lies."""
    link = database.folder.with_name("link")
    link.symlink_to(database.folder)
    database.certificates.rename(database.folder / "real.db")
    database.certificates.symlink_to("real.db")
    assert 3 == len(by_label(database.read(folder=str(link))))


@pytest.mark.parametrize("name", ["a?mode=rw", "a#b", "a%2e", "a b\n", "d\udce4", "ü"])
def test_a_folder_may_have_any_name(database: Database, name: str) -> None:
    """None of it is taken for a part of SQLite's URI."""
    folder = database.folder.with_name(name)
    database.folder.rename(folder)
    assert 3 == len(by_label(msgspec.structs.replace(database, folder=folder).read()))


def test_a_file_that_fails_while_it_is_read_is_an_obstacle(tmp_path: Path) -> None:
    """As on a failing disk; here the descriptor is none."""
    file = OpenFile(descriptor=-1, path="/x", size=9, trusted=True, private=True)
    expected = Obstacle(Reason.STORE_UNREADABLE, "/x: Bad file descriptor")
    assert expected == _examine(file)
    assert expected == _copy(file, str(tmp_path / "copy"))


# --- Writers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cert9.db", "key4.db"])
def test_a_database_that_is_locked_is_busy(database: Database, name: str) -> None:
    """After two seconds of waiting; a locked key database does not hide the certificates."""
    with closing(sqlite3.connect(database.folder / name, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        findings = NssDatabase(str(database.folder), Access()).read(database.query)
    assert [Reason.STORE_BUSY] == [fault.reason for fault in findings.faults]
    assert (3 if name == "key4.db" else 0) == len(findings.candidates)


def test_a_writer_that_has_not_yet_committed_does_not_disturb(database: Database) -> None:
    """Readers see the state before."""
    with closing(sqlite3.connect(database.certificates, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM nssPublic")
        assert 3 == len(by_label(database.read()))
        connection.execute("ROLLBACK")


# --- Writers that died ------------------------------------------------------------------------------------------------

DELETE_ALL = "DELETE FROM nssPublic"
SPILL = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)"
    " INSERT INTO nssPublic (id, a11) SELECT x, zeroblob(4000) FROM n"
)


def test_the_state_before_is_read_when_a_writer_died(database: Database) -> None:
    """From a private copy: database and journal stay as they are for the next writer."""
    nss.die_while_writing(database.certificates, DELETE_ALL, SPILL)
    expected = {"pair": database.pair.der, "rsa": database.rsa_pair.der, "lonely": database.lonely.der}
    assert expected == {label: item.certificate.der for label, item in by_label(database.read()).items()}


def test_keys_are_found_when_a_writer_of_keys_died(database: Database) -> None:
    """Each of the two files has a journal of its own."""
    spill = SPILL.replace("nssPublic", "nssPrivate")
    nss.die_while_writing(database.keys, "DELETE FROM nssPrivate", spill)
    states = {label: item.key.value for label, item in by_label(database.read()).items()}
    assert {"pair": "present", "rsa": "present", "lonely": "missing"} == states


def test_a_journal_that_names_a_super_journal_is_not_played_back(database: Database, tmp_path: Path) -> None:
    """SQLite would delete the file that it names, whichever that is."""
    nss.die_while_writing(database.certificates, DELETE_ALL, SPILL)
    victim = tmp_path / "victim"
    victim.write_text("a file that somebody needs")
    nss.add_super_journal(database.folder / "cert9.db-journal", victim)
    reason, detail = database.fault()
    assert reason is Reason.STORE_UNREADABLE
    assert "several databases at once" in detail
    assert victim.exists()
    with closing(sqlite3.connect(database.certificates)) as connection:
        connection.execute("SELECT * FROM nssPublic").fetchone()
    assert not victim.exists()


def test_a_journal_that_others_can_write_is_not_played_back(database: Database) -> None:
    """It would be obeyed."""
    nss.die_while_writing(database.certificates, DELETE_ALL, SPILL)
    (database.folder / "cert9.db-journal").chmod(0o666)
    reason, detail = database.fault()
    assert reason is Reason.PATH_REFUSED
    assert "cert9.db-journal can be written by everybody" in detail


def test_a_database_is_busy_while_another_program_undoes_the_change(database: Database) -> None:
    """It holds SQLite's lock; a copy of that moment would be half of each state."""
    nss.die_while_writing(database.certificates, DELETE_ALL, SPILL)
    with (
        open_file(str(database.certificates), Access(), 1 << 30) as file,
        holding(database.certificates, 0x4000_0001),
    ):
        assert isinstance(file, OpenFile)
        answer = ask_copy(file, Access(), str(database.scratch), lambda path: path)
    assert Obstacle(Reason.STORE_BUSY, "another program is undoing an interrupted change") == answer


def test_a_copy_that_cannot_be_made_is_said_to_be_that(database: Database, tmp_path: Path) -> None:
    """A full disk, or no folder for it."""
    nss.die_while_writing(database.certificates, DELETE_ALL, SPILL)
    homeless = msgspec.structs.replace(database, scratch=tmp_path / "none")
    reason, detail = homeless.fault()
    assert reason is Reason.STORE_UNREADABLE
    assert "could not be undone in a copy: No such file or directory" in detail


def test_a_database_whose_journal_has_gone_meanwhile_is_busy(database: Database) -> None:
    """Another program has just undone the change: the next reading will see it."""
    with open_file(str(database.certificates), Access(), 1 << 30) as file:
        assert isinstance(file, OpenFile)
        answer = ask_copy(file, Access(), str(database.scratch), lambda path: path)
    assert Obstacle(Reason.STORE_BUSY, "another program has just undone an interrupted change") == answer
