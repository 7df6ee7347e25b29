"""Private keys for tests, and their signatures under certificates, also the weak ones that builders refuse to make.

Tests take them through ``tests.certificates``, which has the same names.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from tests import der

if TYPE_CHECKING:
    from collections.abc import Callable

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


class KeyKind(StrEnum):
    """The kinds of keys."""

    RSA1024 = "rsa1024"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P224 = "p224"
    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    SECP256K1 = "secp256k1"
    BRAINPOOL = "brainpoolP256r1"
    ED25519 = "ed25519"
    ED448 = "ed448"


class Digest(StrEnum):
    """What a signature hashes with; Ed25519 and Ed448 pay no heed to it, ECDSA knows no MD5."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


_CURVES: dict[KeyKind, ec.EllipticCurve] = {
    KeyKind.P224: ec.SECP224R1(),
    KeyKind.P256: ec.SECP256R1(),
    KeyKind.P384: ec.SECP384R1(),
    KeyKind.P521: ec.SECP521R1(),
    KeyKind.SECP256K1: ec.SECP256K1(),
    KeyKind.BRAINPOOL: ec.BrainpoolP256R1(),
}
_HASHES: dict[Digest, hashes.HashAlgorithm] = {
    Digest.MD5: hashes.MD5(),  # noqa: S303 - the tests need weak signatures to see them refused
    Digest.SHA1: hashes.SHA1(),  # noqa: S303 - as above
    Digest.SHA224: hashes.SHA224(),
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}
# Object identifiers: RFC 8017 A.2.4 and C (RSA), RFC 3279 2.2.3 and RFC 5758 3.2 (ECDSA), RFC 8017 B.1 (digests).
_RSA = {
    Digest.MD5: "1.2.840.113549.1.1.4",
    Digest.SHA1: "1.2.840.113549.1.1.5",
    Digest.SHA224: "1.2.840.113549.1.1.14",
    Digest.SHA256: "1.2.840.113549.1.1.11",
    Digest.SHA384: "1.2.840.113549.1.1.12",
    Digest.SHA512: "1.2.840.113549.1.1.13",
}
_ECDSA = {
    Digest.SHA1: "1.2.840.10045.4.1",
    Digest.SHA224: "1.2.840.10045.4.3.1",
    Digest.SHA256: "1.2.840.10045.4.3.2",
    Digest.SHA384: "1.2.840.10045.4.3.3",
    Digest.SHA512: "1.2.840.10045.4.3.4",
}
_DIGESTS = {
    Digest.SHA256: "2.16.840.1.101.3.4.2.1",
    Digest.SHA384: "2.16.840.1.101.3.4.2.2",
    Digest.SHA512: "2.16.840.1.101.3.4.2.3",
}
_RSASSA_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_NULL = der.tlv(0x05)


def private_key(kind: KeyKind, label: str) -> PrivateKey:
    """Give the key of this kind and label: the same one throughout the process."""
    return _labelled_key(kind, label)


@cache
def _labelled_key(kind: KeyKind, _label: str) -> PrivateKey:
    return fresh_key(kind)


def fresh_key(kind: KeyKind) -> PrivateKey:
    """Make a key; those for RSA take their time, so prefer ``private_key`` there."""
    if kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    if kind is KeyKind.ED448:
        return ed448.Ed448PrivateKey.generate()
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))


def signature(key: PrivateKey, digest: Digest, *, pss: bool = False) -> tuple[bytes, Callable[[bytes], bytes]]:
    """Give the AlgorithmIdentifier of signatures by ``key``, and the function that makes them.

    KeyError when the algorithm has no identifier, such as ECDSA with MD5.
    """
    match key:
        case ed25519.Ed25519PrivateKey():
            return _algorithm("1.3.101.112"), key.sign
        case ed448.Ed448PrivateKey():
            return _algorithm("1.3.101.113"), key.sign
        case ec.EllipticCurvePrivateKey():
            return _algorithm(_ECDSA[digest]), lambda body: key.sign(body, ec.ECDSA(_HASHES[digest]))
        case rsa.RSAPrivateKey():
            return _rsa_signature(key, digest, pss=pss)


def _rsa_signature(key: rsa.RSAPrivateKey, digest: Digest, *, pss: bool) -> tuple[bytes, Callable[[bytes], bytes]]:
    algorithm = _HASHES[digest]
    if not pss:
        return _algorithm(_RSA[digest], _NULL), lambda body: key.sign(body, padding.PKCS1v15(), algorithm)
    scheme = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    return _pss_algorithm(digest), lambda body: key.sign(body, scheme, algorithm)


def _algorithm(identifier: str, parameters: bytes = b"") -> bytes:
    return der.tlv(der.SEQUENCE, der.oid(identifier), parameters)


def _pss_algorithm(digest: Digest) -> bytes:
    """Encode RSASSA-PSS-params with a salt as long as the digest (RFC 4055 3.1)."""
    hashing = _algorithm(_DIGESTS[digest], _NULL)
    parameters = (
        der.tlv(0xA0, hashing),
        der.tlv(0xA1, _algorithm(_MGF1, hashing)),
        der.tlv(0xA2, der.integer(_HASHES[digest].digest_size)),
    )
    return _algorithm(_RSASSA_PSS, der.tlv(der.SEQUENCE, *parameters))
