"""A report: what a device claims (Evidence, in the words of RFC 9334), and its appraisal.

Nothing in a report is believed but certificates, which are judged again, and signatures, which are verified against the
statement that we rebuild. Its own verdict is kept only to show where device and server differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate
from gatepost.core.evaluation import Evaluation, Status, evaluate
from gatepost.core.finding import Candidate, Findings, Proof
from gatepost.core.possession import build_statement
from gatepost.core.signature import verify_signature

if TYPE_CHECKING:
    from datetime import datetime

    from gatepost.core.check import Check
    from gatepost.core.device import DeviceFacts


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the device says of one check: its findings, one signature (or None) for each candidate, and its own verdict."""

    check_id: str
    check_version: int
    findings: Findings
    signatures: tuple[bytes | None, ...]
    status: Status

    def __post_init__(self) -> None:
        """Refuse signatures that cannot be told to their candidates; raises ValueError."""
        if len(self.signatures) != len(self.findings.candidates):
            raise ValueError("there is not one signature, or None, for each candidate")


class Binding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the statement of a report is rebuilt from: our audience, the registered key's thumbprint, the nonce we issued."""

    audience: str
    thumbprint: bytes
    nonce: bytes


def appraise(claim: Claim, check: Check, facts: DeviceFacts, binding: Binding, now: datetime) -> Evaluation:
    """Judge the claim as if the device had said nothing: on its certificates and signatures alone. Never raises."""
    return evaluate(check, facts, prove(claim, binding), now)


def prove(claim: Claim, binding: Binding) -> Findings:
    """Verify each signature; a candidate's ``proof`` says what became of it."""
    proven = tuple(
        _prove(candidate, signature, binding)
        for candidate, signature in zip(claim.findings.candidates, claim.signatures, strict=True)
    )
    return msgspec.structs.replace(claim.findings, candidates=proven)


def _prove(candidate: Candidate, signature: bytes | None, binding: Binding) -> Candidate:
    certificate = candidate.certificate
    proof = Proof.NONE
    if signature is not None and isinstance(certificate, Certificate):
        statement = build_statement(binding.audience, binding.thumbprint, binding.nonce, certificate.sha256)
        proof = Proof.VALID if verify_signature(certificate.public_key, signature, statement) else Proof.INVALID
    return msgspec.structs.replace(candidate, proof=proof)
