"""What was revoked is refused by ``openssl verify -crl_check``, and what was not is taken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gatepost.errors import ConflictError, InputError, StateError
from gatepost.pki.authority import Authority, Made, Output, create_authority, issue, open_authority
from gatepost.pki.request import AuthorityRequest, CertificateRequest, KeyKind, RevocationReason, Subject, Validity
from gatepost.pki.revocation import certificate_serial, issue_list, parse_serial, revoke
from tests.certificates import CertificateAuthority
from tests.pki.peers import NOW, run, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Random = Callable[[int], bytes]

YEAR = Validity(not_before=NOW, not_after=NOW + timedelta(days=365))


def laptop(authority: Authority, folder: Path, name: str, random: Random) -> Made:
    """Issue a client certificate under ``name``."""
    request = CertificateRequest(subject=Subject(cn=name), validity=YEAR)
    return issue(authority, request, Output(folder=folder, name=name), NOW, random)


def checked(authority: Authority, certificate: Path) -> str:
    """Ask openssl, with the list in the authority's folder."""
    revoked = authority.folder / "ca.crl"
    return verify(authority.folder / "ca.pem", certificate, "-crl_check", "-CRLfile", revoked)


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.RSA2048, KeyKind.ED25519])
def test_a_certificate_is_refused_when_it_is_on_the_list(tmp_path: Path, randomness: Random, kind: KeyKind) -> None:
    """Of two certificates the revoked one is refused and the other taken, whatever key signs the list."""
    root = AuthorityRequest(subject=Subject(cn="Root"), validity=YEAR, key=kind)
    create_authority(tmp_path / "ca", root, None, NOW, randomness)
    authority = open_authority(tmp_path / "ca", "--ca")
    lost, kept = (laptop(authority, tmp_path, name, randomness) for name in ("lost", "kept"))
    revoke(authority, lost.serial, RevocationReason.KEY_COMPROMISE, NOW)

    issue_list(authority, tmp_path / "ca" / "ca.crl", 7, NOW, randomness)

    assert "certificate revoked" in checked(authority, lost.certificate)
    assert checked(authority, kept.certificate) == "OK"


def test_the_list_is_what_openssl_reads_when_it_was_made(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """Signed by the authority, with number, key identifier, dates, and the reason for each certificate but one."""
    first, second = (laptop(authority, tmp_path, name, randomness) for name in ("first", "second"))
    revoke(authority, first.serial, RevocationReason.CESSATION_OF_OPERATION, NOW)
    revoke(authority, second.serial, RevocationReason.UNSPECIFIED, NOW + timedelta(hours=1))

    made = issue_list(authority, tmp_path / "list", 7, NOW + timedelta(hours=2), randomness)

    read = run("openssl", "crl", "-in", tmp_path / "list", "-noout", "-text", "-CAfile", authority.folder / "ca.pem")
    assert "verify OK" in read
    assert "Last Update: Jun  1 14:00:00 2026 GMT" in read
    assert "Next Update: Jun  8 14:00:00 2026 GMT" in read
    assert "X509v3 Authority Key Identifier" in read
    assert f"Serial Number: {first.serial}\n        Revocation Date: Jun  1 12:00:00 2026 GMT" in read
    assert f"Serial Number: {second.serial}\n        Revocation Date: Jun  1 13:00:00 2026 GMT" in read
    assert read.count("CRL Reason Code") == read.count("Cessation Of Operation") == 1
    assert (made.number, made.revoked) == (1, 2)


@pytest.mark.parametrize("reason", RevocationReason)
def test_a_list_is_made_when_a_certificate_was_revoked_for_any_reason(
    authority: Authority, tmp_path: Path, randomness: Random, reason: RevocationReason
) -> None:
    """Each reason that can be given can be encoded."""
    made = laptop(authority, tmp_path, "laptop", randomness)
    revoke(authority, made.serial, reason, NOW)

    assert issue_list(authority, tmp_path / "list", 7, NOW, randomness).revoked == 1


def test_the_number_rises_when_a_list_takes_the_place_of_another(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """RFC 5280 5.2.3; the file is the newest list."""
    numbers = [issue_list(authority, tmp_path / "list", 7, NOW, randomness).number for _ in range(3)]

    assert numbers == [1, 2, 3]
    assert run("openssl", "crl", "-in", tmp_path / "list", "-noout", "-crlnumber") == "crlNumber=0x03\n"


def test_a_revocation_is_refused_when_the_serial_number_is_not_in_the_index(authority: Authority) -> None:
    """A slip of the finger must not pass for a revocation."""
    with pytest.raises(InputError, match="--serial: 0102 was not issued here"):
        revoke(authority, "0102", RevocationReason.UNSPECIFIED, NOW)


def test_a_revocation_is_refused_when_the_certificate_is_revoked_already(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """The first one stands; the second could have another reason, which would silently be lost."""
    made = laptop(authority, tmp_path, "laptop", randomness)
    revoke(authority, made.serial, RevocationReason.SUPERSEDED, NOW)

    with pytest.raises(ConflictError, match="2026-06-01T12:00:00Z"):
        revoke(authority, made.serial, RevocationReason.KEY_COMPROMISE, NOW + timedelta(days=1))


def test_no_list_is_made_when_the_index_is_damaged(authority: Authority, tmp_path: Path, randomness: Random) -> None:
    """The list before it stays."""
    issue_list(authority, tmp_path / "list", 7, NOW, randomness)
    before = (tmp_path / "list").read_bytes()
    (authority.folder / "issued.jsonl").write_bytes(b"damaged\n")

    with pytest.raises(StateError):
        issue_list(authority, tmp_path / "list", 7, NOW, randomness)

    assert before == (tmp_path / "list").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"), [("1", "01"), ("0a:ff", "0AFF"), ("ABC", "0ABC"), ("00ff", "FF"), ("7f" * 20, "7F" * 20)]
)
def test_a_serial_number_is_that_of_the_index_when_it_is_written_in_any_way(text: str, expected: str) -> None:
    """With and without colons, in any case, with leading zeros."""
    assert expected == parse_serial(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "xyz", "1.5", "12 34 zz"])
def test_a_serial_number_is_refused_when_it_is_none(text: str) -> None:
    """Only positive numbers are serial numbers."""
    with pytest.raises(InputError, match="is no serial number"):
        parse_serial(text)


def test_the_serial_number_is_taken_when_the_certificate_is_the_authoritys(
    authority: Authority, tmp_path: Path, randomness: Random
) -> None:
    """A certificate can be revoked by its file."""
    made = laptop(authority, tmp_path, "laptop", randomness)

    assert made.serial == certificate_serial(made.certificate.read_bytes(), authority)


def test_a_certificate_is_refused_when_it_is_not_the_authoritys(authority: Authority) -> None:
    """Another authority's with the same name, and what is no certificate at all."""
    other = CertificateAuthority.create(subject=authority.certificate.subject)

    for content in (other.issue().pem, other.pem, b"hello", b""):
        with pytest.raises(InputError, match="--certificate: is no certificate of this authority"):
            certificate_serial(content, authority)
