"""The certificates for tests are themselves judged by ``openssl`` and by the builder of ``cryptography``."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests import der
from tests.certificates import (
    DAY,
    EMAIL_PROTECTION,
    KEY_USAGES,
    NOW,
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
    private_key,
    upn,
    uri,
    with_broken_signature,
)

if TYPE_CHECKING:
    from pathlib import Path


def openssl_verify(folder: Path, authority: CertificateAuthority, leaf: Issued, *options: str) -> str:
    """Ask ``openssl verify`` about ``leaf`` at ``NOW``; "OK" or its complaint."""
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "leaf.pem").write_bytes(leaf.pem)
    instant = str(int(NOW.timestamp()))
    command = ["openssl", "verify", "-x509_strict", "-attime", instant, *options, "-trusted", "ca.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "OK" if done.returncode == 0 and done.stdout == "leaf.pem: OK\n" else done.stderr


def test_an_ordinary_certificate_equals_the_builders_when_both_make_it() -> None:
    """RSA's signature is deterministic, so that ours and the builder's certificate agree in each byte."""
    key = private_key(KeyKind.RSA2048, "compared")
    assert isinstance(key, rsa.RSAPrivateKey)
    authority = CertificateAuthority.create(key=key, cn="Example", serial=77, path_length=0)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example")])
    usage = x509.KeyUsage(**{bit: bit in {"key_cert_sign", "crl_sign"} for bit in KEY_USAGES})
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    expected = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=77)
        .not_valid_before(NOW - 365 * DAY)
        .not_valid_after(NOW + 7300 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(ski, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(ski.digest, None, None), critical=False)
        .sign(key, hashes.SHA256())
    )

    assert expected == authority.certificate


def test_an_ordinary_certificate_is_taken_when_openssl_judges_strictly(tmp_path: Path) -> None:
    """A root and its client certificate with every kind of name verify for clients of TLS."""
    authority = CertificateAuthority.create()
    names = [dns("a.example"), email("a@b.example"), uri("urn:a:b"), ip("2001:db8::1"), upn("a@corp.example")]
    leaf = authority.issue(cn="laptop-1", sans=names, policies=["1.2.3.4.5"])

    assert openssl_verify(tmp_path, authority, leaf, "-purpose", "sslclient") == "OK"
    assert names == list(leaf.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def test_a_subordinate_chain_is_taken_when_openssl_has_the_root_alone(tmp_path: Path) -> None:
    """A subordinate CA issues, and openssl builds the path to the root."""
    root = CertificateAuthority.create()
    middle = root.subordinate(path_length=0)
    (tmp_path / "middle.pem").write_bytes(middle.pem)

    assert openssl_verify(tmp_path, root, middle.issue(), "-untrusted", "middle.pem") == "OK"


@pytest.mark.parametrize("kind", [kind for kind in KeyKind if kind is not KeyKind.RSA4096])
def test_a_key_signs_when_it_is_of_any_kind(tmp_path: Path, kind: KeyKind) -> None:
    """Each kind of key can be an authority's and a subject's, and openssl verifies its signature."""
    authority = CertificateAuthority.create(key=kind)
    leaf = authority.issue(key=kind)

    assert openssl_verify(tmp_path, authority, leaf, "-auth_level", "0") == "OK"
    assert leaf.certificate.public_key() == leaf.key.public_key()


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("digest", [Digest.SHA256, Digest.SHA384, Digest.SHA512])
def test_an_rsa_signature_verifies_when_any_digest_and_padding_is_asked_for(
    tmp_path: Path, digest: Digest, *, pss: bool
) -> None:
    """The identifiers of the RSA signatures name what was done."""
    authority = CertificateAuthority.create(key=KeyKind.RSA2048)

    assert openssl_verify(tmp_path, authority, authority.issue(digest=digest, pss=pss)) == "OK"


@pytest.mark.parametrize(
    ("kind", "digest"), [(KeyKind.RSA2048, Digest.MD5), (KeyKind.RSA2048, Digest.SHA1), (KeyKind.P256, Digest.SHA1)]
)
def test_a_weak_signature_verifies_when_openssl_is_told_to_allow_it(
    tmp_path: Path, kind: KeyKind, digest: Digest
) -> None:
    """A weak signature is a right signature, so that a test sees the weakness refused and not a mistake."""
    authority = CertificateAuthority.create(key=kind)

    assert openssl_verify(tmp_path, authority, authority.issue(digest=digest), "-auth_level", "0") == "OK"


def test_a_signature_does_not_verify_when_it_was_broken(tmp_path: Path) -> None:
    """One bit turned over is a certificate signature failure."""
    authority = CertificateAuthority.create(key=KeyKind.RSA2048)
    broken = with_broken_signature(authority.issue())

    assert "certificate signature failure" in openssl_verify(tmp_path, authority, broken)


def test_oddities_are_there_when_they_are_asked_for() -> None:
    """Several common names, no EKU, an empty EKU, a raw name, serial 0 and an unknown critical extension."""
    authority = CertificateAuthority.create(subject=der.name(("O", "EXAMPLE  Inc", der.Text.PRINTABLE), ("CN", "R")))
    leaf = authority.issue(cn=["a", "b"], eku=None, unknown_critical=True)
    certificate = leaf.certificate

    assert [str(entry.value) for entry in certificate.subject] == ["a", "b"]
    assert certificate.issuer.rfc4514_string() == "CN=R,O=EXAMPLE  Inc"
    assert [
        entry.oid.dotted_string
        for entry in certificate.extensions
        if isinstance(entry.value, x509.UnrecognizedExtension) and entry.critical
    ] == ["1.3.6.1.4.1.55555.1"]
    assert b"\x06\x03\x55\x1d\x25\x04\x02\x30\x00" in authority.issue(eku=[]).der
    assert der.parts(der.parts(authority.issue(serial=0).der)[0])[Part.SERIAL] == b"\x02\x01\x00"


def test_an_rsa_key_is_made_once_when_kind_and_name_are_the_same() -> None:
    """RSA keys are shared by kind and common name, others never, so that two certificates differ in their keys."""
    authority = CertificateAuthority.create()

    assert authority.issue(key=KeyKind.RSA2048).key is authority.issue(key=KeyKind.RSA2048).key
    assert authority.issue(key=KeyKind.RSA2048).key is not authority.issue(key=KeyKind.RSA2048, cn="other").key
    assert authority.issue().key.public_key() != authority.issue().key.public_key()


def test_a_part_is_left_out_when_none_stands_for_it(tmp_path: Path) -> None:
    """Without the parts for version and extensions it is a certificate of version 1, rightly signed."""
    authority = CertificateAuthority.create()
    first = authority.issue(parts={Part.VERSION: None, Part.EXTENSIONS: None})

    assert first.certificate.version is x509.Version.v1
    assert openssl_verify(tmp_path, authority, first) == "OK"


def test_an_extension_stands_twice_when_it_is_added() -> None:
    """Equal extensions are what the builder refuses and a parser must survive."""
    twice = extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]))
    leaf = CertificateAuthority.create().issue(eku=[EMAIL_PROTECTION], extensions=[twice])

    with pytest.raises(x509.DuplicateExtension):
        _ = leaf.certificate.extensions


def test_name_constraints_are_enforced_when_openssl_verifies(tmp_path: Path) -> None:
    """A name outside the permitted tree is a violation, one inside is not."""
    authority = CertificateAuthority.create(name_constraints=constraints(permitted=[dns("example.com")]))

    assert openssl_verify(tmp_path, authority, authority.issue(sans=[dns("a.example.com")])) == "OK"
    assert "permitted subtree violation" in openssl_verify(tmp_path, authority, authority.issue(sans=[dns("b.org")]))


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.RSA2048])
def test_a_pkcs12_file_is_imported_when_nss_reads_it(tmp_path: Path, kind: KeyKind) -> None:
    """``pk12util`` takes certificate and key, and ``certutil`` lists them under the name."""
    authority = CertificateAuthority.create()
    database = f"sql:{tmp_path}"
    (tmp_path / "leaf.p12").write_bytes(authority.issue(key=kind).p12("laptop-1", b"secret", [authority.issued]))
    for command in (
        ["certutil", "-N", "-d", database, "--empty-password"],
        ["pk12util", "-i", str(tmp_path / "leaf.p12"), "-d", database, "-W", "secret", "-K", ""],
    ):
        subprocess.run(command, check=True, capture_output=True)
    listing = subprocess.run(["certutil", "-K", "-d", database], check=True, capture_output=True, text=True)

    assert "laptop-1" in listing.stdout
