"""The nearest of many candidates are those of judging all, and OpenSSL is asked about few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.certificate import _ask_openssl as asked
from gatepost.core.check import MAXIMUM_CANDIDATES, MAXIMUM_REPORTED, Evidence, Purpose
from gatepost.core.criteria import OneStep
from gatepost.core.evaluation import Status, criteria_of, evaluate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, Proof, StoreKind
from gatepost.core.nearest import Judged, rank
from gatepost.core.reason import Reason
from tests.certificates import DAY, NOW, CertificateAuthority, Digest, Issued, KeyKind, dns, with_broken_signature
from tests.core.subjects import AUTHORITY, FACTS, PLACE, candidate, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatepost.core.check import Check

RENEWED = CertificateAuthority.create(cn="Example Root CA", key=KeyKind.RSA2048)
"""Of the same name, with another key: both may be uploaded."""
_RESIGNED = AUTHORITY.subordinate(cn="laptop-1")
_HERE = PLACE, Location(store=StoreKind.NSSDB, path="/etc/pki/nssdb", label="laptop")
_LATER = [1000 + number for number in range(12)]


def _pool() -> list[bytes]:
    """Make certificates that fail in every way and in several at once, ending at different times."""
    made: list[Issued] = [_RESIGNED.issued]
    for number, days in enumerate(_LATER):
        end = NOW + days * DAY
        authority = (AUTHORITY, RENEWED)[number % 2]
        good = authority.issue(cn="laptop-1", not_after=end)
        made += [
            good,
            with_broken_signature(good),
            with_broken_signature(authority.issue(cn="laptop-2", not_after=end)),
            authority.issue(cn="laptop-2", eku=None, not_after=end),
            authority.issue(cn="laptop-1", unknown_critical=True, not_after=end),
            authority.issue(cn="laptop-1", not_after=NOW - days * DAY),
            authority.issue(cn="laptop-1", aki=b"another", not_after=end),
        ]
    made += [RENEWED.issue(cn="laptop-1", pss=True), with_broken_signature(RENEWED.issue(cn="laptop-1", pss=True))]
    made += [RENEWED.issue(cn="laptop-1", digest=Digest.SHA1), AUTHORITY.issue(cn="laptop-1", key=KeyKind.P224)]
    return [b"garbage", b"rubbish", *(item.der for item in made)]


POOL = [parse_certificate(item) for item in _pool()]
_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        certificate=st.sampled_from(POOL),
        location=st.sampled_from(_HERE),
        key=st.sampled_from(KeyState),
        proof=st.sampled_from(Proof),
        distrusted=st.booleans(),
    ),
    min_size=MAXIMUM_REPORTED + 4,
    max_size=80,
)
_CHECKS = [
    check(*authorities, cn="${hostname}", purposes=(Purpose.CLIENT_AUTH,), asks_key=asks_key, evidence=evidence)
    for authorities in ((AUTHORITY,), (RENEWED,), (AUTHORITY, RENEWED))
    for asks_key, evidence in ((False, Evidence.REPORTED), (True, Evidence.POSSESSION))
]


def ranked(candidates: Sequence[Candidate], question: Check) -> tuple[Judged, ...]:
    """Rank at NOW."""
    step = OneStep(question.authorities, NOW, signs=question.signs)
    return rank(candidates, criteria_of(question, FACTS), step, question.hardware_policies)


def _order(judged: Judged) -> tuple[object, ...]:
    """Order as the semantics say: fewest unmet, latest end, SHA-256; then what tells places of one certificate apart."""
    found = judged.candidate
    certificate, place = found.certificate, found.location
    end = -certificate.not_after.timestamp() if isinstance(certificate, Certificate) else 0.0
    evidence = -judged.evidence.rank if judged.evidence else 0
    where = place.path, place.label or "", judged.reasons, found.key, found.proof
    return judged.authority is None, len(judged.reasons), end, certificate.sha256, evidence, where


def _told(judged: Sequence[Judged]) -> list[object]:
    """Say all of them in values that can be compared; ``distrusted`` twice over is one thing."""
    return [
        (
            found.certificate.sha256,
            found.location,
            found.key,
            found.proof,
            item.judgements,
            item.evidence,
            item.authority,
        )
        for item in judged
        for found in (item.candidate,)
    ]


@settings(max_examples=100)
@given(candidates=_CANDIDATES, question=st.sampled_from(_CHECKS), data=st.data())
def test_the_nearest_are_those_of_judging_every_candidate_by_itself(
    candidates: list[Candidate], question: Check, data: st.DataObject
) -> None:
    """With all that is said of them, and whatever their order: what is spared shows nowhere."""
    alone = [judged for item in candidates for judged in ranked((item,), question)]
    expected = sorted(alone, key=_order)[:MAXIMUM_REPORTED]
    assert _told(ranked(data.draw(st.permutations(candidates)), question)) == _told(expected)


@pytest.mark.parametrize(
    ("subjects", "reason", "known"),
    [
        ([AUTHORITY.issue(cn=f"colleague-{number}") for number in range(100)], Reason.COMMON_NAME_MISMATCH, 0),
        ([AUTHORITY.issue(cn="laptop-1", not_after=NOW - DAY) for _ in range(100)], Reason.CERTIFICATE_EXPIRED, 0),
        ([with_broken_signature(AUTHORITY.issue(cn="laptop-1")) for _ in range(100)], Reason.SIGNATURE_INVALID, 0),
        ([with_broken_signature(RENEWED.issue(cn="laptop-1")) for _ in range(100)], Reason.SIGNATURE_INVALID, 1),
    ],
)
def test_openssl_is_asked_about_as_many_as_are_reported_when_none_passes(
    subjects: list[Issued], reason: Reason, known: int
) -> None:
    """Those that cannot be nearer are left, and forged ones are told by a bare verification."""
    asked.cache_clear()
    found = Findings(candidates=tuple(map(candidate, subjects)))
    answer = evaluate(check((AUTHORITY, RENEWED)[known], cn="laptop-1"), FACTS, found, NOW)
    assert (Status.FAIL, (reason,)) == (answer.status, answer.reasons)
    assert asked.cache_info().misses == MAXIMUM_REPORTED


@pytest.mark.parametrize(
    "issued",
    [with_broken_signature(AUTHORITY.issue(cn="laptop-1")), AUTHORITY.issue(cn="laptop-1", not_after=NOW - DAY)],
)
def test_the_places_of_one_certificate_are_told_apart_whatever_their_order(issued: Issued) -> None:
    """More of them than are reported: what is known of the certificate is the same in each, and the place decides."""
    places = [Location(store=StoreKind.NSSDB, path=f"/{number:02}") for number in range(20)]
    found = [candidate(issued, location=place) for place in reversed(places)]
    reported = [item.candidate.location for item in ranked(found, _CHECKS[0])]
    assert reported == places[:MAXIMUM_REPORTED]


def test_the_one_that_passes_is_found_among_a_thousand_forged_ones_that_end_later() -> None:
    """Nothing keeps a genuine certificate from being judged."""
    forged = [with_broken_signature(AUTHORITY.issue(cn="laptop-1", sans=[dns("a.example")])) for _ in range(30)]
    genuine = AUTHORITY.issue(cn="laptop-1", not_after=NOW + DAY)
    many = [candidate(forged[number % 30]) for number in range(MAXIMUM_CANDIDATES - 1)]
    found = tuple(msgspec.structs.replace(item, key=KeyState.PRESENT) for item in (*many, candidate(genuine)))
    answer = evaluate(check(cn="laptop-1"), FACTS, Findings(candidates=found), NOW)
    assert (Status.PASS, genuine.der) == (answer.status, answer.certificates[0].candidate.certificate.der)
