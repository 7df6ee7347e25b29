"""Gathering: read a check's stores, judge what is there, and let the nearest candidates' keys sign.

The same for `gatepost check` and for the agent; what is signed (the statement) is the caller's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate
from gatepost.core.check import MAXIMUM_CANDIDATES, MAXIMUM_REPORTED, Check
from gatepost.core.evaluation import Evaluation, Status, evaluate
from gatepost.core.finding import (
    Candidate,
    Findings,
    KeyState,
    Location,
    Nearby,
    Proof,
    leave_out_crowd,
    leave_out_largest,
)
from gatepost.stores.interface import Query, Store, Unsigned

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gatepost.core.device import DeviceFacts


Signatures = dict[tuple[bytes, Location], bytes]
"""As in `wire.device`: by the certificate's SHA-256 and the place of the key."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """The device's own answer, and the signatures that go with it."""

    evaluation: Evaluation
    signatures: Signatures
    too_many: bool
    commands: dict[tuple[bytes, Location], tuple[str, ...]]
    """For each reported candidate, the words of a command by which a person sees it in its store."""


def gather(
    check: Check,
    facts: DeviceFacts,
    stores: tuple[Store, ...],
    now: datetime,
    statement: Callable[[Certificate], bytes] | None,
) -> Gathered:
    """Answer ``check`` on this device; ``statement`` gives what a certificate's key has to sign.

    Without one nothing signs, and the answer is what it would be if every key that is there had signed.
    """
    query = Query(
        issuers=frozenset(item.subject.canonical for item in check.authorities),
        asks_key=check.asks_key,
        limit=MAXIMUM_CANDIDATES,
    )
    owners: dict[tuple[bytes, Location], Store] = {}
    findings = Findings()
    for store in stores:
        read = leave_out_crowd(store.read(query))
        owners.update({_place(item): store for item in read.candidates})
        findings = _merge(findings, read)
    findings = leave_out_largest(findings, MAXIMUM_CANDIDATES)
    signatures: Signatures = {}
    if statement is None:
        findings = _hopeful(findings)
    elif check.asks_key:
        nearest = _nearest(check, facts, findings, now)
        signed = tuple(_sign(item, owners[_place(item)], statement, signatures) for item in nearest)
        findings = msgspec.structs.replace(findings, candidates=signed)
    evaluation = evaluate(check, facts, findings, now)
    if evaluation.status is not Status.PASS:
        evaluation = msgspec.structs.replace(evaluation, nearby=_nearby(evaluation, stores))
    places = [_place(item.candidate) for item in evaluation.certificates]
    return Gathered(
        evaluation=evaluation,
        signatures=signatures,
        too_many=findings.too_many,
        commands={
            place: owners[place].command(item.candidate)
            for place, item in zip(places, evaluation.certificates, strict=True)
        },
    )


def _nearest(check: Check, facts: DeviceFacts, findings: Findings, now: datetime) -> tuple[Candidate, ...]:
    """Choose the candidates that sign: as many as are reported.

    Which they are is judged as if every key that is there had signed: else certificates without a key, if only enough of them,
    would keep from signing the one that has its own.
    """
    if len(findings.candidates) <= MAXIMUM_REPORTED:
        return findings.candidates
    evaluation = evaluate(check, facts, _hopeful(findings), now)
    held = {_place(item): item for item in findings.candidates}
    return tuple(held[_place(item.candidate)] for item in evaluation.certificates)


def _hopeful(findings: Findings) -> Findings:
    """Judge as if every key that is there had signed."""
    hopeful = tuple(
        msgspec.structs.replace(item, proof=Proof.VALID) if item.key is KeyState.PRESENT else item
        for item in findings.candidates
    )
    return msgspec.structs.replace(findings, candidates=hopeful)


def _nearby(evaluation: Evaluation, stores: tuple[Store, ...]) -> tuple[Nearby, ...]:
    """Find certificates whose issuer is a CA among the candidates: the administrator uploaded the CA above theirs."""
    found = (item.candidate.certificate for item in evaluation.certificates)
    issuers = {item.subject.canonical: item for item in found if isinstance(item, Certificate) and item.is_ca}
    # A root is its own issuer; what it issued are the candidates.
    issuers = {name: item for name, item in issuers.items() if name != item.issuer.canonical}
    if not issuers:
        return ()
    query = Query(issuers=frozenset(issuers), limit=MAXIMUM_REPORTED)
    nearby = {}
    for candidate in (item for store in stores for item in store.read(query).candidates):
        certificate = candidate.certificate
        if isinstance(certificate, Certificate):
            nearby[certificate.sha256] = Nearby(
                issuer=certificate.issuer.text,
                sha256=certificate.sha256,
                not_after=certificate.not_after,
                via=issuers[certificate.issuer.canonical].sha256,
            )
    return tuple(nearby.values())[:MAXIMUM_REPORTED]


def _place(candidate: Candidate) -> tuple[bytes, Location]:
    return candidate.certificate.sha256, candidate.location


def _merge(first: Findings, second: Findings) -> Findings:
    return Findings(
        candidates=first.candidates + second.candidates,
        others=first.others + second.others,
        faults=first.faults + second.faults,
        too_many=first.too_many or second.too_many,
    )


def _sign(
    candidate: Candidate, store: Store, statement: Callable[[Certificate], bytes], signatures: Signatures
) -> Candidate:
    """Let one key sign; what came of it is in the candidate, and a good signature in ``signatures``."""
    from gatepost.core.signature import verify_signature  # noqa: PLC0415 - a check without a key needs no algorithms

    certificate = candidate.certificate
    if candidate.key is not KeyState.PRESENT or not isinstance(certificate, Certificate):
        return candidate
    message = statement(certificate)
    signature = store.sign(candidate, message)
    if signature is None:
        return candidate
    if isinstance(signature, Unsigned):
        return msgspec.structs.replace(candidate, key=signature.state, key_detail=signature.detail)
    if not verify_signature(certificate.public_key, signature, message):
        return msgspec.structs.replace(candidate, proof=Proof.INVALID)
    signatures[_place(candidate)] = signature
    return msgspec.structs.replace(candidate, proof=Proof.VALID)
