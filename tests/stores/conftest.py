"""NSS databases of ``certutil`` and ``pk12util``, made once and copied for each test; reading must leave no trace in them."""

from __future__ import annotations

import hashlib
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.stores.interface import Query
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from tests.certificates import CertificateAuthority, Issued, KeyKind
from tests.stores import nss
from tests.stores.tokens import PIN, Device, Tokens

if TYPE_CHECKING:
    from gatepost.core.finding import Candidate, Findings
    from gatepost.core.reason import Reason


class Database(msgspec.Struct, frozen=True):
    """A database in ``folder`` with certificates of ``authority``, one without a key, and one of somebody else's."""

    folder: Path
    authority: CertificateAuthority
    pair: Issued
    rsa_pair: Issued
    lonely: Issued
    other: Issued
    scratch: Path

    @property
    def certificates(self) -> Path:
        """The file with the certificates."""
        return self.folder / "cert9.db"

    @property
    def keys(self) -> Path:
        """The file with the keys."""
        return self.folder / "key4.db"

    @property
    def query(self) -> Query:
        """Ask for the authority's certificates and their keys."""
        authority = parse_certificate(self.authority.der)
        assert isinstance(authority, Certificate)
        return Query(issuers=frozenset({authority.subject.canonical}), asks_key=True)

    def read(self, query: Query | None = None, folder: str | None = None) -> Findings:
        """Read it, and see that nothing changed in it and that no copy is left behind."""
        before = _snapshot(self.folder)
        store = NssDatabase(folder or str(self.folder), Access(), str(self.scratch))
        findings = store.read(query or self.query)
        assert before == _snapshot(self.folder)
        assert [] == (list(self.scratch.iterdir()) if self.scratch.is_dir() else [])
        return findings

    def fault(self, query: Query | None = None) -> tuple[Reason, str]:
        """Read it, and return the reason and the detail of the one fault."""
        (fault,) = self.read(query).faults
        assert str(self.folder) == fault.location.path
        return fault.reason, fault.detail


def by_label(findings: Findings) -> dict[str, Candidate]:
    """Return the candidates of findings without a fault, by their nicknames."""
    assert () == findings.faults
    return {item.location.label or "": item for item in findings.candidates}


def _snapshot(folder: Path) -> dict[str, object]:
    """Describe a folder so that any change shows: names, kinds, modes, times, contents."""
    if not folder.is_dir():
        return {}
    described: dict[str, object] = {".": folder.stat().st_mtime_ns}
    for path in folder.iterdir():
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).digest() if stat.S_ISREG(status.st_mode) else b""
        described[path.name] = (status.st_mode, status.st_mtime_ns, status.st_size, content)
    return described


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Make a database by NSS's own tools."""
    authority = CertificateAuthority.create()
    pair, rsa_pair = authority.issue(cn="pair"), authority.issue(cn="rsa", key=KeyKind.RSA2048)
    lonely, other = authority.issue(cn="lonely"), CertificateAuthority.create(cn="Another Root CA").issue(cn="other")
    folder = nss.create_database(tmp_path_factory.mktemp("nss") / "template")
    nss.add_pair(folder, pair, "pair")
    nss.add_pair(folder, rsa_pair, "rsa")
    nss.add_certificate(folder, lonely, "lonely")
    nss.add_certificate(folder, other, "other")
    return Database(folder, authority, pair, rsa_pair, lonely, other, folder)


@pytest.fixture(scope="session")
def blank_token(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """Make a SoftHSM with one token and nothing in it."""
    tokens = Tokens.create(tmp_path_factory.mktemp("token") / "template")
    tokens.add()
    return Device(tokens, CertificateAuthority.create())


@pytest.fixture
def device(blank_token: Device, tmp_path: Path) -> Device:
    """Give a copy of it to one test, with its PIN in a file."""
    tokens = Tokens.create(tmp_path / "softhsm")
    shutil.copytree(blank_token.folder / "tokens", tmp_path / "softhsm" / "tokens", dirs_exist_ok=True)
    made = msgspec.structs.replace(blank_token, tokens=tokens)
    made.set_pin(f"{PIN}\n")
    return made


@pytest.fixture
def database(template: Database, tmp_path: Path) -> Database:
    """Give a copy of the database to one test."""
    (tmp_path / "scratch").mkdir()
    folder = nss.copy_of(template.folder, tmp_path / "nssdb")
    return msgspec.structs.replace(template, folder=folder, scratch=tmp_path / "scratch")
