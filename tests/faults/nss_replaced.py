"""An NSS database whose files are exchanged for another's while it is read: one after the other, by renaming."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from tests.certificates import CertificateAuthority
from tests.faults.campaign import Campaign, Tally, count
from tests.stores import nss
from tests.stores.strangers import meanwhile

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.core.finding import Findings

FILES = ("cert9.db", "key4.db")
FIRST, SECOND = "the first database", "the second database"
RIGHT = frozenset(
    {FIRST, SECOND, *(item.value for item in (Reason.STORE_BUSY, Reason.STORE_MISSING, Reason.STORE_CORRUPT))}
)


def exchange(folder: Path, others: tuple[Path, Path]) -> None:
    """Put the files of each database in the place of the other's."""
    for other in others:
        for name in FILES:
            shutil.copy(other / name, folder / f".{name}")
            (folder / f".{name}").rename(folder / name)
            time.sleep(0.001)


def judge(findings: Findings, first: bytes, second: bytes) -> str:
    """Say which database a reading is of. A key may be missing for a moment: its file is exchanged after the other."""
    if findings.faults:
        return ", ".join(sorted({fault.reason.value for fault in findings.faults}))
    found = {item.certificate.der for item in findings.candidates}
    keys = {item.key for item in findings.candidates}
    names = {frozenset({first}): FIRST, frozenset({second}): SECOND}
    if not keys <= {KeyState.PRESENT, KeyState.MISSING} or frozenset(found) not in names:
        return f"{len(found)} certificates, keys {', '.join(sorted(keys))}"
    return names[frozenset(found)]


def run(folder: Path, rounds: int) -> Tally:
    """Read so many times."""
    authority = CertificateAuthority.create(cn="Example Root CA")
    issued = [authority.issue(cn=name) for name in ("first", "second")]
    others = (folder / "first", folder / "second")
    for place, item in zip(others, issued, strict=True):
        nss.add_pair(nss.create_database(place), item, "laptop")
    database = nss.copy_of(others[0], folder / "nssdb")
    issuer = parse_certificate(authority.der)
    assert isinstance(issuer, Certificate)
    query = Query(issuers=frozenset({issuer.subject.canonical}), asks_key=True)
    store = NssDatabase(str(database), Access())
    with meanwhile(lambda: exchange(database, others)):
        return count((judge(store.read(query), issued[0].der, issued[1].der) for _ in range(rounds)), RIGHT)


CAMPAIGN = Campaign(
    name="NSS database that is exchanged",
    what="Both files are exchanged for another database's, one after the other, by renaming, without end",
    rounds=10_000,
    few=300,
    run=run,
)
