"""What the targets share: certificates to begin with, an authority to judge by, and the check that all are held against."""

from __future__ import annotations

from functools import cache
from typing import Final

from cryptography import x509

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Check, Evidence, Purpose, parse_name_template
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.stores.interface import Query
from tests.certificates import (
    NOW,
    CertificateAuthority,
    Issued,
    KeyKind,
    constraints,
    dns,
    email,
    extension,
    ip,
    upn,
    uri,
)

FACTS: Final = DeviceFacts(serial_number="S-1", hostname="laptop-1", device_uuid=None)
INSTANT: Final = NOW


@cache
def authority() -> CertificateAuthority:
    """Give the authority by which everything is judged."""
    return CertificateAuthority.create(cn="Example Root CA", key=KeyKind.P256)


@cache
def leaves() -> tuple[Issued, ...]:
    """Give certificates that have all that is parsed."""
    issuer = authority()
    named = x509.AuthorityKeyIdentifier(issuer.key_identifier, [x509.DirectoryName(issuer.certificate.subject)], 1)
    sans = [dns("a.example"), email("a@b.example"), uri("urn:x"), ip("192.0.2.1"), ip("2001:db8::1"), upn("jo@corp")]
    return (
        issuer.issue(sans=sans, policies=["1.2.3.4.5"], aki=named, extensions=[extension(x509.InhibitAnyPolicy(1))]),
        issuer.issue(cn=["a", "b"], key=KeyKind.RSA2048, eku=None, key_usage=None, ca=None),
        issuer.issue(cn=None, key=KeyKind.ED25519, ski=False, aki=None),
        CertificateAuthority.create(cn="RSA", key=KeyKind.RSA2048).issue(pss=True),
        CertificateAuthority.create(name_constraints=constraints(permitted=[dns("example")]), path_length=0).issued,
    )


@cache
def signer() -> Certificate:
    """Give the authority's certificate, parsed."""
    parsed = parse_certificate(authority().der)
    assert isinstance(parsed, Certificate)
    return parsed


@cache
def check() -> Check:
    """Give a check of every criterion."""
    return Check(
        id="fuzz",
        authorities=(signer(),),
        common_name=parse_template("${hostname}", "cn"),
        alternative_names=(parse_name_template("dns:${hostname}.example", "san"),),
        purposes=(Purpose.CLIENT_AUTH,),
        asks_key=True,
        evidence=Evidence.POSSESSION,
    )


@cache
def query() -> Query:
    """Give the question that stores are asked for that check."""
    return Query(issuers=frozenset({signer().subject.canonical}), asks_key=True)
