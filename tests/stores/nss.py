"""NSS databases for tests: made by ``certutil`` and ``pk12util``, and filled up with rows of the shape that these write."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.public_key import rsa_modulus
from tests import der

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.certificates import Issued

Value = bytes | int | str | float | None


def create_database(folder: Path, password: str = "") -> Path:
    """Make an empty database in a new folder."""
    folder.mkdir(mode=0o700)
    (folder / "password").write_text(password + "\n")
    _run("certutil", "-N", "-d", f"sql:{folder}", "-f", str(folder / "password"))
    return folder


def add_certificate(folder: Path, issued: Issued, label: str, trust: str = ",,") -> None:
    """Import a certificate alone, with trust flags such as ``p,p,p`` (distrust)."""
    (folder / "certificate").write_bytes(issued.der)
    certificate = ("-n", label, "-i", str(folder / "certificate"))
    _run("certutil", "-A", "-d", f"sql:{folder}", "-t", trust, "-f", str(folder / "password"), *certificate)
    (folder / "certificate").unlink()


def add_pair(folder: Path, issued: Issued, label: str) -> None:
    """Import a certificate with its key."""
    (folder / "pair").write_bytes(issued.p12(label, b"secret"))
    password = ("-k", str(folder / "password"))
    _run("pk12util", "-i", str(folder / "pair"), "-d", f"sql:{folder}", "-W", "secret", *password)
    (folder / "pair").unlink()


def delete_certificate(folder: Path, label: str) -> None:
    """Delete a certificate, but not its key."""
    _run("certutil", "-D", "-d", f"sql:{folder}", "-n", label)


def listed(folder: Path) -> set[str]:
    """Return the nicknames that ``certutil -L`` lists."""
    lines = _run("certutil", "-L", "-d", f"sql:{folder}").splitlines()[4:]
    return {line[:60].strip() for line in lines if line.strip()}


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate row to be written without NSS; what is not given is as NSS would write it."""

    der: bytes
    label: str = ""
    issuer: Value = None
    serial: Value = None
    key_id: Value = None


def insert_certificates(folder: Path, entries: Iterable[Entry]) -> None:
    """Insert rows of certificates, in one transaction; much quicker than ``certutil``, and it takes what NSS refuses."""
    with closing(sqlite3.connect(folder / "cert9.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM nssPublic").fetchone()
        statement = (
            "INSERT INTO nssPublic (id, a0, a1, a2, a3, a11, a80, a81, a82, a101, a102, a170)"
            " VALUES (?, x'00000001', x'01', x'00', ?, ?, x'00000000', ?, ?, ?, ?, x'01')"
        )
        connection.executemany(statement, (_columns(number, entry) for number, entry in enumerate(entries, last + 1)))
        connection.execute("COMMIT")


def _columns(number: int, entry: Entry) -> tuple[Value, ...]:
    certificate = parse_certificate(entry.der)
    issuer, serial, subject, key_id = entry.issuer, entry.serial, b"", entry.key_id
    if isinstance(certificate, Certificate):
        issuer = certificate.issuer.encoded if issuer is None else issuer
        serial = der.integer(certificate.serial_number) if serial is None else serial
        subject = certificate.subject.encoded
    return number, entry.label.encode() or None, entry.der, issuer, serial, subject, key_id


def change(file: Path, statement: str, *parameters: Value) -> None:
    """Change a database file by one statement."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(statement, parameters)


def make_database(file: Path, *statements: str) -> None:
    """Make another database file in the place of this one."""
    file.unlink()
    for statement in statements:
        change(file, statement)
    file.chmod(0o600)


def material(issued: Issued) -> bytes:
    """Return the modulus or the point of a certificate's key."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    key = certificate.public_key
    return rsa_modulus(key.material) if key.name.startswith("RSA") else key.material


def key_id(issued: Issued) -> bytes:
    """Return the id that NSS gives to a certificate's key."""
    return hashlib.sha1(material(issued), usedforsecurity=False).digest()


def die_while_writing(file: Path, *statements: str) -> None:
    """Let a process die in the middle of a transaction, some of whose pages lie in the file already: a hot journal."""
    program = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 2")
connection.execute("PRAGMA cache_spill = 1")
connection.execute("BEGIN IMMEDIATE")
for statement in sys.argv[2:]:
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""
    child = subprocess.run([sys.executable, "-c", program, str(file), *statements], check=False)
    assert child.returncode < 0
    assert file.with_name(f"{file.name}-journal").stat().st_size > 0


def add_super_journal(journal: Path, name: Path) -> None:
    """Let a journal end in the name of a super-journal (SQLite's ``pager.c``): page, name, length, checksum, magic."""
    encoded = bytes(name)
    checksum = sum(encoded)
    trailer = encoded + len(encoded).to_bytes(4, "big") + checksum.to_bytes(4, "big")
    with journal.open("ab") as file:
        file.write(bytes(4) + trailer + bytes.fromhex("d9d505f920a163d7"))


def copy_of(folder: Path, target: Path) -> Path:
    """Copy a database's folder."""
    shutil.copytree(folder, target)
    return target
