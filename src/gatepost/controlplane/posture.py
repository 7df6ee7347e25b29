"""Posture: from a report to results. What the device claims is judged again here, and only that is believed.

A report answers one nonce, is signed by the device's key and names the version of each check that it answers. An answer to
an older version is passed over: the older result stands until it ends, and the acknowledgement tells the agent what is newer.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from gatepost.controlplane.checks import compile_check, parse_options
from gatepost.controlplane.counters import UNCOUNTED
from gatepost.controlplane.denying import find_denied, ground_under
from gatepost.controlplane.enrollment import check_audience
from gatepost.controlplane.evidence import Held
from gatepost.controlplane.facts import compare, named_by_certificates
from gatepost.controlplane.judgement import AccountView, FactChange, Judged, Judgement, LiveCheck
from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.meanwhile import describe_meanwhile
from gatepost.controlplane.received import describe_expected, describe_received
from gatepost.controlplane.settings import load_enrollment_settings
from gatepost.controlplane.sharing import proved_key
from gatepost.core.denial import Denied
from gatepost.core.evaluation import evaluate
from gatepost.core.finding import Proof
from gatepost.core.log import PostureEntry
from gatepost.core.possession import MAXIMUM_NONCE_AGE, issue_nonce, nonce_is_fresh, nonce_issued_at
from gatepost.core.reason import Reason
from gatepost.core.report import Binding, Claim, prove
from gatepost.core.result import conclude
from gatepost.errors import InputError, ReportRefusedError
from gatepost.wire import jws
from gatepost.wire.checks import CHECKS_VALID_FOR, Checks, authorities_from_core, check_from_core
from gatepost.wire.device import (
    Report,
    Sync,
    Synced,
    Wait,
    certificates_to_core,
    claim_to_core,
    decode,
    facts_to_core,
    instant,
)
from gatepost.wire.management.check_options import Sharing
from gatepost.wire.management.enrollment import FactRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.counters import Counters
    from gatepost.controlplane.ports import Records, Registration, Storage, StoredCheck
    from gatepost.core.check import Check
    from gatepost.core.device import DeviceFacts
    from gatepost.core.evaluation import Evaluation
    from gatepost.core.finding import Candidate, Location

DEFAULT_SCHEDULE: Final = 300
"""Seconds between reports of a device that has no check."""


class Posture:
    """Judges what devices send. Keeps compiled checks for each account while their version stands."""

    def __init__(
        self,
        storage: Storage,
        now: Callable[[], int],
        public_urls: tuple[str, ...],
        *,
        results_expire: bool = True,
        counters: Counters = UNCOUNTED,
    ) -> None:
        self._storage = storage
        self._counters = counters
        self._results_expire = results_expire
        self._now = now
        self._public_urls = public_urls
        self._views: dict[int, AccountView] = {}

    def synchronise(self, document: bytes) -> Synced:
        """Answer a device that asks for a nonce and for checks newer than it has."""
        signed = jws.split(jws.Kind.SYNC, document)
        with self._storage.reading() as records:
            registration = self._identify(records, signed)
            view = self.view(records, registration.account)
        request = decode(signed.payload, Sync)
        check_audience(request.aud, self.audiences(view))
        checks = "" if request.checks_version == view.version else self._sign_checks(view, registration)
        return Synced(nonce=self.nonce(view, registration), checks_version=view.version, checks=checks)

    def admit(self, document: bytes) -> tuple[Registration, int, int]:
        """Identify a device that wants to wait: its registration, the checks' version that it has, and the current one."""
        signed = jws.split(jws.Kind.WAIT, document)
        with self._storage.reading() as records:
            registration = self._identify(records, signed)
            view = self.view(records, registration.account)
        request = decode(signed.payload, Wait)
        check_audience(request.aud, self.audiences(view))
        return registration, request.checks_version, view.version

    def judge(self, records: Records, document: bytes) -> Judged:
        """Judge a report; raises `InputError` or `ReportRefusedError`. Writes nothing."""
        signed = jws.split(jws.Kind.REPORT, document)
        registration = self._identify(records, signed)
        view = self.view(records, registration.account)
        report = decode(signed.payload, Report)
        check_audience(report.aud, self.audiences(view))
        measured_at = self._measured_at(view, registration, report)
        certificates = certificates_to_core(report.certificates)
        binding = Binding(audience=report.aud, thumbprint=registration.thumbprint, nonce=report.nonce)
        answers = {(item.id, item.version): item for item in report.checks}
        claims = tuple(
            (live, claim_to_core(answer, certificates))
            for live in view.checks_for(registration)
            if (answer := answers.get((live.check.id, live.check.version))) is not None
        )
        denied = find_denied(records, registration.account, certificates.values())
        trial = _Trial(binding=binding, denied=denied, measured_at=measured_at, now=self._now())
        counting = tuple((live, claim) for live, claim in claims if not live.stored.trial)
        change = _compare_facts(records, registration, facts_to_core(report.facts), counting, trial, view.accept_facts)
        judgements = tuple(
            msgspec.structs.replace(
                trial.conclude(live, claim, change.named),
                meanwhile=describe_meanwhile(report.meanwhile, live.check.id),
            )
            for live, claim in claims
        )
        for judgement in judgements:
            self._count(judgement.held)
        return Judged(
            registration=registration,
            view=view,
            sequence=report.sequence,
            digest=hashlib.sha256(signed.signing_input).digest(),
            measured_at=measured_at,
            judgements=judgements,
            facts=change,
            client_version=report.facts.client_version,
        )

    def view(self, records: Records, account: int) -> AccountView:
        """Return the account's compiled checks, anew when their version rose."""
        version = records.checks.version(account)
        known = self._views.get(account)
        if known is None or known.version != version:
            known = _compile(records, account, version, results_expire=self._results_expire)
            self._views[account] = known
        return known

    def nonce(self, view: AccountView, registration: Registration) -> bytes:
        """Issue a nonce to a registration."""
        account, name = UUID(view.public_id).bytes, UUID(registration.id).bytes
        return issue_nonce(view.keys.nonce_secret, account, name, self._now())

    def audiences(self, view: AccountView) -> tuple[str, ...]:
        """Return the audiences under which this server accepts documents for an account."""
        return tuple(f"{url}/{view.public_id}" for url in self._public_urls)

    def _identify(self, records: Records, signed: jws.Signed) -> Registration:
        registration = records.devices.by_thumbprint(signed.thumbprint)
        if registration is None or registration.deleted_at is not None:
            raise ReportRefusedError(Reason.DEVICE_NOT_ENROLLED, "this device is not enrolled here")
        if not jws.verify(signed, registration.public_key):
            raise ReportRefusedError(Reason.DEVICE_NOT_ENROLLED, "the signature is not the enrolled device's")
        if registration.revoked_at is not None:
            raise ReportRefusedError(Reason.DEVICE_REVOKED, "an administrator revoked this device")
        return registration

    def _measured_at(self, view: AccountView, registration: Registration, report: Report) -> int:
        """Return when the report's nonce was issued; raises where it is not ours, or older than a check allows."""
        account, name = UUID(view.public_id).bytes, UUID(registration.id).bytes
        issued = nonce_issued_at(view.keys.nonce_secret, account, name, report.nonce)
        schedules = [item.check.schedule for item in view.counting_for(registration)]
        oldest = min((2000 * schedule for schedule in schedules), default=MAXIMUM_NONCE_AGE)
        if issued is None or not nonce_is_fresh(issued, self._now(), oldest):
            detail = "the report answers a nonce that is too old or not this server's"
            raise ReportRefusedError(Reason.NONCE_EXPIRED, detail, self.nonce(view, registration))
        return issued

    def _count(self, held: Held) -> None:
        for candidate in held.findings.candidates:
            if candidate.proof is not Proof.NONE:
                self._counters.verified(valid=candidate.proof is Proof.VALID)

    def _sign_checks(self, view: AccountView, registration: Registration) -> str:
        live = view.checks_for(registration)
        document = Checks(
            account_id=view.public_id,
            version=view.version,
            valid_until=self._now() + CHECKS_VALID_FOR,
            certificates=authorities_from_core(item.check for item in live),
            checks=tuple(check_from_core(item.check, item.name) for item in live),
        )
        payload = msgspec.json.encode(document)
        return jws.sign(jws.Kind.CHECKS, payload, view.keys.signing_key, view.keys.thumbprint).decode()


class _Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How one report is judged: what its signatures are bound to, what is denied, and when."""

    binding: Binding
    denied: Denied
    measured_at: int
    now: int

    def answer(self, check: Check, claim: Claim, facts: DeviceFacts) -> Evaluation:
        """Answer a check from a claim, with these facts of the device."""
        return evaluate(check, facts, prove(claim, self.binding), instant(self.now), self.denied)

    def conclude(self, live: LiveCheck, claim: Claim, facts: DeviceFacts) -> Judgement:
        """Answer a check, and conclude what it comes to."""
        findings = prove(claim, self.binding)
        evaluation = evaluate(live.check, facts, findings, instant(self.now), self.denied)
        result = conclude(evaluation, live.check, self.measured_at, self.now)
        entry = PostureEntry(
            result=result,
            expected=describe_expected(live.check, facts),
            received=describe_received(evaluation, claim.status),
            nonce=self.binding.nonce,
            signature=_signature_of_nearest(claim, evaluation),
            reports=1,
        )
        return Judgement(
            live=live,
            result=result,
            entry=entry,
            held=Held(findings=findings, status=claim.status),
            key_digest=proved_key(evaluation),
            ground=ground_under(evaluation),
        )


def _compare_facts(
    records: Records,
    registration: Registration,
    said: DeviceFacts,
    claims: tuple[tuple[LiveCheck, Claim], ...],
    trial: _Trial,
    rule: FactRule,
) -> FactChange:
    """Return what the device says of itself, and with which facts it is judged."""
    recorded = registration.device.facts
    change = FactChange(said=compare(recorded, said), named=recorded)
    if change.said == recorded or rule is not FactRule.CERTIFICATE or registration.pending is not None:
        return change
    claimed = {live.check.id: claim for live, claim in claims}
    named = named_by_certificates(
        recorded,
        change.said,
        (live.check for live, _ in claims),
        lambda check, facts: trial.answer(check, claimed[check.id], facts),
    )
    # What another device is known by is nobody's to take, whatever certificate they have.
    if records.fleet.twins(registration.account, msgspec.structs.replace(registration.device, facts=named)):
        return change
    return msgspec.structs.replace(change, named=named)


def _signature_of_nearest(claim: Claim, evaluation: Evaluation) -> bytes | None:
    """Return the signature that came with the nearest candidate: of one certificate in two places, the one judged."""
    for judged in evaluation.certificates[:1]:
        for candidate, signature in zip(claim.findings.candidates, claim.signatures, strict=True):
            if _place(candidate) == _place(judged.candidate):
                return signature
    return None


def _place(candidate: Candidate) -> tuple[bytes, Location]:
    return candidate.certificate.sha256, candidate.location


def _compile(records: Records, number: int, version: int, *, results_expire: bool) -> AccountView:
    public_id = next(item.public_id for item in records.accounts.all() if item.number == number)
    compiled = [_compile_one(records, item, results_expire=results_expire) for item in records.checks.all(number)]
    return AccountView(
        number=number,
        public_id=public_id,
        keys=load_keys(records, number),
        version=version,
        checks=tuple(item for item in compiled if item is not None and item.check.enabled),
        accept_facts=load_enrollment_settings(records, number).accept_facts,
    )


def _compile_one(records: Records, stored: StoredCheck, *, results_expire: bool) -> LiveCheck | None:
    """Compile one check; None for types that are stored and not evaluated, and for what no longer compiles."""
    upload = records.certificates.find(stored.account, stored.certificate_id) if stored.certificate_id else None
    if upload is None:
        return None
    try:
        check = compile_check(stored, upload, results_expire=results_expire)
    except InputError:
        return None
    document: dict[str, object] = msgspec.json.decode(stored.document)
    deny_shared = parse_options(stored.options).shared is Sharing.DENY
    return LiveCheck(stored=stored, check=check, name=str(document.get("name", "")), deny_shared=deny_shared)
