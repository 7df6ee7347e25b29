"""Denial: a certificate is known by its key, or by its issuer and number, and by nothing else."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Check
from gatepost.core.denial import Denied, certificate_digest, key_digest
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status, evaluate
from gatepost.core.finding import Candidate, Findings, Location, StoreKind
from gatepost.core.reason import Reason
from tests.certificates import NOW, CertificateAuthority

AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
ISSUED = AUTHORITY.issue(cn="laptop-1")


def parsed(der: bytes) -> Certificate:
    """Parse a certificate that is one."""
    certificate = parse_certificate(der)
    assert isinstance(certificate, Certificate)
    return certificate


LAPTOP = parsed(ISSUED.der)
NAMED = certificate_digest(LAPTOP.issuer, LAPTOP.serial_number)


def test_a_key_is_named_by_its_subject_public_key_info() -> None:
    """As any other tool computes it."""
    encoded = ISSUED.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert hashlib.sha256(encoded).digest() == key_digest(LAPTOP)


def test_a_number_is_its_issuer_s() -> None:
    """Another issuer's, and another number, are other certificates; the authority's own name is the issuer's."""
    other = parsed(CertificateAuthority.create(cn="Other Root").issue(cn="laptop-1").der)
    issuer = parsed(AUTHORITY.certificate.public_bytes(Encoding.DER))
    assert NAMED == certificate_digest(issuer.subject, LAPTOP.serial_number)
    assert NAMED != certificate_digest(LAPTOP.issuer, LAPTOP.serial_number + 1)
    assert NAMED != certificate_digest(other.issuer, LAPTOP.serial_number)


def test_the_key_s_denial_weighs_more_than_the_certificate_s() -> None:
    """Where both are denied; and what is not denied is not."""
    both = Denied(
        keys={key_digest(LAPTOP): Reason.CERTIFICATE_DENIED}, certificates={NAMED: Reason.CERTIFICATE_REVOKED}
    )
    assert Reason.CERTIFICATE_DENIED is both.why(LAPTOP)
    assert Reason.CERTIFICATE_REVOKED is Denied(certificates={NAMED: Reason.CERTIFICATE_REVOKED}).why(LAPTOP)
    assert None is Denied().why(LAPTOP)
    assert None is Denied(keys={b"another": Reason.CERTIFICATE_DENIED}).why(LAPTOP)


def test_a_denied_certificate_fails_for_that_alone() -> None:
    """With its reason, beside everything that it meets."""
    check = Check(id="c", authorities=(parsed(AUTHORITY.certificate.public_bytes(Encoding.DER)),))
    place = Location(store=StoreKind.PEM_FILE, path="/etc/laptop.pem")
    findings = Findings(candidates=(Candidate(certificate=LAPTOP, location=place),))
    denied = Denied(certificates={NAMED: Reason.CERTIFICATE_REVOKED})
    assert Status.PASS is evaluate(check, DeviceFacts(), findings, NOW).status
    evaluation = evaluate(check, DeviceFacts(), findings, NOW, denied)
    assert (Status.FAIL, (Reason.CERTIFICATE_REVOKED,)) == (evaluation.status, evaluation.reasons)
    (judgement,) = (item for item in evaluation.certificates[0].judgements if item.reason is not None)
    assert ("deny-list", f"serial number {LAPTOP.serial_number}") == (judgement.criterion, judgement.found)
