"""Evidence: keeping what a report held for a check, and judging it again when the check has changed.

What is kept word for word is judged by the same evaluation as a report. A signature was verified when it came; what is
kept is that it held. What a claim cannot answer (semantics, section 4) stays open until the device's next report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.ports import StoredEvidence
from gatepost.core.certificate import parse_certificate
from gatepost.core.check import MAXIMUM_REPORTED, Check
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status, evaluate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, Nearby, Proof
from gatepost.core.reason import Reason
from gatepost.core.replay import extract_facts, tells

if TYPE_CHECKING:
    from datetime import datetime

    from gatepost.controlplane.ports import Records, StoredResult
    from gatepost.core.evaluation import Evaluation
    from gatepost.core.result import Result

DECIDED_ELSEWHERE: Final = frozenset(
    {Reason.CERTIFICATE_SHARED, Reason.CERTIFICATE_DENIED, Reason.CERTIFICATE_REVOKED, Reason.DEVICE_PENDING}
)
"""Reasons of results that something else than the certificates and the check decided: no change of the check ends them."""


class _KeptCandidate(msgspec.Struct, frozen=True, array_like=True):
    der: bytes
    location: Location
    key: KeyState
    key_detail: str
    distrusted: bool
    proof: Proof


class _KeptClaim(msgspec.Struct, frozen=True, array_like=True):
    """What one report held for one check. The device's own verdict is kept to show where it differs."""

    status: Status
    candidates: tuple[_KeptCandidate, ...]
    others: int
    faults: tuple[Fault, ...]
    nearby: tuple[Nearby, ...]
    too_many: bool


_DECODER: Final = msgspec.msgpack.Decoder(_KeptClaim)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a report held for a check: its findings, proved, and the device's own verdict."""

    findings: Findings
    status: Status


def encode_held(held: Held) -> bytes:
    """Write it as it is kept."""
    found = held.findings
    kept = _KeptClaim(
        status=held.status,
        candidates=tuple(
            _KeptCandidate(item.certificate.der, item.location, item.key, item.key_detail, item.distrusted, item.proof)
            for item in found.candidates
        ),
        others=found.others,
        faults=found.faults,
        nearby=found.nearby,
        too_many=found.too_many,
    )
    return msgspec.msgpack.encode(kept)


def decode_held(content: bytes) -> Held:
    """Read it back; its certificates are parsed anew."""
    kept = _DECODER.decode(content)
    findings = Findings(
        candidates=tuple(
            Candidate(
                certificate=parse_certificate(item.der),
                location=item.location,
                key=item.key,
                key_detail=item.key_detail,
                distrusted=item.distrusted,
                proof=item.proof,
            )
            for item in kept.candidates
        ),
        others=kept.others,
        faults=kept.faults,
        nearby=kept.nearby,
        too_many=kept.too_many,
    )
    return Held(findings=findings, status=kept.status)


def certificates_in(claim: bytes) -> tuple[bytes, ...]:
    """Return the DER of each certificate that is kept in a claim."""
    return tuple(item.der for item in _DECODER.decode(claim).candidates)


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What a device reported for a check, and the numbers of both in hot tables."""

    account: int
    registration: int
    number: int
    check: Check
    facts: DeviceFacts
    held: Held | None
    """None: what is kept already."""


def keep_evidence(records: Records, reported: Reported, result: Result) -> None:
    """Keep what a report held. Where it held the same as the one before, its times alone are written."""
    held = reported.held
    extracted = None if held is None else extract_facts(reported.check, reported.facts, held.findings)
    evidence = StoredEvidence(
        check=reported.number,
        registration=reported.registration,
        check_version=result.check_version,
        status=status_of(result),
        measured_at=result.measured_at,
        ends_at=result.ends_at,
        facts=b"" if extracted is None else msgspec.msgpack.encode(extracted),
    )
    if held is None:
        records.evidence.renew(reported.account, evidence)
    else:
        records.evidence.put(reported.account, evidence, encode_held(held))


def renew_evidence(records: Records, account: int, stored: StoredResult) -> None:
    """Write down that a result changed without a report."""
    result = stored.result
    evidence = StoredEvidence(
        check=stored.check,
        registration=stored.registration,
        check_version=result.check_version,
        status=status_of(result),
        measured_at=result.measured_at,
        ends_at=result.ends_at,
        facts=b"",
    )
    records.evidence.renew(account, evidence)


def status_of(result: Result) -> str:
    """Return the status of a result as evidence has it: empty where something else than the certificates decided."""
    return result.status if DECIDED_ELSEWHERE.isdisjoint(result.reasons) else ""


def judge_again(
    held: Held, draft: Check, gathered_under: Check, facts: DeviceFacts, now: datetime
) -> Evaluation | None:
    """Judge what a device reported under one check by another; None where it cannot tell."""
    tells_pass, tells_fail = tells(draft, gathered_under)
    if not tells_pass:
        return None
    evaluation = evaluate(draft, facts, held.findings, now)
    if evaluation.status is Status.PASS:
        return evaluation
    complete = len(held.findings.candidates) < MAXIMUM_REPORTED
    return evaluation if tells_fail and complete else None
