"""``gatepost check --store user`` as root types it, on a machine with people: whose certificate it is, and who could not be had."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.certificates import CertificateAuthority
from tests.stores import nss
from tests.stores.strangers import needs_common_python

if TYPE_CHECKING:
    from collections.abc import Iterator

GATEPOST = str(Path(sys.executable).with_name("gatepost"))
NOBODY = 65_534


def _can_have_people() -> bool:
    """Tell whether this process may give a child another list of accounts: as root, in a namespace of its own."""
    command = ["unshare", "--mount", "mount", "--bind", "/etc/passwd", "/etc/passwd"]
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


needs_people = pytest.mark.skipif(not _can_have_people(), reason="another /etc/passwd needs root and a mount namespace")


class Machine(msgspec.Struct):
    """A machine with people below ``folder``; an authority, whose certificate lies in ``issuer``."""

    folder: Path
    authority: CertificateAuthority
    issuer: Path
    people: list[str]

    def add(self, name: str, uid: int) -> Path:
        """Add a person with an empty, closed home."""
        home = self.folder / name
        home.mkdir(mode=0o700)
        os.chown(home, uid, NOBODY)
        self.people.append(f"{name}:x:{uid}:{NOBODY}::{home}:/bin/sh\n")
        return home

    def give_store(self, home: Path, label: str, password: str = "") -> None:
        """Put a database with a new certificate and its key into a home."""
        (home / ".pki").mkdir(mode=0o700)
        folder = nss.create_database(home / ".pki/nssdb", password)
        nss.add_pair(folder, self.authority.issue(cn=label), label)
        for path in (home / ".pki", folder, *folder.iterdir()):
            os.chown(path, home.stat().st_uid, NOBODY, follow_symlinks=False)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where these are the people."""
        accounts = self.folder / "passwd"
        accounts.write_text("root:x:0:0:root:/root:/bin/sh\n" + "".join(self.people))
        line = 'mount --bind "$0" /etc/passwd && exec "$@"'
        words = ["unshare", "--mount", "sh", "-c", line, str(accounts), *command]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def check(self, name: str, *more: str) -> tuple[int, Any]:
        """Check, and return the exit code and the document."""
        asked = ("check", "--issuer", str(self.issuer), "--store", "user", "--cn", name, "--format", "json", *more)
        done = self.run(GATEPOST, *asked)
        return done.returncode, msgspec.json.decode(done.stdout)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Give a machine without people."""
    with tempfile.TemporaryDirectory(prefix="gatepost-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority = CertificateAuthority.create()
        issuer = folder / "ca.pem"
        issuer.write_bytes(authority.pem)
        yield Machine(folder, authority, issuer, [])


@needs_people
def test_a_users_certificate_passes_with_possession_and_says_whose_it_is(machine: Machine) -> None:
    """And the command that is printed shows it to its owner."""
    machine.add("bob", 4_243)
    anna = machine.add("anna", 4_242)
    machine.give_store(anna, "laptop")
    code, answer = machine.check("laptop", "--private-key", "--explain")
    assert (0, "pass", "possession", []) == (code, answer["status"], answer["evidence"], answer["faults"])
    (found,) = answer["certificates"]
    assert {"store": "nssdb", "path": f"{anna}/.pki/nssdb", "label": "laptop", "user": "anna"} == found["location"]
    assert f"runuser -u anna -- certutil -L -d sql:{anna}/.pki/nssdb -n laptop" == found["command"]
    assert 'Subject: "CN=laptop"' in machine.run("sh", "-c", found["command"]).stdout


@needs_people
def test_a_machine_without_any_users_store_fails_and_is_no_error(machine: Machine) -> None:
    """We looked, and there is nothing."""
    machine.add("anna", 4_242)
    code, answer = machine.check("laptop")
    assert (1, "fail", ["no-certificate-found"], []) == (code, answer["status"], answer["reasons"], answer["faults"])


@needs_people
def test_a_store_that_cannot_be_read_is_an_error_unless_another_passes(machine: Machine) -> None:
    """The fault is told in both cases, with whose it is."""
    anna, eve = machine.add("anna", 4_242), machine.add("eve", 4_666)
    machine.give_store(anna, "laptop")
    (eve / ".pki").symlink_to(anna / ".pki")
    os.chown(eve / ".pki", 4_666, NOBODY, follow_symlinks=False)
    code, answer = machine.check("laptop")
    assert (0, ["eve"]) == (code, [fault["location"]["user"] for fault in answer["faults"]])
    code, answer = machine.check("another")
    assert (3, "error") == (code, answer["status"])
    assert ["path-refused", "common-name-mismatch"] == answer["reasons"]


@needs_people
def test_a_key_behind_a_password_is_present_and_proves_nothing(machine: Machine) -> None:
    """Enough for a check that asks for no more, and said to be what it is."""
    machine.give_store(machine.add("anna", 4_242), "laptop", "a password")
    code, answer = machine.check("laptop", "--private-key")
    assert (1, ["private-key-unusable"]) == (code, answer["reasons"])
    code, answer = machine.check("laptop", "--private-key", "--evidence", "key_present")
    assert (0, "key_present") == (code, answer["evidence"])


@needs_people
def test_a_database_that_check_names_is_read_as_its_owner(machine: Machine) -> None:
    """So ``--nssdb`` reaches a user's database too, when root asks."""
    anna = machine.add("anna", 4_242)
    machine.give_store(anna, "laptop")
    command = ("check", "--issuer", str(machine.issuer), "--nssdb", f"{anna}/.pki/nssdb", "--private-key")
    done = machine.run(GATEPOST, *command)
    assert (0, "PASS  evidence: possession") == (done.returncode, done.stdout.splitlines()[0])
    assert f'in      {anna}/.pki/nssdb, "laptop" (nssdb of anna)' in done.stdout


@needs_people
@needs_common_python
def test_a_person_sees_their_own_store_and_is_told_of_the_others(machine: Machine) -> None:
    """Without root."""
    anna, bob = machine.add("anna", 4_242), machine.add("bob", 4_243)
    machine.give_store(anna, "laptop")
    machine.give_store(bob, "another")
    asked = ("check", "--issuer", str(machine.issuer), "--store", "user", "--cn", "laptop", "--private-key")
    done = machine.run("runuser", "-u", "anna", "--", GATEPOST, *asked)
    assert (0, "PASS  evidence: possession") == (done.returncode, done.stdout.splitlines()[0])
    assert "permission-denied: it belongs to bob, and only root can read it as its owner" in done.stdout
