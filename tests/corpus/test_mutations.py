"""Whatever is changed in a certificate or in its CA: nothing passes that OpenSSL refuses, and little is refused that it takes."""

from __future__ import annotations

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import crypto

from gatepost.core.certificate import Certificate, Malformed, Refusal, examine_issuance, parse_certificate
from gatepost.core.signature import refutes_signature
from tests import der
from tests.certificates import NOW, CertificateAuthority, constraints, dns, email, extension, ip, upn, uri
from tests.core.subjects import parsed
from tests.corpus.kinds import Kind, kind_of
from tests.corpus.mutations import mutated, signed

AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
LIMITED = CertificateAuthority.create(
    cn="Example Root CA",
    key=AUTHORITY.key,
    path_length=0,
    policies=["1.2.3.4"],
    name_constraints=constraints(permitted=[dns("example"), email("b.example")], excluded=[uri("x.example")]),
)
NAMED = x509.AuthorityKeyIdentifier(
    AUTHORITY.key_identifier,
    [x509.DirectoryName(AUTHORITY.certificate.subject)],
    AUTHORITY.certificate.serial_number,
)
LAPTOP = AUTHORITY.issue(
    sans=[dns("a.example"), email("a@b.example"), uri("urn:x"), ip("192.0.2.1"), upn("jo@corp.example")],
    policies=["1.2.3.4.5"],
    aki=NAMED,
    extensions=[extension(x509.InhibitAnyPolicy(1)), extension(x509.IssuerAlternativeName([dns("i.example")]))],
)
PLAIN = AUTHORITY.issue(cn="a", sans=[dns("a.example")])
BODY = der.parts(LAPTOP.der)[0]
EXAMPLES = 300


def _ours(certificate: bytes, authority: bytes) -> Refusal | Malformed | None:
    subject, signer = parse_certificate(certificate), parse_certificate(authority)
    if isinstance(subject, Malformed):
        return subject
    return examine_issuance(subject, signer, NOW, signs=False) if isinstance(signer, Certificate) else signer


def _openssl(certificate: bytes, authority: bytes) -> bool:
    """Ask OpenSSL alone: one trusted certificate, a partial chain, at NOW."""
    try:
        store = crypto.X509Store()
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, authority))
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(NOW)
        subject = crypto.load_certificate(crypto.FILETYPE_ASN1, certificate)
        crypto.X509StoreContext(store, subject).verify_certificate()
    except (crypto.Error, crypto.X509StoreContextError):
        return False
    return True


def _explained(certificate: bytes, authority: bytes) -> bool:
    """Hold one pair against OpenSSL: the same, or we refuse for a reason of a kind that is listed."""
    ours, theirs = _ours(certificate, authority), _openssl(certificate, authority)
    if ours is None:
        return theirs
    return not theirs or isinstance(kind_of(ours), Kind)


def _refuted(certificate: bytes) -> bool:
    subject = parse_certificate(certificate)
    return isinstance(subject, Certificate) and refutes_signature(subject, parsed(AUTHORITY))


@settings(max_examples=EXAMPLES)
@given(mutated(BODY))
def test_a_mutated_certificate_that_is_signed_again_is_judged_as_by_openssl(body: bytes) -> None:
    """With a signature that holds, so that what is odd is what is judged."""
    certificate = signed(AUTHORITY, body)
    assert _explained(certificate, AUTHORITY.der)
    assert not _refuted(certificate)


@given(st.lists(st.tuples(st.integers(0, len(LAPTOP.der) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_nothing_is_refuted_that_openssl_would_take(flips: list[tuple[int, int]]) -> None:
    """Single bytes, anywhere in the certificate: a bare verification tells forged ones, and no others."""
    changed = bytearray(LAPTOP.der)
    for place, mask in flips:
        changed[place] ^= mask
    assert not (_refuted(bytes(changed)) and _openssl(bytes(changed), AUTHORITY.der))


@settings(max_examples=EXAMPLES)
@given(mutated(der.parts(LIMITED.der)[0]))
def test_a_mutated_authority_is_judged_as_by_openssl(body: bytes) -> None:
    """Its own signature is not looked at; what it says of itself is."""
    assert _explained(PLAIN.der, signed(AUTHORITY, body))


@given(st.lists(st.tuples(st.integers(0, len(LIMITED.der) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_nothing_passes_by_an_authority_of_other_bytes_that_openssl_refuses(flips: list[tuple[int, int]]) -> None:
    """Single bytes, anywhere in the CA's certificate."""
    changed = bytearray(LIMITED.der)
    for place, mask in flips:
        changed[place] ^= mask
    assert _ours(PLAIN.der, bytes(changed)) is not None or _openssl(PLAIN.der, bytes(changed))


def test_the_subjects_of_the_mutations_pass() -> None:
    """Otherwise nothing would be tried."""
    assert examine_issuance(parsed(LAPTOP), parsed(AUTHORITY), NOW, signs=True) is None
    assert examine_issuance(parsed(PLAIN), parsed(LIMITED), NOW, signs=True) is None
    assert _openssl(LAPTOP.der, AUTHORITY.der)
    assert _openssl(PLAIN.der, LIMITED.der)
