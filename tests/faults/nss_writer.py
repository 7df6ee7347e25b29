"""An NSS database that is read while another program does large commits: never a wrong row, whatever the moment."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from tests import der
from tests.certificates import CertificateAuthority
from tests.faults.campaign import Campaign, Tally, count
from tests.stores import nss
from tests.stores.strangers import meanwhile

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.core.finding import Findings

ROWS = 400
"""Rows of one commit: more pages than SQLite writes at once."""
THREADS = 2
BEFORE, AFTER, BUSY = "the rows before a commit", "the rows after it", "store-busy"


class Expected(msgspec.Struct, frozen=True):
    """What a right reading finds: certificates that are always there with what is known of their keys, and the moving ones."""

    query: Query
    always: dict[bytes, KeyState]
    moving: set[bytes]


def write_and_delete(file: Path) -> None:
    """Commit 400 rows, three of them the issuer's, and then commit that they are gone again."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as connection:
        # The locks are the same without waiting for the disk, which other tests keep busy.
        connection.execute("PRAGMA synchronous = OFF")
        for statement in (
            "INSERT INTO nssPublic (id, a0, a3, a11, a81, a82) SELECT id, a0, a3, a11, a81, a82 FROM waiting",
            "DELETE FROM nssPublic WHERE id IN (SELECT id FROM waiting)",
        ):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement)
            connection.execute("COMMIT")
            # Without a pause the writer would hold the lock nearly always, and the readings would mostly wait.
            time.sleep(0.002)


def prepare(folder: Path) -> Expected:
    """Make a database by NSS's own tools, and lay the rows ready in a table of their own."""
    authority = CertificateAuthority.create(cn="Example Root CA")
    other = CertificateAuthority.create(cn="Another Root CA").issue(cn="other")
    pair, lonely = authority.issue(cn="pair"), authority.issue(cn="lonely")
    nss.create_database(folder)
    nss.add_pair(folder, pair, "pair")
    nss.add_certificate(folder, lonely, "lonely")
    nss.add_certificate(folder, other, "other")
    moving = [authority.issue(cn=f"{number}").der for number in range(3)]
    names = [der.name(("CN", f"CA {number}")) for number in range(ROWS - len(moving))]
    entries = [nss.Entry(der=encoded, label="passing") for encoded in moving]
    entries += [nss.Entry(der=other.der, issuer=name, label="passing") for name in names]
    nss.insert_certificates(folder, entries)
    for statement in (
        "CREATE TABLE waiting AS SELECT id, a0, a3, a11, a81, a82 FROM nssPublic WHERE a3 = CAST('passing' AS BLOB)",
        "DELETE FROM nssPublic WHERE a3 = CAST('passing' AS BLOB)",
    ):
        nss.change(folder / "cert9.db", statement)
    issuer = parse_certificate(authority.der)
    assert isinstance(issuer, Certificate)
    query = Query(issuers=frozenset({issuer.subject.canonical}), asks_key=True)
    return Expected(query, {pair.der: KeyState.PRESENT, lonely.der: KeyState.MISSING}, set(moving))


def judge(findings: Findings, expected: Expected) -> str:
    """Say which state a reading is of; where it is none that there ever was, what it says."""
    if findings.faults:
        return ", ".join(sorted({fault.reason.value for fault in findings.faults}))
    found = {item.certificate.der: item.key for item in findings.candidates}
    moved = found.keys() - expected.always.keys()
    if not expected.always.items() <= found.items() or findings.others != 1 or moved not in (set(), expected.moving):
        return f"{len(found)} candidates, {len(moved)} of them moving, others: {findings.others}"
    return AFTER if moved else BEFORE


def run(folder: Path, rounds: int) -> Tally:
    """Read so many times, by two threads."""
    database = folder / "nssdb"
    expected = prepare(database)
    store = NssDatabase(str(database), Access())
    with meanwhile(lambda: write_and_delete(database / "cert9.db")), ThreadPoolExecutor(THREADS) as pool:
        answers = pool.map(lambda _: judge(store.read(expected.query), expected), range(rounds))
        return count(answers, frozenset({BEFORE, AFTER, Reason.STORE_BUSY.value}))


CAMPAIGN = Campaign(
    name="NSS database under a writer",
    what=f"Another program commits {ROWS} rows and commits their deletion, without end; {THREADS} threads read",
    rounds=10_000,
    few=500,
    run=run,
)
