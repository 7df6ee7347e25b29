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


_RSA_ALGORITHM: Final = bytes.fromhex("300d06092a864886f70d0101010500")
_FIELDS: Final = {
    KeyKind.P256: (
        bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107"),
        32,
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    KeyKind.P384: (
        bytes.fromhex("301006072a8648ce3d020106052b81040022"),
        48,
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    KeyKind.P521: (
        bytes.fromhex("301006072a8648ce3d020106052b81040023"),
        66,
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
"""Of each curve: its AlgorithmIdentifier, the bytes of a coordinate, its prime, and b (SP 800-186, 3.2.1; a is -3)."""


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


def canonical_key(key: PublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo in the one form that RFC 3279 and RFC 5480 ask for: one key has one digest.

    A CA may copy another form from a request: an RSA key without its NULL, a point compressed. What has no other form, or is
    of no kind, comes back as it is.
    """
    match key.kind:
        case KeyKind.RSA:
            return _wrapped(_RSA_ALGORITHM, key.material)
        case KeyKind.P256 | KeyKind.P384 | KeyKind.P521 if key.material[:1] != b"\x04":
            algorithm, size, prime, coefficient = _FIELDS[key.kind]
            point = _uncompressed(key.material, size, prime, coefficient)
            return key.encoded if point is None else _wrapped(algorithm, point)
        case _:
            return key.encoded


def _uncompressed(material: bytes, size: int, prime: int, coefficient: int) -> bytes | None:
    """Write a point with both coordinates (SEC 1, 2.3.3 and 2.3.4); None where it is none."""
    form, x = material[:1], int.from_bytes(material[1 : 1 + size], "big")
    if form in {b"\x06", b"\x07"} and len(material) == 1 + 2 * size:
        return b"\x04" + material[1:]
    if form not in {b"\x02", b"\x03"} or len(material) != 1 + size:
        return None
    # The primes of these curves are 3 modulo 4, so that this power is a root.
    y = pow((pow(x, 3, prime) - 3 * x + coefficient) % prime, (prime + 1) // 4, prime)
    if y % 2 != form[0] % 2:
        y = prime - y
    return b"\x04" + material[1:] + y.to_bytes(size, "big")


def _wrapped(algorithm: bytes, material: bytes) -> bytes:
    bits = b"\x00" + material
    return der.wrap(der.SEQUENCE, algorithm + der.wrap(der.BIT_STRING, bits))


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
