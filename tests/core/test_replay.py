"""Replay: what it tells is what evaluation would say, and what the last report cannot tell it does not guess."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.certificate import parse_certificate
from gatepost.core.check import MAXIMUM_REPORTED, Check, Evidence, Locations, OperatingSystem, Purpose, TrustStore
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status, evaluate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Proof
from gatepost.core.reason import Reason
from gatepost.core.replay import UNKNOWN, EvidenceFacts, Outcome, Replay, extract_facts
from gatepost.core.result import milliseconds
from tests.certificates import DAY, NOW, CertificateAuthority, Digest, dns, with_broken_signature
from tests.core.subjects import AUTHORITY, FACTS, LAPTOP, PLACE, candidate, check, findings, parsed

POLICY = "1.3.6.1.4.1.99999.1"
NOW_MS = milliseconds(NOW)
SECOND = CertificateAuthority.create(cn="Example Root CA 2")
RENEWED = CertificateAuthority.create(cn="Example Root CA", key=AUTHORITY.key, not_after=NOW + 9_000 * DAY)
SHORT = CertificateAuthority.create(cn="Short CA", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
LATE = CertificateAuthority.create(cn="Late CA", not_before=NOW + DAY)
POOL = [
    LAPTOP,
    AUTHORITY.issue(cn="laptop-2", sans=[dns("laptop-1")]),
    AUTHORITY.issue(cn="laptop-1", eku=None),
    AUTHORITY.issue(cn="LAPTOP-1", not_after=NOW - DAY),
    AUTHORITY.issue(cn="laptop-1", not_before=NOW + DAY),
    AUTHORITY.issue(cn=None),
    AUTHORITY.issue(cn=("laptop-1", "laptop-1")),
    AUTHORITY.issue(cn="laptop\u200b-1"),
    AUTHORITY.issue(cn="laptop-1", policies=[POLICY]),
    AUTHORITY.issue(cn="laptop-1", key_usage=("keyEncipherment",)),
    AUTHORITY.issue(cn="laptop-1", digest=Digest.SHA1),
    with_broken_signature(LAPTOP),
    SECOND.issue(cn="laptop-1"),
    SHORT.issue(cn="laptop-1"),
    LATE.issue(cn="laptop-1"),
    SHORT.issue(cn="laptop-1", not_before=NOW),
]
GARBAGE = Candidate(certificate=parse_certificate(b"garbage"), location=PLACE)
FAULT = Fault(location=PLACE, reason=Reason.STORE_BUSY, detail="busy")
GONE = Fault(location=PLACE, reason=Reason.STORE_MISSING, detail="gone")


def answer(draft: Check, found: Findings, asked: Check | None = None, facts: DeviceFacts = FACTS) -> Outcome:
    """Gather under one check, and ask another."""
    asked = asked or draft
    return Replay(draft, asked, NOW_MS).answer(extract_facts(asked, facts, found))


_CANDIDATES = st.lists(
    st.tuples(st.integers(0, len(POOL)), st.sampled_from(KeyState), st.sampled_from(Proof), st.booleans()).map(
        lambda drawn: (
            GARBAGE
            if drawn[0] == len(POOL)
            else candidate(POOL[drawn[0]], key=drawn[1], proof=drawn[2], distrusted=drawn[3])
        )
    ),
    max_size=5,
    unique_by=lambda item: item.certificate.sha256,
)
_CHECKS = st.builds(
    check,
    st.just(AUTHORITY),
    st.sampled_from([SECOND, SHORT, LATE]),
    cn=st.sampled_from(["", "${hostname}", "laptop-2", "${serial_number}-x"]),
    sans=st.sampled_from([(), ("dns:${hostname}",), ("laptop-1", "${serial_number}"), ("ip:192.0.2.1",)]),
    purposes=st.sampled_from([(), (Purpose.CLIENT_AUTH,), (Purpose.EMAIL_PROTECTION, Purpose.CLIENT_AUTH)]),
    asks_key=st.sampled_from([True]),
    evidence=st.sampled_from(Evidence),
    hardware_policies=st.just((POLICY,)),
)
_FINDINGS = st.builds(
    Findings,
    candidates=_CANDIDATES.map(tuple),
    others=st.integers(0, 1),
    faults=st.sampled_from([(), (FAULT,), (GONE,), (FAULT, GONE)]),
    too_many=st.booleans(),
)
_FACTS = st.sampled_from([FACTS, DeviceFacts(hostname="laptop-1"), DeviceFacts(serial_number="0", hostname="LAPTOP-1")])


@given(asked=_CHECKS, draft=_CHECKS, found=_FINDINGS, facts=_FACTS)
def test_what_is_told_is_what_evaluation_says(asked: Check, draft: Check, found: Findings, facts: DeviceFacts) -> None:
    """Status and reasons, for whatever was found; and all is told where the same was looked for."""
    told = answer(draft, found, asked, facts)
    expected = evaluate(draft, facts, found, NOW)
    if told.status is not None:
        # A fact that is missing is told alone: with it, nothing else matters.
        missing = (Reason.DEVICE_FACT_MISSING,)
        reasons = missing if Reason.DEVICE_FACT_MISSING in expected.reasons else expected.reasons
        assert (expected.status, reasons) == (told.status, told.reasons)
    same = {item.sha256 for item in asked.authorities} == {item.sha256 for item in draft.authorities}
    if same and (asked.signs or not draft.signs):
        assert told.status is not None


def test_a_pass_is_seen_under_other_signing_certificates_and_a_fail_is_not() -> None:
    """Nobody looked for certificates of the new one: this is how a CA is changed."""
    asked, both = check(AUTHORITY), check(AUTHORITY, SECOND)
    assert Outcome(Status.PASS) == answer(both, findings(LAPTOP), asked)
    assert UNKNOWN == answer(both, findings(), asked)
    assert UNKNOWN == answer(check(SECOND), findings(LAPTOP), asked)
    assert Outcome(Status.FAIL, (Reason.NO_CERTIFICATE_FOUND,)) == answer(asked, findings())


def test_a_key_that_nobody_asked_for_is_not_known_to_be_missing() -> None:
    """And one that was asked whether it is there may sign all the same."""
    silent, present = check(), check(asks_key=True, evidence=Evidence.KEY_PRESENT)
    proved = check(asks_key=True, evidence=Evidence.POSSESSION)
    here = Findings(candidates=(candidate(LAPTOP, key=KeyState.PRESENT),))
    assert UNKNOWN == answer(present, findings(LAPTOP), silent)
    assert UNKNOWN == answer(proved, here, present)
    assert Outcome(Status.FAIL, (Reason.POSSESSION_UNPROVEN,)) == answer(proved, here)
    assert Outcome(Status.PASS) == answer(silent, here, proved)


@pytest.mark.parametrize(
    "fields",
    [
        {"operating_system": OperatingSystem.WINDOWS},
        {"locations": Locations(trust_stores=(TrustStore.SYSTEM, TrustStore.USER))},
        {"locations": Locations(trust_stores=(), paths=("/etc/device.pem",))},
    ],
)
def test_nothing_is_told_of_other_devices_and_places(fields: dict[str, Any]) -> None:
    """What lies there was never reported."""
    assert UNKNOWN == answer(check(**fields), findings(LAPTOP), check())


def test_a_fail_is_not_told_where_a_report_had_no_room_for_all() -> None:
    """Another candidate may meet what is asked now."""
    colleagues = tuple(AUTHORITY.issue(cn=f"laptop-{number}") for number in range(2, 2 + MAXIMUM_REPORTED))
    assert UNKNOWN == answer(check(cn="${hostname}"), findings(*colleagues))
    assert Status.FAIL is answer(check(cn="${hostname}"), findings(*colleagues[1:])).status
    assert Outcome(Status.PASS) == answer(check(cn="laptop-2"), findings(*colleagues))


def test_the_issuer_that_reaches_furthest_is_kept() -> None:
    """Of an old and a renewed certificate with one key, the one that ends later."""
    asked = check(AUTHORITY, RENEWED)
    facts = extract_facts(asked, FACTS, findings(LAPTOP)).candidates[0]
    assert parsed(RENEWED).sha256 == facts.authority
    assert ("", 7) == (facts.refusal, facts.refusal_step)


def test_facts_are_read_back_as_they_were_kept() -> None:
    """In few bytes: a fleet has millions."""
    kept = extract_facts(check(cn="${hostname}"), FACTS, findings(LAPTOP, POOL[1]))
    encoded = msgspec.msgpack.encode(kept)
    assert kept == msgspec.msgpack.decode(encoded, type=EvidenceFacts)
    assert 600 > len(encoded)
