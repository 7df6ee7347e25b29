"""A report is appraised on its certificates and signatures, and on nothing else that it says."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from gatepost.core.certificate import parse_certificate
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.finding import Candidate, Findings, KeyState, Proof
from gatepost.core.possession import build_statement
from gatepost.core.reason import Reason
from gatepost.core.report import Binding, Claim, appraise, prove
from tests.certificates import NOW
from tests.core.subjects import FACTS, LAPTOP, PLACE, candidate, check
from tests.core.test_signature import sign

BINDING = Binding(audience="https://a.example/1", thumbprint=bytes(32), nonce=bytes(40))
CHECK = check(asks_key=True, evidence=Evidence.POSSESSION)


def statement(binding: Binding = BINDING) -> bytes:
    """Build what LAPTOP's key signs."""
    return build_statement(binding.audience, binding.thumbprint, binding.nonce, hashlib.sha256(LAPTOP.der).digest())


def claim(signature: bytes | None, key: KeyState = KeyState.PRESENT, proof: Proof = Proof.NONE) -> Claim:
    """Claim LAPTOP, and that it passes."""
    return Claim(
        check_id="check-1",
        check_version=1,
        findings=Findings(candidates=(candidate(LAPTOP, key=key, proof=proof),)),
        signatures=(signature,),
        status=Status.PASS,
    )


def test_a_claim_passes_when_the_certificate_s_key_signed_the_statement() -> None:
    """The server rebuilds the statement from what it knows itself."""
    answer = appraise(claim(sign(LAPTOP.key, statement())), CHECK, FACTS, BINDING, NOW)
    assert (Status.PASS, Evidence.POSSESSION) == (answer.status, answer.evidence)


@pytest.mark.parametrize(
    "change",
    [
        {"audience": "https://b.example/1"},
        {"audience": "https://a.example/2"},
        {"thumbprint": b"\1" * 32},
        {"nonce": b"\1" * 40},
    ],
)
def test_a_claim_is_unproven_when_the_signature_was_made_for_something_else(change: dict[str, object]) -> None:
    """Another server, another account, another device, another nonce."""
    signature = sign(LAPTOP.key, statement(msgspec.structs.replace(BINDING, **change)))
    answer = appraise(claim(signature), CHECK, FACTS, BINDING, NOW)
    assert (Status.FAIL, (Reason.POSSESSION_UNPROVEN,)) == (answer.status, answer.reasons)


def test_a_claim_is_unproven_when_there_is_only_its_word() -> None:
    """A device that says "proved" and "pass" has said nothing."""
    answer = appraise(claim(None, proof=Proof.VALID), CHECK, FACTS, BINDING, NOW)
    assert (Status.FAIL, (Reason.POSSESSION_UNPROVEN,)) == (answer.status, answer.reasons)


@pytest.mark.parametrize(
    ("signature", "proof"),
    [
        (None, Proof.NONE),
        (b"", Proof.INVALID),
        (b"x" * 64, Proof.INVALID),
        (sign(LAPTOP.key, statement()), Proof.VALID),
    ],
)
def test_a_proof_says_what_became_of_the_signature(signature: bytes | None, proof: Proof) -> None:
    """None, invalid or valid; the rest of the finding stays as it was."""
    before = claim(signature)
    after = prove(before, BINDING)
    assert msgspec.structs.replace(before.findings.candidates[0], proof=proof) == after.candidates[0]


def test_bytes_that_are_no_certificate_prove_nothing() -> None:
    """There is no key that a signature could be judged by."""
    findings = Findings(candidates=(Candidate(certificate=parse_certificate(b"x"), location=PLACE),))
    garbage = msgspec.structs.replace(claim(b"x"), findings=findings)
    assert prove(garbage, BINDING).candidates[0].proof is Proof.NONE


def test_a_claim_is_refused_when_signatures_cannot_be_told_to_candidates() -> None:
    """One for each, or None in its place."""
    with pytest.raises(ValueError, match="one signature, or None, for each"):
        Claim(check_id="1", check_version=1, findings=Findings(), signatures=(b"x",), status=Status.PASS)
