"""A result counts from its judgement to its end, and a clock that jumps never lengthens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.certificate import parse_certificate
from gatepost.core.evaluation import Evaluation, Status, evaluate
from gatepost.core.finding import Candidate, Findings
from gatepost.core.reason import Reason
from gatepost.core.result import Result, conclude, default_expiration, milliseconds
from tests.certificates import DAY, NOW, CertificateAuthority
from tests.core.subjects import AUTHORITY, FACTS, LAPTOP, PLACE, check, findings

NOW_MS = 1_780_272_000_000
_TIMES = st.integers(0, 2**42)


def result(judged_at: int, ends_at: int | None, status: Status = Status.PASS) -> Result:
    """Make a result of these times."""
    return Result(
        status=status,
        reasons=(),
        evidence=None,
        check_version=1,
        certificate=None,
        measured_at=judged_at,
        judged_at=judged_at,
        ends_at=ends_at,
    )


@given(judged=_TIMES, life=st.integers(-10_000, 2**40), now=_TIMES)
def test_a_result_never_counts_at_or_after_its_end(judged: int, life: int, now: int) -> None:
    """Nor more than 5 s before it was judged."""
    counts = result(judged, judged + life).counts(now)
    assert counts == (judged - 5_000 <= now < judged + life)


@pytest.mark.parametrize(
    ("now", "counts"),
    [(94_999, False), (95_000, True), (100_000, True), (159_999, True), (160_000, False), (160_001, False)],
)
def test_a_result_counts_up_to_its_end_and_not_at_it(now: int, counts: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """Judged at 100,000 ms, with an end at 160,000 ms; a clock may jump back 5 s."""
    assert counts == result(100_000, 160_000).counts(now)


@given(now=st.integers(95_000, 2**45))
def test_a_result_without_an_end_counts_until_a_newer_one(now: int) -> None:
    """But not before it was judged."""
    assert result(100_000, None).counts(now)
    assert not result(100_000, None).counts(94_999)


@pytest.mark.parametrize("status", Status)
def test_a_policy_is_satisfied_by_an_unexpired_pass_alone(status: Status) -> None:
    """Neither a fail nor an error, nor a pass that has ended."""
    assert result(100_000, 160_000, status).satisfies(120_000) == (status is Status.PASS)
    assert not result(100_000, 160_000, status).satisfies(160_000)


@pytest.mark.parametrize(("schedule", "seconds"), [(60, 180), (300, 660), (3_600, 7_260)])
def test_results_count_for_two_schedules_and_a_minute_when_nothing_is_set(schedule: int, seconds: int) -> None:
    """One report may be lost without harm."""
    assert seconds == default_expiration(schedule)


def passing(authority: CertificateAuthority, not_after: datetime) -> Evaluation:
    """Pass with a certificate that ends at ``not_after``."""
    leaf = authority.issue(not_after=not_after)
    answer = evaluate(check(authority), FACTS, findings(leaf), NOW)
    assert answer.status is Status.PASS
    return answer


@pytest.mark.parametrize(
    ("expiration", "leaf", "root", "end"),
    [
        (660, DAY, 2 * DAY, 655_000),
        (None, DAY, 2 * DAY, 86_400_001),
        (86_400 * 9, 2 * DAY, DAY, 86_400_001),
        (86_406, DAY, DAY, 86_400_001),
        (86_405, DAY, DAY, 86_400_000),
        (600, timedelta(0), DAY, 1),
    ],
)
def test_a_result_ends_with_the_first_of_expiration_and_both_certificates(
    expiration: int | None, leaf: timedelta, root: timedelta, end: int
) -> None:
    """Counted from the nonce's issue, here 5 s ago; the last instant of a validity still counts."""
    authority = CertificateAuthority.create(not_after=NOW + root)
    asked = check(authority, expiration=expiration, version=7)
    found = conclude(passing(authority, NOW + leaf), asked, NOW_MS - 5_000, NOW_MS)
    assert (NOW_MS + end, 7) == (found.ends_at, found.check_version)
    assert (NOW_MS - 5_000, NOW_MS) == (found.measured_at, found.judged_at)


def test_a_fail_ends_by_expiration_alone() -> None:
    """An expired certificate's end does not end the news that it has expired."""
    answer = evaluate(check(), FACTS, findings(AUTHORITY.issue(not_after=NOW - DAY)), NOW)
    assert conclude(answer, check(), NOW_MS, NOW_MS).ends_at == NOW_MS + 660_000
    assert conclude(answer, check(expiration=None), NOW_MS, NOW_MS).ends_at is None


def test_a_result_names_the_nearest_certificate_when_there_is_one() -> None:
    """By its SHA-256, also one that cannot be read."""
    garbage = parse_certificate(b"garbage")
    cases = (
        (findings(LAPTOP), parse_certificate(LAPTOP.der).sha256),
        (Findings(candidates=(Candidate(certificate=garbage, location=PLACE),)), garbage.sha256),
        (findings(), None),
    )
    for found, name in cases:
        answer = evaluate(check(), FACTS, found, NOW)
        concluded = conclude(answer, check(), NOW_MS, NOW_MS)
        assert (name, answer.reasons) == (concluded.certificate, concluded.reasons)


def test_a_result_keeps_the_reasons_and_the_level() -> None:
    """As the evaluation gave them."""
    concluded = conclude(Evaluation(status=Status.ERROR, reasons=(Reason.STORE_BUSY,)), check(), NOW_MS, NOW_MS)
    assert (Status.ERROR, (Reason.STORE_BUSY,), None) == (concluded.status, concluded.reasons, concluded.evidence)


@given(_TIMES)
def test_an_instant_is_whole_milliseconds_since_1970(milliseconds_since: int) -> None:
    """Exactly, without the detour of a binary fraction."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds_since)
    assert milliseconds_since == milliseconds(instant) == milliseconds(instant + timedelta(microseconds=999))
    assert milliseconds(NOW) == NOW_MS
