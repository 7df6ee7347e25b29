"""The nearest candidates: judged by every criterion, and no more of them put to OpenSSL than could be reported.

OpenSSL's word on one certificate costs more than all the rest of judging it, and at most `MAXIMUM_REPORTED` of a thousand are
reported. What is known without it gives each candidate a `_Bound`: as near as it can come at best. They are taken in the order
of their bounds, and once as many as are reported are nearer than the next one's bound, no other can come before them: the
answer is the one of judging all. Nothing passes, and no reason is given, that OpenSSL was not asked about.
Source: ``docs/reference/semantics.md``, section 1; ``docs/adr/0005-one-step-by-openssl-in-process.md``.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gatepost.core.certificate import Certificate, Malformed
from gatepost.core.check import MAXIMUM_REPORTED, Evidence
from gatepost.core.criteria import Judgement, reached_evidence
from gatepost.core.finding import Candidate
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatepost.core.criteria import Criterion, OneStep


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate: what each criterion said of it, the signing certificate it was held against, the level reached."""

    candidate: Candidate
    judgements: tuple[Judgement, ...]
    authority: Certificate | None
    evidence: Evidence | None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons of the criteria that it does not meet; empty means that it passes."""
        return _reasons(self.judgements)


class _Bound(NamedTuple):
    """How near a candidate is at best, least first: fewest unmet criteria, then the latest end, then SHA-256.

    What cannot be read comes last.
    """

    unread: bool
    unmet: int
    end: float
    sha256: bytes

    def unmet_one_more(self) -> _Bound:
        """Return it with one more unmet criterion, which a step that does not hold is."""
        return self._replace(unmet=self.unmet + 1)


class _Waiting(NamedTuple):
    """A candidate that OpenSSL was not asked about. ``number`` is its place among all, so that no two are equal."""

    bound: _Bound
    number: int
    possible: tuple[Certificate, ...]
    """The signing certificates that may have issued it. Without any, the bound is what it comes to."""


def rank(
    candidates: Sequence[Candidate], criteria: tuple[Criterion, ...], step: OneStep, policies: tuple[str, ...]
) -> tuple[Judged, ...]:
    """Return the nearest of ``candidates``, nearest first, at most `MAXIMUM_REPORTED`; their order says nothing.

    ``policies`` stand for hardware.
    """
    judgements = [_judge_beside_step(item, criteria) for item in candidates]
    waiting = [_wait(number, *item, step) for number, item in enumerate(zip(candidates, judgements, strict=True))]
    nearest: list[tuple[_Bound, tuple[object, ...], int, Judged]] = []
    for bound, number, possible in sorted(waiting):
        candidate = candidates[number]
        if len(nearest) == MAXIMUM_REPORTED:
            # Not where they are equal: those are places of one certificate, and all of them are judged.
            last = nearest[-1][0]
            if last < bound:
                break
            if possible and last < bound.unmet_one_more() and _is_forged(candidate, possible):
                continue
        judged = _judge(candidate, judgements[number], step, policies)
        insort(nearest, (_bound(candidate, judged.judgements), _preference(judged), number, judged))
        del nearest[MAXIMUM_REPORTED:]
    return tuple(judged for *_, judged in nearest)


def _judge_beside_step(candidate: Candidate, criteria: tuple[Criterion, ...]) -> tuple[Judgement, ...]:
    """Judge all but the one step; of what cannot be read, there is nothing else to say."""
    certificate = candidate.certificate
    if isinstance(certificate, Malformed):
        return (Judgement("issued by", Reason.MALFORMED_CERTIFICATE, "a certificate", certificate.detail),)
    return tuple(item for criterion in criteria for item in criterion.judge(candidate, certificate))


def _wait(number: int, candidate: Candidate, judgements: tuple[Judgement, ...], step: OneStep) -> _Waiting:
    """Bound a candidate by what is known without its signature."""
    bound, certificate = _bound(candidate, judgements), candidate.certificate
    if isinstance(certificate, Malformed):
        return _Waiting(bound, number, ())
    possible = step.possible(certificate)
    return _Waiting(bound if possible else bound.unmet_one_more(), number, possible)


def _is_forged(candidate: Candidate, possible: tuple[Certificate, ...]) -> bool:
    """Tell whether none of the ``possible`` keys signed it: a bare verification costs a fraction of OpenSSL's word."""
    from gatepost.core.signature import refutes_signature  # noqa: PLC0415 - few candidates need no algorithms

    certificate = candidate.certificate
    return isinstance(certificate, Certificate) and all(refutes_signature(certificate, item) for item in possible)


def _bound(candidate: Candidate, judgements: tuple[Judgement, ...]) -> _Bound:
    certificate = candidate.certificate
    unread = isinstance(certificate, Malformed)
    end = 0.0 if isinstance(certificate, Malformed) else -certificate.not_after.timestamp()
    return _Bound(unread, len(_reasons(judgements)), end, certificate.sha256)


def _judge(candidate: Candidate, beside: tuple[Judgement, ...], step: OneStep, policies: tuple[str, ...]) -> Judged:
    """Put the one step, OpenSSL's word in it, before what was judged ``beside`` it."""
    certificate = candidate.certificate
    if isinstance(certificate, Malformed):
        return Judged(candidate=candidate, judgements=beside, authority=None, evidence=None)
    authority, refusal = step.step(certificate)
    # A policy in a certificate that nobody vouches for stands for nothing.
    vouched = policies if refusal is None else ()
    return Judged(
        candidate=candidate,
        judgements=step.explain(certificate, authority, refusal) + beside,
        authority=authority,
        evidence=reached_evidence(candidate, certificate, vouched),
    )


def _preference(judged: Judged) -> tuple[object, ...]:
    """Order the places of one certificate: where its evidence is strongest, then by the place, then by whatever else is said.

    With that, no order of a report decides anything.
    """
    candidate, place = judged.candidate, judged.candidate.location
    weakness = -judged.evidence.rank if judged.evidence else 0
    where = place.path, place.label or "", place.user or "", place.store
    return weakness, where, judged.reasons, candidate.key, candidate.proof, candidate.key_detail


def _reasons(judgements: tuple[Judgement, ...]) -> tuple[Reason, ...]:
    return tuple(item.reason for item in judgements if item.reason is not None)
