"""Appraisal: what one report's claim for one check comes to (RFC 9334: evidence in, attestation result out).

Every signature of every report is verified. The rest of the judgement is a function of the claim, the check, the device's facts
and the time, and comes to the same until a certificate in it begins or ends: where the newest result was made of the same, it
is that judgement with new times (`reuse`). What something else than the report decided, a denial or a shared key, is never
taken over.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.evidence import Held
from gatepost.controlplane.judgement import Appraised, Judgement
from gatepost.controlplane.presented import Presented
from gatepost.controlplane.received import describe_expected, describe_received
from gatepost.controlplane.sharing import proved_key
from gatepost.core.certificate import Certificate
from gatepost.core.denial import Denied
from gatepost.core.evaluation import Evaluation, Status, evaluate
from gatepost.core.finding import Proof
from gatepost.core.log import PostureEntry
from gatepost.core.possession import build_statement
from gatepost.core.reason import Reason
from gatepost.core.report import Binding
from gatepost.core.result import conclude, milliseconds
from gatepost.core.signature import verify_loaded
from gatepost.wire.device import CheckAnswer, claim_to_core, instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.judgement import LiveCheck
    from gatepost.controlplane.ports import StoredResult
    from gatepost.core.check import Check
    from gatepost.core.device import DeviceFacts
    from gatepost.core.finding import Candidate, Location
    from gatepost.core.report import Claim
    from gatepost.core.result import Result

_DIGEST: Final = 16
"""Bytes of SHA-256 that tell whether two claims are the same."""
_NEVER: Final = 2**62
"""When a judgement ends in which no certificate begins or ends."""


class Subject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one report is judged: what its signatures are bound to, what it shows, what of that is denied, and when."""

    binding: Binding
    presented: Presented
    denied: Denied
    measured_at: int
    now: int

    def appraise(
        self, live: LiveCheck, answer: CheckAnswer, facts: DeviceFacts, known: StoredResult | None
    ) -> Judgement:
        """Judge what the device answered to a check; ``known`` is the newest result of both."""
        proofs = self.prove(answer)
        digest = _digest(live, answer, proofs, facts)
        if known is not None and self._holds(known, live, digest):
            reused = self._reuse(known, live, answer, proofs)
            if reused is not None:
                return reused
        return self._conclude(live, self.claim(answer, proofs), facts, digest)

    def prove(self, answer: CheckAnswer) -> tuple[Proof, ...]:
        """Verify the possession signature of each candidate."""
        return tuple(self._prove(item.sha256, item.signature) for item in answer.candidates)

    def _prove(self, name: str, signature: bytes | None) -> Proof:
        shown = self.presented.find(name)
        if signature is None:
            return Proof.NONE
        key = shown.load_key()
        bound = self.binding
        statement = build_statement(bound.audience, bound.thumbprint, bound.nonce, bytes.fromhex(name))
        return Proof.VALID if key is not None and verify_loaded(key, signature, statement) else Proof.INVALID

    def claim(self, answer: CheckAnswer, proofs: tuple[Proof, ...]) -> Claim:
        """Return the claim with what became of its signatures; what is no certificate proves nothing."""
        claim = claim_to_core(answer, self.presented.parsed())
        candidates = tuple(
            msgspec.structs.replace(item, proof=proof if isinstance(item.certificate, Certificate) else Proof.NONE)
            for item, proof in zip(claim.findings.candidates, proofs, strict=True)
        )
        findings = msgspec.structs.replace(claim.findings, candidates=candidates)
        return msgspec.structs.replace(claim, findings=findings)

    def evaluate(self, check: Check, claim: Claim, facts: DeviceFacts) -> Evaluation:
        """Answer a check from a claim whose signatures were verified, with these facts of the device."""
        return evaluate(check, facts, claim.findings, instant(self.now), self.denied)

    def _holds(self, known: StoredResult, live: LiveCheck, digest: bytes) -> bool:
        return (
            known.claim_digest == digest
            and known.result.check_version == live.check.version
            and known.appraised_at <= self.now < known.appraised_until
            and not self.denied.keys
            and not self.denied.certificates
        )

    def _reuse(
        self, known: StoredResult, live: LiveCheck, answer: CheckAnswer, proofs: tuple[Proof, ...]
    ) -> Judgement | None:
        """Return the judgement that the newest result is, with new times; None where one certificate lies in two places."""
        nearest = None if known.result.certificate is None else known.result.certificate.hex()
        places = [item for item in answer.candidates if item.sha256 == nearest]
        if len(places) != (nearest is not None):
            return None
        expiration = live.check.expiration
        ends = [known.valid_until] if known.valid_until is not None else []
        if expiration is not None:
            ends.append(self.measured_at + expiration * 1000)
        result = msgspec.structs.replace(
            known.result, measured_at=self.measured_at, judged_at=self.now, ends_at=min(ends, default=None)
        )
        return Judgement(
            live=live,
            result=result,
            entry=self._entry(result, known.expected, known.received, places[0].signature if places else None),
            held=None,
            digest=known.claim_digest or b"",
            proofs=proofs,
            appraised=Appraised(known.appraised_at, known.appraised_until, known.valid_until),
            key_digest=known.key_digest,
            rests_on=self.presented.find(nearest).der if nearest and result.status is Status.PASS else None,
        )

    def _conclude(self, live: LiveCheck, claim: Claim, facts: DeviceFacts, digest: bytes) -> Judgement:
        evaluation = self.evaluate(live.check, claim, facts)
        result = conclude(evaluation, live.check, self.measured_at, self.now)
        nearest = evaluation.certificates[0] if evaluation.status is Status.PASS else None
        return Judgement(
            live=live,
            result=result,
            entry=self._entry(
                result,
                describe_expected(live.check, facts),
                describe_received(evaluation, claim.status),
                _signature_of_nearest(claim, evaluation),
            ),
            held=Held(findings=claim.findings, status=claim.status),
            digest=digest,
            proofs=tuple(item.proof for item in claim.findings.candidates),
            appraised=self._appraised(live.check, claim, evaluation, result),
            key_digest=proved_key(evaluation),
            rests_on=nearest.candidate.certificate.der if nearest is not None else None,
            vouched_by=nearest.authority.der if nearest is not None and nearest.authority is not None else None,
        )

    def _appraised(self, check: Check, claim: Claim, evaluation: Evaluation, result: Result) -> Appraised | None:
        """Return until when this judgement holds; None where it must not be taken over."""
        if self.denied.keys or self.denied.certificates or Reason.EVALUATION_CRASHED in result.reasons:
            return None
        shown = (item.certificate for item in claim.findings.candidates)
        certificates = [item for item in (*shown, *check.authorities) if isinstance(item, Certificate)]
        until = min((end for item in certificates for end in _turns(item) if end > self.now), default=_NEVER)
        valid_until = None
        if result.status is Status.PASS:
            nearest = evaluation.certificates[0]
            pair = (nearest.candidate.certificate, nearest.authority)
            valid_until = min(milliseconds(item.not_after) + 1 for item in pair if isinstance(item, Certificate))
        return Appraised(self.now, until, valid_until)

    def _entry(self, result: Result, expected: str, received: str, signature: bytes | None) -> PostureEntry:
        return PostureEntry(
            result=result,
            expected=expected,
            received=received,
            nonce=self.binding.nonce,
            signature=signature,
            reports=1,
            audience=self.binding.audience,
        )


def _turns(certificate: Certificate) -> Iterator[int]:
    """Give the instants (ms) at which a certificate becomes valid, and no longer is: the last one still counts."""
    yield milliseconds(certificate.not_before)
    yield milliseconds(certificate.not_after) + 1


def _digest(live: LiveCheck, answer: CheckAnswer, proofs: tuple[Proof, ...], facts: DeviceFacts) -> bytes:
    """Return what is the same where a claim, what became of its proofs, the issuers and the device are the same."""
    candidates = [
        (
            item.sha256,
            item.store,
            item.path,
            item.label,
            item.user,
            item.key,
            item.key_detail,
            item.distrusted,
            proof,
        )
        for item, proof in zip(answer.candidates, proofs, strict=True)
    ]
    shown = answer.status, candidates, answer.others, answer.too_many, answer.faults, answer.nearby
    return hashlib.sha256(_ENCODER.encode((live.basis, facts, shown))).digest()[:_DIGEST]


_ENCODER: Final = msgspec.msgpack.Encoder()


def _signature_of_nearest(claim: Claim, evaluation: Evaluation) -> bytes | None:
    """Return the signature that came with the nearest candidate: of one certificate in two places, the one judged."""
    for judged in evaluation.certificates[:1]:
        for candidate, signature in zip(claim.findings.candidates, claim.signatures, strict=True):
            if _place(candidate) == _place(judged.candidate):
                return signature
    return None


def _place(candidate: Candidate) -> tuple[bytes, Location]:
    return candidate.certificate.sha256, candidate.location
