"""Uploads: what is taken, what is refused with which cause, and how it is shown."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.errors import InputError, StorageError
from gatepost.wire.management.mtls_certificates import (
    MAXIMUM_CERTIFICATES,
    CertificateObject,
    Shown,
    parse_upload,
    read_first,
    to_object,
)
from tests import der
from tests.certificates import (
    CertificateAuthority,
    Digest,
    KeyKind,
    Options,
    Part,
    pem_block,
    private_key,
)


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    """Give an ordinary root."""
    return CertificateAuthority.create()


def refusal(text: str, *, ca: bool = True) -> InputError:
    """Give the refusal of an upload."""
    with pytest.raises(InputError) as caught:
        parse_upload(text, ca=ca)
    assert "/certificates" == caught.value.field
    return caught.value


def shown(text: str) -> CertificateObject:
    """Show an upload."""
    certificates = parse_upload(text, ca=True)
    return to_object(
        Shown(id="i", ca=True, certificates=text, name="", uploaded_on="2026-06-01T00:00:00Z"), certificates[0]
    )


def test_pem_and_its_base64_on_one_line_are_the_same(authority: CertificateAuthority) -> None:
    """Some clients send the latter."""
    text = authority.pem.decode()
    wrapped = base64.b64encode(authority.pem).decode()
    assert parse_upload(text, ca=True)[0].der == parse_upload(wrapped, ca=True)[0].der == authority.der


def test_an_upload_may_hold_several_authorities_in_its_order(authority: CertificateAuthority) -> None:
    """Old and new side by side is how a CA is changed; text around the blocks is passed over."""
    other = CertificateAuthority.create(cn="Another")
    text = f"old one\n{other.pem.decode()}\r\nnew one\n{authority.pem.decode()}"
    assert [other.der, authority.der] == [item.der for item in parse_upload(text, ca=True)]


@pytest.mark.parametrize(
    "kind", [KeyKind.RSA2048, KeyKind.RSA4096, KeyKind.P256, KeyKind.P384, KeyKind.P521, KeyKind.ED25519]
)
def test_each_kind_of_key_that_checks_accept_is_taken(kind: KeyKind) -> None:
    """The kinds of semantics, section 2, step 6."""
    root = CertificateAuthority.create(key=private_key(kind, "root"))
    assert parse_upload(root.pem.decode(), ca=True)


@pytest.mark.parametrize(
    ("options", "signature"),
    [
        ({"key": private_key(KeyKind.RSA2048, "sig")}, "SHA256WithRSA"),
        ({"key": private_key(KeyKind.RSA2048, "sig"), "digest": Digest.SHA1}, "SHA1WithRSA"),
        ({"key": private_key(KeyKind.RSA2048, "sig"), "digest": Digest.SHA512}, "SHA512WithRSA"),
        ({"key": private_key(KeyKind.RSA2048, "sig"), "digest": Digest.SHA384, "pss": True}, "SHA384WithRSAPSS"),
        ({"key": private_key(KeyKind.P384, "sig"), "digest": Digest.SHA384}, "ECDSAWithSHA384"),
        ({"key": private_key(KeyKind.ED25519, "sig")}, "PureEd25519"),
    ],
)
def test_the_signature_has_the_name_that_the_reference_gives_it(options: Options, signature: str) -> None:
    """Go's names."""
    assert signature == shown(CertificateAuthority.create(**options).pem.decode()).signature


@pytest.mark.parametrize("parameters", [b"", der.tlv(5), der.tlv(4, b"\xff"), der.tlv(0x30, der.tlv(0xA0, b"\0"))])
def test_a_signature_is_refused_when_its_parameters_cannot_be_read(parameters: bytes) -> None:
    """RSASSA-PSS has its digest in them (RFC 4055, 3.1)."""
    root = CertificateAuthority.create(key=private_key(KeyKind.RSA2048, "sig"))
    body, _, signature = der.parts(root.der)
    odd = der.tlv(0x30, body, der.tlv(0x30, der.oid("1.2.840.113549.1.1.10"), parameters), signature)
    assert "signed with 1.2.840.113549.1.1.10" in refusal(pem_block("CERTIFICATE", odd).decode()).problem


def test_an_upload_shows_its_first_certificate(authority: CertificateAuthority) -> None:
    """Decimal serial number, issuer most specific first without spaces, times in UTC."""
    subject = der.name(("C", "US"), ("ST", "San Francisco"), ("L", "California"), ("O", "Example Inc."))
    root = CertificateAuthority.create(subject=subject, issuer=subject, serial=2**159 - 1)
    text = root.pem.decode() + authority.pem.decode()
    found = shown(text)
    assert "O=Example Inc.,L=California,ST=San Francisco,C=US" == found.issuer
    assert str(2**159 - 1) == found.serial_number
    assert root.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ") == found.expires_on
    assert ("custom", text, None) == (found.type, found.certificates, found.updated_at)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca": False, "key_usage": None}, "CA:FALSE"),
        ({"ca": None, "key_usage": None}, "CA:FALSE"),
        ({"key_usage": ("crl_sign",)}, "key usage cRLSign"),
        ({"parts": {Part.VERSION: None, Part.EXTENSIONS: None}}, "version 1"),
    ],
)
def test_what_is_no_authority_is_refused_with_what_was_found(options: Options, words: str) -> None:
    """With ``ca``, each certificate must be able to sign others."""
    assert words in refusal(CertificateAuthority.create(**options).pem.decode()).problem


def test_a_device_certificate_is_refused_as_an_authority_and_kept_as_a_leaf(authority: CertificateAuthority) -> None:
    """The usual mistake: the certificate that was issued in the place of its issuer."""
    leaf = authority.issue(cn="laptop").pem.decode()
    assert "certificate 2 (CN=laptop)" in refusal(authority.pem.decode() + leaf).problem
    assert parse_upload(leaf, ca=False)


@pytest.mark.parametrize("kind", [KeyKind.RSA1024, KeyKind.P224, KeyKind.SECP256K1, KeyKind.BRAINPOOL, KeyKind.ED448])
def test_another_kind_of_key_is_refused_by_name(kind: KeyKind) -> None:
    """Whether it was sent as an authority or not."""
    text = CertificateAuthority.create(key=private_key(kind, "odd")).pem.decode()
    assert "RSA 2048 to 8192, P-256, P-384, P-521 or Ed25519" == refusal(text).allowed
    assert "key of another kind" in refusal(text, ca=False).problem


def test_explicit_curve_parameters_are_refused(authority: CertificateAuthority) -> None:
    """A curve of one's own makes forgeries (CVE-2020-0601 was such a one)."""
    public = authority.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    point = public[-68:]
    algorithm = der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.2.1"), der.tlv(der.SEQUENCE, der.integer(1)))
    odd = CertificateAuthority.create(parts={Part.PUBLIC_KEY: der.tlv(der.SEQUENCE, algorithm, point)})
    assert "explicit curve parameters" in refusal(odd.pem.decode()).problem


@pytest.mark.parametrize("digest", [Digest.MD5, Digest.SHA224])
def test_another_signature_is_refused(digest: Digest) -> None:
    """As by the reference."""
    text = CertificateAuthority.create(key=private_key(KeyKind.RSA2048, "weak"), digest=digest).pem.decode()
    assert "is signed with" in refusal(text).problem


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"])
def test_a_private_key_is_refused_and_not_repeated(
    authority: CertificateAuthority, label: str, *, wrapped: bool
) -> None:
    """Alone or beside its certificate, in PEM or in its base64."""
    key = pem_block(label, authority.issued.key_der())
    text = authority.pem + key
    error = refusal(base64.b64encode(text).decode() if wrapped else text.decode())
    assert "holds a private key" in error.problem
    assert all(line not in str(error) for line in key.decode().splitlines()[1:-1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no PEM certificate"),
        ("hello", "no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "its end is missing"),
        ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "not base64"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no readable certificate at place 1"),
        ("-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n", "the characters \\n"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "another kind of block"),
        ("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "another kind of block"),
        ("\ud800" * 4 + "😀", "no PEM certificate"),
    ],
)
def test_what_is_no_certificate_is_refused_with_its_cause(text: str, words: str) -> None:
    """Each in its own words."""
    assert words in refusal(text).problem


def test_more_certificates_than_are_held_against_candidates_are_refused(authority: CertificateAuthority) -> None:
    """The bound is named."""
    text = authority.pem.decode()
    assert parse_upload(text * MAXIMUM_CERTIFICATES, ca=True)
    assert f"more than {MAXIMUM_CERTIFICATES}" in refusal(text * (MAXIMUM_CERTIFICATES + 1)).problem


def test_begin_lines_without_end_are_refused() -> None:
    """A body of nothing but BEGIN lines, on which a naive expression takes half a minute."""
    assert "more than" in refusal("-----BEGIN CERTIFICATE-----\n" * 9_000).problem


def test_a_kept_upload_that_cannot_be_read_any_more_is_the_databases_fault() -> None:
    """Nothing that was taken is unreadable; what is, was changed elsewhere."""
    with pytest.raises(StorageError):
        read_first("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def test_an_odd_extension_that_nobody_asks_for_does_not_hide_an_authority() -> None:
    """Only what is asked about is read."""
    odd = x509.Extension(
        x509.ObjectIdentifier("1.3.6.1.4.1.55555.9"),
        critical=False,
        value=x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.9"), b"\xff\xff"),
    )
    assert parse_upload(CertificateAuthority.create(extensions=[odd]).pem.decode(), ca=True)
