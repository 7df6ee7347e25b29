"""Public keys in certificates: of which kind they are, and whether a check accepts that kind (section 2, step 6)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from gatepost.core import der

_MINIMUM_RSA_BITS: Final = 2048
_MAXIMUM_RSA_BITS: Final = 8192
_MAXIMUM_EXPONENT: Final = 2**256
"""An RSA key's exponent lies below (FIPS 186-5, A.1.1). One as long as the modulus makes a verification a hundred times as long."""


class KeyKind(StrEnum):
    """The kinds of public key that a check accepts, by their names in messages."""

    RSA = "RSA"
    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"
    ED25519 = "Ed25519"


_RSA: Final = "1.2.840.113549.1.1.1"
_NULL: Final = b"\x05\x00"
_EC: Final = "1.2.840.10045.2.1"
_CURVES: Final = {"1.2.840.10045.3.1.7": KeyKind.P256, "1.3.132.0.34": KeyKind.P384, "1.3.132.0.35": KeyKind.P521}


class PublicKey(msgspec.Struct, frozen=True):
    """A public key: the whole SubjectPublicKeyInfo, its kind (None: no check accepts it) and a name for messages."""

    encoded: bytes
    kind: KeyKind | None
    name: str
    material: bytes
    """The bit string's content: an EC point, an Ed25519 key, or the DER of an RSAPublicKey."""


def parse_public_key(encoded: bytes) -> PublicKey:
    """Read a SubjectPublicKeyInfo; raises `der.DerError` where it is none.

    A key of an unknown algorithm, or one that cannot be read, is of no kind: OpenSSL judges the certificate around it.
    """
    outer = der.whole(encoded, der.SEQUENCE)
    algorithm = der.expect(encoded, outer.start, outer.stop, der.SEQUENCE)
    bits = der.expect(encoded, algorithm.stop, outer.stop, der.BIT_STRING)
    oid_element = der.expect(encoded, algorithm.start, algorithm.stop, der.OBJECT_IDENTIFIER)
    oid = der.dotted(der.content(encoded, oid_element))
    material = encoded[bits.start + 1 : bits.stop]
    try:
        kind, name = _kind(oid, material, encoded[oid_element.stop : algorithm.stop])
    except der.DerError:
        kind, name = None, f"unreadable, algorithm {oid}"
    return PublicKey(encoded, kind, name, material)


def _kind(oid: str, material: bytes, parameters: bytes) -> tuple[KeyKind | None, str]:
    match oid:
        case "1.3.101.112":
            return KeyKind.ED25519, KeyKind.ED25519
        case _ if oid == _RSA:
            if parameters not in {b"", _NULL}:
                raise der.DerError("an RSA key with parameters")  # RFC 3279, 2.3.1: there are none.
            length = rsa_bits(material)
            if not _is_exponent(rsa_exponent(material)):
                return None, f"RSA {length} with an exponent that no key should have"
            return KeyKind.RSA if _MINIMUM_RSA_BITS <= length <= _MAXIMUM_RSA_BITS else None, f"RSA {length}"
        case _ if oid == _EC and parameters[:1] == bytes((der.OBJECT_IDENTIFIER,)):
            curve = der.dotted(der.content(parameters, der.whole(parameters, der.OBJECT_IDENTIFIER)))
            kind = _CURVES.get(curve)
            return kind, kind or f"EC on curve {curve}"
        case _ if oid == _EC:
            return None, "EC with explicit curve parameters"
        case _:
            return None, f"algorithm {oid}"


def rsa_modulus(material: bytes) -> bytes:
    """Return the modulus in an RSAPublicKey (RFC 8017, A.1.1), without leading zeros; raises `der.DerError`."""
    sequence = der.whole(material, der.SEQUENCE)
    modulus = der.expect(material, sequence.start, sequence.stop, der.INTEGER)
    return der.content(material, modulus).lstrip(b"\0")


def rsa_bits(material: bytes) -> int:
    """Return the length of an RSA key in bits."""
    return int.from_bytes(rsa_modulus(material), "big").bit_length()


def rsa_exponent(material: bytes) -> int:
    """Return the public exponent in an RSAPublicKey; raises `der.DerError`."""
    sequence = der.whole(material, der.SEQUENCE)
    modulus = der.expect(material, sequence.start, sequence.stop, der.INTEGER)
    exponent = der.expect(material, modulus.stop, sequence.stop, der.INTEGER)
    return int.from_bytes(der.content(material, exponent), "big", signed=True)


def _is_exponent(exponent: int) -> bool:
    """Tell whether it is one: with 1 everybody could sign, with an even one nobody."""
    return exponent % 2 == 1 and 1 < exponent < _MAXIMUM_EXPONENT
