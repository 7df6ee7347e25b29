"""PEM files: whatever the order and whichever the file, a key belongs to the certificate whose public key it has."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from tests import der
from tests.certificates import CertificateAuthority, Issued, KeyKind, Part, PrivateKey, pem_block

if TYPE_CHECKING:
    from pathlib import Path

STATEMENT = b"what is signed"


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    """Make the authority that is asked for."""
    return CertificateAuthority.create()


@pytest.fixture(scope="module")
def stranger() -> CertificateAuthority:
    """Make another authority."""
    return CertificateAuthority.create(cn="Another Root CA")


@pytest.fixture(scope="module")
def query(authority: CertificateAuthority) -> Query:
    """Ask for the authority's certificates and their keys."""
    return query_for(authority)


def query_for(authority: CertificateAuthority) -> Query:
    """Ask for an authority's certificates and their keys."""
    return Query(issuers=frozenset({parsed(authority.issued).subject.canonical}), asks_key=True)


def parsed(issued: Issued) -> Certificate:
    """Parse a certificate that must be one."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    return certificate


def store(folder: Path, **files: bytes) -> PemFiles:
    """Write files and make a store of them, in their order."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return PemFiles(tuple(str(folder / name) for name in files), Access())


def only(findings: Findings) -> Candidate:
    """Return the one candidate of findings without a fault."""
    assert () == findings.faults
    (candidate,) = findings.candidates
    return candidate


def faults(findings: Findings) -> list[tuple[str, Reason]]:
    """Return the name of each file with a fault, and the fault's reason."""
    return [(fault.location.path.rpartition("/")[2], fault.reason) for fault in findings.faults]


# --- Certificates -----------------------------------------------------------------------------------------------------


def test_certificates_of_the_issuer_are_candidates_and_the_others_are_counted(
    tmp_path: Path, authority: CertificateAuthority, stranger: CertificateAuthority, query: Query
) -> None:
    """All files are one place; each candidate says in which it lies."""
    one, two = authority.issue(cn="one"), authority.issue(cn="two")
    place = store(tmp_path, a=stranger.issue().pem + one.pem, b=two.pem + stranger.pem)
    findings = place.read(msgspec.structs.replace(query, asks_key=False))
    assert [
        (one.der, Location(store=StoreKind.PEM_FILE, path=str(tmp_path / "a")), KeyState.NOT_ASKED),
        (two.der, Location(store=StoreKind.PEM_FILE, path=str(tmp_path / "b")), KeyState.NOT_ASKED),
    ] == [(item.certificate.der, item.location, item.key) for item in findings.candidates]
    assert (2, False, ()) == (findings.others, findings.too_many, findings.faults)


def test_a_certificate_that_lies_in_two_files_is_one_candidate(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """As cert.pem and fullchain.pem have it; the first file is named."""
    leaf = authority.issue()
    candidate = only(store(tmp_path, cert=leaf.pem, fullchain=leaf.pem + leaf.pem).read(query))
    assert str(tmp_path / "cert") == candidate.location.path


def test_an_issuer_is_the_same_in_another_case_and_string_type(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """As RFC 5280, 7.1, compares names."""
    leaf = authority.issue(issuer=der.name(("CN", "EXAMPLE  root ca", der.Text.PRINTABLE)))
    assert leaf.der == only(store(tmp_path, a=leaf.pem).read(query)).certificate.der


@pytest.mark.parametrize("label", ["X509 CERTIFICATE", "CERTIFICATE"])
def test_both_labels_of_certificates_are_read(
    tmp_path: Path, authority: CertificateAuthority, query: Query, label: str
) -> None:
    """RFC 7468, 5.1, knows the older one."""
    leaf = authority.issue()
    assert leaf.der == only(store(tmp_path, a=pem_block(label, leaf.der)).read(query)).certificate.der


@pytest.mark.parametrize("label", ["TRUSTED CERTIFICATE", "CERTIFICATE REQUEST", "X509 CRL", "OPENSSH PRIVATE KEY"])
def test_blocks_of_other_labels_are_passed_over(
    tmp_path: Path, authority: CertificateAuthority, query: Query, label: str
) -> None:
    """A file may hold anything else besides; that is no fault."""
    assert Findings() == store(tmp_path, a=pem_block(label, authority.issue().der)).read(query)


@pytest.mark.parametrize(
    "block",
    [
        pem_block("CERTIFICATE", b"\x30\x03\x02\x01\x00"),
        b"-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB",
    ],
)
def test_a_certificate_that_cannot_be_read_is_a_malformed_candidate(
    tmp_path: Path, authority: CertificateAuthority, query: Query, block: bytes
) -> None:
    """Nobody knows who issued it, and it hides nothing beside it."""
    leaf = authority.issue()
    findings = store(tmp_path, a=leaf.pem + leaf.key_pem() + block).read(query)
    good, bad = findings.candidates
    assert (leaf.der, KeyState.PRESENT) == (good.certificate.der, good.key)
    assert isinstance(bad.certificate, Malformed)
    assert bad.certificate.detail
    assert KeyState.NOT_ASKED is bad.key


def test_comments_and_a_byte_order_mark_do_no_harm(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Editors and ``openssl`` leave them, in any encoding."""
    leaf = authority.issue()
    content = b"\xef\xbb\xbf" + leaf.pem + "Gerät: ".encode("latin-1") + b"\xff\0\n" + leaf.key_pem()
    assert KeyState.PRESENT is only(store(tmp_path, a=content).read(query)).key


def test_no_candidate_is_cut_off(tmp_path: Path, authority: CertificateAuthority, query: Query) -> None:
    """The files' size bounds them, and which of the files has too many is then known."""
    leaves = [authority.issue() for _ in range(3)]
    place = store(tmp_path, a=leaves[0].pem, b=b"".join(leaf.pem for leaf in leaves))
    found = place.read(msgspec.structs.replace(query, limit=2))
    assert (3, False) == (len(found.candidates), found.too_many)
    assert ["a", "b", "b"] == [item.location.path.rpartition("/")[2] for item in found.candidates]


def test_the_command_shows_the_certificate_to_a_person(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Run for real."""
    place = store(tmp_path, a=authority.issue(cn="seen-by-hand").pem)
    command = place.command(only(place.read(query)))
    assert "seen-by-hand" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_all_files_are_watched() -> None:
    """Also those that are not there yet."""
    assert ("/a", "/b") == PemFiles(("/a", "/b"), Access()).watched


# --- Faults -----------------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Each has its own fault, with its own path."""
    leaf = authority.issue()
    place = store(tmp_path, empty=b"", binary=leaf.der, open=leaf.pem, missing=b"", good=leaf.pem, large=b"x" * 2**21)
    (tmp_path / "missing").unlink()
    (tmp_path / "open").chmod(0o666)
    findings = place.read(query)
    assert [str(tmp_path / "good")] == [item.location.path for item in findings.candidates]
    assert [
        ("empty", Reason.STORE_CORRUPT),
        ("binary", Reason.STORE_CORRUPT),
        ("open", Reason.PATH_REFUSED),
        ("missing", Reason.STORE_MISSING),
        ("large", Reason.STORE_UNREADABLE),
    ] == faults(findings)


@pytest.mark.parametrize(("content", "what"), [(b"", "is empty"), (b"words", "has no PEM block in it")])
def test_the_detail_says_that_a_file_is_no_pem_file(tmp_path: Path, query: Query, content: bytes, what: str) -> None:
    """An empty file is what an interrupted renewal leaves."""
    (fault,) = store(tmp_path, file=content).read(query).faults
    assert f"{tmp_path / 'file'} {what}, so it is no PEM file" == fault.detail


def test_a_file_of_more_blocks_than_are_scanned_is_a_fault(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Behind the last block that was scanned may stand the very certificate: that is no "not found"."""
    leaf = authority.issue().pem
    filler = pem_block("X", b"x")
    assert [] == faults(store(tmp_path, a=filler * 1_998 + leaf).read(query))
    assert [("b", Reason.STORE_UNREADABLE)] == faults(store(tmp_path, b=filler * 2_000 + leaf).read(query))


# --- Keys -------------------------------------------------------------------------------------------------------------

SIGNING_KINDS = [
    KeyKind.RSA2048,
    KeyKind.RSA3072,
    KeyKind.P256,
    KeyKind.P384,
    KeyKind.P521,
    KeyKind.ED25519,
]


@pytest.mark.parametrize("kind", SIGNING_KINDS)
def test_a_key_of_every_kind_signs_what_its_certificate_verifies(
    tmp_path: Path, authority: CertificateAuthority, query: Query, kind: KeyKind
) -> None:
    """By our own judgement and by ``cryptography`` alone."""
    leaf = authority.issue(key=kind)
    place = store(tmp_path, cert=leaf.pem, key=leaf.key_pem())
    candidate = only(place.read(query))
    signature = place.sign(candidate, STATEMENT)
    assert KeyState.PRESENT is candidate.key
    assert isinstance(signature, bytes)
    assert verify_signature(parsed(leaf).public_key, signature, STATEMENT)
    verify_with_cryptography(leaf.key, signature)


def verify_with_cryptography(key: PrivateKey, signature: bytes) -> None:
    """Verify a possession signature without our own code; raises InvalidSignature."""
    match key:
        case rsa.RSAPrivateKey():
            key.public_key().verify(signature, STATEMENT, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            half = len(signature) // 2
            encoded = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            digest = hashes.SHA256() if key.key_size == 256 else hashes.SHA384()
            key.public_key().verify(encoded, STATEMENT, ec.ECDSA(digest))
        case ed25519.Ed25519PrivateKey():
            key.public_key().verify(signature, STATEMENT)
        case _:
            pytest.fail("a kind of key that signs nothing")


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P256])
def test_keys_of_the_older_forms_are_found(
    tmp_path: Path, authority: CertificateAuthority, query: Query, kind: KeyKind
) -> None:
    """``RSA PRIVATE KEY`` (RFC 8017) and ``EC PRIVATE KEY`` (RFC 5915), the latter behind its parameters."""
    leaf = authority.issue(key=kind)
    key = leaf.key_pem(form=PrivateFormat.TraditionalOpenSSL)
    assert b"-----BEGIN PRIVATE KEY" not in key
    parameters = pem_block("EC PARAMETERS", bytes.fromhex("06082a8648ce3d030107"))
    place = store(tmp_path, a=parameters + key + leaf.pem)
    candidate = only(place.read(query))
    assert KeyState.PRESENT is candidate.key
    assert isinstance(place.sign(candidate, STATEMENT), bytes)


def test_each_certificate_finds_its_key_whatever_the_order_and_the_file(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Keys before certificates, in other files, in a file of their own."""
    one, two, three = (authority.issue(cn=name) for name in ("one", "two", "three"))
    place = store(tmp_path, a=two.key_pem() + one.pem, b=one.key_pem(), c=three.pem + two.pem + three.key_pem())
    findings = place.read(query)
    assert [KeyState.PRESENT] * 3 == [item.key for item in findings.candidates]
    for issued, candidate in zip((one, three, two), findings.candidates, strict=True):
        signature = place.sign(candidate, STATEMENT)
        assert isinstance(signature, bytes)
        assert verify_signature(parsed(issued).public_key, signature, STATEMENT)


def test_a_certificate_without_any_key_has_none(tmp_path: Path, authority: CertificateAuthority, query: Query) -> None:
    """And nothing signs."""
    place = store(tmp_path, a=authority.issue().pem)
    candidate = only(place.read(query))
    assert (KeyState.MISSING, "there is no private key in these files") == (candidate.key, candidate.key_detail)
    assert Unsigned("there is no private key in these files", KeyState.MISSING) == place.sign(candidate, STATEMENT)


def test_a_key_of_another_certificate_is_a_mismatch(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """The same algorithm and size do not make it the same key."""
    place = store(tmp_path, a=authority.issue().pem, b=authority.issue().key_pem())
    candidate = only(place.read(query))
    assert KeyState.MISMATCH is candidate.key
    answer = place.sign(candidate, STATEMENT)
    assert isinstance(answer, Unsigned)
    assert KeyState.MISMATCH is answer.state


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_locked_when_no_other_fits(
    tmp_path: Path, authority: CertificateAuthority, query: Query, form: PrivateFormat
) -> None:
    """The detail names its file; another certificate's plain key beside it changes nothing."""
    leaf, other = authority.issue(), authority.issue()
    place = store(tmp_path, a=leaf.pem, b=leaf.key_pem(b"secret", form), c=other.key_pem())
    candidate = only(place.read(query))
    detail = f"the private key in {tmp_path / 'b'} is encrypted"
    assert (KeyState.LOCKED, detail) == (candidate.key, candidate.key_detail)
    assert Unsigned(detail, KeyState.LOCKED) == place.sign(candidate, STATEMENT)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_signs_when_the_settings_name_its_password(
    tmp_path: Path, authority: CertificateAuthority, query: Query, form: PrivateFormat
) -> None:
    """The password file's line end does not belong to the password; a wrong one leaves the key locked."""
    leaf = authority.issue()
    key, right, wrong = tmp_path / "b", tmp_path / "right", tmp_path / "wrong"
    store(tmp_path, a=leaf.pem, b=leaf.key_pem(b"secret", form), right=b"secret\n", wrong=b"guess\n")
    paths = (str(tmp_path / "a"), str(key))
    opened = PemFiles(paths, Access(), {str(key): str(right)})
    candidate = only(opened.read(query))
    assert KeyState.PRESENT is candidate.key
    signature = opened.sign(candidate, STATEMENT)
    assert isinstance(signature, bytes)
    assert isinstance(candidate.certificate, Certificate)
    assert verify_signature(candidate.certificate.public_key, signature, STATEMENT)
    assert KeyState.LOCKED is only(PemFiles(paths, Access(), {str(key): str(wrong)}).read(query)).key
    assert KeyState.LOCKED is only(PemFiles(paths, Access(), {str(key): str(tmp_path / "none")}).read(query)).key


def test_an_encrypted_key_does_not_matter_when_a_plain_one_fits(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Whose the encrypted one is, nobody asks."""
    leaf = authority.issue()
    place = store(tmp_path, a=leaf.pem, b=leaf.key_pem(b"secret"), c=leaf.key_pem())
    assert KeyState.PRESENT is only(place.read(query)).key


@pytest.mark.parametrize(
    "block",
    [
        pem_block("PRIVATE KEY", b"\x30\x00"),
        b"-----BEGIN PRIVATE KEY-----\nno base64!\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nMIIB",
    ],
)
def test_what_only_calls_itself_a_key_is_none(
    tmp_path: Path, authority: CertificateAuthority, query: Query, block: bytes
) -> None:
    """The detail names the file, so that somebody can look."""
    candidate = only(store(tmp_path, a=authority.issue().pem, b=block).read(query))
    detail = f"the private key in {tmp_path / 'b'} cannot be read"
    assert (KeyState.MISSING, detail) == (candidate.key, candidate.key_detail)


def test_keys_are_looked_for_only_when_the_check_asks(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """Not asked is not missing."""
    leaf = authority.issue()
    asked = msgspec.structs.replace(query, asks_key=False)
    assert KeyState.NOT_ASKED is only(store(tmp_path, a=leaf.pem + leaf.key_pem()).read(asked)).key


def test_a_compressed_point_in_a_certificate_is_the_same_key(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """RFC 5480, 2.2, allows it; the key's own file has the point whole."""
    leaf = authority.issue(
        parts={Part.PUBLIC_KEY: _compressed(key := ec.generate_private_key(ec.SECP256R1()))}, key=key
    )
    place = store(tmp_path, a=leaf.pem + leaf.key_pem())
    candidate = only(place.read(query))
    assert KeyState.PRESENT is candidate.key
    assert isinstance(place.sign(candidate, STATEMENT), bytes)


def _compressed(key: ec.EllipticCurvePrivateKey) -> bytes:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"))
    return der.tlv(der.SEQUENCE, algorithm, der.tlv(0x03, b"\0", point))


def test_a_public_key_that_nobody_can_load_has_no_key(
    tmp_path: Path, authority: CertificateAuthority, query: Query
) -> None:
    """A certificate may hold any algorithm."""
    unknown = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid("1.2.3.4")), der.tlv(0x03, b"\0\1"))
    leaf = authority.issue(parts={Part.PUBLIC_KEY: unknown})
    assert KeyState.MISMATCH is only(store(tmp_path, a=leaf.pem + leaf.key_pem()).read(query)).key


# --- Signing ----------------------------------------------------------------------------------------------------------


def test_a_key_is_read_anew_for_each_signature(tmp_path: Path, authority: CertificateAuthority, query: Query) -> None:
    """Nothing of a key is kept between reading and signing."""
    leaf = authority.issue()
    place = store(tmp_path, a=leaf.pem, b=leaf.key_pem())
    candidate = only(place.read(query))
    (tmp_path / "b").unlink()
    answer = place.sign(candidate, STATEMENT)
    assert isinstance(answer, Unsigned)
    assert KeyState.MISSING is answer.state
    assert f"{tmp_path / 'b'}: No such file or directory" in answer.detail


def test_what_is_no_certificate_signs_nothing(tmp_path: Path, query: Query) -> None:
    """It has no public key."""
    place = store(tmp_path, a=pem_block("CERTIFICATE", b"x"))
    answer = place.sign(only(place.read(query)), STATEMENT)
    assert isinstance(answer, Unsigned)
    assert KeyState.MISSING is answer.state


@pytest.mark.parametrize("key", [KeyKind.ED448, KeyKind.SECP256K1, KeyKind.RSA1024, x25519.X25519PrivateKey.generate()])
def test_a_key_of_a_kind_that_does_not_sign_is_unusable(
    tmp_path: Path, authority: CertificateAuthority, query: Query, key: KeyKind | x25519.X25519PrivateKey
) -> None:
    """It is there, and what it would sign nobody verifies."""
    if isinstance(key, KeyKind):
        leaf = authority.issue(key=key)
        content = leaf.key_pem()
    else:
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        leaf = authority.issue(parts={Part.PUBLIC_KEY: spki})
        content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    place = store(tmp_path, a=leaf.pem + content)
    answer = place.sign(only(place.read(query)), STATEMENT)
    assert Unsigned(f"the private key in {tmp_path / 'a'} is of a kind that does not sign") == answer


@pytest.mark.parametrize(("exponent", "prime", "words"), [(2, 0, "signs wrongly"), (0, 1, "does not sign: ValueError")])
def test_a_damaged_key_gives_no_signature_away(
    tmp_path: Path, authority: CertificateAuthority, query: Query, exponent: int, prime: int, words: str
) -> None:
    """An RSA key with a wrong exponent, or an even prime: a wrong signature could give the other prime away."""
    leaf = authority.issue(key=KeyKind.RSA2048)
    assert isinstance(leaf.key, rsa.RSAPrivateKey)
    damaged = _damaged(leaf.key.private_numbers(), exponent, prime)
    place = store(tmp_path, a=leaf.pem + pem_block("RSA PRIVATE KEY", damaged))
    candidate = only(place.read(query))
    assert KeyState.PRESENT is candidate.key
    assert Unsigned(f"the private key in {tmp_path / 'a'} {words}") == place.sign(candidate, STATEMENT)


def _damaged(key: rsa.RSAPrivateNumbers, exponent: int, prime: int) -> bytes:
    """Encode an RSAPrivateKey (RFC 8017, A.1.2) with bits of its exponents, or of its first prime, turned over."""
    public = key.public_numbers
    values = [0, public.n, public.e, key.d ^ exponent, key.p ^ prime, key.q]
    return der.tlv(der.SEQUENCE, *map(der.integer, [*values, key.dmp1 ^ exponent, key.dmq1, key.iqmp]))
