"""Signatures by certificates' keys: the judgement of the possession statement's, and which key belongs to which.

Apart from the statement, because this alone needs the signature algorithms: a check that asks for no key does not load them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from gatepost.core.public_key import PublicKey


def verify_signature(key: PublicKey, signature: bytes, statement: bytes) -> bool:
    """Judge a possession signature under a certificate's public key; anything unexpected is False.

    RSA PKCS#1 v1.5 with SHA-256; ECDSA as r || s with SHA-256, from P-384 on SHA-384; Ed25519. Keys that no check accepts
    are not tried: what a hostile report could make costly are giant ones.
    """
    try:
        public = load_der_public_key(key.encoded) if key.kind else None
        match public:
            case rsa.RSAPublicKey():
                public.verify(signature, statement, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePublicKey():
                public.verify(_dss(signature, public.key_size), statement, ec.ECDSA(ecdsa_digest(public.key_size)))
            case ed25519.Ed25519PublicKey():
                public.verify(signature, statement)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def ecdsa_digest(bits: int) -> hashes.HashAlgorithm:
    """Return the digest that goes with a curve of so many bits."""
    return hashes.SHA256() if bits <= 256 else hashes.SHA384()  # noqa: PLR2004 - the size of P-256.


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
