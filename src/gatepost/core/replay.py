"""Replay: would a device meet a changed check, told from the facts of its last report alone.

A preview asks this of a whole fleet, so it must cost microseconds a device: what a certificate says is kept as plain facts,
and what OpenSSL said of its issuer is kept as an answer. It decides nothing: results come from `evaluation` alone, and a
test holds that both say the same. What the last report cannot answer is not guessed: the next one will tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate, Malformed, examine_issuance
from gatepost.core.check import MAXIMUM_REPORTED, Check, Evidence
from gatepost.core.criteria import SubjectAlternativeName, why_weak
from gatepost.core.device import VARIABLES, DeviceFacts, Template, usable_fact
from gatepost.core.evaluation import Status
from gatepost.core.finding import Candidate, KeyState, Proof
from gatepost.core.name import fold
from gatepost.core.reason import Reason
from gatepost.core.result import milliseconds

if TYPE_CHECKING:
    from gatepost.core.finding import Findings

_UNPRINTABLE: Final = "\0"
"""Stands for a name with characters that do not print: it counts, and equals nothing."""
_VALID: Final = Proof.VALID.value
_THERE: Final = frozenset({KeyState.PRESENT.value, KeyState.UNUSABLE.value})
_KEY_PRESENT, _POSSESSION, _HARDWARE = (
    level.rank for level in (Evidence.KEY_PRESENT, Evidence.POSSESSION, Evidence.HARDWARE)
)
_DATES: Final = 5
_STRENGTH: Final = 6
"""Steps of section 2, in their order."""


class CandidateFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One candidate. Times are ms since 1970, UTC; names are folded; ``authority`` is SHA-256 of who issued it."""

    sha256: bytes
    authority: bytes
    refusal: str
    """Why the one step to it does not hold, the dates apart; empty: it holds."""
    refusal_step: int
    not_before: int
    not_after: int
    authority_not_before: int
    authority_not_after: int
    common_names: tuple[str, ...]
    alternative_names: tuple[tuple[str, str], ...]
    purposes: tuple[str, ...]
    policies: tuple[str, ...]
    may_sign: bool
    key: str
    proof: str
    distrusted: bool


class EvidenceFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a device's last report held for one check, and the device's facts that names are filled in with, where usable."""

    serial_number: str | None
    hostname: str | None
    device_uuid: str | None
    candidates: tuple[CandidateFacts, ...]
    faults: tuple[str, ...]
    others: bool
    too_many: bool


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What would come of it. ``status`` None: the last report cannot tell."""

    status: Status | None
    reasons: tuple[Reason, ...] = ()


UNKNOWN: Final = Outcome(None)
_PASS: Final = Outcome(Status.PASS)
_FACT_MISSING: Final = Outcome(Status.ERROR, (Reason.DEVICE_FACT_MISSING,))
_MISSING: Final = "\0 missing"
"""Stands for a name that lacks a fact; no name is this one."""


def extract_facts(check: Check, facts: DeviceFacts, findings: Findings) -> EvidenceFacts:
    """Keep of a report what a changed check may ask; ``findings`` are proved (`report.prove`)."""
    return EvidenceFacts(
        **{name: value if usable_fact(value) else None for name in VARIABLES for value in (getattr(facts, name),)},
        candidates=tuple(_extract(check, item) for item in findings.candidates[:MAXIMUM_REPORTED]),
        faults=tuple(item.reason.value for item in findings.faults if item.reason is not Reason.STORE_MISSING),
        others=findings.others > 0,
        too_many=findings.too_many,
    )


def _extract(check: Check, candidate: Candidate) -> CandidateFacts:
    certificate = candidate.certificate
    if isinstance(certificate, Malformed):
        return _malformed(candidate)
    authority, refusal, step = _static_step(check, certificate)
    extensions = certificate.extensions
    return CandidateFacts(
        sha256=certificate.sha256,
        authority=authority.sha256,
        refusal=refusal,
        refusal_step=step,
        not_before=milliseconds(certificate.not_before),
        not_after=milliseconds(certificate.not_after),
        authority_not_before=milliseconds(authority.not_before),
        authority_not_after=milliseconds(authority.not_after),
        common_names=tuple(_plain(name) for name in certificate.subject.common_names),
        alternative_names=tuple((item.kind.value, _plain(item.value)) for item in extensions.alternative_names),
        purposes=extensions.purposes or (),
        policies=extensions.policies,
        may_sign=extensions.key_usage is None or "digitalSignature" in extensions.key_usage,
        key=candidate.key.value,
        proof=candidate.proof.value,
        distrusted=candidate.distrusted,
    )


def _malformed(candidate: Candidate) -> CandidateFacts:
    return CandidateFacts(
        sha256=candidate.certificate.sha256,
        authority=b"",
        refusal=Reason.MALFORMED_CERTIFICATE.value,
        refusal_step=1,
        not_before=0,
        not_after=0,
        authority_not_before=0,
        authority_not_after=0,
        common_names=(),
        alternative_names=(),
        purposes=(),
        policies=(),
        may_sign=False,
        key=candidate.key.value,
        proof=candidate.proof.value,
        distrusted=False,
    )


def _static_step(check: Check, certificate: Certificate) -> tuple[Certificate, str, int]:
    """Take the step at an instant when both are valid: what is left of a refusal then, time does not change."""
    return max(
        (_step_to(authority, certificate) for authority in check.authorities),
        key=lambda found: (found[2], found[0].not_after, found[0].sha256),
    )


def _step_to(authority: Certificate, certificate: Certificate) -> tuple[Certificate, str, int]:
    both_valid_from = max(certificate.not_before, authority.not_before)
    refusal = examine_issuance(certificate, authority, both_valid_from, signs=False)
    # Where they are never both valid, dates are all that stands in the way, and those are asked at each replay.
    if refusal is None or refusal.step == _DATES:
        return authority, "", _STRENGTH + 1
    return authority, refusal.reason.value, refusal.step


def _plain(text: str) -> str:
    return fold(text) if text.isprintable() else _UNPRINTABLE


class _Compiled:
    """A template, ready to be filled in a million times: facts that are not usable were left out when they were kept."""

    def __init__(self, template: Template) -> None:
        self._parts = tuple(fold(part) if index % 2 == 0 else part for index, part in enumerate(template.parts))

    def render(self, facts: EvidenceFacts) -> str:
        """Fill in the variables, and fold; `_MISSING` where one is not known."""
        parts = self._parts
        if len(parts) == 1:
            return parts[0]
        values = [getattr(facts, name) for name in parts[1::2]]
        if None in values:
            return _MISSING
        rendered = parts[0]
        for literal, value in zip(parts[2::2], values, strict=True):
            rendered += fold(value) + literal
        return rendered


class Replay:
    """A changed check, put to the facts that were gathered under another; ``now`` in ms. Not shared between threads."""

    def __init__(self, draft: Check, gathered_under: Check, now: int) -> None:
        """Compare what the two ask, so that it is known what the facts can tell."""
        self._now = now
        self._authorities = frozenset(item.sha256 for item in draft.authorities)
        self._purposes = frozenset(item.oid for item in draft.purposes)
        self._asks = max(draft.evidence.rank, _KEY_PRESENT) if draft.asks_key else 0
        self._policies = frozenset(draft.hardware_policies)
        self._signs = draft.signs
        self._common_name = None if draft.common_name is None else _Compiled(draft.common_name)
        self._templates = tuple((item, _Compiled(item.template)) for item in draft.alternative_names)
        self.tells_pass, self.tells_fail = tells(draft, gathered_under)

    def answer(self, facts: EvidenceFacts) -> Outcome:
        """Tell what would come of one device."""
        if not self.tells_pass:
            return UNKNOWN
        common_name = None if self._common_name is None else self._common_name.render(facts)
        names = self._names(facts) if self._templates else None
        if common_name is _MISSING or names is _MISSING:
            return _FACT_MISSING
        judged = []
        for item in facts.candidates:
            reasons = self._unmet(item, common_name, names)
            if not reasons and not facts.too_many:
                return _PASS
            judged.append((reasons, item))
        if not self.tells_fail or len(judged) >= MAXIMUM_REPORTED:
            return UNKNOWN
        return self._negative(facts, judged)

    def _negative(self, facts: EvidenceFacts, judged: list[tuple[tuple[Reason, ...], CandidateFacts]]) -> Outcome:
        causes = [Reason.TOO_MANY_CANDIDATES] if facts.too_many else []
        causes += map(Reason, facts.faults)
        nearest: tuple[Reason, ...] = ()
        if judged:
            nearest = (judged[0] if len(judged) == 1 else min(judged, key=self._nearness))[0]
        elif not causes:
            nearest = (Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE if facts.others else Reason.NO_CERTIFICATE_FOUND,)
        if not causes:
            return Outcome(Status.FAIL, nearest)
        return Outcome(Status.ERROR, tuple(dict.fromkeys((*causes, *nearest))))

    def _nearness(self, judged: tuple[tuple[Reason, ...], CandidateFacts]) -> tuple[object, ...]:
        """Order as `evaluation` does; of one certificate in several places, the place says nothing here."""
        reasons, item = judged
        return not item.authority, len(reasons), -item.not_after, item.sha256, -self._reached(item)

    def _names(self, facts: EvidenceFacts) -> SubjectAlternativeName | str:
        """Render the names asked for; a name that lacks a fact is `_MISSING`."""
        wanted = []
        for item, compiled in self._templates:
            rendered = compiled.render(facts)
            if rendered is _MISSING:
                return _MISSING
            wanted.append((item, rendered))
        return SubjectAlternativeName(tuple(wanted))

    def _unmet(
        self, candidate: CandidateFacts, common_name: str | None, names: SubjectAlternativeName | str | None
    ) -> tuple[Reason, ...]:
        unmet: list[Reason] = []
        if (issuance := self._issuance(candidate)) is not None:
            unmet.append(issuance)
        if issuance is Reason.MALFORMED_CERTIFICATE and not candidate.authority:
            return tuple(unmet)
        if candidate.distrusted:
            unmet.append(Reason.CERTIFICATE_DISTRUSTED)
        if common_name is not None and (wrong := _wrong_name(candidate.common_names, common_name)) is not None:
            unmet.append(wrong)
        if isinstance(names, SubjectAlternativeName) and not names.met(candidate.alternative_names):
            unmet.append(Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH)
        if not self._purposes.issubset(candidate.purposes):
            unmet.append(Reason.EXTENDED_KEY_USAGE_MISSING)
        if self._reached(candidate) < self._asks:
            unmet.append(why_weak(KeyState(candidate.key), Proof(candidate.proof)))
        return tuple(unmet)

    def _issuance(self, candidate: CandidateFacts) -> Reason | None:
        if candidate.refusal and candidate.refusal_step < _STRENGTH:
            return Reason(candidate.refusal)
        if candidate.authority not in self._authorities:
            return Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE
        dates = self._dates(candidate)
        if dates is not None or not candidate.refusal:
            return dates or (Reason.KEY_USAGE_UNSUITABLE if self._signs and not candidate.may_sign else None)
        return Reason(candidate.refusal)

    def _dates(self, candidate: CandidateFacts) -> Reason | None:
        """Both ends count, as in `certificate`."""
        if self._now > candidate.not_after:
            return Reason.CERTIFICATE_EXPIRED
        if self._now < candidate.not_before:
            return Reason.CERTIFICATE_NOT_YET_VALID
        if self._now > candidate.authority_not_after:
            return Reason.SIGNING_CERTIFICATE_EXPIRED
        return Reason.SIGNING_CERTIFICATE_NOT_YET_VALID if self._now < candidate.authority_not_before else None

    def _reached(self, candidate: CandidateFacts) -> int:
        """Return the rank of the level that was reached, as `criteria.reached_evidence` does."""
        if candidate.proof == _VALID:
            attested = not candidate.refusal and not self._policies.isdisjoint(candidate.policies)
            return _HARDWARE if attested else _POSSESSION
        return _KEY_PRESENT if candidate.key in _THERE else 0


def _wrong_name(found: tuple[str, ...], wanted: str) -> Reason | None:
    if not found:
        return Reason.COMMON_NAME_MISSING
    if len(found) > 1:
        return Reason.COMMON_NAME_AMBIGUOUS
    return None if found[0] == wanted else Reason.COMMON_NAME_MISMATCH


def tells(draft: Check, gathered_under: Check) -> tuple[bool, bool]:
    """Tell whether what was gathered under one check can show that another passes, and that it does not.

    Another system or other places: neither. Other signing certificates, or more asked of the key: a pass can be seen, and
    its absence says nothing, because nobody looked.
    """
    if draft.operating_system is not gathered_under.operating_system:
        return False, False
    if _places(draft) != _places(gathered_under):
        return False, False
    issuers = {item.sha256 for item in draft.authorities} == {item.sha256 for item in gathered_under.authorities}
    looked = _looked(draft) <= _looked(gathered_under)
    return True, issuers and looked


def _places(check: Check) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(check.locations.trust_stores), frozenset(check.locations.paths)


def _looked(check: Check) -> int:
    """How far a check makes the device look at keys: not at all, whether they are there, or whether they sign."""
    return int(check.asks_key) + int(check.asks_key and check.signs)
