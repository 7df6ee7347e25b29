"""The extensions of what the toolkit issues (RFC 5280 4.2), for authorities and for clients."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, assert_never

from cryptography import x509
from cryptography.hazmat import asn1

from gatepost.pki.request import AlternativeName, CertificateRequest, NameKind, Subject

if TYPE_CHECKING:
    from gatepost.pki.keys import PublicKey

Extensions = tuple[x509.Extension[x509.ExtensionType], ...]

_USER_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_USAGES = (
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


def authority_extensions(key: PublicKey, path_length: int, parent: x509.Certificate | None) -> Extensions:
    """Give an authority's extensions; below ``parent``, also the identifier of its key."""
    extensions = (
        _extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True),
        _extension(_key_usage("key_cert_sign", "crl_sign"), critical=True),
        _extension(x509.SubjectKeyIdentifier.from_public_key(key)),
    )
    return extensions if parent is None else (*extensions, _extension(authority_key_identifier(parent)))


def client_extensions(request: CertificateRequest, key: PublicKey, issuer: x509.Certificate) -> Extensions:
    """Give the extensions of a client certificate: those that every one has, and those that were asked for."""
    extensions: list[x509.Extension[x509.ExtensionType]] = [
        _extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        _extension(_key_usage("digital_signature"), critical=True),
        _extension(x509.SubjectKeyIdentifier.from_public_key(key)),
        _extension(authority_key_identifier(issuer)),
    ]
    if request.purposes:
        extensions.append(_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in request.purposes])))
    if request.names:
        # The names are critical where they alone name the subject (RFC 5280 4.2.1.6).
        names = x509.SubjectAlternativeName([_general_name(name) for name in request.names])
        extensions.append(_extension(names, critical=request.subject == Subject()))
    if request.policies:
        policies = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in request.policies]
        extensions.append(_extension(x509.CertificatePolicies(policies)))
    return tuple(extensions)


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Identify the issuer's key as its own certificate does (RFC 5280 4.2.1.1)."""
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def signing_path_length(certificate: x509.Certificate) -> int | None:
    """Say how many levels of authorities may stand below the one of ``certificate``; None where it sets no limit."""
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)


def _key_usage(*asked: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in asked for usage in _USAGES})


def _general_name(name: AlternativeName) -> x509.GeneralName:
    match name.kind:
        case NameKind.DNS:
            return x509.DNSName(name.value)
        case NameKind.EMAIL:
            return x509.RFC822Name(name.value)
        case NameKind.URI:
            return x509.UniformResourceIdentifier(name.value)
        case NameKind.IP:
            return x509.IPAddress(ip_address(name.value))
        case NameKind.UPN:
            return x509.OtherName(_USER_PRINCIPAL_NAME, asn1.encode_der(name.value))
        case _:
            assert_never(name.kind)
