"""What the authority makes is judged by ``openssl`` and by NSS's ``certutil`` and ``pk12util``."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.errors import InputError, StateError
from gatepost.pki.authority import Made, Output, create_authority, issue, open_authority
from gatepost.pki.request import (
    PURPOSES,
    AlternativeName,
    AuthorityRequest,
    CertificateRequest,
    KeyKind,
    NameKind,
    Subject,
    Validity,
)
from tests.pki.peers import NOW, new_nss_database, run, text, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.pki.authority import Authority

    Random = Callable[[int], bytes]

YEAR = Validity(not_before=NOW, not_after=NOW + timedelta(days=365))
LAPTOP = CertificateRequest(subject=Subject(cn="laptop-1"), validity=YEAR)
REFUSED_MODES = [0o640, 0o604, 0o660]


def issued(authority: Authority, request: CertificateRequest, folder: Path, random: Random) -> Made:
    """Issue under the name ``laptop-1`` into ``folder / "out"``."""
    return issue(authority, request, Output(folder=folder / "out", name="laptop-1", pkcs12=True), NOW, random)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def subordinate(path_length: int, **subject: str) -> AuthorityRequest:
    """Ask for an authority below another, or for a root of a year."""
    return AuthorityRequest(subject=Subject(**subject), validity=YEAR, path_length=path_length)


@pytest.mark.usefixtures("authority")
def test_a_root_is_what_openssl_reads_when_it_was_made(tmp_path: Path) -> None:
    """Names, constraints and identifiers are those of a root that signs certificates and lists, one level deep."""
    read = text(tmp_path / "ca" / "ca.pem")

    assert verify(tmp_path / "ca" / "ca.pem", tmp_path / "ca" / "ca.pem") == "OK"
    assert r"Subject: CN=Example Root,OU=Devices,O=Example\, Inc." in read
    assert re.search(r"Basic Constraints: critical\n *CA:TRUE, pathlen:0\n", read)
    assert re.search(r"Key Usage: critical\n *Certificate Sign, CRL Sign\n", read)
    assert "Subject Key Identifier" in read


@pytest.mark.usefixtures("authority")
def test_a_root_is_its_owners_alone_when_it_was_made(tmp_path: Path) -> None:
    """The folder, the key and the index are for the owner, the certificate is for all, and nothing else is there."""
    folder = tmp_path / "ca"

    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "ca.pem": 0o644 & ~_umask(),
        "ca.key": 0o600,
        "issued.jsonl": 0o600,
    }
    assert mode(folder) == 0o700


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("kind", KeyKind)
def test_a_chain_verifies_when_its_keys_are_of_any_kind(tmp_path: Path, randomness: Random, kind: KeyKind) -> None:
    """Each kind of key signs as an authority's and stands in a client's certificate, with its file beside it."""
    request = AuthorityRequest(subject=Subject(cn="Root"), validity=YEAR, key=kind)
    create_authority(tmp_path / "ca", request, None, NOW, randomness)
    authority = open_authority(tmp_path / "ca", "--ca")
    made = issued(authority, msgspec.structs.replace(LAPTOP, key=kind), tmp_path, randomness)

    assert verify(tmp_path / "ca" / "ca.pem", made.certificate, "-purpose", "sslclient") == "OK"
    assert made.key is not None
    assert run("openssl", "pkey", "-in", made.key, "-pubout") == run(
        "openssl", "x509", "-in", made.certificate, "-noout", "-pubkey"
    )


def test_a_certificate_is_what_openssl_reads_when_everything_was_asked_for(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Every kind of name, two purposes and a policy arrive as they were asked for."""
    request = CertificateRequest(
        subject=Subject(cn="laptop-1"),
        validity=YEAR,
        names=(
            AlternativeName(NameKind.DNS, "laptop-1.example.com"),
            AlternativeName(NameKind.EMAIL, "ada@example.com"),
            AlternativeName(NameKind.URI, "urn:uuid:0b5c1e52"),
            AlternativeName(NameKind.IP, "2001:db8::1"),
            AlternativeName(NameKind.UPN, "ada@corp.example"),
        ),
        purposes=(PURPOSES["clientAuth"], PURPOSES["emailProtection"]),
        policies=("1.3.6.1.4.1.5.2",),
    )

    read = text(issued(authority, request, tmp_path, randomness).certificate)

    names = "DNS:laptop-1.example.com, email:ada@example.com, URI:urn:uuid:0b5c1e52, IP Address:2001:DB8:0:0:0:0:0:1"
    assert f"X509v3 Subject Alternative Name: \n                {names}, othername: UPN::ada@corp.example\n" in read
    assert re.search(r"Key Usage: critical\n *Digital Signature\n", read)
    assert re.search(r"Basic Constraints: critical\n *CA:FALSE\n", read)
    assert re.search(r"Extended Key Usage: \n *TLS Web Client Authentication, E-mail Protection\n", read)
    assert "Policy: 1.3.6.1.4.1.5.2\n" in read
    assert "Not Before: Jun  1 12:00:00 2026 GMT" in read
    assert "Not After : Jun  1 12:00:00 2027 GMT" in read


def test_a_certificate_is_for_clients_of_tls_when_no_purpose_was_asked_for(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """It is taken as a client's, and as nobody else's."""
    made = issued(authority, LAPTOP, tmp_path, randomness)

    assert verify(authority.folder / "ca.pem", made.certificate, "-purpose", "sslclient") == "OK"
    for other in ("sslserver", "smimesign"):
        assert "unsuitable certificate purpose" in verify(
            authority.folder / "ca.pem", made.certificate, "-purpose", other
        )


def test_a_certificate_has_no_extended_key_usage_when_it_was_asked_for_none(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Without purposes the extension is not there at all; an empty one would be malformed."""
    made = issued(authority, msgspec.structs.replace(LAPTOP, purposes=()), tmp_path, randomness)

    assert "Extended Key Usage" not in text(made.certificate)


def test_the_names_are_critical_when_the_subject_is_empty(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """RFC 5280 4.1.2.6; OpenSSL's strict judgement insists on it."""
    name = AlternativeName(NameKind.UPN, "ada@corp.example")
    request = CertificateRequest(subject=Subject(), validity=YEAR, names=(name,))
    made = issued(authority, request, tmp_path, randomness)

    assert verify(authority.folder / "ca.pem", made.certificate) == "OK"
    assert "Subject Alternative Name: critical" in text(made.certificate)


def test_a_certificate_has_expired_when_its_end_lies_before_now(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """What is over can be made too, to try what happens then."""
    span = Validity(not_before=datetime(2026, 1, 1, tzinfo=UTC), not_after=datetime(2026, 2, 1, tzinfo=UTC))
    made = issued(authority, msgspec.structs.replace(LAPTOP, validity=span), tmp_path, randomness)

    assert "certificate has expired" in verify(authority.folder / "ca.pem", made.certificate)


def test_what_is_said_of_a_certificate_is_what_openssl_says(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Serial number, fingerprint, names and dates are those of the file."""
    made = issued(authority, LAPTOP, tmp_path, randomness)

    fields = ("-serial", "-fingerprint", "-sha256", "-subject", "-issuer", "-nameopt", "RFC2253")
    said = run("openssl", "x509", "-in", made.certificate, "-noout", *fields)
    digest = made.sha256.upper()
    fingerprint = ":".join(digest[start : start + 2] for start in range(0, len(digest), 2))
    assert said.splitlines() == [
        f"serial={made.serial}",
        f"sha256 Fingerprint={fingerprint}",
        f"subject={made.subject}",
        f"issuer={made.issuer}",
    ]
    assert (made.not_before, made.not_after) == (NOW.replace(microsecond=0), NOW.replace(year=2027, microsecond=0))


@pytest.mark.parametrize(
    ("drawn", "expected"), [(b"\xff" * 20, 2**159 - 1), (b"\x00" * 20, 1), (b"\x00" * 19 + b"\x01", 1)]
)
def test_a_serial_number_is_positive_and_has_159_bits_when_any_bytes_are_drawn(
    tmp_path: Path, drawn: bytes, expected: int
) -> None:
    """RFC 5280 4.1.2.2: above zero, and at most 20 bytes with its sign."""
    create_authority(tmp_path / "ca", subordinate(0, cn="Root"), None, NOW, lambda length: drawn[:length])

    assert expected == open_authority(tmp_path / "ca", "--ca").certificate.serial_number


@pytest.mark.parametrize("password", [None, b"a secret"])
@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.RSA2048])
def test_nss_takes_a_certificate_and_its_key_when_it_was_issued_as_pkcs12(
    authority: Authority, tmp_path: Path, randomness: Random, *, password: bytes | None, kind: KeyKind
) -> None:
    """``pk12util`` imports it, ``certutil`` finds the key, and verifies it as a client's under the root."""
    database = new_nss_database(tmp_path / "nss")
    output = Output(folder=tmp_path, name="laptop-1", pkcs12=True, password=password)
    made = issue(authority, msgspec.structs.replace(LAPTOP, key=kind), output, NOW, randomness)
    assert made.pkcs12 is not None
    assert mode(made.pkcs12) == 0o600

    run("pk12util", "-i", made.pkcs12, "-d", database, "-W", (password or b"").decode(), "-K", "")
    run("certutil", "-A", "-d", database, "-n", "root", "-t", "T,,", "-i", authority.folder / "ca.pem")

    assert "laptop-1" in run("certutil", "-K", "-d", database)
    judged = run("certutil", "-V", "-d", database, "-n", "laptop-1", "-u", "C", "-b", f"{NOW:%y%m%d%H%M%SZ}")
    assert judged == "certutil: certificate is valid\n"


def test_the_key_of_a_request_is_certified_when_openssl_made_the_request(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """The key is the request's, the names are the authority's choice, and no key file is written."""
    key, csr = tmp_path / "own.key", tmp_path / "own.csr"
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=root", "-out", csr)
    request = msgspec.structs.replace(LAPTOP, csr=csr.read_bytes())

    made = issue(authority, request, Output(folder=tmp_path, name="own2"), NOW, randomness)

    assert verify(authority.folder / "ca.pem", made.certificate, "-purpose", "sslclient") == "OK"
    assert made.subject == "CN=laptop-1"
    assert made.key is None
    assert not (tmp_path / "own2.key").exists()
    assert run("openssl", "pkey", "-in", key, "-pubout") == run(
        "openssl", "x509", "-in", made.certificate, "-noout", "-pubkey"
    )


def test_the_key_of_a_request_is_certified_when_it_is_der(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """As ``certutil -R`` writes it unless told otherwise."""
    database = new_nss_database(tmp_path / "nss")
    csr, noise = tmp_path / "own.csr", tmp_path / "noise"
    noise.write_bytes(bytes(range(256)))
    run("certutil", "-R", "-d", database, "-s", "CN=x", "-k", "ec", "-q", "nistp256", "-z", noise, "-o", csr)
    request = msgspec.structs.replace(LAPTOP, csr=csr.read_bytes())

    made = issue(authority, request, Output(folder=tmp_path, name="own"), NOW, randomness)
    run("certutil", "-A", "-d", database, "-n", "laptop-1", "-t", ",,", "-i", made.certificate)

    assert "laptop-1" in run("certutil", "-K", "-d", database)


@pytest.mark.parametrize("newkey", [["rsa:1024"], ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], ["ed448"]])
def test_a_request_is_refused_when_no_check_would_take_its_key(
    authority: Authority, tmp_path: Path, randomness: Random, newkey: list[str]
) -> None:
    """What Gatepost would fail later is not issued by it."""
    csr = tmp_path / "own.csr"
    run("openssl", "req", "-new", "-newkey", *newkey, "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-out", csr)

    with pytest.raises(InputError, match="has a key that no check accepts"):
        issue(
            authority,
            msgspec.structs.replace(LAPTOP, csr=csr.read_bytes()),
            Output(folder=tmp_path, name="own"),
            NOW,
            randomness,
        )


def test_a_request_is_refused_when_its_signature_is_broken(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Somebody else's public key cannot be certified by copying it."""
    csr = tmp_path / "own.csr"
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x",
        "-outform", "DER", "-out", csr)  # fmt: skip
    broken = csr.read_bytes()[:-1] + bytes([csr.read_bytes()[-1] ^ 1])

    with pytest.raises(InputError, match="not signed by its own key"):
        issue(
            authority, msgspec.structs.replace(LAPTOP, csr=broken), Output(folder=tmp_path, name="o"), NOW, randomness
        )


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE REQUEST-----", b"0\x00", b"hello"])
def test_a_request_is_refused_when_it_is_none(
    authority: Authority, tmp_path: Path, randomness: Random, content: bytes
) -> None:
    """Anything may stand in that file."""
    with pytest.raises(InputError, match="is no certification request"):
        issued(authority, msgspec.structs.replace(LAPTOP, csr=content), tmp_path, randomness)


def test_pkcs12_is_refused_when_the_key_is_elsewhere(authority: Authority, tmp_path: Path, randomness: Random) -> None:
    """A request brings no private key that could be put into the file."""
    csr = tmp_path / "own.csr"
    run("openssl", "req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-out", csr)

    with pytest.raises(InputError, match="--p12: needs the private key"):
        issued(authority, msgspec.structs.replace(LAPTOP, csr=csr.read_bytes()), tmp_path, randomness)


@pytest.mark.parametrize("ending", ["pem", "key", "p12"])
def test_nothing_is_issued_when_a_file_is_in_the_way(
    authority: Authority, tmp_path: Path, randomness: Random, ending: str
) -> None:
    """The file stays as it was, no other is written, and the index does not grow."""
    taken = tmp_path / "out" / f"laptop-1.{ending}"
    taken.parent.mkdir()
    taken.write_text("mine")

    with pytest.raises(InputError, match=f"{taken} exists already"):
        issued(authority, LAPTOP, tmp_path, randomness)

    assert [path.read_text() for path in taken.parent.iterdir()] == ["mine"]
    assert (authority.folder / "issued.jsonl").read_bytes() == b""


def test_a_subordinate_authority_issues_when_its_parent_lets_it(tmp_path: Path, randomness: Random) -> None:
    """Root, subordinate and client are a chain to OpenSSL, and the parent's index has the subordinate."""
    create_authority(tmp_path / "root", subordinate(1, cn="Root"), None, NOW, randomness)
    parent = open_authority(tmp_path / "root", "--parent")
    middle = create_authority(tmp_path / "ca", subordinate(0, cn="Issuing"), parent, NOW, randomness)
    made = issued(open_authority(tmp_path / "ca", "--ca"), LAPTOP, tmp_path, randomness)

    assert verify(tmp_path / "root" / "ca.pem", made.certificate, "-untrusted", middle.certificate) == "OK"
    assert (made.issuer, middle.issuer) == ("CN=Issuing", "CN=Root")
    assert middle.serial in (tmp_path / "root" / "issued.jsonl").read_text()


@pytest.mark.parametrize(
    ("above", "below", "field"), [(0, 0, "--parent"), (1, 1, "--path-length"), (2, 3, "--path-length")]
)
def test_a_subordinate_authority_is_refused_when_its_parent_allows_none_so_deep(
    tmp_path: Path, randomness: Random, *, above: int, below: int, field: str
) -> None:
    """A certificate that OpenSSL would refuse is not made, nor is its folder."""
    create_authority(tmp_path / "root", subordinate(above, cn="Root"), None, NOW, randomness)
    parent = open_authority(tmp_path / "root", "--parent")

    with pytest.raises(InputError) as refused:
        create_authority(tmp_path / "ca", subordinate(below, cn="Issuing"), parent, NOW, randomness)

    assert refused.value.field == field
    assert not (tmp_path / "ca").exists()


def test_an_authority_is_refused_when_its_folder_holds_something(tmp_path: Path, randomness: Random) -> None:
    """A folder with anything in it is left as it is."""
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "notes").write_text("mine")

    with pytest.raises(InputError, match="is not empty"):
        create_authority(tmp_path / "ca", subordinate(0, cn="Root"), None, NOW, randomness)

    assert [path.name for path in (tmp_path / "ca").iterdir()] == ["notes"]


def test_an_authority_is_refused_when_a_file_stands_in_its_place(tmp_path: Path, randomness: Random) -> None:
    """A file is no folder, and neither is what lies below it."""
    (tmp_path / "file").write_text("mine")

    for folder in (tmp_path / "file", tmp_path / "file" / "ca"):
        with pytest.raises(InputError, match="--ca"):
            create_authority(folder, subordinate(0, cn="Root"), None, NOW, randomness)


def test_no_authority_is_opened_when_there_is_none(tmp_path: Path) -> None:
    """The refusal names the option and the folder."""
    with pytest.raises(InputError, match=f"--parent: there is no certificate authority in {tmp_path}"):
        open_authority(tmp_path, "--parent")


@pytest.mark.parametrize("bits", REFUSED_MODES)
def test_no_authority_is_opened_when_others_can_read_its_key(authority: Authority, bits: int) -> None:
    """A key that others may have read is said to be so, with what to do."""
    (authority.folder / "ca.key").chmod(bits)

    with pytest.raises(StateError, match="chmod 600"):
        open_authority(authority.folder, "--ca")


@pytest.mark.parametrize("file", ["ca.pem", "ca.key"])
@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\n", b"\xff" * 100])
def test_no_authority_is_opened_when_its_files_are_damaged(authority: Authority, file: str, content: bytes) -> None:
    """The file is named."""
    (authority.folder / file).write_bytes(content)

    with pytest.raises(StateError) as refused:
        open_authority(authority.folder, "--ca")

    assert refused.value.path == str(authority.folder / file)


def test_no_authority_is_opened_when_the_key_is_anothers(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Certificate and key must belong together, or every signature would be wrong."""
    create_authority(tmp_path / "other", subordinate(0, cn="Other"), None, NOW, randomness)
    (tmp_path / "other" / "ca.key").replace(authority.folder / "ca.key")

    with pytest.raises(StateError, match=re.escape("is not the key of ca.pem")):
        open_authority(authority.folder, "--ca")


def test_no_authority_is_opened_when_its_key_is_of_a_strange_kind(authority: Authority) -> None:
    """A key that parses but does not sign here is refused in words."""
    run("openssl", "genpkey", "-algorithm", "x25519", "-out", authority.folder / "ca.key")

    with pytest.raises(StateError, match="a kind that does not sign here"):
        open_authority(authority.folder, "--ca")


def test_certificates_differ_when_they_are_issued_one_after_another(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Two certificates of one name have two serial numbers and two keys."""
    first, second = (
        issue(authority, LAPTOP, Output(folder=tmp_path, name=name), NOW, randomness) for name in ("a", "b")
    )
    keys = {run("openssl", "x509", "-in", made.certificate, "-noout", "-pubkey") for made in (first, second)}

    assert first.serial != second.serial
    assert len(keys) == 2
