"""The pairs that are judged: each certificate of the corpus as candidate and as CA, at an instant when both are valid."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

import msgspec

from gatepost.core.certificate import Certificate, Malformed, Refusal, examine_issuance, parse_certificate
from tests.corpus.files import Subject, subject, subjects

FIXED_AUTHORITY: Final = subject("PKITS_data/certs/TrustAnchorRootCertificate.crt")
FIXED_CANDIDATE: Final = subject("PKITS_data/certs/ValidCertificatePathTest1EE.crt")
_OTHERWISE: Final = datetime(2020, 6, 1, tzinfo=UTC)


class Pair(msgspec.Struct, frozen=True):
    """A candidate, the CA that it is held against, and the instant (to the second)."""

    candidate: Subject
    authority: Subject
    instant: datetime


@cache
def parsed(item: Subject) -> Certificate | Malformed:
    """Read a subject once."""
    return parse_certificate(item.der)


@cache
def pairs() -> tuple[Pair, ...]:
    """Return each subject with the issuers that it names, with a fixed CA and with itself, and as CA of a fixed one."""
    found: dict[tuple[Subject, Subject], None] = {}
    for item in subjects():
        for pair in (*((item, issuer) for issuer in issuers_of(item)), (item, FIXED_AUTHORITY), (item, item)):
            found[pair] = None
        found[FIXED_CANDIDATE, item] = None
    return tuple(Pair(candidate, authority, shared_instant(candidate, authority)) for candidate, authority in found)


def issuers_of(item: Subject) -> tuple[Subject, ...]:
    """Return the subjects that have the name which this one gives as its issuer's."""
    certificate = parsed(item)
    return _by_name().get(certificate.issuer.canonical, ()) if isinstance(certificate, Certificate) else ()


@cache
def _by_name() -> dict[bytes, tuple[Subject, ...]]:
    named: dict[bytes, tuple[Subject, ...]] = {}
    for item in subjects():
        certificate = parsed(item)
        if isinstance(certificate, Certificate):
            name = certificate.subject.canonical
            named[name] = (*named.get(name, ()), item)
    return named


def shared_instant(candidate: Subject, authority: Subject) -> datetime:
    """Return the middle of the time when both are valid; where there is none, of the candidate's; else a fixed one."""
    both = [each for each in (parsed(candidate), parsed(authority)) if isinstance(each, Certificate)]
    spans = [(each.not_before, each.not_after) for each in both]
    for chosen in (spans, spans[:1]):
        start, end = max((start for start, _ in chosen), default=None), min((end for _, end in chosen), default=None)
        if start and end and start <= end:
            return (start + (end - start) / 2).replace(microsecond=0)
    return _OTHERWISE


def verdict(pair: Pair) -> Refusal | Malformed | None:
    """Judge one step, no signature of the candidate's key being asked for; None: it holds."""
    candidate, authority = parsed(pair.candidate), parsed(pair.authority)
    if isinstance(candidate, Malformed):
        return candidate
    if isinstance(authority, Malformed):
        return authority
    return examine_issuance(candidate, authority, pair.instant, signs=False)
