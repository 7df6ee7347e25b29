"""Evaluation: one certificate meets all, or the device does not pass; the order of anything says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.certificate import parse_certificate
from gatepost.core.check import MAXIMUM_CANDIDATES, MAXIMUM_REPORTED, Evidence, Purpose
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Evaluation, Status, evaluate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, Proof, StoreKind
from gatepost.core.reason import Reason
from tests.certificates import DAY, EMAIL_PROTECTION, NOW, CertificateAuthority, dns, with_broken_signature
from tests.core.subjects import AUTHORITY, FACTS, LAPTOP, PLACE, candidate, check, findings

if TYPE_CHECKING:
    from gatepost.core.check import Check

STRANGER = CertificateAuthority.create(cn="Stranger").issue(cn="laptop-1")
EXPIRED = AUTHORITY.issue(cn="laptop-1", not_after=NOW - DAY)
COLLEAGUE = AUTHORITY.issue(cn="laptop-2", sans=[dns("laptop-1")])
BARE = AUTHORITY.issue(cn="laptop-1", eku=None)
LONGER = AUTHORITY.issue(cn="laptop-1", not_after=NOW + 9_000 * DAY)
POOL = [LAPTOP, LONGER, STRANGER, EXPIRED, COLLEAGUE, BARE, with_broken_signature(LAPTOP)]
NAMED = check(cn="${hostname}", purposes=(Purpose.CLIENT_AUTH,))
GARBAGE = Candidate(certificate=parse_certificate(b"garbage"), location=PLACE)


def judge(found: Findings, asked: Check = NAMED, facts: DeviceFacts = FACTS) -> Evaluation:
    """Evaluate at NOW."""
    return evaluate(asked, facts, found, NOW)


def told(evaluation: Evaluation) -> object:
    """Say all that an evaluation says, in values that can be compared."""
    rows = [
        (item.candidate.certificate.sha256, item.candidate.location, item.reasons, item.judgements, item.evidence)
        for item in evaluation.certificates
    ]
    return evaluation.status, evaluation.reasons, evaluation.evidence, rows


def _placed(entry: tuple[int, int, KeyState, Proof]) -> Candidate:
    kind, place, key, proof = entry
    location = Location(store=StoreKind.NSSDB, path="/etc/pki/nssdb", label="name" if place else None)
    return GARBAGE if kind == len(POOL) else candidate(POOL[kind], location=location, key=key, proof=proof)


_CANDIDATES = st.lists(
    st.tuples(st.integers(0, len(POOL)), st.integers(0, 1), st.sampled_from(KeyState), st.sampled_from(Proof)).map(
        _placed
    ),
    max_size=8,
)


@given(candidates=_CANDIDATES, data=st.data())
def test_the_answer_is_the_same_whatever_the_order_of_candidates(
    candidates: list[Candidate], data: st.DataObject
) -> None:
    """Also where the same certificate lies in several places with its key in one of them."""
    asked = check(cn="${hostname}", asks_key=True, evidence=Evidence.KEY_PRESENT)
    turned = data.draw(st.permutations(candidates))
    first = judge(Findings(candidates=tuple(candidates)), asked)
    second = judge(Findings(candidates=tuple(turned)), asked)
    assert told(first) == told(second)


@given(candidates=_CANDIDATES)
def test_a_device_passes_when_one_candidate_alone_would(candidates: list[Candidate]) -> None:
    """Facts of one certificate never help another, and never hinder it."""
    asked = check(cn="${hostname}", purposes=(Purpose.CLIENT_AUTH,), asks_key=True, evidence=Evidence.POSSESSION)
    alone = [judge(Findings(candidates=(item,)), asked).status is Status.PASS for item in candidates]
    assert any(alone) == (judge(Findings(candidates=tuple(candidates)), asked).status is Status.PASS)


def test_a_device_passes_when_its_certificate_meets_every_criterion() -> None:
    """With no reason, the level reached, and the signing certificate named."""
    answer = judge(findings(LAPTOP))
    assert (Status.PASS, (), Evidence.REPORTED) == (answer.status, answer.reasons, answer.evidence)
    (row,) = answer.certificates
    assert row.authority is not None
    assert ("CN=Example Root CA", ()) == (row.authority.subject.text, row.reasons)


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (findings(), [Reason.NO_CERTIFICATE_FOUND]),
        (findings(others=3), [Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE]),
        (findings(STRANGER), [Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE]),
        (findings(EXPIRED), [Reason.CERTIFICATE_EXPIRED]),
        (findings(COLLEAGUE), [Reason.COMMON_NAME_MISMATCH]),
        (findings(BARE), [Reason.EXTENDED_KEY_USAGE_MISSING]),
        (findings(EXPIRED, COLLEAGUE), [Reason.COMMON_NAME_MISMATCH]),
        (Findings(candidates=(GARBAGE,)), [Reason.MALFORMED_CERTIFICATE]),
        (Findings(candidates=(GARBAGE, candidate(EXPIRED))), [Reason.CERTIFICATE_EXPIRED]),
    ],
)
def test_a_device_fails_with_the_reasons_of_its_nearest_certificate(found: Findings, reasons: list[Reason]) -> None:
    """Fewest unmet criteria, then the latest end; what cannot be read comes last."""
    answer = judge(found)
    assert (Status.FAIL, tuple(reasons)) == (answer.status, answer.reasons)


def test_every_certificate_keeps_all_its_reasons() -> None:
    """None is swallowed by the first."""
    wrong = AUTHORITY.issue(cn="laptop-2", eku=[EMAIL_PROTECTION], not_after=NOW - DAY)
    asked = check(
        cn="${hostname}",
        sans=("a.example",),
        purposes=(Purpose.CLIENT_AUTH,),
        asks_key=True,
        evidence=Evidence.POSSESSION,
    )
    assert judge(Findings(candidates=(candidate(wrong, distrusted=True),)), asked).reasons == (
        Reason.CERTIFICATE_EXPIRED,
        Reason.CERTIFICATE_DISTRUSTED,
        Reason.COMMON_NAME_MISMATCH,
        Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH,
        Reason.EXTENDED_KEY_USAGE_MISSING,
        Reason.PRIVATE_KEY_MISSING,
    )


def test_the_certificate_that_ends_last_is_named_when_several_pass() -> None:
    """So that a renewal is seen, and the result lasts."""
    answer = judge(findings(LAPTOP, LONGER))
    assert [LONGER.der, LAPTOP.der] == [item.candidate.certificate.der for item in answer.certificates]


def test_one_certificate_is_named_where_its_evidence_is_strongest() -> None:
    """The same certificate in two places, and its key in one."""
    elsewhere = Location(store=StoreKind.PEM_FILE, path="/zzz")
    found = Findings(candidates=(candidate(LAPTOP), candidate(LAPTOP, location=elsewhere, proof=Proof.VALID)))
    answer = judge(found)
    assert (Evidence.POSSESSION, elsewhere) == (answer.evidence, answer.certificates[0].candidate.location)


def test_no_more_certificates_are_reported_than_the_bound() -> None:
    """The passing ones first."""
    answer = judge(findings(*[COLLEAGUE] * MAXIMUM_REPORTED, LAPTOP))
    assert len(answer.certificates) == MAXIMUM_REPORTED
    assert (Status.PASS, LAPTOP.der) == (answer.status, answer.certificates[0].candidate.certificate.der)


@pytest.mark.parametrize(
    "found",
    [
        findings(LAPTOP, too_many=True),
        Findings(candidates=(candidate(LAPTOP),) + (GARBAGE,) * MAXIMUM_CANDIDATES),
    ],
)
def test_too_many_candidates_are_an_error_even_beside_a_passing_one(found: Findings) -> None:
    """Which of them are judged would depend on their order."""
    answer = judge(found)
    assert (Status.ERROR, Reason.TOO_MANY_CANDIDATES) == (answer.status, answer.reasons[0])


def test_a_thousand_candidates_are_not_too_many() -> None:
    """The bound itself is allowed."""
    full = Findings(candidates=(candidate(LAPTOP),) + (GARBAGE,) * (MAXIMUM_CANDIDATES - 1))
    assert judge(full).status is Status.PASS


def _fault(reason: Reason) -> Fault:
    return Fault(location=PLACE, reason=reason, detail="detail")


def test_a_fault_stands_beside_a_pass_when_another_place_has_the_certificate() -> None:
    """A store that fails does not hide the others."""
    answer = judge(findings(LAPTOP, faults=(_fault(Reason.STORE_BUSY),)))
    assert (Status.PASS, ()) == (answer.status, answer.reasons)
    assert [Reason.STORE_BUSY] == [fault.reason for fault in answer.faults]


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (findings(faults=(_fault(Reason.STORE_CORRUPT),)), [Reason.STORE_CORRUPT]),
        (findings(others=1, faults=(_fault(Reason.STORE_BUSY),)), [Reason.STORE_BUSY]),
        (findings(EXPIRED, faults=(_fault(Reason.STORE_BUSY),)), [Reason.STORE_BUSY, Reason.CERTIFICATE_EXPIRED]),
        (findings(faults=(_fault(Reason.STORE_BUSY), _fault(Reason.STORE_BUSY))), [Reason.STORE_BUSY]),
    ],
)
def test_a_device_is_in_error_when_a_place_could_not_be_looked_into(found: Findings, reasons: list[Reason]) -> None:
    """The cause first, then what the nearest certificate lacks."""
    answer = judge(found)
    assert (Status.ERROR, tuple(reasons)) == (answer.status, answer.reasons)


@pytest.mark.parametrize(
    ("others", "reason"), [(0, Reason.NO_CERTIFICATE_FOUND), (1, Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE)]
)
def test_a_device_fails_when_a_place_is_not_there(others: int, reason: Reason) -> None:
    """It was looked at, and holds nothing; the fault is reported all the same."""
    answer = judge(findings(others=others, faults=(_fault(Reason.STORE_MISSING),)))
    assert (Status.FAIL, (reason,), 1) == (answer.status, answer.reasons, len(answer.faults))


@pytest.mark.parametrize(
    "asked",
    [
        check(cn="${serial_number}"),
        check(sans=("${hostname}", "${serial_number}")),
        check(cn="${serial_number}", sans=("${hostname}",)),
    ],
)
def test_a_device_is_in_error_when_a_fact_is_missing(asked: Check) -> None:
    """Even where another name would be met; the fact is named, and no certificate looks as if it passed."""
    leaf = AUTHORITY.issue(cn="laptop-1", sans=[dns("laptop-1")])
    answer = judge(findings(leaf), asked, DeviceFacts(hostname="laptop-1", serial_number="None"))
    assert (Status.ERROR, (Reason.DEVICE_FACT_MISSING,)) == (answer.status, answer.reasons)
    assert "serial_number" in answer.detail
    assert answer.certificates[0].reasons == (Reason.DEVICE_FACT_MISSING,)
    assert judge(findings(), asked, DeviceFacts()).reasons == (Reason.DEVICE_FACT_MISSING,)


def test_a_policy_for_hardware_counts_when_the_signing_certificate_vouches_for_it() -> None:
    """In a certificate that nobody vouches for it stands for nothing."""
    policy = "1.2.3.4"
    asked = check(asks_key=True, evidence=Evidence.HARDWARE, hardware_policies=(policy,))

    def level(**options: Any) -> tuple[Status, Evidence | None]:  # noqa: ANN401 - Options.
        found = candidate(AUTHORITY.issue(policies=[policy], **options), proof=Proof.VALID, key=KeyState.PRESENT)
        answer = judge(Findings(candidates=(found,)), asked)
        return answer.status, answer.evidence

    assert level() == (Status.PASS, Evidence.HARDWARE)
    assert level(not_after=NOW - DAY) == (Status.FAIL, Evidence.POSSESSION)


def test_a_crash_is_an_error_with_its_reason() -> None:
    """Whatever went wrong, the answer is no pass and no silence."""
    naive = evaluate(NAMED, FACTS, findings(LAPTOP), NOW.replace(tzinfo=None))
    assert (Status.ERROR, (Reason.EVALUATION_CRASHED,)) == (naive.status, naive.reasons)
    assert naive.detail == "TypeError"
