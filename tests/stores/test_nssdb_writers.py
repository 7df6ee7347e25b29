"""NSS databases that are read while others write: never a wrong row, whatever the moment."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from tests import der
from tests.stores import nss
from tests.stores.strangers import meanwhile

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.core.finding import Findings
    from tests.stores.conftest import Database

ROWS = 400
READS = 500


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


def prepare(database: Database) -> set[bytes]:
    """Lay the rows ready in a table of their own; return the DER of those of the issuer."""
    ours = [database.authority.issue(cn=f"{number}").der for number in range(3)]
    names = [der.name(("CN", f"CA {number}")) for number in range(ROWS - len(ours))]
    entries = [nss.Entry(der=encoded, label="passing") for encoded in ours]
    entries += [nss.Entry(der=database.other.der, issuer=name, label="passing") for name in names]
    nss.insert_certificates(database.folder, entries)
    for statement in (
        "CREATE TABLE waiting AS SELECT id, a0, a3, a11, a81, a82 FROM nssPublic WHERE a3 = CAST('passing' AS BLOB)",
        "DELETE FROM nssPublic WHERE a3 = CAST('passing' AS BLOB)",
    ):
        nss.change(database.certificates, statement)
    return set(ours)


def is_right(findings: Findings, always: dict[bytes, KeyState], passing: set[bytes]) -> bool:
    """Tell whether findings are the state before or after a commit, or say that the database is busy."""
    if findings.faults:
        return {Reason.STORE_BUSY} == {fault.reason for fault in findings.faults}
    found = {item.certificate.der: item.key for item in findings.candidates}
    moving = found.keys() - always.keys()
    return always.items() <= found.items() and moving in (set(), passing) and findings.others == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_no_reading_is_wrong_while_another_program_writes(database: Database, threads: int) -> None:
    """500 readings under commits of 400 rows, by one thread and by two: all of a commit is seen, or none of it."""
    passing = prepare(database)
    always = {
        database.pair.der: KeyState.PRESENT,
        database.rsa_pair.der: KeyState.PRESENT,
        database.lonely.der: KeyState.MISSING,
    }
    store = NssDatabase(str(database.folder), Access())
    query = database.query
    with meanwhile(lambda: write_and_delete(database.certificates)), ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda _: store.read(query), range(READS)))
    assert [] == [answer for answer in answers if not is_right(answer, always, passing)]
    sizes = {len(answer.candidates) for answer in answers if not answer.faults}
    assert sizes <= {3, 6}
    assert sizes
