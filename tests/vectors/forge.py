"""Certificates that come out alike each time: fixed keys, fixed serial numbers, and signatures without chance.

``tests.certificates`` puts them together; ECDSA signatures are made again by RFC 6979, RSA-PSS ones without a salt.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests import der
from tests.certificates import CLIENT_AUTH, DAY, NOW, CertificateAuthority, Issued, Part, PrivateKey

KEYS = Path(__file__).parent / "keys"

_DIGESTS: dict[bytes, hashes.HashAlgorithm] = {
    der.oid("1.2.840.10045.4.1"): hashes.SHA1(),  # noqa: S303 - made to be refused.
    der.oid("1.2.840.10045.4.3.1"): hashes.SHA224(),
    der.oid("1.2.840.10045.4.3.2"): hashes.SHA256(),
    der.oid("1.2.840.10045.4.3.3"): hashes.SHA384(),
    der.oid("1.2.840.10045.4.3.4"): hashes.SHA512(),
}
_LEAF: dict[str, Any] = {
    "cn": "laptop-1",
    "eku": (CLIENT_AUTH,),
    "key_usage": ("digital_signature",),
    "ca": False,
    "serial": 4711,
    "not_before": NOW - 30 * DAY,
    "not_after": NOW + 335 * DAY,
}
_AUTHORITY: dict[str, Any] = {
    "cn": "Example Root CA",
    "key_usage": ("key_cert_sign", "crl_sign"),
    "ca": True,
    "serial": 1,
    "not_before": NOW - 365 * DAY,
    "not_after": NOW + 3285 * DAY,
}


@cache
def key(name: str) -> PrivateKey:
    """Give the key of this name, which is kept beside this file."""
    return cast("PrivateKey", load_pem_private_key((KEYS / f"{name}.pem").read_bytes(), password=None))


def root(name: str = "root", **options: Any) -> CertificateAuthority:  # noqa: ANN401 - Options.
    """Make an authority that signs itself with the key of this name."""
    signer = key(name)
    made = CertificateAuthority.create(**{**_AUTHORITY, "key": signer, **options})
    return CertificateAuthority(issued=_settled(made.issued, signer))


def middle(authority: CertificateAuthority, name: str = "middle", **options: Any) -> CertificateAuthority:  # noqa: ANN401 - Options.
    """Make an authority whose certificate another one signs."""
    asked = {**_AUTHORITY, "cn": "Example Issuing CA", "serial": 2, "key": key(name), **options}
    return CertificateAuthority(issued=_settled(authority.subordinate(**asked).issued, authority.key))


def leaf(authority: CertificateAuthority, name: str = "laptop", **options: Any) -> Issued:  # noqa: ANN401 - Options.
    """Issue a certificate for the key of this name."""
    return _settled(authority.issue(**{**_LEAF, "key": key(name), **options}), authority.key)


def leaf_with_pss(authority: CertificateAuthority, digest: hashes.HashAlgorithm, parameters: bytes) -> Issued:
    """Issue a certificate signed with RSASSA-PSS and a salt of no bytes; ``parameters`` are its RSASSA-PSS-params."""
    algorithm = der.tlv(0x30, der.oid("1.2.840.113549.1.1.10"), parameters)
    issued = leaf(authority, parts={Part.ALGORITHM: algorithm})
    body = der.parts(issued.der)[0]
    signer = authority.key
    assert isinstance(signer, rsa.RSAPrivateKey)
    signature = signer.sign(body, padding.PSS(padding.MGF1(digest), 0), digest)
    return Issued(der=_frame(body, algorithm, signature), key=issued.key)


def _settled(issued: Issued, signer: PrivateKey) -> Issued:
    """Sign the body again, without chance; what is no ECDSA is so already."""
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        return issued
    body, algorithm, _ = der.parts(issued.der)
    digest = _DIGESTS[der.parts(algorithm)[0]]
    signature = signer.sign(body, ec.ECDSA(digest, deterministic_signing=True))
    return Issued(der=_frame(body, algorithm, signature), key=issued.key)


def _frame(body: bytes, algorithm: bytes, signature: bytes) -> bytes:
    return der.tlv(0x30, body, algorithm, der.tlv(0x03, b"\0", signature))


def sign(signer: PrivateKey, statement: bytes) -> bytes:
    """Sign a statement as section 5 of the semantics says, alike each time."""
    match signer:
        case rsa.RSAPrivateKey():
            return signer.sign(statement, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            digest = hashes.SHA256() if signer.key_size == 256 else hashes.SHA384()
            return raw(signer, sign_ecdsa(signer, statement, digest))
        case _:
            return signer.sign(statement)


def sign_ecdsa(signer: PrivateKey, statement: bytes, digest: hashes.HashAlgorithm) -> bytes:
    """Sign with ECDSA by RFC 6979; the signature is DER."""
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    return signer.sign(statement, ec.ECDSA(digest, deterministic_signing=True))


def raw(signer: PrivateKey, signature: bytes) -> bytes:
    """Write an ECDSA signature as r and s, each as long as the curve's order."""
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    size = (signer.key_size + 7) // 8
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def relative_name(*attributes: tuple[str, str]) -> bytes:
    """Encode a name of one relative name with several attributes, in the order given."""
    single = (der.parts(der.parts(der.name(attribute))[0])[0] for attribute in attributes)
    return der.tlv(0x30, der.tlv(0x31, *single))


def odd_extension(oid: x509.ObjectIdentifier, content: bytes, *, critical: bool = False) -> Any:  # noqa: ANN401 - an x509.Extension.
    """Make an extension of any content."""
    return x509.Extension(oid, critical, x509.UnrecognizedExtension(oid, content))
