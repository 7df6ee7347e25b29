"""Possession signatures are judged, never trusted, and their form is final; certificates' are refuted only where it is certain."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.public_key import PublicKey, parse_public_key
from gatepost.core.reason import Reason
from gatepost.core.signature import ecdsa_digest, public_key_of, refutes_signature, verify_signature
from tests import der
from tests.certificates import (
    CertificateAuthority,
    Digest,
    Issued,
    KeyKind,
    Part,
    PrivateKey,
    private_key,
    with_broken_signature,
)
from tests.core.subjects import AUTHORITY, parsed, step
from tests.core.test_possession import NONCE, STATEMENT

SIGNATURE = bytes.fromhex(
    "f8f0340764a46c7f1351efb6f5b70461d09e1cd57066bbc22b6be9a7d2f8ab7a"
    "65b0ef84f617f6f87e5eef2c3a1f4f04b168a9b26b60f14b9ddd3205c006e90e"
)

_SIGNING = [KeyKind.RSA2048, KeyKind.P256, KeyKind.P384, KeyKind.P521, KeyKind.ED25519]


def public(key: PrivateKey) -> PublicKey:
    """Read the public half as a certificate would carry it."""
    return parse_public_key(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def sign(key: PrivateKey, statement: bytes) -> bytes:
    """Sign as section 5 of the semantics says."""
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(statement, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            size = (key.key_size + 7) // 8
            digest = hashes.SHA256() if key.key_size == 256 else hashes.SHA384()
            r, s = decode_dss_signature(key.sign(statement, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case _:
            return key.sign(statement)


@pytest.mark.parametrize("kind", _SIGNING)
def test_a_signature_is_valid_when_the_certificate_s_key_made_it(kind: KeyKind) -> None:
    """For each kind of key that a check accepts; for another statement or key it is not."""
    key, other = private_key(kind, "one"), private_key(kind, "another")
    signature = sign(key, STATEMENT)
    assert verify_signature(public(key), signature, STATEMENT)
    assert not verify_signature(public(key), signature, STATEMENT[:-1] + b"\0")
    assert not verify_signature(public(other), signature, STATEMENT)
    assert not verify_signature(public(key), signature[:-1], STATEMENT)
    assert not verify_signature(public(key), signature + b"\0", STATEMENT)
    assert not verify_signature(public(key), b"", STATEMENT)


@given(st.binary(max_size=160))
def test_a_signature_is_refused_when_it_is_made_up(signature: bytes) -> None:
    """Nothing raises, and nothing passes."""
    assert not any(verify_signature(public(private_key(kind, "one")), signature, STATEMENT) for kind in _SIGNING)


def test_an_elliptic_signature_is_refused_when_it_is_in_another_form() -> None:
    """DER, or r and s of zero, or beyond the curve's order."""
    key = private_key(KeyKind.P256, "one")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert not verify_signature(public(key), key.sign(STATEMENT, ec.ECDSA(hashes.SHA256())), STATEMENT)
    assert not verify_signature(public(key), bytes(64), STATEMENT)
    assert not verify_signature(public(key), b"\xff" * 64, STATEMENT)


def test_a_signature_is_refused_when_its_digest_or_padding_is_another() -> None:
    """SHA-384 belongs to P-384 and above, PSS to none."""
    rsa_key, p384 = private_key(KeyKind.RSA2048, "one"), private_key(KeyKind.P384, "one")
    assert isinstance(rsa_key, rsa.RSAPrivateKey)
    assert isinstance(p384, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(p384.sign(STATEMENT, ec.ECDSA(hashes.SHA256())))
    pss = rsa_key.sign(STATEMENT, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    assert not verify_signature(public(p384), r.to_bytes(48, "big") + s.to_bytes(48, "big"), STATEMENT)
    assert not verify_signature(public(rsa_key), pss, STATEMENT)
    assert not verify_signature(
        public(rsa_key), rsa_key.sign(STATEMENT, padding.PKCS1v15(), hashes.SHA512()), STATEMENT
    )


@pytest.mark.parametrize("kind", [KeyKind.RSA1024, KeyKind.SECP256K1, KeyKind.ED448])
def test_a_signature_is_refused_when_no_check_accepts_the_key(kind: KeyKind) -> None:
    """However right it is."""
    key = private_key(kind, "weak")
    assert not verify_signature(public(key), sign(key, STATEMENT), STATEMENT)


def test_a_signature_is_refused_when_the_key_cannot_be_loaded() -> None:
    """A point that is not on its curve, an Ed25519 key that is cut short."""
    for key in (private_key(KeyKind.P256, "one"), private_key(KeyKind.ED25519, "one")):
        good = public(key)
        spoilt = PublicKey(good.encoded[:-1] + bytes([good.encoded[-1] ^ 1]), good.kind, good.name, good.material)
        assert not verify_signature(spoilt, sign(key, STATEMENT), STATEMENT)


def test_the_published_signature_is_valid() -> None:
    """Ed25519 signs alike everywhere: the example of the documentation, under the key of RFC 8032, 7.1, test 1."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    assert verify_signature(public(key), SIGNATURE, STATEMENT)
    assert key.sign(STATEMENT) == SIGNATURE


def test_the_digest_goes_with_the_curve() -> None:
    """SHA-256 up to P-256, SHA-384 from P-384 on."""
    assert ["sha256", "sha384", "sha384"] == [ecdsa_digest(bits).name for bits in (256, 384, 521)]


def test_the_page_of_the_semantics_shows_the_example() -> None:
    """Nonce, statement and signature, to the byte."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "semantics.md"
    text = page.read_text(encoding="utf-8").replace("\n", "")
    assert all(example.hex() in text for example in (NONCE, STATEMENT, SIGNATURE))


@pytest.mark.parametrize("kind", [*_SIGNING, KeyKind.ED448])
def test_the_public_key_comes_out_of_a_private_one_when_it_is_not_encrypted(kind: KeyKind) -> None:
    """So that a pair can be seen to belong together."""
    key = private_key(kind, "one")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert public(key).encoded == public_key_of(pem)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff"])
def test_there_is_no_public_key_when_the_bytes_are_no_private_one(pem: bytes) -> None:
    """Nothing raises."""
    assert public_key_of(pem) is None


def test_there_is_no_public_key_when_the_private_one_is_encrypted() -> None:
    """Nobody is asked for a password."""
    key = private_key(KeyKind.P256, "one")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    assert public_key_of(pem) is None


_DIGESTS = [Digest.SHA256, Digest.SHA384, Digest.SHA512]
_CAS = {kind: CertificateAuthority.create(cn=f"Example {kind} CA", key=kind) for kind in _SIGNING}


@pytest.mark.parametrize("digest", _DIGESTS)
@pytest.mark.parametrize("kind", _SIGNING)
def test_a_certificate_is_refuted_when_its_issuer_s_key_did_not_sign_it(kind: KeyKind, digest: Digest) -> None:
    """The genuine one is not, and OpenSSL agrees on both."""
    authority = _CAS[kind]
    genuine = authority.issue(digest=digest)
    forged = with_broken_signature(genuine)
    assert not refutes_signature(parsed(genuine), parsed(authority))
    assert refutes_signature(parsed(forged), parsed(authority))
    assert (step(genuine, authority), step(forged, authority)) == (None, (4, Reason.SIGNATURE_INVALID))


def _off_the_curve() -> CertificateAuthority:
    """Make a CA whose key is no point of its curve, which shows only where it is loaded."""
    encoded = AUTHORITY.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CertificateAuthority.create(key=AUTHORITY.key, parts={Part.PUBLIC_KEY: encoded[:-1] + b"\0"})


def _with_unused_bits(issued: Issued) -> Issued:
    body, algorithm, bits = der.parts(issued.der)
    unused = der.tlv(0x03, b"\1" + der.parts(der.tlv(der.SEQUENCE, bits))[0][3:])
    return Issued(der=der.tlv(der.SEQUENCE, body, algorithm, unused), key=issued.key)


@pytest.mark.parametrize(
    ("forged", "authority"),
    [
        (with_broken_signature(_CAS[KeyKind.RSA2048].issue(pss=True)), _CAS[KeyKind.RSA2048]),
        (with_broken_signature(_CAS[KeyKind.RSA2048].issue(digest=Digest.SHA1)), _CAS[KeyKind.RSA2048]),
        (_with_unused_bits(with_broken_signature(AUTHORITY.issue())), AUTHORITY),
        (with_broken_signature(AUTHORITY.issue()), _CAS[KeyKind.RSA2048]),
        (with_broken_signature(AUTHORITY.issue()), _CAS[KeyKind.ED25519]),
        (with_broken_signature(_CAS[KeyKind.RSA2048].issue()), AUTHORITY),
        (AUTHORITY.issue(), CertificateAuthority.create(key=KeyKind.P224)),
        (AUTHORITY.issue(), _off_the_curve()),
    ],
)
def test_nothing_is_refuted_that_is_not_certain(forged: Issued, authority: CertificateAuthority) -> None:
    """Other schemes, unused bits, another kind of key, one that no check accepts, one that cannot be loaded."""
    assert not refutes_signature(parsed(forged), parsed(authority))
