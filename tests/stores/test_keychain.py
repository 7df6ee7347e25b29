"""Keychain files: those that real Macs made where they are at hand, thousands of changes to them, and ones made by hand."""

from __future__ import annotations

import hashlib
import os
import struct
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query
from gatepost.stores.keychain import Keychain
from gatepost.stores.safe_open import Access
from tests.certificates import CertificateAuthority, Issued, KeyKind
from tests.stores import kych

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.stores.interface import Store

FROM_MACS = Path(os.environ.get("GATEPOST_KEYCHAINS") or Path(__file__).parents[2] / "../shared/fixtures/macos")
"""Keychain files made by real Macs: they are not ours to hand on, so a clone does not have them."""
BY_A_MAC = {
    "rust-server.keychain": {"foobar.com": [KeyState.PRESENT, KeyState.MISSING]},
    "moond4rk-test.keychain-db": {"keychainbreaker-test": [KeyState.PRESENT]},
    "plaso-login.keychain": {},
}
"""File -> names in it -> what is known of the certificates' keys."""
AUTHORITY = CertificateAuthority.create()
ISSUED = AUTHORITY.issue(cn="laptop-1")


def parsed(issued: Issued | CertificateAuthority) -> Certificate:
    """Give our own view of a certificate."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    return certificate


QUERY = Query(issuers=frozenset({parsed(AUTHORITY).subject.canonical}), asks_key=True)


def read(content: bytes, folder: Path, query: Query = QUERY) -> Findings:
    """Read a keychain with this content."""
    path = folder / "test.keychain"
    path.write_bytes(content)
    return Keychain(str(path), Access(allowed_paths=(str(folder),))).read(query)


def fault(findings: Findings) -> tuple[Reason, str]:
    """Return the reason of the only fault, and its words behind the path."""
    (found,) = findings.faults
    assert not findings.candidates
    return found.reason, found.detail.partition(": ")[2]


def from_a_mac(name: str) -> bytes:
    """Return one of the files made by real Macs, or skip the test."""
    path = FROM_MACS / name
    if not path.is_file():
        pytest.skip(f"the keychain files made by real Macs are not here: {FROM_MACS}")
    return path.read_bytes()


def issuers(content: bytes, folder: Path) -> frozenset[bytes]:
    """Return the issuers of all that is in a keychain, by asking for each certificate that its bytes hold."""
    found = set()
    for start in range(len(content)):
        if content[start : start + 2] == b"\x30\x82":
            length = 4 + int.from_bytes(content[start + 2 : start + 4], "big")
            certificate = parse_certificate(content[start : start + length])
            if isinstance(certificate, Certificate):
                found.add(certificate.issuer.canonical)
    assert found or not read(content, folder).others
    return frozenset(found)


# --- Made by Macs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_A_MAC)
def test_a_keychain_made_by_a_mac_is_read_as_its_maker_describes_it(name: str, tmp_path: Path) -> None:
    """Certificates with their names, and which of them have their keys."""
    content = from_a_mac(name)
    findings = read(content, tmp_path, Query(issuers=issuers(content, tmp_path), asks_key=True))
    assert () == findings.faults
    found: dict[str, list[KeyState]] = {}
    for item in findings.candidates:
        found.setdefault(item.location.label or "", []).append(item.key)
    assert BY_A_MAC[name] == {label: sorted(states, reverse=True) for label, states in found.items()}


@pytest.mark.parametrize("name", BY_A_MAC)
def test_a_keychain_made_by_a_mac_has_nothing_of_an_issuer_of_ours(name: str, tmp_path: Path) -> None:
    """What is in it is counted as others', so that our reading of issuers decides and not their number."""
    findings = read(from_a_mac(name), tmp_path)
    assert Findings(others=sum(map(len, BY_A_MAC[name].values()))) == findings


def by_hand() -> bytes:
    """Make a keychain with an identity, a certificate without its key and two free slots."""
    lonely = AUTHORITY.issue(cn="lonely")
    pair, alone = kych.certificate(ISSUED.der, "pair"), kych.certificate(lonely.der, "lonely")
    return kych.keychain(
        kych.schema(),
        kych.table(kych.CERTIFICATES, [pair, kych.Slot(0), alone]),
        kych.table(kych.PRIVATE_KEYS, [kych.Slot(29), kych.private_key(ISSUED.der)]),
    )


def changed(content: bytes) -> Iterator[bytes]:
    """Yield thousands of files that are wrong in one place: cut off, a bit turned, a word replaced, two words exchanged."""
    step = len(content) // 1_000 or 1
    numbers = cycle((0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, len(content), len(content) - 4, 29))
    for end in range(0, len(content), step):
        yield content[:end]
    for place in range(0, len(content), step):
        yield content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
    count = len(content) // 4
    for place in range(0, count, step):
        yield content[: 4 * place] + struct.pack(">I", next(numbers)) + content[4 * place + 4 :]
    all_words = struct.unpack(f">{count}I", content[: 4 * count])
    for first in range(0, count - 7, step):
        swapped = list(all_words)
        swapped[first], swapped[first + 7] = swapped[first + 7], swapped[first]
        yield struct.pack(f">{count}I", *swapped)


@pytest.mark.parametrize("name", ["by hand", *BY_A_MAC])
def test_a_changed_keychain_gives_findings_or_says_that_it_is_damaged(name: str, tmp_path: Path) -> None:
    """Nothing is raised, no key is seen whose label does not stand in the file, and no certificate that does not."""
    content = by_hand() if name == "by hand" else from_a_mac(name)
    query = QUERY if name == "by hand" else Query(issuers=issuers(content, tmp_path), asks_key=True)
    damaged = whole = 0
    for number, version in enumerate(changed(content)):
        findings = read(version, tmp_path, query)
        assert {item.reason for item in findings.faults} <= {Reason.STORE_CORRUPT}, number
        damaged, whole = damaged + bool(findings.faults), whole + (not findings.faults)
        for item in findings.candidates:
            assert item.certificate.der in version, number
            assert item.key is not KeyState.PRESENT or _label(item) in version, number
    assert damaged > 500
    assert whole > 500


def _label(candidate: Candidate) -> bytes:
    assert isinstance(candidate.certificate, Certificate)
    return hashlib.sha1(candidate.certificate.public_key.material, usedforsecurity=False).digest()


# --- Made by hand -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.RSA2048, KeyKind.ED25519])
def test_a_key_is_found_by_the_digest_of_its_public_half(kind: KeyKind, tmp_path: Path) -> None:
    """Whatever its kind; the files made by Macs have RSA keys alone."""
    issued = parsed(AUTHORITY.issue(cn="laptop-1", key=kind))
    content = kych.keychain(
        kych.table(kych.PRIVATE_KEYS, [kych.private_key(issued.der)]),
        kych.table(kych.CERTIFICATES, [kych.certificate(issued.der, "Laptop ☕")]),
        kych.schema(),
    )
    (candidate,) = read(content, tmp_path).candidates
    assert issued.sha256 == candidate.certificate.sha256
    assert KeyState.PRESENT is candidate.key
    place = Location(store=StoreKind.KEYCHAIN, path=str(tmp_path / "test.keychain"), label="Laptop ☕")
    assert place == candidate.location


def test_free_slots_are_passed_over(tmp_path: Path) -> None:
    """An item that was deleted leaves one; here before, between and behind the others."""
    findings = read(by_hand(), tmp_path)
    assert () == findings.faults
    assert {"pair": KeyState.PRESENT, "lonely": KeyState.MISSING} == {
        item.location.label: item.key for item in findings.candidates
    }


def test_a_certificate_without_a_name_has_no_label(tmp_path: Path) -> None:
    """Its name is absent, or empty, or of zeros alone."""
    names = [None, "", "\0"]
    records = [kych.certificate(AUTHORITY.issue(cn=f"laptop-{i}").der, name) for i, name in enumerate(names)]
    content = kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, records))
    assert [None] * 3 == [item.location.label for item in read(content, tmp_path).candidates]


def test_a_name_that_is_no_text_is_shown_as_bytes(tmp_path: Path) -> None:
    """Rather than refused, for it says nothing about the certificate."""
    entry = kych.record([3, 3, b"\xffab", None, b"", b"", b""], ISSUED.der)
    (candidate,) = read(kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [entry])), tmp_path).candidates
    assert r"\xffab" == candidate.location.label


def test_two_certificates_with_one_name_are_two_candidates(tmp_path: Path) -> None:
    """Each with its own key, or without."""
    first, second = AUTHORITY.issue(cn="laptop-1"), AUTHORITY.issue(cn="laptop-1")
    content = kych.keychain(
        kych.schema(),
        kych.table(kych.CERTIFICATES, [kych.certificate(item.der, "laptop") for item in (first, second)]),
        kych.table(kych.PRIVATE_KEYS, [kych.private_key(second.der)]),
    )
    found = {item.certificate.sha256: (item.location.label, item.key) for item in read(content, tmp_path).candidates}
    assert {
        parsed(first).sha256: ("laptop", KeyState.MISSING),
        parsed(second).sha256: ("laptop", KeyState.PRESENT),
    } == found


def test_what_is_no_certificate_is_a_candidate_of_its_own(tmp_path: Path) -> None:
    """Nobody knows who issued it; whether it has a key is not asked."""
    content = kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [kych.certificate(b"rubbish", "odd")]))
    (candidate,) = read(content, tmp_path).candidates
    assert isinstance(candidate.certificate, Malformed)
    assert KeyState.NOT_ASKED is candidate.key


def test_keys_are_looked_for_only_when_they_are_asked_for(tmp_path: Path) -> None:
    """The same keychain, without the question."""
    findings = read(by_hand(), tmp_path, Query(issuers=QUERY.issuers))
    assert {KeyState.NOT_ASKED} == {item.key for item in findings.candidates}


def test_no_more_candidates_are_returned_than_asked_for(tmp_path: Path) -> None:
    """And it is said that there are more."""
    two = Query(issuers=QUERY.issuers, limit=2)
    records = [kych.certificate(AUTHORITY.issue(cn=f"laptop-{i}").der) for i in range(4)]
    for count, too_many in ((2, False), (3, True), (4, True)):
        content = kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, records[:count]))
        findings = read(content, tmp_path, two)
        assert (2, too_many) == (len(findings.candidates), findings.too_many)


def test_the_same_certificate_twice_is_one_candidate(tmp_path: Path) -> None:
    """Under its first name."""
    records = [kych.certificate(ISSUED.der, "one"), kych.certificate(ISSUED.der, "two")]
    findings = read(kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, records)), tmp_path)
    assert ["one"] == [item.location.label for item in findings.candidates]


def test_a_keychain_without_tables_is_empty(tmp_path: Path) -> None:
    """Looked at, and nothing there."""
    assert Findings() == read(kych.keychain(), tmp_path)


EMPTY = kych.table(kych.CERTIFICATES, [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is no keychain file"),
        (b"SQLite format 3\0", "it is no keychain file"),
        (b"kych", "a number lies outside what holds it"),
        (b"kych" + kych.words(0x10000, 16, 20, 0, 8, 257), "it has more than 256 tables"),
        (kych.keychain(kych.schema()[:-4]), "a table is longer than the file"),
        (kych.keychain(kych.words(20, 2, 0, 0, 0, 0, 0)), "a table is longer than the file"),
        (kych.keychain(EMPTY), "its schema has no attribute PrintName"),
        (
            kych.keychain(kych.schema({kych.CERTIFICATES: (b"PrintName",) * 65}), EMPTY),
            "its schema has more than 64 attributes for one table",
        ),
        (
            kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [kych.words(4096, *[0] * 20)])),
            "a record is longer than its table",
        ),
        (
            kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [kych.words(23, *[0] * 20)])),
            "a record is longer than its table",
        ),
        (
            kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [kych.words(24, *[0] * 20)])),
            "a number lies outside what holds it",
        ),
        (
            kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [kych.words(52, 0, 0, 0, 1, *[0] * 20)])),
            "a record's data is longer than the record",
        ),
        (
            kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [kych.words(60, *[0] * 7, 53, *[0] * 4, 8, 0)])),
            "a value is longer than its record",
        ),
    ],
)
def test_a_damaged_keychain_says_where(content: bytes, words: str, tmp_path: Path) -> None:
    """Each check of the reader once, and the words that it has for it."""
    assert (Reason.STORE_CORRUPT, words) == fault(read(content, tmp_path))


def test_records_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """Else a small file could be read as gigabytes: here 1,000 slots name one record of 64 KiB."""
    entry = kych.certificate(b"x" * 65_536)
    slots: list[bytes | kych.Slot] = [kych.Slot(28 + 4 * 1_000)] * 999
    content = kych.keychain(kych.schema(), kych.table(kych.CERTIFICATES, [*slots, entry]))
    assert len(content) < 100_000
    assert (Reason.STORE_CORRUPT, "its records lie in each other") == fault(read(content, tmp_path))


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """Missing, or larger than any keychain is."""
    missing = Keychain(str(tmp_path / "missing"), Access()).read(QUERY)
    assert [Reason.STORE_MISSING] == [item.reason for item in missing.faults]
    giant = tmp_path / "giant"
    with giant.open("wb") as file:
        file.truncate((16 << 20) + 1)
    findings = Keychain(str(giant), Access(allowed_paths=(str(tmp_path),))).read(QUERY)
    assert [Reason.STORE_UNREADABLE] == [item.reason for item in findings.faults]


def test_a_path_that_does_not_print_is_shown_escaped(tmp_path: Path) -> None:
    """In the words of a fault, which go to a terminal."""
    path = tmp_path / "a\x1b[31m.keychain"
    path.write_bytes(b"rubbish")
    (found,) = Keychain(str(path), Access(allowed_paths=(str(tmp_path),))).read(QUERY).faults
    assert found.detail.endswith("a\\x1b[31m.keychain: it is no keychain file")


def test_a_key_in_a_keychain_signs_nothing(tmp_path: Path) -> None:
    """That is macOS's to do, in the right session; the evidence stays at what was seen."""
    (candidate, *_) = read(by_hand(), tmp_path).candidates
    store: Store = Keychain("/test.keychain", Access())
    assert store.sign(candidate, b"statement") is None


def test_a_person_sees_the_same_by_macos_s_own_tool(tmp_path: Path) -> None:
    """By the name in the keychain, where there is one."""
    (pair, _) = read(by_hand(), tmp_path).candidates
    command = ("security", "find-certificate", "-a", "-c", "pair", "-Z", "-p", "/test.keychain")
    assert command == Keychain("/test.keychain", Access()).command(pair)
    nameless = Candidate(certificate=pair.certificate, location=Location(store=StoreKind.KEYCHAIN, path="/x"))
    assert "-c" not in Keychain("/test.keychain", Access()).command(nameless)


def test_the_file_is_watched_which_is_replaced_when_it_changes() -> None:
    """There or not."""
    assert ("/test.keychain",) == Keychain("/test.keychain", Access()).watched
