"""The databases of a machine's users: each home is read as its user, who is named, and nobody gets at another's through us."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.accounts import NOBODY, Person
from gatepost.stores.deputy import Deputy
from gatepost.stores.interface import Query, Store, Unsigned
from gatepost.stores.user_nssdbs import MAXIMUM_PEOPLE, UserDatabases
from tests.stores import nss
from tests.stores.strangers import CHILD, STRANGER, as_stranger, belongs_to_stranger, needs_common_python, needs_root
from tests.stores.test_deputy import belongs_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stores.conftest import Database

STATEMENT = b"gatepost possession v1\0" + bytes(128)


class Machine:
    """A machine with some people; ``store`` is what a check looks into."""

    def __init__(self, root: Path, database: Database) -> None:
        self.root = root
        self.database = database
        self.people: list[Person] = []

    def add(self, name: str, uid: int, *folders: str, mode: int = 0o700) -> Path:
        """Add a person with databases in some folders; the home is closed to everybody else."""
        home = self.root / name
        home.mkdir()
        for folder in folders:
            (home / folder).parent.mkdir(parents=True, exist_ok=True)
            nss.copy_of(self.database.folder, home / folder)
        belongs_to(home, uid)
        home.chmod(mode)
        self.people.append(Person(name, uid, NOBODY, str(home)))
        return home

    @property
    def store(self) -> UserDatabases:
        """The store."""
        return UserDatabases(lambda: Deputy(CHILD, 60), lambda: tuple(self.people))

    def read(self) -> Findings:
        """Look for the authority's certificates."""
        return self.store.read(self.database.query)


@pytest.fixture
def machine(database: Database) -> Iterator[Machine]:
    """Give a machine whose homes can be reached by their owners."""
    with tempfile.TemporaryDirectory(prefix="gatepost-test-") as name:
        Path(name).chmod(0o755)
        yield Machine(Path(name), database)


def places(findings: Findings) -> list[tuple[str | None, str]]:
    """Return whose the certificates with the label ``pair`` are, and where."""
    found = (item.location for item in findings.candidates if item.location.label == "pair")
    return [(place.user, place.path) for place in found]


@needs_root
def test_the_databases_of_all_users_are_found_and_say_whose_they_are(machine: Machine) -> None:
    """In closed homes, by shared database and by browser's profile."""
    anna = machine.add("anna", 4_242, ".pki/nssdb", ".mozilla/firefox/x3k.default-release")
    bob = machine.add("bob", 4_243, ".local/share/pki/nssdb")
    machine.add("carol", 4_244)
    findings = machine.read()
    assert () == findings.faults
    assert [
        ("anna", f"{anna}/.pki/nssdb"),
        ("anna", f"{anna}/.mozilla/firefox/x3k.default-release"),
        ("bob", f"{bob}/.local/share/pki/nssdb"),
    ] == places(findings)
    assert 9 == len(findings.candidates)
    assert 3 == findings.others


@needs_root
def test_a_user_without_a_home_is_no_fault(machine: Machine) -> None:
    """As many accounts of services."""
    machine.people.append(Person("service", 4_245, NOBODY, "/nonexistent"))
    assert Findings() == machine.read()


@needs_root
def test_a_users_store_that_cannot_be_read_does_not_hide_the_others(machine: Machine) -> None:
    """Nor the user's own other ones."""
    anna = machine.add("anna", 4_242, ".pki/nssdb", ".mozilla/firefox/a")
    machine.add("bob", 4_243, ".pki/nssdb")
    (anna / ".pki/nssdb/cert9.db").write_bytes(b"words")
    findings = machine.read()
    assert ["anna", "bob"] == [user for user, _ in places(findings)]
    (fault,) = findings.faults
    assert (Reason.STORE_CORRUPT, "anna", f"{anna}/.pki/nssdb") == (
        fault.reason,
        fault.location.user,
        fault.location.path,
    )


@needs_root
def test_a_users_key_signs_as_that_user(machine: Machine) -> None:
    """In the database where the certificate was found."""
    machine.add("bob", 4_243)
    machine.add("anna", 4_242, ".pki/nssdb")
    store: Store = machine.store
    found = {item.location.label: item for item in machine.read().candidates}
    signature = store.sign(found["pair"], STATEMENT)
    certificate = parse_certificate(machine.database.pair.der)
    assert isinstance(certificate, Certificate)
    assert isinstance(signature, bytes)
    assert verify_signature(certificate.public_key, signature, STATEMENT)
    assert KeyState.MISSING is found["lonely"].key


@needs_root
def test_a_user_who_has_left_signs_nothing(machine: Machine) -> None:
    """Between reading and signing."""
    machine.add("anna", 4_242, ".pki/nssdb")
    (candidate, *_) = machine.read().candidates
    machine.people.clear()
    assert Unsigned("anna is no user of this machine any more") == machine.store.sign(candidate, STATEMENT)


@needs_root
def test_the_files_that_were_found_are_watched(machine: Machine) -> None:
    """Of every user."""
    anna = machine.add("anna", 4_242, ".pki/nssdb")
    machine.add("bob", 4_243)
    assert (f"{anna}/.pki/nssdb/cert9.db", f"{anna}/.pki/nssdb/key4.db") == machine.store.watched


@needs_root
def test_the_command_shows_the_certificate_to_its_owner(machine: Machine) -> None:
    """Run as its owner, as it is printed: so that root starts nothing of NSS on a user's folder."""
    machine.root.chmod(0o755)
    machine.add(pwd_name := "nobody", STRANGER, ".pki/nssdb")
    candidate = next(item for item in machine.read().candidates if item.location.label == "lonely")
    command = shlex.join(("runuser", "-u", pwd_name, "--", *machine.store.command(candidate)))
    shown = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, text=True, cwd="/").stdout
    assert 'Subject: "CN=lonely"' in shown
    nameless = msgspec.structs.replace(candidate, location=msgspec.structs.replace(candidate.location, label=None))
    assert ("certutil", "-L", "-d", f"sql:{candidate.location.path}") == machine.store.command(nameless)


# --- One user against another -----------------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize("place", [".pki/nssdb", ".pki", ".mozilla/firefox"])
def test_a_user_cannot_have_another_users_store_read(machine: Machine, place: str) -> None:
    """By a link to it: it is read with the rights of whoever laid the link, which do not reach there."""
    inside = {".pki/nssdb": ".pki/nssdb", ".pki": ".pki/nssdb", ".mozilla/firefox": ".mozilla/firefox/x"}[place]
    bob = machine.add("bob", 4_243, inside)
    eve = machine.add("eve", 4_666)
    (eve / place).parent.mkdir(exist_ok=True)
    (eve / place).symlink_to(bob / place)
    belongs_to(eve, 4_666)
    findings = machine.read()
    assert [("bob", f"{bob}/{inside}")] == places(findings)
    assert {"eve"} >= {fault.location.user for fault in findings.faults}


@needs_root
def test_a_user_cannot_have_another_users_store_read_where_that_is_open(machine: Machine) -> None:
    """Bob lets everybody read: still it is his, and no store of Eve's."""
    bob = machine.add("bob", 4_243, ".pki/nssdb", mode=0o755)
    for path in (bob / ".pki", bob / ".pki/nssdb", *(bob / ".pki/nssdb").iterdir()):
        path.chmod(0o755)
    eve = machine.add("eve", 4_666)
    (eve / ".pki").symlink_to(bob / ".pki")
    belongs_to(eve, 4_666)
    findings = machine.read()
    assert [("bob", f"{bob}/.pki/nssdb")] == places(findings)
    (fault,) = findings.faults
    assert (Reason.PATH_REFUSED, "eve") == (fault.reason, fault.location.user)
    assert f"{bob} belongs to uid 4243" in fault.detail


@needs_root
def test_a_user_cannot_have_a_file_of_roots_read(machine: Machine) -> None:
    """A link to what root alone may read."""
    secret = machine.root / "secret"
    shutil.copy(machine.database.certificates, secret)
    secret.chmod(0o600)
    eve = machine.add("eve", 4_666)
    (eve / ".pki/nssdb").mkdir(parents=True)
    (eve / ".pki/nssdb/cert9.db").symlink_to(secret)
    belongs_to(eve, 4_666)
    findings = machine.read()
    assert ((), [Reason.PERMISSION_DENIED]) == (findings.candidates, [fault.reason for fault in findings.faults])


@needs_root
def test_a_database_that_another_user_has_put_into_a_home_is_refused(machine: Machine) -> None:
    """It belongs to somebody else, in whose name nothing was asked."""
    anna = machine.add("anna", 4_242, ".pki/nssdb")
    belongs_to_stranger(anna / ".pki/nssdb")
    (fault,) = machine.read().faults
    assert (Reason.PATH_REFUSED, "anna") == (fault.reason, fault.location.user)


@needs_root
def test_a_fifo_in_a_home_makes_nobody_wait(machine: Machine) -> None:
    """Another user's store is read all the same."""
    eve = machine.add("eve", 4_666)
    (eve / ".pki/nssdb").mkdir(parents=True)
    os.mkfifo(eve / ".pki/nssdb/cert9.db")
    belongs_to(eve, 4_666)
    machine.add("bob", 4_243, ".pki/nssdb")
    findings = machine.read()
    assert ["bob"] == [user for user, _ in places(findings)]
    assert [(Reason.PATH_REFUSED, "eve")] == [(fault.reason, fault.location.user) for fault in findings.faults]


# --- Bounds -----------------------------------------------------------------------------------------------------------


@needs_root
def test_a_user_who_fills_a_database_hides_nobody_elses(machine: Machine) -> None:
    """Nor another of their own: it alone is a fault, with their name."""
    anna = machine.add("anna", 4_242, ".pki/nssdb", ".mozilla/firefox/a")
    machine.add("bob", 4_243, ".pki/nssdb")
    pair = machine.database.pair
    extra = [nss.Entry(der=machine.database.authority.issue(cn=f"{number}").der, label="more") for number in range(2)]
    nss.insert_certificates(anna / ".pki/nssdb", [nss.Entry(der=pair.der, label="more"), *extra])
    findings = machine.store.read(msgspec.structs.replace(machine.database.query, limit=4))
    (fault,) = findings.faults
    assert (Reason.TOO_MANY_CANDIDATES, "anna", f"{anna}/.pki/nssdb") == (
        fault.reason,
        fault.location.user,
        fault.location.path,
    )
    assert (6, False) == (len(findings.candidates), findings.too_many)
    assert ["anna", "bob"] == [user for user, _ in places(findings)]


def test_more_users_than_are_looked_at_are_a_fault() -> None:
    """A machine with so many is no device of one person; that is said, and the first of them read."""
    me = os.geteuid()
    people = tuple(Person(f"user{n}", me, NOBODY, "/nonexistent") for n in range(MAXIMUM_PEOPLE + 1))
    store = UserDatabases(lambda: Deputy(("/nowhere",)), lambda: people)
    machine_wide, *others = store.read(Query(issuers=frozenset())).faults
    assert MAXIMUM_PEOPLE == len(others)
    assert (Reason.STORE_UNREADABLE, "this machine has 65 users; the databases of 64 are read") == (
        machine_wide.reason,
        machine_wide.detail,
    )


def test_a_machine_whose_users_are_not_known_is_a_fault(database: Database) -> None:
    """Never an empty one."""

    def nobody() -> tuple[Person, ...]:
        raise PermissionError(13, "Permission denied", "/etc/passwd")

    store = UserDatabases(lambda: Deputy(CHILD, 60), nobody)
    (fault,) = store.read(database.query).faults
    assert Reason.STORE_UNREADABLE is fault.reason
    assert "/etc/passwd" in fault.detail
    assert () == store.watched


# --- Without root -----------------------------------------------------------------------------------------------------


@needs_common_python
def test_an_agent_that_is_not_root_reads_its_own_home_alone(machine: Machine) -> None:
    """The others' are faults, unless they have no home; it says what it would take."""
    machine.add("nobody", STRANGER, ".pki/nssdb")
    machine.add("bob", 4_243, ".pki/nssdb")
    machine.people.append(Person("service", 4_245, NOBODY, "/nonexistent"))

    def read() -> str:
        findings = machine.read()
        (fault,) = findings.faults
        return f"{places(findings)[0][0]} {fault.location.user} {fault.reason} {fault.detail}"

    expected = "nobody bob permission-denied it belongs to bob, and only root can read it as its owner"
    assert expected == as_stranger(read)


def test_a_candidate_of_nobodys_signs_nothing() -> None:
    """It was not found here."""
    candidate = Candidate(certificate=Malformed(b"", b"", ""), location=Location(store=StoreKind.NSSDB, path="/x"))
    store = UserDatabases(lambda: Deputy(CHILD, 60), tuple)
    assert isinstance(store.sign(candidate, STATEMENT), Unsigned)
