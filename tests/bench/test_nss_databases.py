"""The databases to measure on are what NSS takes them for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.harness import MeasureError
from bench.nss_databases import LAPTOP, count_certificates, insist_on, make_database
from gatepost.core.certificate import Certificate, examine_issuance, parse_certificate
from gatepost.core.finding import KeyState
from gatepost.stores.interface import Query
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from tests.certificates import NOW, CertificateAuthority

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 12


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    """Give the one issuer that is asked for."""
    return CertificateAuthority.create(cn="Example Issuing CA 1")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority) -> Path:
    """Make one database for all tests, which only read it."""
    return make_database(tmp_path_factory.mktemp("databases"), authority, SIZE)


def test_certutil_lists_every_certificate_when_rows_were_added(database: Path) -> None:
    """The rows that no tool wrote are as good as those that one did."""
    assert count_certificates(database) == SIZE


def test_a_database_is_refused_when_certutil_lists_another_number(database: Path) -> None:
    """A figure on a database of the wrong size would be worth nothing."""
    with pytest.raises(MeasureError, match="12 certificates, not 13"):
        insist_on(database, SIZE + 1)


def test_one_certificate_matches_with_its_key_when_the_database_is_read(
    database: Path, authority: CertificateAuthority
) -> None:
    """It is really signed, and the others are of other issuers."""
    issuer = parse_certificate(authority.der)
    assert isinstance(issuer, Certificate)
    query = Query(issuers=frozenset({issuer.subject.canonical}), asks_key=True)
    findings = NssDatabase(str(database), Access()).read(query)
    (candidate,) = findings.candidates
    assert isinstance(candidate.certificate, Certificate)
    assert (LAPTOP, KeyState.PRESENT, ()) == (candidate.location.label, candidate.key, findings.faults)
    assert examine_issuance(candidate.certificate, issuer, NOW, signs=True) is None
    assert findings.others > 0
