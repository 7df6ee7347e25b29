"""NSS databases as their own tools make them: which certificates are found, with which label, trust and key."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.certificate import Malformed
from gatepost.core.finding import Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query
from gatepost.stores.nssdb import (
    _ANY_CERTIFICATE,
    _CERTIFICATES,
    _DISTRUSTED,
    _ISSUERS,
    _KEYS_BY_ID,
    NssDatabase,
)
from gatepost.stores.safe_open import Access
from tests import der
from tests.certificates import CertificateAuthority, Issued, KeyKind
from tests.stores import nss
from tests.stores.conftest import Database, by_label

if TYPE_CHECKING:
    from pathlib import Path


def states(findings: Findings) -> dict[str, KeyState]:
    """Return what is known of each candidate's key, by nickname."""
    return {label: item.key for label, item in by_label(findings).items()}


# --- Certificates -----------------------------------------------------------------------------------------------------


def test_the_certificates_of_an_issuer_are_found_with_their_nicknames_and_keys(database: Database) -> None:
    """The other issuer's certificate is only said to be there."""
    findings = database.read()
    found = by_label(findings)
    assert {
        "pair": (database.pair.der, KeyState.PRESENT, False),
        "rsa": (database.rsa_pair.der, KeyState.PRESENT, False),
        "lonely": (database.lonely.der, KeyState.MISSING, False),
    } == {label: (item.certificate.der, item.key, item.distrusted) for label, item in found.items()}
    location = Location(store=StoreKind.NSSDB, path=str(database.folder), label="pair")
    assert location == found["pair"].location
    assert (1, False) == (findings.others, findings.too_many)


def test_there_are_no_others_when_all_certificates_are_of_the_issuers(database: Database) -> None:
    """Trust objects name issuers too, and are no certificates."""
    nss.delete_certificate(database.folder, "other")
    nss.change(database.certificates, "UPDATE nssPublic SET a81 = x'3000' WHERE a0 = x'CE534353'")
    assert 0 == database.read().others


def test_nothing_is_found_when_nothing_is_asked_for(database: Database) -> None:
    """All that is there is others."""
    assert Findings(others=1) == database.read(Query(issuers=frozenset(), asks_key=True))


def test_keys_are_not_looked_for_when_the_check_does_not_ask(database: Database) -> None:
    """A key database that cannot be read is then no fault."""
    database.keys.write_bytes(b"no database")
    findings = database.read(msgspec.structs.replace(database.query, asks_key=False))
    assert {KeyState.NOT_ASKED} == set(states(findings).values())


def test_an_issuer_is_the_same_in_another_case_and_string_type(database: Database) -> None:
    """Its bytes in the index are others; RFC 5280, 7.1, says that the names are equal."""
    name = der.name(("CN", "EXAMPLE  root ca", der.Text.PRINTABLE))
    nss.add_certificate(database.folder, database.authority.issue(cn="shouting", issuer=name), "shouting")
    assert "shouting" in by_label(database.read())


def test_the_same_certificate_under_two_nicknames_is_one_candidate(database: Database) -> None:
    """The first nickname is kept."""
    nss.insert_certificates(database.folder, [nss.Entry(der=database.lonely.der, label="again")])
    assert {"pair", "rsa", "lonely"} == set(by_label(database.read()))


def test_ninety_nine_certificates_can_share_a_nickname(database: Database) -> None:
    """Each is a candidate of its own; NSS lists them all too."""
    issued = [database.authority.issue(cn="shared", key=database.pair.key) for _ in range(99)]
    nss.insert_certificates(database.folder, [nss.Entry(der=item.der, label="shared") for item in issued])
    found = [item for item in database.read().candidates if item.location.label == "shared"]
    assert {item.der for item in issued} == {item.certificate.der for item in found}
    assert {KeyState.PRESENT} == {item.key for item in found}
    assert "shared" in nss.listed(database.folder)


def test_a_nickname_may_be_missing_empty_or_no_text(database: Database) -> None:
    """It is only for people."""
    labels = [None, b"\xa5\x00\x5a", 7, b"\xffA"]
    entries = [nss.Entry(der=database.authority.issue().der, label=f"label {number}") for number in range(4)]
    nss.insert_certificates(database.folder, entries)
    for number, label in enumerate(labels):
        old = f"label {number}".encode()
        nss.change(database.certificates, "UPDATE nssPublic SET a3 = ? WHERE a3 = ?", label, old)
    found = [item.location.label for item in database.read().candidates]
    assert [None, None, None, "\N{REPLACEMENT CHARACTER}A"] == found[-4:]


@pytest.mark.parametrize("value", [b"\x30\x00", b"", None, 7, "text"])
def test_what_stands_in_a_certificates_place_and_is_none_is_a_malformed_candidate(
    database: Database, value: nss.Value
) -> None:
    """It hides nothing beside it."""
    nss.change(database.certificates, "UPDATE nssPublic SET a11 = ? WHERE a3 = ?", value, b"lonely")
    found = by_label(database.read())
    assert isinstance(found["lonely"].certificate, Malformed)
    assert (KeyState.NOT_ASKED, KeyState.PRESENT) == (found["lonely"].key, found["pair"].key)


@pytest.mark.parametrize(
    "issuer", [b"\x30\x00\xff", b"\xa5\x00\x5a", 7, der.name(("CN", "Example Root CA" + " " * 5_000))]
)
def test_an_issuer_that_is_no_name_is_somebody_elses(database: Database, issuer: nss.Value) -> None:
    """Also one that is longer than any honest name, though it would be equal without its 5,000 spaces."""
    nss.change(database.certificates, "UPDATE nssPublic SET a81 = ? WHERE a3 = ?", issuer, b"other")
    findings = database.read()
    assert {"pair", "rsa", "lonely"} == set(by_label(findings))
    assert 1 == findings.others


def test_too_many_candidates_are_cut_off_and_reported(database: Database) -> None:
    """Exactly the limit is not too many; names that are equal but encoded otherwise count together."""
    name = der.name(("CN", "example ROOT ca"))
    entries = [nss.Entry(der=database.authority.issue(issuer=name).der) for _ in range(3)]
    nss.insert_certificates(database.folder, entries)
    for limit, count, too_many in ((2, 2, True), (3, 3, True), (5, 5, True), (6, 6, False), (7, 6, False)):
        findings = database.read(msgspec.structs.replace(database.query, limit=limit))
        assert (count, too_many) == (len(findings.candidates), findings.too_many)


def test_a_database_of_very_many_issuers_is_not_searched(database: Database) -> None:
    """Nobody's device has more than 10,000 authorities; that is said, not hidden as "not found"."""
    names = [der.name(("CN", f"CA {number}")) for number in range(9_999)]
    nss.insert_certificates(database.folder, (nss.Entry(der=b"", issuer=name) for name in names[:-1]))
    assert 3 == len(by_label(database.read()))
    nss.insert_certificates(database.folder, [nss.Entry(der=b"", issuer=names[-1])])
    assert (Reason.STORE_UNREADABLE, f"{database.certificates}: it names more than 10000 issuers") == database.fault()


# --- Trust ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trust", "distrusted"),
    [
        ("p,p,p", True),
        ("p,,", True),
        (",p,", False),
        ("P,,", False),
        ("u,u,u", False),
        ("T,,", False),
        ("C,C,C", False),
    ],
)
def test_a_certificate_that_nss_distrusts_is_marked(database: Database, trust: str, distrusted: bool) -> None:  # noqa: FBT001 - a table.
    """``p`` is distrust; what counts is the first field, SSL, in which a client's certificate is used."""
    nss.add_certificate(database.folder, database.authority.issue(cn="judged"), "judged", trust)
    found = by_label(database.read())
    assert (distrusted, False) == (found["judged"].distrusted, found["pair"].distrusted)


@pytest.mark.parametrize(("value", "distrusted"), [(b"\0\0\0\3", True), (b"\0\0\0\2", False)])
def test_distrust_in_the_objects_of_pkcs11_3_2_counts_too(database: Database, value: bytes, distrusted: bool) -> None:  # noqa: FBT001 - a table.
    """Written by hand after NSS's public source: no release that writes them has been run here."""
    statement = (
        "INSERT INTO nssPublic (id, a0, a81, a82, a62d) SELECT 1, x'0000000B', a81, a82, ? FROM nssPublic WHERE a3 = ?"
    )
    nss.change(database.certificates, "ALTER TABLE nssPublic ADD COLUMN a62d")
    nss.change(database.certificates, statement, value, b"lonely")
    found = by_label(database.read())
    assert (distrusted, False) == (found["lonely"].distrusted, found["pair"].distrusted)


# --- Keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyKind.RSA1024, KeyKind.RSA3072, KeyKind.P384, KeyKind.P521])
def test_keys_of_every_kind_that_nss_takes_are_found(database: Database, kind: KeyKind) -> None:
    """NSS names each by the SHA-1 of its modulus or point."""
    issued = database.authority.issue(cn=kind, key=kind)
    nss.add_pair(database.folder, issued, kind)
    assert KeyState.PRESENT is states(database.read())[kind]
    assert nss.key_id(issued) in _key_ids(database)


def _key_ids(database: Database) -> set[bytes]:
    with closing(sqlite3.connect(database.keys)) as connection:
        return {key_id for (key_id,) in connection.execute("SELECT a102 FROM nssPrivate")}


def test_a_database_with_a_password_shows_that_keys_are_there(database: Database, tmp_path: Path) -> None:
    """Nobody is asked for the password."""
    folder = nss.create_database(tmp_path / "locked", "a password")
    nss.add_pair(folder, database.pair, "pair")
    nss.add_pair(folder, database.rsa_pair, "rsa")
    nss.add_certificate(folder, database.lonely, "lonely")
    locked = msgspec.structs.replace(database, folder=folder)
    expected = {"pair": KeyState.PRESENT, "rsa": KeyState.PRESENT, "lonely": KeyState.MISSING}
    assert expected == states(locked.read())


def test_a_key_under_another_id_is_found_by_what_it_is(database: Database) -> None:
    """Other programs may name keys otherwise."""
    nss.change(database.keys, "UPDATE nssPrivate SET a102 = id || 'else'")
    expected = {"pair": KeyState.PRESENT, "rsa": KeyState.PRESENT, "lonely": KeyState.MISSING}
    assert expected == states(database.read())


def test_a_key_is_found_by_its_id_when_its_public_half_is_not_recorded(database: Database) -> None:
    """Nothing then speaks against it."""
    nss.change(database.keys, "UPDATE nssPrivate SET a120 = x'A5005A', ad5a0db00 = NULL")
    expected = {"pair": KeyState.PRESENT, "rsa": KeyState.PRESENT, "lonely": KeyState.MISSING}
    assert expected == states(database.read())


def test_another_key_under_the_certificates_own_id_is_a_mismatch(database: Database) -> None:
    """As after an import that went wrong; the right id with a wrong key is one too."""
    own_id = "UPDATE nssPublic SET a102 = x'FACE' WHERE a102 = ?"
    nss.change(database.certificates, own_id, nss.key_id(database.lonely))
    nss.change(database.keys, own_id.replace("nssPublic", "nssPrivate"), nss.key_id(database.rsa_pair))
    nss.change(database.keys, "UPDATE nssPrivate SET ad5a0db00 = x'04FF' WHERE a102 = ?", nss.key_id(database.pair))
    found = by_label(database.read())
    expected = {"pair": KeyState.MISMATCH, "rsa": KeyState.PRESENT, "lonely": KeyState.MISMATCH}
    assert expected == {label: item.key for label, item in found.items()}
    assert "key4.db has another key under this certificate's id" == found["lonely"].key_detail


def test_a_certificate_without_an_id_finds_its_key(database: Database) -> None:
    """The id is that of the key, which we work out."""
    nss.change(database.certificates, "UPDATE nssPublic SET a102 = NULL")
    expected = {"pair": KeyState.PRESENT, "rsa": KeyState.PRESENT, "lonely": KeyState.MISSING}
    assert expected == states(database.read())


def test_public_and_secret_keys_are_no_private_keys(database: Database) -> None:
    """Only the class of private keys counts."""
    nss.change(database.keys, "UPDATE nssPrivate SET a0 = x'00000004'")
    assert {KeyState.MISSING} == set(states(database.read()).values())


def test_without_a_key_database_there_are_no_keys_and_there_is_no_fault(database: Database) -> None:
    """The certificates are read all the same, and the detail says what is missing."""
    database.keys.unlink()
    found = by_label(database.read())
    assert {(KeyState.MISSING, "there is no key database (key4.db)")} == {
        (item.key, item.key_detail) for item in found.values()
    }


def test_a_key_database_that_cannot_be_read_is_a_fault_beside_the_certificates(database: Database) -> None:
    """No key is then claimed."""
    database.keys.write_bytes(database.keys.read_bytes()[:5_000])
    findings = database.read()
    assert [Reason.STORE_CORRUPT] == [fault.reason for fault in findings.faults]
    assert findings.faults[0].detail.startswith(f"{database.keys}: it is damaged")
    assert {(KeyState.MISSING, "the key database could not be read")} == {
        (item.key, item.key_detail) for item in findings.candidates
    }
    assert 3 == len(findings.candidates)


def test_nothing_signs_with_a_key_in_a_database(database: Database) -> None:
    """The evidence stays that the key is there."""
    candidate = by_label(database.read())["pair"]
    assert NssDatabase(str(database.folder), Access()).sign(candidate, b"statement") is None


# --- For people -------------------------------------------------------------------------------------------------------


def test_the_command_shows_the_certificate_to_a_person(database: Database) -> None:
    """Run for real; without a nickname it lists the whole database."""
    store = NssDatabase(str(database.folder), Access())
    candidate = by_label(database.read())["lonely"]
    nameless = msgspec.structs.replace(candidate, location=Location(store=StoreKind.NSSDB, path=str(database.folder)))
    shown = subprocess.run(store.command(candidate), check=True, capture_output=True, text=True).stdout
    assert 'Subject: "CN=lonely"' in shown
    assert {"pair", "rsa", "lonely", "other"} == nss.listed(database.folder)
    assert ("certutil", "-L", "-d", f"sql:{database.folder}") == store.command(nameless)


def test_both_files_are_watched() -> None:
    """A change of either may change what is read."""
    assert ("/x/cert9.db", "/x/key4.db") == NssDatabase("/x", Access()).watched


# --- Cost -------------------------------------------------------------------------------------------------------------


def _fill(database: Database, issued: Issued, count: int) -> None:
    names = [der.name(("CN", f"CA {number}")) for number in range(4)]
    entries = (
        nss.Entry(der=issued.der, issuer=name, serial=der.integer(number), label=f"{number}", key_id=b"%d" % number)
        for number, name in zip(range(count), itertools.cycle(names), strict=False)
    )
    nss.insert_certificates(database.folder, entries)


def _steps(file: Path, statement: str, *parameters: nss.Value) -> int:
    """Count the steps that SQLite's machine takes for a statement."""
    counter = itertools.count()
    with closing(sqlite3.connect(file)) as connection:
        connection.set_progress_handler(lambda: next(counter) < 0, 1)
        connection.execute(statement, parameters).fetchall()
    return next(counter)


def test_one_certificate_of_ten_thousand_is_found_in_the_steps_of_one_of_a_hundred(database: Database) -> None:
    """Counted in SQLite's own steps: they depend on the issuers, of which there are as many in both."""
    name = CertificateAuthority.create().certificate.subject.public_bytes()
    steps = []
    for count in (100, 9_900):
        _fill(database, database.other, count)
        assert by_label(database.read())["pair"].certificate.der == database.pair.der
        steps.append(
            (
                _steps(database.certificates, _ISSUERS, 10_001),
                _steps(database.certificates, _CERTIFICATES, name, 1_001),
                _steps(database.certificates, _DISTRUSTED, name),
            )
        )
    assert steps[0] == steps[1]
    assert sum(steps[0]) < 500


@pytest.mark.parametrize(
    ("file", "statement", "index"),
    [
        ("cert9.db", _ISSUERS, "issuer"),
        ("cert9.db", _CERTIFICATES, "issuer"),
        ("cert9.db", _ANY_CERTIFICATE, "issuer"),
        ("cert9.db", _DISTRUSTED, "issuer"),
        ("key4.db", _KEYS_BY_ID, "ckaid"),
    ],
)
def test_every_question_goes_through_an_index(database: Database, file: str, statement: str, index: str) -> None:
    """SQLite's own plan: a table is searched by the index that NSS made, never scanned."""
    parameters = [1] * statement.count("?")
    with closing(sqlite3.connect(database.folder / file)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    used = [step for step in plan if "nss" in step]
    assert used
    assert [] == [step for step in used if f"INDEX {index}" not in step or not step.startswith("SEARCH")]
