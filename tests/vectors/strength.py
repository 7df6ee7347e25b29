"""Section 2, step 6: digests, keys, and the use of a key."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from gatepost.core.reason import Reason
from tests import der
from tests.certificates import Digest, Part
from tests.vectors.forge import leaf, leaf_with_pss, root
from tests.vectors.scene import ROOT, at, fails, passes, proved
from tests.vectors.vector import Scene, vector

SECTION = "2"
RSA = root("rsa2048", cn="RSA Root CA")


def _signed_with(digest: Digest) -> Scene:
    return passes(leaf(RSA, digest=digest), uploaded=(RSA,))


def _weak(digest: Digest) -> Scene:
    return fails(leaf(RSA, digest=digest), why=Reason.SIGNATURE_ALGORITHM_WEAK, uploaded=(RSA,))


@vector("A signature with SHA-256 is strong.")
def _sha256() -> Scene:
    return _signed_with(Digest.SHA256)


@vector("So is one with SHA-384.")
def _sha384() -> Scene:
    return _signed_with(Digest.SHA384)


@vector("And one with SHA-512.")
def _sha512() -> Scene:
    return _signed_with(Digest.SHA512)


@vector("One with SHA-224 is not.")
def _sha224() -> Scene:
    return _weak(Digest.SHA224)


@vector("Nor is one with SHA-1.")
def _sha1() -> Scene:
    return _weak(Digest.SHA1)


@vector("Nor is one with MD5.")
def _md5() -> Scene:
    return _weak(Digest.MD5)


@vector("ECDSA with SHA-1 is weak too.")
def _ecdsa_with_sha1() -> Scene:
    return fails(leaf(ROOT, digest=Digest.SHA1), why=Reason.SIGNATURE_ALGORITHM_WEAK)


def _pss(digest: str) -> bytes:
    """Write RSASSA-PSS-params with this digest and a salt of no bytes."""
    hashing = der.tlv(0x30, der.oid(digest), der.tlv(5))
    mask = der.tlv(0x30, der.oid("1.2.840.113549.1.1.8"), hashing)
    return der.tlv(0x30, der.tlv(0xA0, hashing), der.tlv(0xA1, mask), der.tlv(0xA2, der.integer(0)))


@vector("RSASSA-PSS with SHA-256 is strong.")
def _pss_with_sha256() -> Scene:
    issued = leaf_with_pss(RSA, hashes.SHA256(), _pss("2.16.840.1.101.3.4.2.1"))
    return passes(issued, uploaded=(RSA,))


@vector("RSASSA-PSS with SHA-1 is weak.")
def _pss_with_sha1() -> Scene:
    issued = leaf_with_pss(RSA, hashes.SHA1(), _pss("1.3.14.3.2.26"))  # noqa: S303 - made to be refused.
    return fails(issued, why=Reason.SIGNATURE_ALGORITHM_WEAK, uploaded=(RSA,))


@vector("RSASSA-PSS that names no digest uses SHA-1 (RFC 4055, 3.1), which is weak.")
def _pss_without_a_digest() -> Scene:
    parameters = der.tlv(0x30, der.tlv(0xA2, der.integer(0)))
    issued = leaf_with_pss(RSA, hashes.SHA1(), parameters)  # noqa: S303 - made to be refused.
    return fails(issued, why=Reason.SIGNATURE_ALGORITHM_WEAK, uploaded=(RSA,))


@vector("A key of RSA with 2048 bits is taken.")
def _rsa_2048() -> Scene:
    return passes(leaf(ROOT, "rsa2048"))


@vector("One with 1024 bits is not.")
def _rsa_1024() -> Scene:
    return fails(leaf(ROOT, "rsa1024"), why=Reason.KEY_UNSUPPORTED)


def _rsa(bits: int) -> dict[Part, bytes | None]:
    """Write an RSA key of so many bits; nobody can sign with it, and nobody asks."""
    numbers = der.tlv(0x30, der.integer(2**bits - 1), der.integer(65537))
    algorithm = der.tlv(0x30, der.oid("1.2.840.113549.1.1.1"), der.tlv(5))
    return {Part.PUBLIC_KEY: der.tlv(0x30, algorithm, der.tlv(0x03, b"\0", numbers))}


@vector("One with 2047 bits is not.")
def _rsa_2047() -> Scene:
    return fails(leaf(ROOT, parts=_rsa(2047)), why=Reason.KEY_UNSUPPORTED)


@vector("One with 8192 bits is taken.")
def _rsa_8192() -> Scene:
    return passes(leaf(ROOT, parts=_rsa(8192)))


@vector("One with 8193 bits is not: whoever verifies with it pays for it.")
def _rsa_8193() -> Scene:
    return fails(leaf(ROOT, parts=_rsa(8193)), why=Reason.KEY_UNSUPPORTED)


@vector("P-384 is taken.")
def _p384() -> Scene:
    return passes(leaf(ROOT, "p384"))


@vector("P-521 is taken.")
def _p521() -> Scene:
    return passes(leaf(ROOT, "p521"))


@vector("Ed25519 is taken.")
def _ed25519() -> Scene:
    return passes(leaf(ROOT, "ed25519"))


@vector("Ed448 is not.")
def _ed448() -> Scene:
    return fails(leaf(ROOT, "ed448"), why=Reason.KEY_UNSUPPORTED)


@vector("P-224 is not.")
def _p224() -> Scene:
    return fails(leaf(ROOT, "p224"), why=Reason.KEY_UNSUPPORTED)


@vector("secp256k1 is not.")
def _secp256k1() -> Scene:
    return fails(leaf(ROOT, "secp256k1"), why=Reason.KEY_UNSUPPORTED)


@vector("A curve that is given by its parameters is refused by OpenSSL, with a number of its own (94).")
def _explicit_curve() -> Scene:
    return fails(leaf(ROOT, parts={Part.PUBLIC_KEY: _explicit_p256()}), why=Reason.MALFORMED_CERTIFICATE)


def _explicit_p256() -> bytes:
    """Write a key on P-256, with the curve's parameters (SEC 1, C.2) in the place of its name."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
    g = (
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    curve = der.tlv(0x30, der.tlv(4, (prime - 3).to_bytes(32, "big")), der.tlv(4, bytes.fromhex(b)))
    field = der.tlv(0x30, der.oid("1.2.840.10045.1.1"), der.integer(prime))
    base, one = der.tlv(4, bytes.fromhex(g)), der.integer(1)
    parameters = der.tlv(0x30, one, field, curve, base, der.integer(order), one)
    algorithm = der.tlv(0x30, der.oid("1.2.840.10045.2.1"), parameters)
    return der.tlv(0x30, algorithm, der.tlv(0x03, b"\0" + bytes.fromhex(g)))


@vector("A signing certificate with Ed25519 may sign.")
def _authority_with_ed25519() -> Scene:
    authority = root("ed25519")
    return passes(leaf(authority), uploaded=(authority,))


@vector("A signing certificate with P-521 and SHA-512 may sign.")
def _authority_with_p521() -> Scene:
    authority = root("p521", digest=Digest.SHA512)
    return passes(leaf(authority, digest=Digest.SHA512), uploaded=(authority,))


@vector("One with RSA of 1024 bits vouches for nothing, however it came to be there.")
def _authority_with_rsa_1024() -> Scene:
    authority = root("rsa1024")
    return fails(leaf(authority), why=Reason.KEY_UNSUPPORTED, uploaded=(authority,), taken=True)


@vector("Nor does one with Ed448, and the key is the reason, not the digest.")
def _authority_with_ed448() -> Scene:
    authority = root("ed448")
    return fails(leaf(authority), why=Reason.KEY_UNSUPPORTED, uploaded=(authority,), taken=True)


@vector("The digest is judged before the keys.")
def _digest_before_keys() -> Scene:
    return fails(leaf(ROOT, "rsa1024", digest=Digest.SHA1), why=Reason.SIGNATURE_ALGORITHM_WEAK)


@vector("A key that may not sign is unsuitable where a signature is asked for.")
def _key_usage_without_digital_signature() -> Scene:
    issued = leaf(ROOT, key_usage=["key_agreement"])
    return fails(proved(issued), why=Reason.KEY_USAGE_UNSUITABLE, check_private_key=True)


@vector("Where only its presence is asked for, nobody minds.")
def _key_usage_without_digital_signature_and_key_present() -> Scene:
    issued = at(leaf(ROOT, key_usage=["key_agreement"]), key="present")
    return passes(issued, check_private_key=True, options={"evidence": "key_present"}, evidence="key_present")


@vector("Where the key is not asked for, nobody minds either.")
def _key_usage_without_digital_signature_and_no_key() -> Scene:
    return passes(leaf(ROOT, key_usage=["key_encipherment"]))


@vector("A certificate without a key usage allows every use.")
def _no_key_usage() -> Scene:
    return passes(proved(leaf(ROOT, key_usage=None)), check_private_key=True, evidence="possession")
