"""Keys in NSS databases sign through NSS's own key store: nothing of the database changes, nothing that it names is loaded."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import KeyState
from gatepost.core.signature import verify_signature
from gatepost.stores.deputy import Deputy
from gatepost.stores.interface import Unsigned
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from gatepost.stores.softoken import sign_in_database
from tests.certificates import Issued, KeyKind
from tests.stores import nss
from tests.stores.conftest import Database, by_label
from tests.stores.strangers import CHILD

if TYPE_CHECKING:
    from collections.abc import Callable

STATEMENT = b"gatepost possession v1\0" + bytes(128)
LOCKED = "the database has a password, and nobody is there to type it"


def certificate_of(issued: Issued) -> Certificate:
    """Parse a certificate."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    return certificate


def sign(database: Database, issued: Issued, access: Access | None = None) -> bytes | Unsigned:
    """Sign in this process, and see that nothing changed."""
    before = digests(database.folder)
    signature = sign_in_database(str(database.folder), access or Access(), certificate_of(issued), STATEMENT)
    assert before == digests(database.folder)
    return signature


def digests(folder: Path) -> dict[str, tuple[int, str]]:
    """Describe all files of a folder."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.iterdir()
        if path.is_file()
    }


def unsigned(database: Database, issued: Issued) -> str:
    """Return why nothing signed."""
    answer = sign(database, issued)
    assert isinstance(answer, Unsigned)
    return answer.detail


# --- Signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.RSA3072, KeyKind.P256, KeyKind.P384, KeyKind.P521])
def test_a_key_of_every_kind_that_a_check_takes_signs(database: Database, kind: KeyKind) -> None:
    """NSS does not take Ed25519 keys. The signature holds for us, and for another reader of the standards."""
    issued = database.authority.issue(cn=kind, key=kind)
    nss.add_pair(database.folder, issued, kind)
    signature = sign(database, issued)
    assert isinstance(signature, bytes)
    assert verify_signature(certificate_of(issued).public_key, signature, STATEMENT)
    public = issued.certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, STATEMENT, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        half = (public.key_size + 7) // 8
        numbers = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        digest = hashes.SHA256() if kind is KeyKind.P256 else hashes.SHA384()
        public.verify(encode_dss_signature(*numbers), STATEMENT, ec.ECDSA(digest))


def test_a_store_lets_its_key_sign_in_a_child(database: Database) -> None:
    """As `gather` asks it to; nothing of NSS comes into this process by that."""
    store = NssDatabase(str(database.folder), Access(), deputize=lambda: Deputy(CHILD, 60))
    found = by_label(store.read(database.query))
    for label, issued in (("pair", database.pair), ("rsa", database.rsa_pair)):
        signature = store.sign(found[label], STATEMENT)
        assert isinstance(signature, bytes)
        assert verify_signature(certificate_of(issued).public_key, signature, STATEMENT)
    answer = store.sign(found["lonely"], STATEMENT)
    assert Unsigned("NSS finds no key that signs for this certificate", KeyState.MISSING) == answer


def test_a_key_under_another_id_signs(database: Database) -> None:
    """It is found by what it is."""
    nss.change(database.keys, "UPDATE nssPrivate SET a102 = id || 'else'")
    assert isinstance(sign(database, database.pair), bytes)
    assert isinstance(sign(database, database.rsa_pair), bytes)


def test_another_key_under_the_right_id_does_not_sign_for_the_certificate(database: Database) -> None:
    """What it signs is verified before it is given away."""
    nss.change(database.keys, "DELETE FROM nssPrivate WHERE a102 = ?", nss.key_id(database.pair))
    other = database.authority.issue(cn="another")
    nss.add_pair(database.folder, other, "another")
    swap = "UPDATE nssPrivate SET a102 = ?, ad5a0db00 = ? WHERE a102 = ?"
    nss.change(database.keys, swap, nss.key_id(database.pair), nss.material(database.pair), nss.key_id(other))
    assert "NSS finds no key that signs for this certificate" == unsigned(database, database.pair)


def test_a_key_behind_a_password_is_unusable(database: Database, tmp_path: Path) -> None:
    """It is there, but nobody types the password, and none is tried."""
    folder = nss.create_database(tmp_path / "locked", "a password")
    nss.add_pair(folder, database.pair, "pair")
    nss.add_pair(folder, database.rsa_pair, "rsa")
    locked = msgspec.structs.replace(database, folder=folder)
    for issued in (database.pair, database.rsa_pair):
        assert Unsigned(LOCKED, KeyState.UNUSABLE) == sign(locked, issued)


@pytest.mark.parametrize("name", ["a b", "ü", "a=b,c", "sql:", "(a)"])
def test_a_folder_may_have_an_odd_name(database: Database, name: str) -> None:
    """NSS takes its parameters from one text, in which the folder stands between quotes."""
    moved = database.folder.rename(database.folder.with_name(name))
    assert isinstance(sign(msgspec.structs.replace(database, folder=moved), database.pair), bytes)


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a\\b", "a\nb", "a' flags=none '"])
def test_a_folder_whose_name_means_something_to_nss_is_not_given_to_it(database: Database, name: str) -> None:
    """It could end the quotes, and say something else."""
    moved = database.folder.rename(database.folder.with_name(name))
    assert "NSS cannot be told of" in unsigned(msgspec.structs.replace(database, folder=moved), database.pair)


def test_without_nss_the_package_is_named(database: Database) -> None:
    """The library comes with every browser, but not with every server."""
    certificate = certificate_of(database.pair)
    answer = sign_in_database(str(database.folder), Access(), certificate, STATEMENT, "libnowhere3.so")
    assert isinstance(answer, Unsigned)
    assert answer.detail.startswith("libnowhere3.so is not installed")
    assert answer.detail.endswith("(Debian: libnss3)")


# --- What is not given to NSS -----------------------------------------------------------------------------------------


def _writable(database: Database) -> None:
    database.folder.chmod(0o777)


def _without_keys(database: Database) -> None:
    database.keys.unlink()


def _wal(database: Database) -> None:
    nss.change(database.keys, "PRAGMA journal_mode = WAL")


def _fifo(database: Database) -> None:
    database.certificates.unlink()
    os.mkfifo(database.certificates)


def _empty(database: Database) -> None:
    database.certificates.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_writable, "can be written by everybody"),
        (_without_keys, "key4.db: No such file or directory"),
        (_wal, "key4.db: it is in WAL mode"),
        (_fifo, "is a FIFO"),
        (_empty, "cert9.db: it is empty"),
    ],
)
def test_a_database_that_we_would_not_open_is_not_opened_by_nss(
    database: Database, spoil: Callable[[Database], None], words: str
) -> None:
    """NSS minds nothing of what we mind."""
    spoil(database)
    assert words in unsigned(database, database.pair)


def test_a_database_that_nss_cannot_read_gives_its_function_and_code(database: Database) -> None:
    """For whoever knows NSS."""
    with database.keys.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 9_000)
    assert unsigned(database, database.pair).startswith("NSS could not sign: C_")


def test_an_interrupted_change_is_not_undone_by_nss(database: Database, tmp_path: Path) -> None:
    """It opens for reading alone: nothing is played back, and nothing deleted that a journal names."""
    fill = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)"
        " INSERT INTO nssPrivate (id, a11) SELECT x, zeroblob(4000) FROM n"
    )
    nss.die_while_writing(database.keys, "DELETE FROM nssPrivate", fill)
    victim = tmp_path / "victim"
    victim.write_text("a file that somebody needs")
    nss.add_super_journal(database.folder / "key4.db-journal", victim)
    assert isinstance(sign(database, database.pair), Unsigned)
    assert victim.exists()
    with closing(sqlite3.connect(database.keys)) as connection:
        connection.execute("SELECT * FROM nssPrivate").fetchone()
    assert not victim.exists()


SIGN = """
import sys
from pathlib import Path
from gatepost.core.certificate import parse_certificate
from gatepost.stores.safe_open import Access
from gatepost.stores.softoken import sign_in_database
certificate = parse_certificate(Path(sys.argv[2]).read_bytes())
print(type(sign_in_database(sys.argv[1], Access(), certificate, b"statement")).__name__)
"""


def test_no_library_that_the_database_names_is_loaded(database: Database, tmp_path: Path) -> None:
    """``certutil`` loads whatever ``pkcs11.txt`` names, as root too; so that is what it must not be run on."""
    trap = tmp_path / "trap.so"
    shutil.copy(_library_of("certutil", "libplc4.so"), trap)
    with (database.folder / "pkcs11.txt").open("a") as modules:
        modules.write(f'library={trap}\nname=Trap\nparameters="configdir=x"\nNSS=trustOrder=100\n\n')
    (tmp_path / "certificate").write_bytes(database.pair.der)
    ours = _loaded(sys.executable, "-c", SIGN, str(database.folder), str(tmp_path / "certificate"))
    theirs = _loaded("certutil", "-L", "-d", f"sql:{database.folder}")
    assert ("bytes\n", True, False) == (ours.stdout, "libsoftokn3.so" in ours.stderr, str(trap) in ours.stderr)
    assert str(trap) in theirs.stderr


def _loaded(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program, and let the system's linker say on standard error what it loads."""
    environment = {**os.environ, "LD_DEBUG": "files"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _library_of(program: str, name: str) -> Path:
    lines = subprocess.run(["ldd", shutil.which(program) or program], capture_output=True, text=True, check=True).stdout
    return Path(next(line.split()[2] for line in lines.splitlines() if name in line))
