"""Signatures by certificates' keys: of the possession statement, of certificates, and which key belongs to which.

Apart from the statement, because this alone needs the signature algorithms: a check that asks for no key does not load them,
unless it has many candidates.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from gatepost.core import der

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from gatepost.core.certificate import Certificate
    from gatepost.core.public_key import PublicKey

_RSA_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}
"""RSASSA-PKCS1-v1_5 (RFC 8017, A.2.4)."""
_ECDSA_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
"""RFC 5758, 3.2."""
_SHA256: Final = hashes.SHA256()
_SHA384: Final = hashes.SHA384()
_ECDSA_SHA256: Final = ec.ECDSA(_SHA256)
_ECDSA_SHA384: Final = ec.ECDSA(_SHA384)
_P256_BITS: Final = 256
_ED25519: Final = "1.3.101.112"


def verify_signature(key: PublicKey, signature: bytes, statement: bytes) -> bool:
    """Judge a possession signature under a certificate's public key; anything unexpected is False.

    RSA PKCS#1 v1.5 with SHA-256; ECDSA as r || s with SHA-256, from P-384 on SHA-384; Ed25519. Keys that no check accepts
    are not tried: what a hostile report could make costly are giant ones.
    """
    public = load_public_key(key)
    return public is not None and verify_loaded(public, signature, statement)


LoadedKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
"""A public key that is loaded, of a kind that a check accepts."""


def load_public_key(key: PublicKey) -> LoadedKey | None:
    """Load a key of a kind that a check accepts; None for every other."""
    try:
        return cast("LoadedKey", load_der_public_key(key.encoded)) if key.kind else None
    except (UnsupportedAlgorithm, ValueError):
        return None


def verify_loaded(public: LoadedKey, signature: bytes, statement: bytes) -> bool:
    """Judge a possession signature as `verify_signature` does, under a key that is loaded."""
    try:
        match public:
            case ec.EllipticCurvePublicKey():
                bits = public.key_size
                public.verify(_dss(signature, bits), statement, _ECDSA_SHA256 if bits <= _P256_BITS else _ECDSA_SHA384)
            case rsa.RSAPublicKey():
                public.verify(signature, statement, padding.PKCS1v15(), _SHA256)
            case _:
                public.verify(signature, statement)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def refutes_signature(certificate: Certificate, authority: Certificate) -> bool:
    """Tell whether ``authority``'s key, tried bare, did not sign ``certificate``, so that OpenSSL can but refuse it.

    True is for ordering many refused ones alone, and gives no reason; False says nothing. The signature is tried as OpenSSL
    does it, by the outer algorithm; what is not certain (RSA-PSS, unused bits, a key of another kind) is OpenSSL's.
    """
    encoded, key = certificate.der, authority.public_key
    outer = der.whole(encoded, der.SEQUENCE)
    body, _, bits = der.children(encoded, outer)
    if not key.kind or encoded[bits.start : bits.start + 1] != b"\0":
        return False
    signature, signed = encoded[bits.start + 1 : bits.stop], der.encoded(encoded, body)
    algorithm = certificate.signature_algorithm
    try:
        match _load(key.encoded):
            case rsa.RSAPublicKey() as public if algorithm in _RSA_DIGESTS:
                public.verify(signature, signed, padding.PKCS1v15(), _RSA_DIGESTS[algorithm])
            case ec.EllipticCurvePublicKey() as public if algorithm in _ECDSA_DIGESTS:
                public.verify(signature, signed, ec.ECDSA(_ECDSA_DIGESTS[algorithm]))
            case ed25519.Ed25519PublicKey() as public if algorithm == _ED25519:
                public.verify(signature, signed)
    except InvalidSignature:
        return True
    except (UnsupportedAlgorithm, ValueError):
        return False
    return False


@lru_cache(maxsize=16)
def _load(encoded: bytes) -> PublicKeyTypes:
    """Load a signing certificate's key; a check has few of them, and each is tried on many candidates."""
    return load_der_public_key(encoded)


def ecdsa_digest(bits: int) -> hashes.HashAlgorithm:
    """Return the digest that goes with a curve of so many bits."""
    return _SHA256 if bits <= _P256_BITS else _SHA384


def _dss(signature: bytes, bits: int) -> bytes:
    size = (bits + 7) // 8
    if len(signature) != 2 * size:
        raise ValueError("r and s have another length")
    return encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))


def public_key_of(private_pem: bytes) -> bytes | None:
    """Return the SubjectPublicKeyInfo of an unencrypted private key in PEM; None for anything else."""
    try:
        public = load_pem_private_key(private_pem, password=None).public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (TypeError, UnsupportedAlgorithm, ValueError):
        return None
