"""What a child says is believed in no part: certificates are parsed again, words are bounded, what is no answer is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.check import MAXIMUM_CANDIDATES
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.pem_content import Content, Piece
from gatepost.stores.questions import (
    Database,
    File,
    Folders,
    NotSigned,
    Outcome,
    Seen,
    Signed,
    Trouble,
    clip,
    frame,
    from_findings,
    from_obstacle,
    from_signature,
    insist_below,
    to_findings,
    to_obstacle,
    to_signature,
    unframe,
)
from gatepost.stores.safe_open import Obstacle
from tests.certificates import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable

AUTHORITY = CertificateAuthority.create()
ISSUED = AUTHORITY.issue(cn="laptop")
FOREIGN = CertificateAuthority.create(cn="Another Root CA").issue(cn="laptop")
SUBJECT = parse_certificate(AUTHORITY.der)
assert isinstance(SUBJECT, Certificate)
QUERY = Query(issuers=frozenset({SUBJECT.subject.canonical}), asks_key=True, limit=2)
SEEN = Seen(encoded=ISSUED.der, label="pair", key=KeyState.PRESENT, key_detail="", distrusted=False)
PLACE = Location(store=StoreKind.NSSDB, path="/home/anna/.pki/nssdb", label="pair", user="anna")


def database(**changes: Any) -> Database:  # noqa: ANN401 - whatever a hostile answer may have.
    """Make an answer with one candidate."""
    return msgspec.structs.replace(Database(directory=PLACE.path, seen=(SEEN,)), **changes)


def with_seen(**changes: Any) -> Database:  # noqa: ANN401 - as above.
    """Make an answer whose candidate is not quite in order."""
    return database(seen=(msgspec.structs.replace(SEEN, **changes),))


# --- There and back ---------------------------------------------------------------------------------------------------


def test_findings_come_back_as_they_were_with_the_user() -> None:
    """A candidate, what is no certificate, others, and a fault."""
    malformed = parse_certificate(b"words")
    candidates = (
        Candidate(
            certificate=parse_certificate(ISSUED.der), location=PLACE, key=KeyState.MISMATCH, key_detail="another"
        ),
        Candidate(certificate=malformed, location=msgspec.structs.replace(PLACE, label=None), distrusted=True),
    )
    fault = Fault(location=msgspec.structs.replace(PLACE, label=None), reason=Reason.STORE_BUSY, detail="a writer")
    findings = Findings(candidates=candidates, others=1, faults=(fault,), too_many=True)
    back = to_findings(from_findings(PLACE.path, findings), QUERY, "anna")
    assert [item.certificate.der for item in candidates] == [item.certificate.der for item in back.candidates]
    for before, after in zip(candidates, back.candidates, strict=True):
        assert msgspec.structs.replace(before, certificate=after.certificate) == after
    assert msgspec.structs.replace(findings, candidates=back.candidates) == back


def test_an_obstacle_comes_back_as_it_was() -> None:
    """As the fault of its folder."""
    obstacle = Obstacle(Reason.PERMISSION_DENIED, "/home/anna/.mozilla: Permission denied")
    (fault,) = to_findings(from_obstacle("/home/anna", obstacle), QUERY, "anna").faults
    assert (obstacle.reason, obstacle.detail) == (fault.reason, fault.detail)
    assert Location(store=StoreKind.NSSDB, path="/home/anna", user="anna") == fault.location


@pytest.mark.parametrize("signature", [b"s" * 64, Unsigned("locked"), Unsigned("gone", KeyState.MISSING)])
def test_a_signature_comes_back_as_it_was_or_why_there_is_none(signature: bytes | Unsigned) -> None:
    """A key that did not sign says what is the matter."""
    assert signature == to_signature(from_signature(signature))


def test_parts_come_over_the_pipe_one_after_another() -> None:
    """And none is an answer too."""
    parts = [Folders(folders=("/home/anna/a",)), Folders(folders=())]
    assert parts == list(unframe(b"".join(map(frame, parts)), Folders))
    assert [] == list(unframe(b"", Folders))


# --- What is no answer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 20])
def test_parts_that_came_whole_count_and_the_one_that_did_not_is_refused(cut: int) -> None:
    """A child that is killed stops in the middle of a part."""
    part = frame(Folders(folders=("/home/anna/.pki/nssdb",)))
    came: list[Folders] = []
    with pytest.raises(msgspec.DecodeError):
        came.extend(unframe(part + part[:cut], Folders))
    assert 1 == len(came)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"directory": "/x", "unknown": 1}, Database),
        ({"directory": ""}, Database),
        ({"directory": "/" * 4_097}, Database),
        ({"directory": b"/x"}, Database),
        ({"directory": "/x", "others": 1}, Database),
        ({"directory": "/x", "troubles": [{"type": "Trouble", "reason": "store-eaten", "detail": ""}]}, Database),
        (
            {"directory": "/x", "troubles": [{"type": "Trouble", "reason": "store-busy", "detail": "a" * 1_025}]},
            Database,
        ),
        ({"folders": ["/x"] * 17}, Folders),
        ({"answer": {"type": "Signed", "signature": b"a" * 1_025}}, Outcome),
        ({"answer": {"type": "Signed", "signature": "text"}}, Outcome),
        ({"answer": {"type": "Other"}}, Outcome),
        ({"path": "/x", "content": {"type": "Content", "keys": [b"a" * ((1 << 20) + 1)]}}, File),
        ({"path": "/x", "content": {"type": "Content", "certificates": [{"encoded": b""}] * 2_001}}, File),
        ([], Folders),
        (7, Folders),
    ],
)
def test_what_is_no_part_of_such_an_answer_is_refused(part: object, kind: type) -> None:
    """Unknown fields, wrong kinds, and whatever is longer than it may be."""
    encoded = msgspec.msgpack.encode(part)
    with pytest.raises(msgspec.DecodeError):
        list(unframe(len(encoded).to_bytes(4, "big") + encoded, kind))


def test_more_candidates_than_anybody_may_have_are_refused() -> None:
    """By the decoder, before any is looked at."""
    part = frame(database(seen=(SEEN,) * (MAXIMUM_CANDIDATES + 1)))
    with pytest.raises(ValueError, match="length"):
        list(unframe(part, Database))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (database(seen=(SEEN,) * 3), "more candidates"),
        (with_seen(encoded=FOREIGN.der), "another issuer"),
        (with_seen(key=KeyState.NOT_ASKED), "a key"),
        (with_seen(encoded=b"words"), "a key"),
        (database(troubles=(Trouble(reason=Reason.CERTIFICATE_EXPIRED, detail=""),)), "does not give"),
        (database(troubles=(Trouble(reason=Reason.DEVICE_REVOKED, detail=""),)), "does not give"),
    ],
)
def test_an_answer_to_another_question_is_refused(answer: Database, words: str) -> None:
    """More than was asked for, another issuer's, a key that was (not) asked for, a reason that no place gives."""
    with pytest.raises(ValueError, match=words):
        to_findings(answer, QUERY, "anna")


def test_a_key_that_was_not_asked_for_is_refused() -> None:
    """Nothing is believed that nobody wanted to know."""
    with pytest.raises(ValueError, match="key"):
        to_findings(database(), msgspec.structs.replace(QUERY, asks_key=False), "anna")


@pytest.mark.parametrize("state", [KeyState.PRESENT, KeyState.NOT_ASKED])
def test_a_key_that_did_not_sign_cannot_be_as_good_as_one_that_did(state: KeyState) -> None:
    """It would count as present, or as not looked at."""
    with pytest.raises(ValueError, match="no signature"):
        to_signature(Outcome(answer=NotSigned(state=state, detail="")))


def test_a_signature_is_taken_as_bytes_and_nothing_more() -> None:
    """Whoever takes it verifies it."""
    assert b"whatever" == to_signature(Outcome(answer=Signed(signature=b"whatever")))


# --- Words ------------------------------------------------------------------------------------------------------------

NASTY = "\x1b]0;owned\x07\n\u202e"


def test_words_that_could_do_something_to_a_terminal_are_escaped() -> None:
    """Labels and details come from whoever wrote the database; those that print stay as they are."""
    answer = with_seen(label=NASTY, key_detail=NASTY)
    (candidate,) = to_findings(answer, QUERY, "anna").candidates
    assert candidate.location.label is not None
    assert candidate.location.label.isprintable()
    assert candidate.key_detail.isprintable()
    assert to_obstacle(Trouble(reason=Reason.STORE_BUSY, detail=NASTY)).detail.isprintable()
    signed = to_signature(Outcome(answer=NotSigned(state=KeyState.UNUSABLE, detail=NASTY)))
    assert isinstance(signed, Unsigned)
    assert signed.detail.isprintable()
    (plain,) = to_findings(with_seen(label="DOMAIN\\anna"), QUERY, "anna").candidates
    assert "DOMAIN\\anna" == plain.location.label


def test_a_text_is_cut_to_what_an_answer_may_hold() -> None:
    """Without half characters, which no text may have."""
    assert "a" * 1_024 == clip("a" * 9_999)
    assert "a\\udce4" == clip("a\udce4")


@pytest.mark.parametrize("folder", ["/home/anna", "/home/anna/.pki/nssdb", "/home/anna/ä b"])
def test_a_folder_may_be_a_home_or_below_it(folder: str) -> None:
    """By its name: it is the child that goes there."""
    insist_below("/home/anna", folder)


@pytest.mark.parametrize("folder", ["/", "", "/etc", "/home/annabel", "/home/anna/../bob", "/home/anna/\x1b[2J"])
def test_a_folder_elsewhere_is_refused(folder: str) -> None:
    """Nobody's child speaks of another's home, or of the system's."""
    with pytest.raises(ValueError, match="elsewhere"):
        insist_below("/home/anna", folder)


# --- Whatever else ----------------------------------------------------------------------------------------------------


def _refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except ValueError:
        return True
    return False


@given(some.binary(max_size=200), some.sampled_from([Database, Folders, Outcome, File]))
def test_no_bytes_make_anything_but_an_answer_or_a_refusal(output: bytes, kind: type) -> None:
    """Nothing else is raised, whatever comes over the pipe."""
    framed = len(output).to_bytes(4, "big") + output
    _refused(lambda: list(unframe(output, kind)))
    _refused(lambda: list(unframe(framed, kind)))


@given(some.data())
def test_a_changed_answer_is_an_answer_or_refused_and_never_a_certificate_that_is_none(data: some.DataObject) -> None:
    """One byte of an honest answer is another one."""
    honest = bytearray(frame(database(others=True, troubles=(Trouble(reason=Reason.STORE_BUSY, detail="a writer"),))))
    honest[data.draw(some.integers(0, len(honest) - 1))] = data.draw(some.integers(0, 255))

    def take() -> None:
        for part in unframe(bytes(honest), Database):
            for candidate in to_findings(part, QUERY, "anna").candidates:
                certificate = candidate.certificate
                assert isinstance(certificate, Malformed) or certificate.issuer.canonical in QUERY.issuers

    _refused(take)


def test_a_files_content_has_no_key() -> None:
    """Only what a certificate is matched by: a type that could hold one would be filled one day."""
    fields = {field.name for field in msgspec.structs.fields(Content)}
    assert {"certificates", "keys", "locked", "broken"} == fields
    assert {"encoded", "whole"} == {field.name for field in msgspec.structs.fields(Piece)}
