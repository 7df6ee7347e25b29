"""The criteria: each one small class that judges one candidate and says what it expected and what it found.

A mismatch is a value and all of them are kept: the table of certificates and criteria is what explains a result. The one
exception is the step to the signing certificate, where the first question that fails gives the reason (section 2).
A new criterion is one class here and one line in `criteria_of`.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, assert_never

import msgspec

from gatepost.core.certificate import Certificate, Refusal, examine_issuance, excludes_issuance, rfc3339
from gatepost.core.check import Evidence, NameTemplate, Purpose
from gatepost.core.extensions import NameKind
from gatepost.core.finding import Candidate, KeyState, Proof
from gatepost.core.name import fold
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from gatepost.core.denial import Denied

_TEXT_KINDS: Final = (NameKind.DNS, NameKind.EMAIL, NameKind.URI)


class Judgement(msgspec.Struct, frozen=True):
    """What one criterion says of one certificate: ``reason`` None: met; ``expected`` and ``found`` are for people."""

    criterion: str
    reason: Reason | None
    expected: str
    found: str


class Criterion(Protocol):
    """One question about one candidate whose certificate could be read."""

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Answer it; never raises."""
        ...


class OneStep:
    """Issued by an uploaded certificate in one step, valid now, of sufficient strength (section 2).

    OpenSSL's answer is the costly part of an evaluation; what can be said without it has methods of its own.
    """

    def __init__(self, authorities: tuple[Certificate, ...], now: datetime, *, signs: bool) -> None:
        """Take the uploaded certificates, the instant, and whether a signature is asked for."""
        self._authorities = authorities
        self._now = now
        self._signs = signs

    def step(self, certificate: Certificate) -> tuple[Certificate, Refusal | None]:
        """Return the signing certificate that it came furthest with, and where it stopped (None: it holds)."""
        steps = (
            (authority, examine_issuance(certificate, authority, self._now, signs=self._signs))
            for authority in self._authorities
        )
        return max(steps, key=_progress)

    def possible(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Return the signing certificates with which the step holds if OpenSSL says so."""
        return tuple(
            item for item in self._authorities if not excludes_issuance(certificate, item, self._now, signs=self._signs)
        )

    def explain(
        self, certificate: Certificate, authority: Certificate, refusal: Refusal | None
    ) -> tuple[Judgement, ...]:
        """Turn what `step` returned into judgements: of the issuer, and (once it is the right one) of the dates."""
        issued_by = authority.subject.text
        valid = f"{rfc3339(certificate.not_before)} to {rfc3339(certificate.not_after)}"
        match refusal:
            case None:
                return (
                    Judgement("issued by", None, issued_by, issued_by),
                    Judgement("valid now", None, f"valid at {rfc3339(self._now)}", valid),
                )
            case Refusal(step=5):
                return (
                    Judgement("issued by", None, issued_by, issued_by),
                    Judgement("valid now", refusal.reason, refusal.expected, refusal.found),
                )
            case _:
                return (Judgement("issued by", refusal.reason, refusal.expected, refusal.found),)


def _progress(step: tuple[Certificate, Refusal | None]) -> tuple[int, bool, float, bytes]:
    """Order signing certificates, whatever the order of their upload: the furthest step, then the latest end.

    The latest end matters where an old and a new certificate have one key: a result ends with the one that it names.
    """
    authority, refusal = step
    reached = refusal.step if refusal else 7
    named = refusal is None or refusal.reason is not Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE
    return reached, named, authority.not_after.timestamp(), authority.sha256


class UnknownFact:
    """A name that cannot be asked for, because the device's ``variable`` in its template is not known: nobody meets it."""

    def __init__(self, criterion: str, template: str, variable: str) -> None:
        """Take the criterion's name, the template as written, and the variable."""
        self.variable = variable
        self._judgement = Judgement(criterion, Reason.DEVICE_FACT_MISSING, template, f"{variable} not known")

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Say so of each certificate."""
        del candidate, certificate
        return (self._judgement,)


class CommonName:
    """The subject has exactly one common name and it equals the rendered template, ASCII case set aside."""

    def __init__(self, wanted: str) -> None:
        """Take the rendered template."""
        self._wanted = wanted

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Compare the whole name."""
        del candidate
        names = certificate.subject.common_names
        reason: Reason | None = None
        if not names:
            reason = Reason.COMMON_NAME_MISSING
        elif len(names) > 1:
            reason = Reason.COMMON_NAME_AMBIGUOUS
        elif not same_text(names[0], self._wanted):
            reason = Reason.COMMON_NAME_MISMATCH
        return (Judgement("common name", reason, self._wanted, ", ".join(map(shown, names)) or "none"),)


class SubjectAlternativeName:
    """At least one name of the certificate equals at least one rendered template."""

    def __init__(self, wanted: tuple[tuple[NameTemplate, str], ...]) -> None:
        """Take the templates with their rendered texts."""
        self._expected = " or ".join(f"{item.kind}:{text}" if item.kind else text for item, text in wanted)
        self._wanted = frozenset(entry for item, text in wanted for entry in _wanted_names(item.kind, text))

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Look for each of its names among those asked for."""
        del candidate
        names = certificate.extensions.alternative_names
        met = self.met((name.kind, fold(name.value)) for name in names if name.value.isprintable())
        found = ", ".join(f"{name.kind}:{shown(name.value)}" for name in names[:16]) or "none"
        reason = None if met else Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH
        return (Judgement("subject alternative name", reason, self._expected, found),)

    def met(self, names: Iterable[tuple[str, str]]) -> bool:
        """Tell whether one of ``names``, each its kind and its folded text, is asked for."""
        return any(name in self._wanted for name in names)


_PURPOSES: Final = {purpose.oid: purpose.value for purpose in Purpose}


class ExtendedKeyUsage:
    """The extension lists every purpose asked for; ``anyExtendedKeyUsage`` counts for none of them."""

    def __init__(self, purposes: tuple[Purpose, ...]) -> None:
        """Take the purposes asked for."""
        self._purposes = purposes

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Look for each of them."""
        del candidate
        listed = certificate.extensions.purposes or ()
        met = all(purpose.oid in listed for purpose in self._purposes)
        found = ", ".join(_PURPOSES.get(oid, oid) for oid in listed) or "none"
        reason = None if met else Reason.EXTENDED_KEY_USAGE_MISSING
        return (Judgement("extended key usage", reason, ", ".join(self._purposes), found),)


class Trusted:
    """The store that holds the certificate does not explicitly distrust it."""

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Report a distrust; say nothing otherwise, since nearly no store has one."""
        del certificate
        if not candidate.distrusted:
            return ()
        return (Judgement("trust", Reason.CERTIFICATE_DISTRUSTED, "not distrusted by its store", "distrusted"),)


class NotDenied:
    """Neither the certificate nor its key is on the deny-list. Only a server knows one: on the device nothing is denied."""

    def __init__(self, denied: Denied) -> None:
        """Take what is denied."""
        self._denied = denied

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Report a denial; say nothing otherwise, as with a distrust."""
        del candidate
        reason = self._denied.why(certificate)
        if reason is None:
            return ()
        return (Judgement("deny-list", reason, "not on the deny-list", f"serial number {certificate.serial_number}"),)


class PrivateKey:
    """The key is in the same place as the certificate, and the evidence reaches the level asked for (section 5).

    To ask for the key is to ask for ``key_present`` at least: a check that says "reported" besides is not met without it.
    """

    def __init__(self, evidence: Evidence, hardware_policies: tuple[str, ...]) -> None:
        """Take the level asked for and the policies that stand for hardware."""
        self._evidence = max(evidence, Evidence.KEY_PRESENT, key=lambda level: level.rank)
        self._policies = hardware_policies

    def judge(self, candidate: Candidate, certificate: Certificate) -> tuple[Judgement, ...]:
        """Compare what was reached with what is asked for."""
        reached = reached_evidence(candidate, certificate, self._policies)
        reason = None if reached.rank >= self._evidence.rank else why_weak(candidate.key, candidate.proof)
        found = f"{reached} ({candidate.key_detail})" if candidate.key_detail else reached.value
        return (Judgement("private key", reason, self._evidence, found),)


def why_weak(key: KeyState, proof: Proof) -> Reason:
    """Say why a key did not reach the level asked for."""
    if proof is Proof.VALID:
        return Reason.EVIDENCE_TOO_WEAK
    match key:
        case KeyState.MISSING | KeyState.NOT_ASKED:
            return Reason.PRIVATE_KEY_MISSING
        case KeyState.MISMATCH:
            return Reason.PRIVATE_KEY_MISMATCH
        case KeyState.UNUSABLE | KeyState.LOCKED:
            return Reason.PRIVATE_KEY_UNUSABLE
        case KeyState.PRESENT:
            return Reason.POSSESSION_UNPROVEN
        case _:
            assert_never(key)


def reached_evidence(candidate: Candidate, certificate: Certificate, policies: tuple[str, ...]) -> Evidence:
    """Return the level that ``candidate`` reached; a listed policy raises a valid proof to ``hardware``."""
    if candidate.proof is Proof.VALID:
        attested = not set(policies).isdisjoint(certificate.extensions.policies)
        return Evidence.HARDWARE if attested else Evidence.POSSESSION
    if candidate.key in {KeyState.PRESENT, KeyState.UNUSABLE}:
        return Evidence.KEY_PRESENT
    return Evidence.REPORTED


def same_text(found: str, wanted: str) -> bool:
    """Compare two names whole, ASCII case set aside; control characters, NUL included, never match."""
    return found.isprintable() and fold(found) == fold(wanted)


def _wanted_names(kind: NameKind | None, text: str) -> Iterator[tuple[NameKind, str]]:
    """Yield the names that meet a rendered template: of its kind, or of every kind but UPN; addresses in their usual form."""
    yield from ((each, fold(text)) for each in _TEXT_KINDS if kind in {None, each})
    if kind in {None, NameKind.IP}:
        with suppress(ValueError):
            yield NameKind.IP, str(ipaddress.ip_address(text))
    if kind is NameKind.UPN:
        yield NameKind.UPN, fold(text)


def shown(text: str) -> str:
    """Make a name from a certificate safe to print: characters that do not print are shown escaped."""
    return text if text.isprintable() else text.encode("unicode_escape", "replace").decode("ascii")
