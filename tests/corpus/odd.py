"""Certificates in odd forms, good and bad, from authorities in odd forms: pairs that other judges shall judge too.

The forms stand in tables, each with its name; all candidates of an authority are made by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography import x509

from tests import der
from tests.certificates import (
    ANY_PURPOSE,
    CLIENT_AUTH,
    DAY,
    EMAIL_PROTECTION,
    NOW,
    SERVER_AUTH,
    CertificateAuthority,
    Digest,
    Issued,
    KeyKind,
    Part,
    constraints,
    dns,
    email,
    extension,
    ip,
    upn,
    uri,
)
from tests.corpus.files import Subject
from tests.corpus.pairs import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

Forms = dict[str, dict[str, Any]]

_ROOT: Final = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Odd CA")])
_DIRECTORY: Final = x509.DirectoryName(_ROOT)
_MANY: Final = der.name(
    ("C", "DE"), ("ST", "Land"), ("L", "Ort"), ("O", "Odd"), ("OU", "A"), ("OU", "B"), ("CN", "Odd CA")
)


def _raw(oid: str, content: bytes, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    return extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), content), critical=critical)


AUTHORITIES: Final[Forms] = {
    "of P-256": {},
    "of P-384": {"key": KeyKind.P384},
    "of P-521": {"key": KeyKind.P521},
    "of RSA 2048": {"key": KeyKind.RSA2048},
    "of RSA 4096": {"key": KeyKind.RSA4096},
    "of Ed25519": {"key": KeyKind.ED25519},
    "of Ed448": {"key": KeyKind.ED448},
    "of RSA 1024": {"key": KeyKind.RSA1024},
    "of a curve that few know": {"key": KeyKind.BRAINPOOL},
    "without key usage": {"key_usage": None},
    "without identifiers": {"ski": False, "aki": None},
    "with a path length": {"path_length": 0},
    "with a long name": {"subject": _MANY},
    "with a name in BMPString": {"subject": der.name(("CN", "Odd ČA", der.Text.BMP))},
    "with constraints": {"name_constraints": constraints(permitted=[dns("corp.example"), email("corp.example")])},
    "with exclusions": {"name_constraints": constraints(excluded=[dns("lab.example"), email("lab.example")])},
    "with purposes": {"eku": [SERVER_AUTH]},
    "of version 1": {"parts": {Part.VERSION: der.tlv(0xA0, der.integer(0)), Part.EXTENSIONS: None}},
    "that is no authority": {"ca": False, "key_usage": ["digital_signature"]},
    "that may not sign": {"key_usage": ["crl_sign"]},
    "that has ended": {"not_after": NOW - DAY},
    "that begins tomorrow": {"not_before": NOW + DAY},
    "with an unknown critical extension": {"unknown_critical": True},
}

CANDIDATES: Final[Forms] = {
    "ordinary": {},
    "with a key of RSA": {"key": KeyKind.RSA2048},
    "with a key of P-384": {"key": KeyKind.P384},
    "with a key of P-521": {"key": KeyKind.P521},
    "with a key of Ed25519": {"key": KeyKind.ED25519},
    "with a key of Ed448": {"key": KeyKind.ED448},
    "with a key of RSA 1024": {"key": KeyKind.RSA1024},
    "with a key of secp256k1": {"key": KeyKind.SECP256K1},
    "without a name": {"cn": None, "sans": [dns("laptop-1.corp.example")]},
    "with three common names": {"cn": ["a", "b", "c"]},
    "with letters beyond ASCII": {"cn": "Laptop Žluťoučký"},
    "with a name in BMPString": {"subject": der.name(("CN", "laptop", der.Text.BMP))},
    "with a name in TeletexString": {"subject": der.name(("CN", "l\xe4ptop", der.Text.TELETEX))},
    "with an unknown attribute": {"subject": der.name(("1.2.3.4.5", "x"), ("CN", "laptop-1"))},
    "with alternative names": {"sans": [dns("a.corp.example"), email("jo@corp.example"), upn("jo@corp.example")]},
    "with an address and a URI": {"sans": [ip("192.0.2.1"), ip("2001:db8::1"), uri("https://a.corp.example/x")]},
    "with other kinds of names": {"sans": [_DIRECTORY, x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]},
    "with a name in the lab": {"sans": [dns("a.lab.example")]},
    "with a name elsewhere": {"sans": [dns("a.other.example"), email("jo@other.example")]},
    "without purposes": {"eku": None},
    "with many purposes": {"eku": [CLIENT_AUTH, SERVER_AUTH, EMAIL_PROTECTION, ANY_PURPOSE, "1.2.3.4"]},
    "without key usage": {"key_usage": None},
    "with another key usage": {"key_usage": ["key_encipherment", "key_agreement"]},
    "with nearly all key usages": {"key_usage": ["digital_signature", "content_commitment", "crl_sign"]},
    "that says nothing of being a CA": {"ca": None},
    "that is an authority": {"ca": True, "key_usage": ["key_cert_sign"]},
    "with keyCertSign": {"key_usage": ["digital_signature", "key_cert_sign"]},
    "with the serial number 0": {"serial": 0},
    "with a negative serial number": {"serial": -4711},
    "with a long serial number": {"serial": 2**300},
    "without identifiers": {"ski": False, "aki": None},
    "with another authority's key": {"aki": b"0123456789abcdefghij"},
    "with policies": {"policies": ["1.2.3.4.5", "2.23.140.1.2.1"]},
    "with an extension that nobody knows": {"extensions": [_raw("1.2.3.4", b"odd")]},
    "with a critical one": {"unknown_critical": True},
    "with an extension twice": {"extensions": [_raw("1.2.3.4", b"odd")] * 2},
    "with broken names": {"extensions": [_raw("2.5.29.17", b"odd")]},
    "with broken purposes": {"eku": None, "extensions": [_raw("2.5.29.37", der.tlv(0x30, der.integer(5)))]},
    "with broken policies": {"extensions": [_raw("2.5.29.32", b"odd")]},
    "with bytes behind an extension": {"eku": None, "extensions": [_raw("2.5.29.37", der.tlv(0x30) + b"\0")]},
    "of version 1": {"parts": {Part.VERSION: None, Part.EXTENSIONS: None}},
    "of version 2": {"parts": {Part.VERSION: der.tlv(0xA0, der.integer(1)), Part.EXTENSIONS: None}},
    "that has ended": {"not_after": NOW - DAY},
    "that begins tomorrow": {"not_before": NOW + DAY},
    "that begins in 1950": {"not_before": NOW.replace(year=1950)},
    "that ends in 9999": {"not_after": NOW.replace(year=9999)},
    "with the other algorithm inside": {"parts": {Part.ALGORITHM: der.tlv(0x30, der.oid("1.2.840.10045.4.3.4"))}},
    "signed with SHA-384": {"digest": Digest.SHA384},
    "signed with SHA-512": {"digest": Digest.SHA512},
    "signed with SHA-224": {"digest": Digest.SHA224},
    "signed with SHA-1": {"digest": Digest.SHA1},
}
RSA_CANDIDATES: Final[Forms] = {
    "signed with PSS": {"pss": True},
    "signed with PSS and SHA-512": {"pss": True, "digest": Digest.SHA512},
    "signed with MD5": {"digest": Digest.MD5},
}


def odd_pairs() -> tuple[Pair, ...]:
    """Make every authority, and every candidate by each of them; the instant is NOW."""
    return tuple(pair for name, options in AUTHORITIES.items() for pair in _pairs(name, options))


def _pairs(name: str, options: dict[str, Any]) -> Iterator[Pair]:
    authority = CertificateAuthority.create(**{"cn": "Odd CA", **options})
    signer = Subject(f"authority {name}", authority.der)
    forms = CANDIDATES | (RSA_CANDIDATES if name in {"of RSA 2048", "of RSA 4096"} else {})
    for form, asked in forms.items():
        yield Pair(Subject(f"candidate {form}", authority.issue(**asked).der), signer, NOW)
    for form, odd in _changed(authority.issue()).items():
        yield Pair(Subject(f"candidate {form}", odd), signer, NOW)


def _changed(issued: Issued) -> dict[str, bytes]:
    """Give a certificate whose frame was changed behind its signature."""
    body, algorithm, signature = der.parts(issued.der)
    return {
        "with a broken signature": issued.der[:-20] + bytes([issued.der[-20] ^ 1]) + issued.der[-19:],
        "with bytes behind it": issued.der + b"\0\0",
        "with a padded length": der.tlv(0x30, body, algorithm, b"\x03\x82" + _long(signature)),
        "with bytes behind its signature": der.tlv(0x30, body, algorithm, signature, der.tlv(5)),
        "cut short": issued.der[:-9],
    }


def _long(signature: bytes) -> bytes:
    """Give a bit string's content behind a length of two bytes, whatever its own length was."""
    header = 2 + (signature[1] & 0x7F if signature[1] & 0x80 else 0)
    content = signature[header:]
    return len(content).to_bytes(2, "big") + content
