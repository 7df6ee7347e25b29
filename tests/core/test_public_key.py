"""One key has one digest, whichever of its forms a CA copied from a request."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.core import der
from gatepost.core.public_key import KeyKind, canonical_key, parse_public_key
from tests.keys import KeyKind as Kind
from tests.keys import private_key

CURVES = [Kind.P256, Kind.P384, Kind.P521]


def encoded(kind: Kind) -> bytes:
    """Return a key's SubjectPublicKeyInfo as every library writes it."""
    return private_key(kind, "canonical").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def point(kind: Kind, form: PublicFormat) -> bytes:
    """Return a point in one of its forms."""
    return private_key(kind, "canonical").public_key().public_bytes(Encoding.X962, form)


def with_point(kind: Kind, material: bytes) -> bytes:
    """Put a point in another form in the place of the usual one."""
    usual = encoded(kind)
    outer = der.whole(usual, der.SEQUENCE)
    algorithm, _ = der.children(usual, outer)
    bits = der.wrap(der.BIT_STRING, b"\0" + material)
    return der.wrap(der.SEQUENCE, der.encoded(usual, algorithm) + bits)


@pytest.mark.parametrize("kind", [*CURVES, Kind.RSA2048, Kind.RSA4096, Kind.ED25519])
def test_the_usual_form_is_the_canonical_one(kind: Kind) -> None:
    """So that anybody can compute the digest: `openssl pkey -pubin -outform DER | sha256sum`."""
    assert encoded(kind) == canonical_key(parse_public_key(encoded(kind)))


@pytest.mark.parametrize("kind", CURVES)
def test_a_point_has_one_form(kind: Kind) -> None:
    """Compressed, or hybrid with the sign of y before both coordinates."""
    compressed, whole = point(kind, PublicFormat.CompressedPoint), point(kind, PublicFormat.UncompressedPoint)
    hybrid = bytes((4 + compressed[0],)) + whole[1:]
    for material in (compressed, hybrid):
        assert encoded(kind) == canonical_key(parse_public_key(with_point(kind, material)))


@pytest.mark.parametrize("number", range(8))
def test_both_signs_of_a_compressed_point_are_read(number: int) -> None:
    """Whichever of the two roots it means."""
    key = ec.derive_private_key(number + 2, ec.SECP256R1()).public_key()
    usual = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    short = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert usual == canonical_key(parse_public_key(with_point(Kind.P256, short)))


def test_an_rsa_key_has_its_null() -> None:
    """RFC 3279, 2.3.1 asks for it, and not every request has it."""
    usual = encoded(Kind.RSA2048)
    parsed = parse_public_key(usual)
    assert isinstance(private_key(Kind.RSA2048, "canonical"), rsa.RSAPrivateKey)
    algorithm = der.wrap(der.SEQUENCE, bytes.fromhex("06092a864886f70d010101"))
    bare = der.wrap(der.SEQUENCE, algorithm + der.wrap(der.BIT_STRING, b"\0" + parsed.material))
    assert KeyKind.RSA is parse_public_key(bare).kind
    assert usual == canonical_key(parse_public_key(bare))


@pytest.mark.parametrize("material", [b"", b"\x02", b"\x02" + bytes(31), b"\x06" + bytes(63), b"\x05" + bytes(32)])
def test_what_is_no_point_stays_as_it_is(material: bytes) -> None:
    """Nothing can be proved with it."""
    odd = with_point(Kind.P256, material)
    assert odd == canonical_key(parse_public_key(odd))
