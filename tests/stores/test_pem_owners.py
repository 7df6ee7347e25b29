"""PEM files that others could have put there: read where the settings allow it, by a child that has become their owner."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.accounts import NOBODY
from gatepost.stores.deputy import Deputy
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from tests.certificates import CertificateAuthority, Issued
from tests.stores.strangers import CHILD, as_stranger, belongs_to_stranger, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNA = 4_242
BOB = 4_243
STATEMENT = b"gatepost possession v1\0" + bytes(128)


class Files:
    """Files of several users in a folder that everybody can go into, and an authority whose certificates they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = CertificateAuthority.create()
        self.issued = self.authority.issue(cn="laptop")

    def write(self, name: str, content: bytes, uid: int = 0, mode: int = 0o600) -> str:
        """Write a file for somebody."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        os.chown(path, uid, NOBODY)
        return str(path)

    def store(self, *paths: str, allowed: bool = True) -> PemFiles:
        """Give the store of a check that names these paths."""
        access = Access(allowed_paths=(str(self.folder),) if allowed else ())
        return PemFiles(paths, access, deputize=lambda: Deputy(CHILD, 60))

    @property
    def query(self) -> Query:
        """Ask for the authority's certificates, and their keys."""
        authority = parse_certificate(self.authority.der)
        assert isinstance(authority, Certificate)
        return Query(issuers=frozenset({authority.subject.canonical}), asks_key=True)

    def read(self, *paths: str) -> Findings:
        """Read these files."""
        return self.store(*paths).read(self.query)

    def fault(self, *paths: str) -> tuple[Reason, str]:
        """Read these files, and return the one fault."""
        (fault,) = self.read(*paths).faults
        return fault.reason, fault.detail


@pytest.fixture
def files() -> Iterator[Files]:
    """Give an empty folder."""
    with tempfile.TemporaryDirectory(prefix="gatepost-test-") as name:
        Path(name).chmod(0o755)
        yield Files(Path(name))


def verified(issued: Issued, signature: object) -> bool:
    """Tell whether a signature holds."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    return isinstance(signature, bytes) and verify_signature(certificate.public_key, signature, STATEMENT)


@needs_root
def test_a_file_of_another_user_is_read_and_signs_as_that_user(files: Files) -> None:
    """And says whose it is."""
    path = files.write("pair.pem", files.issued.pem + files.issued.key_pem(), ANNA)
    (candidate,) = files.read(path).candidates
    assert Location(store=StoreKind.PEM_FILE, path=path, user=str(ANNA)) == candidate.location
    assert KeyState.PRESENT is candidate.key
    assert verified(files.issued, files.store(path).sign(candidate, STATEMENT))


@needs_root
def test_without_the_settings_leave_it_is_refused(files: Files) -> None:
    """A check, which comes from the server, says where to look; only the device's own settings say that it may."""
    path = files.write("pair.pem", files.issued.pem, ANNA)
    findings = files.store(path, allowed=False).read(files.query)
    assert ((), [Reason.PATH_REFUSED]) == (findings.candidates, [fault.reason for fault in findings.faults])
    assert "this device's settings do not allow" in findings.faults[0].detail


@needs_root
def test_files_of_several_users_and_our_own_are_one_place(files: Files) -> None:
    """A certificate of root's, its key in a file of Anna's, another's beside them."""
    other = files.authority.issue(cn="other")
    paths = (
        files.write("a.pem", files.issued.pem, mode=0o644),
        files.write("key.pem", files.issued.key_pem(), ANNA),
        files.write("other.pem", other.pem + other.key_pem(), BOB),
    )
    findings = files.read(*paths)
    assert () == findings.faults
    found = {item.location.path: item for item in findings.candidates}
    assert {paths[0]: None, paths[2]: str(BOB)} == {path: item.location.user for path, item in found.items()}
    assert {KeyState.PRESENT} == {item.key for item in found.values()}
    assert verified(files.issued, files.store(*paths).sign(found[paths[0]], STATEMENT))
    assert verified(other, files.store(*paths).sign(found[paths[2]], STATEMENT))


@needs_root
def test_a_key_that_is_encrypted_is_locked_whosever_it_is(files: Files) -> None:
    """The settings' passwords are for our own files alone."""
    key = files.write("key.pem", files.issued.key_pem(b"secret"), ANNA)
    path = files.write("a.pem", files.issued.pem, mode=0o644)
    (candidate,) = files.read(path, key).candidates
    assert (KeyState.LOCKED, f"the private key in {key} is encrypted") == (candidate.key, candidate.key_detail)
    answer = files.store(path, key).sign(candidate, STATEMENT)
    assert isinstance(answer, Unsigned)
    assert KeyState.LOCKED is answer.state


@needs_root
def test_keys_are_not_looked_at_unless_they_are_asked_for(files: Files) -> None:
    """Also by the child."""
    path = files.write("pair.pem", files.issued.pem + files.issued.key_pem(), ANNA)
    query = msgspec.structs.replace(files.query, asks_key=False)
    (candidate,) = files.store(path).read(query).candidates
    assert KeyState.NOT_ASKED is candidate.key


@needs_root
def test_what_a_file_of_another_user_lacks_is_a_fault(files: Files) -> None:
    """As for our own."""
    path = files.write("none.pem", b"words", ANNA)
    assert (Reason.STORE_CORRUPT, f"{path} has no PEM block in it, so it is no PEM file") == files.fault(path)


@needs_root
def test_a_key_that_goes_meanwhile_does_not_sign(files: Files) -> None:
    """Between the reading for this signature and the signing itself there is nothing; before it, it is missing."""
    path = files.write("pair.pem", files.issued.pem + files.issued.key_pem(), ANNA)
    (candidate,) = files.read(path).candidates
    Path(path).unlink()
    answer = files.store(path).sign(candidate, STATEMENT)
    assert isinstance(answer, Unsigned)
    assert KeyState.MISSING is answer.state


# --- One user against another -----------------------------------------------------------------------------------------


@needs_root
def test_a_file_of_roots_that_others_could_have_put_there_is_refused(files: Files) -> None:
    """Nobody lesser can read it, and root shall not for whoever moved it there."""
    files.folder.chmod(0o777)
    path = files.write("pair.pem", files.issued.pem)
    assert (Reason.PATH_REFUSED, f"{path} belongs to root, but others decide what lies there") == files.fault(path)


@needs_root
def test_a_file_in_another_users_folder_is_refused(files: Files) -> None:
    """Bob's file in Anna's folder: she could have moved it there, to have it read in his name."""
    path = files.write("annas/pair.pem", files.issued.pem + files.issued.key_pem(), BOB)
    os.chown(files.folder / "annas", ANNA, NOBODY)
    reason, detail = files.fault(path)
    assert Reason.PATH_REFUSED is reason
    assert f"{files.folder}/annas belongs to uid {ANNA}, so that others than its owner decide on {path}" == detail


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_file_in_a_folder_that_others_can_write_is_refused(files: Files, mode: int) -> None:
    """Whoever owns the file, others can put another one there."""
    path = files.write("open/pair.pem", files.issued.pem, ANNA)
    (files.folder / "open").chmod(mode)
    assert Reason.PATH_REFUSED is files.fault(path)[0]


@needs_root
def test_a_link_of_a_users_is_not_followed(files: Files) -> None:
    """To what root alone may read, such as /etc/shadow, or anywhere."""
    secret = files.write("secret.pem", files.issued.pem)
    link = files.folder / "annas" / "pair.pem"
    link.parent.mkdir()
    link.symlink_to(secret)
    os.chown(link.parent, ANNA, NOBODY)
    os.chown(link, ANNA, NOBODY, follow_symlinks=False)
    reason, detail = files.fault(str(link))
    assert (Reason.PATH_REFUSED, f"{link} is a link that another user may have laid") == (reason, detail)


@needs_root
def test_a_second_name_of_another_users_file_is_refused(files: Files) -> None:
    """Where the system lets users give one to what is not theirs."""
    path = files.write("bobs/pair.pem", files.issued.pem + files.issued.key_pem(), BOB)
    (files.folder / "annas").mkdir()
    (files.folder / "annas/pair.pem").hardlink_to(path)
    os.chown(files.folder / "annas", ANNA, NOBODY)
    assert Reason.PATH_REFUSED is files.fault(f"{files.folder}/annas/pair.pem")[0]


@needs_root
def test_a_fifo_is_refused_without_waiting(files: Files) -> None:
    """It is no file."""
    path = files.folder / "fifo.pem"
    os.mkfifo(path)
    os.chown(path, ANNA, NOBODY)
    assert (Reason.PATH_REFUSED, f"{path} is a FIFO, not a regular file") == files.fault(str(path))


@needs_root
def test_an_agent_that_is_not_root_does_not_read_another_users_file(files: Files) -> None:
    """Also where it is open to everybody: it could not become its owner."""
    path = files.write("pair.pem", files.issued.pem, ANNA, 0o644)

    def read() -> str:
        reason, detail = files.fault(path)
        return f"{reason}: {detail}"

    assert f"permission-denied: it belongs to {ANNA}, and only root can read it as its owner" == as_stranger(read)


@needs_root
def test_without_a_deputy_nothing_of_another_users_is_read(files: Files) -> None:
    """Allowed or not."""
    path = belongs_to_stranger(Path(files.write("pair.pem", files.issued.pem)))
    store = PemFiles((str(path),), Access(allowed_paths=("/",)))
    assert [Reason.PATH_REFUSED] == [fault.reason for fault in store.read(files.query).faults]
