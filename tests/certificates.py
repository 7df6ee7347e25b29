"""Certificates for tests, good and odd, built on ``cryptography`` and never on ``gatepost.pki``.

    authority = CertificateAuthority.create(cn="Example Root")
    laptop = authority.issue(cn="laptop-1", sans=[dns("laptop-1.example.com")], eku=[CLIENT_AUTH])
    laptop.pem, laptop.key_pem(), laptop.p12("laptop-1", b"secret")

Everything stands around one fixed instant, ``NOW``; nothing here reads a clock. What is valid then stays so for long,
for tests of whole processes, which live by the real clock. ``cryptography`` encodes extensions and keys and makes the
signatures; the frame around them is put together here (with ``tests/der.py``), because its builder refuses most of what
is interesting: MD5 and SHA-1, two equal extensions, serial number 0, version 1, names in any string type. Each part of
the signed body can be replaced by bytes of one's own (``parts``).
"""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from tests import der
from tests.keys import Digest, KeyKind, PrivateKey, fresh_key, private_key, signature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = [
    "ANY_PURPOSE",
    "CLIENT_AUTH",
    "DAY",
    "EMAIL_PROTECTION",
    "KEY_USAGES",
    "NOW",
    "SERVER_AUTH",
    "UNKNOWN_EXTENSION",
    "UPN",
    "CertificateAuthority",
    "Digest",
    "Issued",
    "KeyKind",
    "Options",
    "Part",
    "PrivateKey",
    "constraints",
    "dns",
    "email",
    "extension",
    "ip",
    "pem_block",
    "private_key",
    "upn",
    "uri",
    "with_broken_signature",
]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
ANY_PURPOSE = "2.5.29.37.0"
UPN = "1.3.6.1.4.1.311.20.2.3"
UNKNOWN_EXTENSION = "1.3.6.1.4.1.55555.1"

# The names of the bits of keyUsage, as cryptography calls them.
KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Part(IntEnum):
    """The parts of the signed body of a certificate, in its order (RFC 5280 4.1)."""

    VERSION = 0
    SERIAL = 1
    ALGORITHM = 2
    ISSUER = 3
    VALIDITY = 4
    SUBJECT = 5
    PUBLIC_KEY = 6
    EXTENSIONS = 7


class Options(TypedDict, total=False):
    """What can be asked of a certificate; whatever is not asked is ordinary and right."""

    cn: str | Sequence[str] | None  # one common name, several, or none (an empty subject)
    subject: bytes | x509.Name  # the whole subject instead; bytes from der.name(...), with any string types
    issuer: bytes | x509.Name  # another issuer name than the authority's subject
    sans: Sequence[x509.GeneralName]  # of dns(), email(), uri(), ip(), upn()
    eku: Sequence[str] | None  # OIDs of purposes; None leaves the extension out, [] makes an empty one
    key_usage: Collection[str] | None  # of KEY_USAGES; None leaves the extension out
    key: KeyKind | PrivateKey  # the subject's key
    not_before: datetime
    not_after: datetime
    ca: bool | None  # basicConstraints (critical); None leaves the extension out
    path_length: int | None  # with ca=True
    policies: Sequence[str]  # OIDs of certificate policies
    name_constraints: x509.NameConstraints  # critical; see constraints()
    ski: bool  # the subject key identifier; True unless said otherwise
    aki: bytes | x509.AuthorityKeyIdentifier | None  # default: the authority's own; None leaves it out
    unknown_critical: bool  # a critical extension that nobody knows
    extensions: Sequence[x509.Extension[x509.ExtensionType]]  # any more, also ones that stand there already
    serial: int  # default: a number not given before in this process
    digest: Digest  # of the signature by the authority
    pss: bool  # RSASSA-PSS instead of PKCS#1 v1.5
    parts: Mapping[Part, bytes | None]  # DER that takes the place of a part; None leaves the part out


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate, as DER because it may be one that no parser takes, and its private key."""

    der: bytes
    key: PrivateKey

    @property
    def certificate(self) -> x509.Certificate:
        """The parsed certificate; ValueError when it was made too odd for that."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def pem(self) -> bytes:
        """The certificate as one PEM block."""
        return pem_block("CERTIFICATE", self.der)

    def key_pem(self, password: bytes | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
        """Give the key as PEM: PKCS#8, or ``PrivateFormat.TraditionalOpenSSL``; encrypted with a password."""
        return self.key.private_bytes(Encoding.PEM, form, _encryption(password))

    def key_der(self) -> bytes:
        """Give the key as unencrypted PKCS#8 DER."""
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def p12(self, name: str, password: bytes | None, chain: Sequence[Issued] = ()) -> bytes:
        """Give key, certificate and ``chain`` as PKCS#12, as ``pk12util -i`` and browsers take it."""
        authorities = [issued.certificate for issued in chain]
        return pkcs12.serialize_key_and_certificates(
            name.encode(), self.key, self.certificate, authorities, _encryption(password)
        )


class CertificateAuthority(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that issues others; nothing keeps a test from giving it a certificate that may not."""

    issued: Issued

    @classmethod
    def create(cls, **options: Unpack[Options]) -> Self:
        """Make a root, signed by itself: CA:TRUE, keyCertSign and cRLSign, from a year before NOW to 20 years after."""
        settings: Options = {**_AUTHORITY, **options}
        key = _key(settings)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        settings = {"issuer": _subject(settings), "aki": identifier, **settings, "key": key}
        return cls(issued=Issued(der=_signed(settings, key), key=key))

    def issue(self, **options: Unpack[Options]) -> Issued:
        """Issue an end entity's certificate: clientAuth, digitalSignature, valid for ten years, a P-256 key."""
        return self._issue({**_LEAF, **options})

    def subordinate(self, **options: Unpack[Options]) -> CertificateAuthority:
        """Make a CA whose certificate this one issues; with ``subject`` and ``key`` of another CA, a cross one."""
        return CertificateAuthority(issued=self._issue({**_AUTHORITY, "cn": "Example Issuing CA", **options}))

    def _issue(self, settings: Options) -> Issued:
        key = _key(settings)
        issuer: Options = {"issuer": der.parts(der.parts(self.der)[0])[Part.SUBJECT], "aki": self.key_identifier}
        return Issued(der=_signed({**issuer, **settings, "key": key}, self.key), key=key)

    @property
    def certificate(self) -> x509.Certificate:
        """The authority's own certificate, parsed."""
        return self.issued.certificate

    @property
    def der(self) -> bytes:
        """The authority's own certificate."""
        return self.issued.der

    @property
    def pem(self) -> bytes:
        """The authority's own certificate as one PEM block."""
        return self.issued.pem

    @property
    def key(self) -> PrivateKey:
        """The key that signs what this authority issues."""
        return self.issued.key

    @property
    def key_identifier(self) -> bytes:
        """The identifier of its key, as its own certificate should have it (RFC 5280 4.2.1.2, method 1)."""
        return x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()).digest


def dns(value: str) -> x509.GeneralName:
    """Make a DNS name for ``sans``."""
    return x509.DNSName(value)


def email(value: str) -> x509.GeneralName:
    """Make an email address for ``sans``."""
    return x509.RFC822Name(value)


def uri(value: str) -> x509.GeneralName:
    """Make a URI for ``sans``."""
    return x509.UniformResourceIdentifier(value)


def ip(value: str) -> x509.GeneralName:
    """Make an IP address, version 4 or 6, for ``sans``."""
    return x509.IPAddress(ip_address(value))


def upn(value: str, string: der.Text = der.Text.UTF8) -> x509.GeneralName:
    """Make a Microsoft user principal name, an otherName, for ``sans``."""
    return x509.OtherName(x509.ObjectIdentifier(UPN), der.text(value, string))


def constraints(
    permitted: Sequence[x509.GeneralName] = (), excluded: Sequence[x509.GeneralName] = ()
) -> x509.NameConstraints:
    """Make name constraints for a CA; at least one side must be given."""
    return x509.NameConstraints(list(permitted) or None, list(excluded) or None)


def extension(value: x509.ExtensionType, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    """Make an entry for ``extensions``; ``x509.UnrecognizedExtension`` carries bytes of any kind."""
    return x509.Extension(value.oid, critical, value)


def with_broken_signature(issued: Issued) -> Issued:
    """Give the same certificate with the last bit of its signature turned over."""
    return Issued(der=issued.der[:-1] + bytes([issued.der[-1] ^ 1]), key=issued.key)


def pem_block(label: str, content: bytes) -> bytes:
    """Wrap ``content`` as PEM (RFC 7468), 64 characters a line."""
    text = base64.b64encode(content).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


# From here on: how it is put together.

_LEAF: Options = {
    "cn": "laptop-1",
    "eku": (CLIENT_AUTH,),
    "key_usage": ("digital_signature",),
    "ca": False,
    "not_before": NOW - 30 * DAY,
    "not_after": NOW + 3650 * DAY,
}
_AUTHORITY: Options = {
    "cn": "Example Root CA",
    "key_usage": ("key_cert_sign", "crl_sign"),
    "ca": True,
    "not_before": NOW - 365 * DAY,
    "not_after": NOW + 7300 * DAY,
}
_SERIALS = itertools.count(1001)


def _key(settings: Options) -> PrivateKey:
    """Make the subject's key: a fresh one each time, except that RSA keys are shared by equal kind and common name."""
    wanted = settings.get("key", KeyKind.P256)
    if not isinstance(wanted, KeyKind):
        return wanted
    return private_key(wanted, str(settings.get("cn"))) if wanted.startswith("rsa") else fresh_key(wanted)


def _subject(settings: Options) -> bytes:
    subject = settings.get("subject")
    if subject is not None:
        return _name(subject)
    names = settings.get("cn") or ()
    return der.name(*(("CN", cn) for cn in ([names] if isinstance(names, str) else names)))


def _name(value: bytes | x509.Name) -> bytes:
    return value if isinstance(value, bytes) else value.public_bytes()


def _signed(settings: Options, signer: PrivateKey) -> bytes:
    """Put the body together, sign it, and give the certificate."""
    algorithm, sign = signature(signer, settings.get("digest", Digest.SHA256), pss=settings.get("pss", False))
    body = {
        Part.VERSION: der.tlv(0xA0, der.integer(2)),
        Part.SERIAL: der.integer(settings.get("serial", next(_SERIALS))),
        Part.ALGORITHM: algorithm,
        Part.ISSUER: _name(settings["issuer"]),
        Part.VALIDITY: der.tlv(der.SEQUENCE, der.time(settings["not_before"]), der.time(settings["not_after"])),
        Part.SUBJECT: _subject(settings),
        Part.PUBLIC_KEY: _public_key(settings),
        Part.EXTENSIONS: der.tlv(0xA3, der.tlv(der.SEQUENCE, *map(_extension, _extensions(settings)))),
        **settings.get("parts", {}),
    }
    tbs = der.tlv(der.SEQUENCE, *(body[part] or b"" for part in Part))
    return der.tlv(der.SEQUENCE, tbs, algorithm, der.tlv(0x03, b"\0", sign(tbs)))


def _public_key(settings: Options) -> bytes:
    key = settings["key"]
    assert not isinstance(key, KeyKind)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _extension(entry: x509.Extension[x509.ExtensionType]) -> bytes:
    """Encode one extension; ``critical`` is left out where it is FALSE, its default."""
    critical = der.tlv(0x01, b"\xff") if entry.critical else b""
    return der.tlv(der.SEQUENCE, der.oid(entry.oid.dotted_string), critical, der.tlv(0x04, entry.value.public_bytes()))


def _extensions(settings: Options) -> list[x509.Extension[x509.ExtensionType]]:
    """Gather the extensions that were asked for; those of ``extensions`` come last."""
    return [*_role(settings), *_naming(settings), *_identifiers(settings), *settings.get("extensions", ())]


def _role(settings: Options) -> Iterator[x509.Extension[x509.ExtensionType]]:
    """Say what the certificate is for: basicConstraints, keyUsage, extendedKeyUsage, policies."""
    ca, usage, purposes = settings.get("ca"), settings.get("key_usage"), settings.get("eku")
    if ca is not None:
        yield extension(x509.BasicConstraints(ca, settings.get("path_length")), critical=True)
    if usage is not None:
        yield extension(x509.KeyUsage(**{bit: bit in usage for bit in KEY_USAGES}), critical=True)
    if purposes is not None:
        content = der.tlv(der.SEQUENCE, *map(der.oid, purposes))
        yield extension(x509.UnrecognizedExtension(x509.ExtendedKeyUsage.oid, content))
    if policies := settings.get("policies"):
        known = [x509.PolicyInformation(x509.ObjectIdentifier(policy), None) for policy in policies]
        yield extension(x509.CertificatePolicies(known))


def _naming(settings: Options) -> Iterator[x509.Extension[x509.ExtensionType]]:
    """Name the subject, and limit the names that a CA may give; the names are critical where the subject is empty."""
    if sans := settings.get("sans"):
        yield extension(x509.SubjectAlternativeName(sans), critical=_subject(settings) == der.name())
    if limits := settings.get("name_constraints"):
        yield extension(limits, critical=True)
    if settings.get("unknown_critical"):
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(UNKNOWN_EXTENSION), der.tlv(0x05))
        yield extension(unknown, critical=True)


def _identifiers(settings: Options) -> Iterator[x509.Extension[x509.ExtensionType]]:
    """Identify the subject's key and the issuer's."""
    key, aki = settings["key"], settings.get("aki")
    assert not isinstance(key, KeyKind)
    if settings.get("ski", True):
        yield extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()))
    if aki is not None:
        yield extension(x509.AuthorityKeyIdentifier(aki, None, None) if isinstance(aki, bytes) else aki)


def _encryption(password: bytes | None) -> KeySerializationEncryption:
    return BestAvailableEncryption(password) if password else NoEncryption()
