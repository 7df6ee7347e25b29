"""Everybody who is signed in to a Windows: whose certificates are found, and whose session signs."""

from __future__ import annotations

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Candidate, Fault, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.windows import USER_PATH
from gatepost.stores.windows_session import Session
from gatepost.stores.windows_users import MAXIMUM_SESSIONS, SignedInUsers
from tests.certificates import CertificateAuthority
from tests.stores.keyring import KeyRing

CA = CertificateAuthority.create(cn="Example Root")
OTHER_CA = CertificateAuthority.create(cn="Another Root")
ALICE, BOB = Session(1, r"EXAMPLE\alice"), Session(2, r"EXAMPLE\bob")
STATEMENT = b"a statement"


def _query(limit: int = 1_000) -> Query:
    authority = parse_certificate(CA.der)
    assert isinstance(authority, Certificate)
    return Query(issuers=frozenset({authority.subject.canonical}), asks_key=True, limit=limit)


def _users(rings: dict[Session, KeyRing]) -> SignedInUsers:
    return SignedInUsers(lambda: tuple(rings), rings.__getitem__)


def test_the_certificates_of_everybody_are_found_and_say_whose_they_are() -> None:
    """And of all of them those of others are counted."""
    mine, theirs = CA.issue(), CA.issue()
    users = _users(
        {
            ALICE: KeyRing(mine, OTHER_CA.issue(), user=ALICE.user),
            BOB: KeyRing(theirs, OTHER_CA.issue(), user=BOB.user),
        }
    )
    findings = users.read(_query())
    found = {(item.certificate.der, item.location.user) for item in findings.candidates}
    assert {(mine.der, ALICE.user), (theirs.der, BOB.user)} == found
    assert (2, (), False) == (findings.others, findings.faults, findings.too_many)


def test_a_key_signs_in_the_session_of_whose_it_is() -> None:
    """The others' sessions have no such key."""
    issued = CA.issue()
    users = _users({ALICE: KeyRing(user=ALICE.user), BOB: KeyRing(issued, user=BOB.user)})
    (candidate,) = users.read(_query()).candidates
    certificate = candidate.certificate
    signed = users.sign(candidate, STATEMENT)
    assert isinstance(certificate, Certificate)
    assert isinstance(signed, bytes)
    assert verify_signature(certificate.public_key, signed, STATEMENT)
    assert ("show", certificate.fingerprint) == users.command(candidate)


def test_nothing_signs_when_the_user_has_signed_out() -> None:
    """They were signed in when the store was read."""
    place = Location(store=StoreKind.WINDOWS, path=USER_PATH, user=BOB.user)
    candidate = Candidate(certificate=parse_certificate(CA.issue().der), location=place, key=KeyState.PRESENT)
    users = _users({ALICE: KeyRing(user=ALICE.user)})
    assert Unsigned(rf"{BOB.user} has signed out") == users.sign(candidate, STATEMENT)
    assert () == users.command(candidate)


def test_one_session_of_each_user_is_looked_into() -> None:
    """At the screen, and left open from afar."""
    issued = CA.issue()
    again = Session(7, ALICE.user)
    users = _users({ALICE: KeyRing(issued, user=ALICE.user), again: KeyRing(issued, user=ALICE.user)})
    assert 1 == len(users.read(_query()).candidates)


def test_there_is_no_store_when_nobody_is_signed_in() -> None:
    """A missing place, which does not keep other places from counting."""
    place = Location(store=StoreKind.WINDOWS, path=USER_PATH)
    detail = "nobody is signed in to this device"
    fault = Fault(location=place, reason=Reason.STORE_MISSING, detail=detail)
    assert (fault,) == _users({}).read(_query()).faults


def test_more_users_than_are_looked_at_are_a_fault() -> None:
    """Beside what was found with the first of them."""
    sessions = [Session(number, f"user-{number}") for number in range(MAXIMUM_SESSIONS + 1)]
    findings = _users({session: KeyRing(CA.issue(), user=session.user) for session in sessions}).read(_query())
    assert MAXIMUM_SESSIONS == len(findings.candidates)
    assert ["17 users are signed in; the stores of 16 are read"] == [fault.detail for fault in findings.faults]


def test_a_user_with_too_many_candidates_hides_no_other() -> None:
    """Theirs are a fault with their name, and the next user's are found."""
    rings = {ALICE: KeyRing(CA.issue(), CA.issue(), user=ALICE.user), BOB: KeyRing(CA.issue(), user=BOB.user)}
    findings = _users(rings).read(_query(1))
    assert [(Reason.TOO_MANY_CANDIDATES, ALICE.user)] == [
        (fault.reason, fault.location.user) for fault in findings.faults
    ]
    assert ([BOB.user], False) == ([item.location.user for item in findings.candidates], findings.too_many)
    assert 3 == len(_users(rings).read(_query(2)).candidates)
