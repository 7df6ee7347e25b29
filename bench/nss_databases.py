"""NSS databases to measure on: begun by NSS's own tools, then filled up with rows like those that they wrote.

``certutil`` takes longer for each certificate the more there are, and hours for 100,000. So it makes the database, imports
one certificate of each issuer (and ``pk12util`` the one with a key), and the rest are rows of their pattern with their own
certificate, issuer, serial number, subject, label and key id. Every certificate is really signed by its issuer.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.harness import MeasureError
from gatepost.processes import run
from tests import der
from tests.certificates import CertificateAuthority, Issued, Part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAPTOP: Final = "laptop-1"
"""Common name and label of the one certificate that matches."""
_PASSWORD: Final = "measured"  # noqa: S105 - of a file that lives for moments.
_PATIENCE: Final = 300.0
_OTHERS: Final = tuple(f"Example Issuing CA {number}" for number in range(2, 6))
"""Four more issuers, of all the other certificates."""
_COLUMNS: Final = ("a3", "a11", "a81", "a82", "a101", "a102")
"""CKA_LABEL, CKA_VALUE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_SUBJECT, CKA_ID: what differs from one certificate to the next."""
_TRUST: Final = re.compile(r"\s[pPcCTuw]*,[pPcCTuw]*,[pPcCTuw]*\s*$")


def make_database(folder: Path, authority: CertificateAuthority, size: int) -> Path:
    """Make a database of ``size`` certificates of five issuers, one of which is of ``authority``, with its key."""
    directory = folder / f"nss-{size}"
    directory.mkdir(mode=0o700)
    _tool("certutil", "-N", "-d", f"sql:{directory}", "--empty-password")
    _import_matching(directory, authority)
    authorities = [CertificateAuthority.create(cn=name) for name in _OTHERS]
    for number, other in enumerate(authorities):
        _import_other(directory, other.issue(cn=_label(number)), _label(number))
    with closing(sqlite3.connect(directory / "cert9.db")) as connection, connection:
        _fill(connection, authorities, size)
    return directory


def count_certificates(directory: Path) -> int:
    """Count the certificates as ``certutil -L`` lists them."""
    listing = run(["certutil", "-L", "-d", f"sql:{directory}"], timeout=_PATIENCE).stdout
    return sum(1 for line in listing.splitlines() if _TRUST.search(line))


def insist_on(directory: Path, size: int) -> None:
    """Raise `MeasureError` unless NSS itself finds ``size`` certificates."""
    found = count_certificates(directory)
    if found != size:
        raise MeasureError(f"certutil lists {found} certificates, not {size}")


def _import_matching(directory: Path, authority: CertificateAuthority) -> None:
    bundle = directory.with_suffix(".p12")
    bundle.write_bytes(authority.issue(cn=LAPTOP).p12(LAPTOP, _PASSWORD.encode()))
    _tool("pk12util", "-i", str(bundle), "-d", f"sql:{directory}", "-W", _PASSWORD, "-K", "")


def _import_other(directory: Path, issued: Issued, label: str) -> None:
    file = directory.with_suffix(".pem")
    file.write_bytes(issued.pem)
    _tool("certutil", "-A", "-d", f"sql:{directory}", "-n", label, "-t", ",,", "-i", str(file))


def _label(number: int) -> str:
    return f"employee-{number:06}"


def _fill(connection: sqlite3.Connection, authorities: list[CertificateAuthority], size: int) -> None:
    """Add certificates of the other issuers, in turns, until there are ``size``."""
    cursor = connection.execute("SELECT * FROM nssPublic WHERE a3 = ?", (_label(0).encode(),))
    names = [column[0] for column in cursor.description]
    pattern = dict(zip(names, cursor.fetchone(), strict=True))
    there = len(authorities) + 1
    statement = f"INSERT INTO nssPublic ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - NSS's names.
    connection.executemany(
        statement,
        (
            tuple({**pattern, **row, "id": number + 1}.values())
            for number, row in enumerate(_rows(authorities, size - there))
        ),
    )


def _rows(authorities: list[CertificateAuthority], count: int) -> Iterator[dict[str, bytes]]:
    first = len(authorities)
    for number in range(first, first + count):
        label = _label(number)
        issued = authorities[number % len(authorities)].issue(cn=label)
        fields = der.parts(der.parts(issued.der)[0])
        point = issued.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key_id = hashlib.sha1(point, usedforsecurity=False).digest()
        values = (
            label.encode(),
            issued.der,
            fields[Part.ISSUER],
            fields[Part.SERIAL],
            fields[Part.SUBJECT],
            key_id,
        )
        yield dict(zip(_COLUMNS, values, strict=True))


def _tool(*command: str) -> None:
    run(command, timeout=_PATIENCE)
