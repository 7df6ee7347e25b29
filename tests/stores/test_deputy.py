"""Another user's store is read as that user: with their rights, within bounds, and whatever the child says is not believed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.finding import Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.accounts import NOBODY, Account, Person, account_of
from gatepost.stores.deputy import Deputy
from gatepost.stores.hot_journal import UNDO_FIRST
from gatepost.stores.interface import Unsigned
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.pem_content import Content
from gatepost.stores.questions import (
    MAXIMUM_ANSWER,
    Database,
    Document,
    File,
    Folders,
    NotSigned,
    Outcome,
    Seen,
    Signed,
    Trouble,
    frame,
)
from gatepost.stores.safe_open import Access, Obstacle
from tests.stores import nss
from tests.stores.conftest import Database as Place
from tests.stores.conftest import by_label
from tests.stores.strangers import (
    CHILD,
    STRANGER,
    acting_as,
    as_stranger,
    belongs_to_stranger,
    needs_common_python,
    needs_root,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.stores.interface import Query

ANNA = 4_242
"""An account without an entry; its group is nobody's."""
ME = account_of(os.geteuid())
AT_HOME = Person(ME.name, ME.uid, ME.gid, "/x")


def belongs_to(folder: Path, uid: int) -> Path:
    """Give a folder with all that is in it to an account."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, NOBODY, follow_symlinks=False)
    return folder


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Give a folder that everybody can go into, unlike a test's own."""
    with tempfile.TemporaryDirectory(prefix="gatepost-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def annas(database: Place, reachable: Path) -> Place:
    """Give a database that another user owns."""
    folder = nss.copy_of(database.folder, reachable / "nssdb")
    return msgspec.structs.replace(database, folder=belongs_to(folder, ANNA))


def read(place: Place, scratch: Path | None = None) -> Findings:
    """Read a database as the agent does, and see that nothing changed in it and nothing is left behind."""
    before = contents(place.folder)
    deputy = Deputy(CHILD, 60, scratch=str(scratch or place.scratch))
    findings = NssDatabase(str(place.folder), Access(), deputize=lambda: deputy).read(place.query)
    assert before == contents(place.folder)
    assert [] == list(place.scratch.iterdir())
    return findings


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Describe a folder: every file, when it was changed, what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest()) for path in files}


def fault(findings: Findings) -> tuple[Reason, str]:
    """Return the reason and the detail of the one fault, which is Anna's."""
    (found,) = findings.faults
    assert str(ANNA) == found.location.user
    return found.reason, found.detail


# --- Another user's database ------------------------------------------------------------------------------------------


@needs_root
def test_another_users_database_is_read_as_that_user(annas: Place) -> None:
    """All that is in it, with whose it is."""
    found = by_label(read(annas))
    assert {"pair": annas.pair.der, "rsa": annas.rsa_pair.der, "lonely": annas.lonely.der} == {
        label: item.certificate.der for label, item in found.items()
    }
    assert (KeyState.PRESENT, KeyState.MISSING) == (found["pair"].key, found["lonely"].key)
    expected = Location(store=StoreKind.NSSDB, path=str(annas.folder), label="pair", user=str(ANNA))
    assert expected == found["pair"].location


def test_our_own_database_needs_no_child(database: Place) -> None:
    """None is started, whatever is found or not found in it."""

    def deputize() -> Deputy:
        raise AssertionError("nobody is needed")

    assert 3 == len(NssDatabase(str(database.folder), Access(), deputize=deputize).read(database.query).candidates)
    database.certificates.unlink()
    (missing,) = NssDatabase(str(database.folder), Access(), deputize=deputize).read(database.query).faults
    assert Reason.STORE_MISSING is missing.reason


def test_a_folder_of_ours_that_others_can_write_is_refused_as_ever(database: Place) -> None:
    """There is nobody to become whose store it would be."""
    database.folder.chmod(0o777)
    (refused,) = read(database).faults
    assert (Reason.PATH_REFUSED, None) == (refused.reason, refused.location.user)
    assert "can be written by everybody" in refused.detail


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_than_its_owner_can_write_is_refused(annas: Place, mode: int) -> None:
    """Trust is judged for the owner: others could make the child do their work, with Anna's rights."""
    annas.folder.chmod(mode)
    reason, detail = fault(read(annas))
    assert reason is Reason.PATH_REFUSED
    assert "so that others than its owner decide on" in detail


@needs_root
def test_a_store_inside_another_users_folder_is_refused(annas: Place) -> None:
    """Whoever owns the folder around it could put another in its place."""
    belongs_to_stranger(annas.folder.parent)
    reason, detail = fault(read(annas))
    assert reason is Reason.PATH_REFUSED
    assert f"{annas.folder.parent} belongs to uid {STRANGER}" in detail


@needs_root
@pytest.mark.parametrize("name", ["cert9.db", "key4.db"])
def test_a_file_of_another_user_in_the_store_is_refused(annas: Place, name: str) -> None:
    """It is not the store's owner's."""
    belongs_to_stranger(annas.folder / name)
    assert Reason.PATH_REFUSED is fault(read(annas))[0]


@needs_root
def test_a_link_leads_no_further_than_its_owner_may_go(annas: Place, database: Place) -> None:
    """Anna's link to a database that only root may read: she would read it through us."""
    annas.certificates.unlink()
    annas.certificates.symlink_to(database.certificates)
    reason, detail = fault(read(annas))
    assert (Reason.PERMISSION_DENIED, True) == (reason, detail.endswith(": Permission denied"))


@needs_root
def test_a_file_of_roots_in_the_store_is_read_as_its_owner_could(annas: Place) -> None:
    """Which is not at all, where root alone may."""
    os.chown(annas.keys, 0, 0)
    findings = read(annas)
    assert (Reason.PERMISSION_DENIED, f"{annas.keys}: Permission denied") == fault(findings)
    assert {KeyState.MISSING} == {item.key for item in findings.candidates}


@needs_root
def test_a_fifo_in_the_place_of_a_database_is_refused(annas: Place) -> None:
    """Without waiting for anybody."""
    annas.certificates.unlink()
    os.mkfifo(annas.certificates)
    os.chown(annas.certificates, ANNA, NOBODY)
    assert (Reason.PATH_REFUSED, f"{annas.certificates} is a FIFO, not a regular file") == fault(read(annas))


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT x'00' UNION ALL SELECT x || x'00' FROM n) SELECT x AS a81, x AS a0 FROM n"


@needs_root
@pytest.mark.parametrize(
    ("statements", "reason", "words"),
    [
        ([f"CREATE VIEW nssPublic AS {ENDLESS}"], Reason.STORE_CORRUPT, "it has no table nssPublic"),
        (["CREATE TABLE nssPublic (a81)", "PRAGMA journal_mode = WAL"], Reason.STORE_UNREADABLE, "it is in WAL mode"),
        (
            [
                "CREATE TABLE nssPublic (id, a0, a3, a11, a81, a82, a102, ace536359)",
                "INSERT INTO nssPublic (a81) VALUES (zeroblob(2000000))",
            ],
            Reason.STORE_CORRUPT,
            "more than 1048576 bytes",
        ),
    ],
)
def test_a_hostile_database_harms_nobody(annas: Place, statements: list[str], reason: Reason, words: str) -> None:
    """One that hangs a reader, one that makes it write, one that unfolds."""
    nss.make_database(annas.certificates, *statements)
    for path in annas.folder.glob("cert9.db-*"):
        path.unlink()
    belongs_to(annas.folder, ANNA)
    found, detail = fault(read(annas))
    assert (reason, True) == (found, words in detail)


# --- Writers that died ------------------------------------------------------------------------------------------------

SPILL = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)"
    " INSERT INTO nssPublic (id, a11) SELECT x, zeroblob(4000) FROM n"
)


@needs_root
def test_an_interrupted_change_is_undone_in_a_copy_that_goes(annas: Place, reachable: Path) -> None:
    """The child has no room to write at first; then as much as a database needs, in a folder that we remove."""
    nss.die_while_writing(annas.certificates, "DELETE FROM nssPublic", SPILL)
    belongs_to(annas.folder, ANNA)
    scratch = reachable / "scratch"
    scratch.mkdir()
    scratch.chmod(0o755)
    assert {"pair", "rsa", "lonely"} == set(by_label(read(annas, scratch)))
    assert [] == list(scratch.iterdir())


@needs_root
def test_a_super_journal_deletes_nothing_of_its_owners_either(annas: Place, reachable: Path) -> None:
    """SQLite would delete the file that it names, with the rights of whoever reads."""
    nss.die_while_writing(annas.certificates, "DELETE FROM nssPublic", SPILL)
    victims = reachable / "victims"
    victims.mkdir()
    (victims / "victim").write_text("a file that Anna needs")
    belongs_to(victims, ANNA)
    nss.add_super_journal(annas.folder / "cert9.db-journal", victims / "victim")
    belongs_to(annas.folder, ANNA)
    (reachable / "scratch").mkdir()
    (reachable / "scratch").chmod(0o755)
    reason, detail = fault(read(annas, reachable / "scratch"))
    assert (Reason.STORE_UNREADABLE, True) == (reason, "several databases at once" in detail)
    assert (victims / "victim").exists()


@needs_root
def test_no_room_for_a_copy_is_said_to_be_that(annas: Place) -> None:
    """A full disk, or no folder for it."""
    nss.die_while_writing(annas.certificates, "DELETE FROM nssPublic", SPILL)
    belongs_to(annas.folder, ANNA)
    expected = (Reason.STORE_UNREADABLE, "there is no room for a copy of it: No such file or directory")
    assert expected == fault(read(annas, annas.scratch / "none"))


# --- Without root -----------------------------------------------------------------------------------------------------


@needs_root
def test_an_agent_that_is_not_root_reads_nobody_elses_store(annas: Place) -> None:
    """It says so, with what it would take."""
    deputy = Deputy(CHILD, 60)

    def read_it() -> str:
        store = NssDatabase(str(annas.folder), Access(), deputize=lambda: deputy)
        (found,) = store.read(annas.query).faults
        return f"{found.reason}: {found.detail}"

    assert f"permission-denied: it belongs to {ANNA}, and only root can read it as its owner" == as_stranger(read_it)


@needs_root
def test_nobody_is_asked_to_become_who_they_cannot(database: Place) -> None:
    """No process is started for it."""
    with acting_as(STRANGER):
        (found,) = Deputy(("/nowhere",)).read_database(account_of(ANNA), "/x", database.query).faults
    assert Reason.PERMISSION_DENIED is found.reason


@needs_common_python
def test_an_agent_that_is_not_root_reads_its_own_in_a_child(reachable: Path, database: Place) -> None:
    """As it does for its own home."""
    belongs_to(nss.copy_of(database.folder, reachable / "home"), STRANGER)
    deputy = Deputy(CHILD, 60)

    def read_it() -> str:
        found = deputy.read_database(account_of(STRANGER), str(reachable / "home"), database.query)
        return f"{len(found.candidates)} {found.candidates[0].location.user} {found.faults}"

    assert "3 nobody ()" == as_stranger(read_it)


# --- Children that cannot be believed ---------------------------------------------------------------------------------


def saying(output: bytes, then: str = "") -> tuple[str, ...]:
    """Give a child that says so, and does something."""
    code = f"import os, sys, time; sys.stdout.buffer.write(bytes.fromhex('{output.hex()}')); sys.stdout.flush(); {then}"
    return (sys.executable, "-I", "-c", code)


def answering(*parts: Document) -> tuple[str, ...]:
    """Give a child that answers so."""
    return saying(b"".join(map(frame, parts)))


TROUBLE = Trouble(reason=Reason.STORE_BUSY, detail="a writer")
CLAIMED = Database(directory="/x", troubles=(TROUBLE,))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nowhere/python",), f"the process that reads it as {ME.name} is not installed"),
        (saying(b"words that are no answer"), "answered what is no answer"),
        (saying(b""), "answered what is no answer"),
        (saying(frame(CLAIMED)[:-1]), "answered what is no answer"),
        (answering(CLAIMED, CLAIMED), "answered what is no answer"),
        (answering(msgspec.structs.replace(CLAIMED, directory="/y")), "answered what is no answer"),
        (answering(Folders(folders=())), "answered what is no answer"),
        (saying(b"", "exit(3)"), "failed (exit code 3)"),
        (saying(b"", "os.kill(os.getpid(), 9)"), "failed (exit code -9)"),
        (
            saying(b"", "[sys.stdout.buffer.write(bytes(1 << 20)) for _ in range(99)]"),
            f"more than {MAXIMUM_ANSWER} bytes",
        ),
    ],
)
def test_a_child_that_gives_no_answer_is_a_fault_with_its_cause(
    database: Place, command: tuple[str, ...], words: str
) -> None:
    """Whatever it does instead."""
    (found,) = Deputy(command).read_database(ME, "/x", database.query).faults
    assert (Reason.STORE_UNREADABLE, True) == (found.reason, words in found.detail)
    assert Location(store=StoreKind.NSSDB, path="/x", user=ME.name) == found.location


def test_a_child_that_hangs_is_killed_and_what_it_said_counts(database: Place) -> None:
    """A database that came whole is read; that the others are not is said."""
    deputy = Deputy(saying(frame(CLAIMED), "time.sleep(600)"), patience=1)
    found = [item for part in deputy.read_home(AT_HOME, database.query) for item in part.faults]
    assert ["a writer", f"the process that reads it as {ME.name} did not end within 1 s"] == [
        item.detail for item in found
    ]


def test_a_child_that_claims_another_home_is_not_believed(database: Place) -> None:
    """Nor is what it says after that."""
    elsewhere = msgspec.structs.replace(CLAIMED, directory="/home/bob/.pki/nssdb")
    found = Deputy(answering(CLAIMED, elsewhere, CLAIMED)).read_home(AT_HOME, database.query)
    details = [item.detail for part in found for item in part.faults]
    assert ["a writer", f"the process that reads it as {ME.name} answered what is no answer"] == details


def test_a_child_that_claims_interrupted_changes_for_ever_is_soon_left_alone(database: Place, tmp_path: Path) -> None:
    """Two copies are tried for one person, and no more."""
    count = tmp_path / "count"
    claims = (Database(directory=f"/x/{n}", troubles=(TROUBLE, _interrupted())) for n in range(9))
    command = saying(b"".join(map(frame, claims)), f"open({str(count)!r}, 'a').write('!')")
    Deputy(command, scratch=str(tmp_path)).read_home(AT_HOME, database.query)
    assert "!" * 3 == count.read_text()


def _interrupted() -> Trouble:
    return Trouble(reason=Reason.STORE_UNREADABLE, detail=f"/x/cert9.db: {UNDO_FIRST}")


def test_a_child_that_names_folders_elsewhere_names_none() -> None:
    """They are watched: nobody may have us watch another's files."""
    assert ("/x/a",) == Deputy(answering(Folders(folders=("/x/a",)))).find_in_home(AT_HOME)
    assert () == Deputy(answering(Folders(folders=("/x/a", "/etc")))).find_in_home(AT_HOME)
    assert () == Deputy(saying(b"")).find_in_home(AT_HOME)


def test_a_certificate_in_an_answer_is_parsed_by_us(database: Place) -> None:
    """What it is called says nothing."""
    seen = Seen(encoded=database.pair.der, label="x", key=KeyState.PRESENT, key_detail="", distrusted=False)
    (candidate,) = (
        Deputy(answering(Database(directory="/x", seen=(seen,)))).read_database(ME, "/x", database.query).candidates
    )
    assert database.pair.der == candidate.certificate.der
    foreign = msgspec.structs.replace(seen, encoded=database.other.der)
    refused = Deputy(answering(Database(directory="/x", seen=(foreign,)))).read_database(ME, "/x", database.query)
    assert ((), 1) == (refused.candidates, len(refused.faults))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (answering(Outcome(answer=Signed(signature=b"anything"))), b"anything"),
        (
            answering(Outcome(answer=NotSigned(state=KeyState.MISSING, detail="gone"))),
            Unsigned("gone", KeyState.MISSING),
        ),
        (
            answering(Outcome(answer=NotSigned(state=KeyState.PRESENT, detail="well"))),
            Unsigned(f"the process that reads it as {ME.name} answered what is no answer"),
        ),
        (saying(b"", "exit(1)"), Unsigned(f"the process that reads it as {ME.name} failed (exit code 1)")),
    ],
)
def test_a_childs_signature_is_taken_to_be_verified(command: tuple[str, ...], answer: bytes | Unsigned) -> None:
    """Whoever asked verifies it; what is none says why."""
    assert answer == Deputy(command).sign_with_file(ME, "/x", b"certificate", b"statement")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (File(path="/x", content=Content(keys=(b"public",))), Content(keys=(b"public",))),
        (File(path="/x", content=TROUBLE), Obstacle(Reason.STORE_BUSY, "a writer")),
        (File(path="/y", content=Content()), None),
        (File(path="/x", content=Trouble(reason=Reason.EXEMPTED, detail="")), None),
    ],
)
def test_every_file_has_an_answer(part: Document, expected: Content | Obstacle | None) -> None:
    """One that a child says nothing of, or nothing that can be, is a fault."""
    words = f"the process that reads it as {ME.name} answered what is no answer"
    answer = Deputy(answering(part)).read_files(ME, ("/x",), asks_key=True)
    assert {"/x": expected or Obstacle(Reason.STORE_UNREADABLE, words)} == answer


def test_a_path_that_is_no_text_is_refused(query: Query) -> None:
    """It cannot be asked for; no program of ours names one so."""
    (found,) = Deputy(CHILD, 60).read_database(ME, "/d\udce4", query).faults
    assert (Reason.PATH_REFUSED, "its path is no text") == (found.reason, found.detail)


@pytest.fixture
def query(database: Place) -> Query:
    """Ask for something."""
    return database.query


@needs_root
def test_a_database_that_has_become_somebody_elses_signs_no_more(annas: Place) -> None:
    """Between reading and signing."""
    deputy = Deputy(CHILD, 60)
    store = NssDatabase(str(annas.folder), Access(), deputize=lambda: deputy)
    (candidate, *_) = store.read(annas.query).candidates
    shutil.rmtree(annas.folder)
    assert Unsigned(f"{annas.folder} is no longer {ANNA}'s") == store.sign(candidate, b"statement")


def test_an_account_without_an_entry_has_no_group() -> None:
    """The group of its files says only where they were made."""
    assert Account(str(ANNA), ANNA, NOBODY) == account_of(ANNA)
    assert Account("root", 0, 0) == account_of(0)
    assert Account(str(1 << 40), 1 << 40, NOBODY) == account_of(1 << 40)


def test_a_database_is_not_written_by_a_reader_of_ours(database: Place) -> None:
    """The measure itself: a change shows."""
    before = contents(database.folder)
    with closing(sqlite3.connect(database.certificates)) as connection:
        connection.execute("DELETE FROM nssPublic")
        connection.commit()
    assert before != contents(database.folder)
