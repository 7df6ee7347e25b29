"""What the tests of the Windows stores read: one authority, whose certificates no person's store has, and the two stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import TrustStore
from gatepost.stores.interface import Query
from gatepost.stores.windows import WindowsStore
from gatepost.stores.windows_api import load_library
from tests.certificates import CertificateAuthority, KeyKind, private_key
from tests.windows.staging import CURRENT_USER, LOCAL_MACHINE

if TYPE_CHECKING:
    from gatepost.core.finding import Candidate, Findings
    from tests.certificates import Issued
    from tests.windows.doubles import Loader

CA = CertificateAuthority.create(cn="Gatepost Test of Windows")
OTHER_CA = CertificateAuthority.create(cn="Gatepost Test of Windows, another")


class Place(msgspec.Struct, frozen=True):
    """One of the two stores: how the code under test names it, and how Windows does."""

    scope: TrustStore
    owner: int
    path: str

    @property
    def is_machine(self) -> bool:
        """Whether its keys are the machine's."""
        return self.scope is TrustStore.SYSTEM

    def open(self, load: Loader = load_library) -> WindowsStore:
        """Return the store."""
        return WindowsStore(self.scope, load)


MACHINE = Place(TrustStore.SYSTEM, LOCAL_MACHINE, r"Cert:\LocalMachine\My")
USER = Place(TrustStore.USER, CURRENT_USER, r"Cert:\CurrentUser\My")


def query(*, asks_key: bool = True, limit: int = 1_000) -> Query:
    """Ask for what `CA` issued."""
    authority = parse_certificate(CA.der)
    assert isinstance(authority, Certificate)
    return Query(issuers=frozenset({authority.subject.canonical}), asks_key=asks_key, limit=limit)


def only(findings: Findings) -> Candidate:
    """Return the one candidate of findings without faults."""
    assert findings.faults == ()
    (candidate,) = findings.candidates
    return candidate


def parsed(issued: Issued) -> Certificate:
    """Return the facts of a certificate."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    return certificate


def rsa_key(label: str = "windows", kind: KeyKind = KeyKind.RSA2048) -> rsa.RSAPrivateKey:
    """Give an RSA key, the same one for one kind and label."""
    key = private_key(kind, label)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def ec_key(kind: KeyKind = KeyKind.P256) -> ec.EllipticCurvePrivateKey:
    """Give a key on a curve."""
    key = private_key(kind, "windows")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
