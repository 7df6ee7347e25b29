"""Private and public keys of the toolkit: make, parse, render. No file is read or written here."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from gatepost.errors import InputError, StateError
from gatepost.pki.request import KeyKind

if TYPE_CHECKING:
    from pathlib import Path

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_MINIMUM_RSA_BITS = 2048
_MAXIMUM_RSA_BITS = 8192
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def generate_key(kind: KeyKind) -> PrivateKey:
    """Make a key of ``kind``."""
    match kind:
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyKind.P521:
            return ec.generate_private_key(ec.SECP521R1())
        case KeyKind.RSA2048 | KeyKind.RSA3072 | KeyKind.RSA4096:
            return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))
        case KeyKind.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            assert_never(kind)


def signature_digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Give the digest under ``key``'s signatures: as strong as its curve; none for Ed25519, which has its own."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return None
        case ec.EllipticCurvePrivateKey(curve=ec.SECP384R1()):
            return hashes.SHA384()
        case ec.EllipticCurvePrivateKey(curve=ec.SECP521R1()):
            return hashes.SHA512()
        case _:
            return hashes.SHA256()


def parse_private_key(content: bytes, path: Path) -> PrivateKey:
    """Parse the key of an authority from the PEM file ``path``; `StateError` when it is none that can sign here."""
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StateError(str(path), "holds no unencrypted private key in PEM form") from error
    if not isinstance(key, PrivateKey):
        raise StateError(str(path), "holds a key of a kind that does not sign here")
    return key


def parse_request_key(content: bytes) -> PublicKey:
    """Take the public key from a PKCS#10 request (RFC 2986), PEM or DER, after proving that its owner signed it.

    The names that the request asks for are left aside: the authority says who somebody is.
    """
    try:
        pem = content.lstrip().startswith(b"-----BEGIN")
        request = x509.load_pem_x509_csr(content) if pem else x509.load_der_x509_csr(content)
        key, signed = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError("--csr", "is no certification request", "a PKCS#10 request in PEM or DER form") from error
    if not isinstance(key, PublicKey) or not _certifiable(key):
        raise InputError("--csr", "has a key that no check accepts", "P-256, P-384, P-521, RSA 2048 to 8192, Ed25519")
    if not signed:
        raise InputError("--csr", "is not signed by its own key", "a request as openssl req or certutil -R makes it")
    return key


def _certifiable(key: PublicKey) -> bool:
    match key:
        case rsa.RSAPublicKey():
            return _MINIMUM_RSA_BITS <= key.key_size <= _MAXIMUM_RSA_BITS
        case ec.EllipticCurvePublicKey():
            return isinstance(key.curve, _CURVES)
        case ed25519.Ed25519PublicKey():
            return True
        case _:
            assert_never(key)


def render_key(key: PrivateKey) -> bytes:
    """Render the key as unencrypted PKCS#8 PEM; its file's permissions are what protects it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def render_pkcs12(name: str, key: PrivateKey, certificate: x509.Certificate, password: bytes | None) -> bytes:
    """Render key and certificate as PKCS#12 under the friendly name ``name``; unencrypted without a password.

    The authority's certificate is left out: a device needs its own certificate only, and NSS would file the other too.
    """
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, encryption)
