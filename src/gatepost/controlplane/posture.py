"""Posture: from a report to results. What the device claims is judged again here, and only that is believed.

A report answers one nonce, is signed by the device's key and names the version of each check that it answers. An answer to
an older version is passed over: the older result stands until it ends, and the acknowledgement tells the agent what is newer.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.controlplane.access.sealing import DeviceToken, derive_secret, seal
from gatepost.controlplane.appraisal import Subject
from gatepost.controlplane.checks import compile_check, parse_options
from gatepost.controlplane.counters import UNCOUNTED
from gatepost.controlplane.denying import expect_denied, find_denied
from gatepost.controlplane.enrollment import check_audience
from gatepost.controlplane.facts import compare, named_by_certificates
from gatepost.controlplane.judgement import AccountView, FactChange, Judged, LiveCheck, sort_checks
from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.meanwhile import describe_meanwhile
from gatepost.controlplane.ports import Registration
from gatepost.controlplane.presented import Memory, Presented, read_shown
from gatepost.controlplane.settings import load_enrollment_settings
from gatepost.core.finding import Proof
from gatepost.core.possession import MAXIMUM_NONCE_AGE, issue_nonce, nonce_is_fresh, nonce_issued_at
from gatepost.core.reason import Reason
from gatepost.core.report import Binding
from gatepost.errors import GatepostError, InputError, ReportRefusedError, StorageError
from gatepost.wire import jws
from gatepost.wire.checks import CHECKS_VALID_FOR, Checks, authorities_from_core, check_from_core
from gatepost.wire.device import (
    CheckAnswer,
    Report,
    Sync,
    Synced,
    Wait,
    decode,
    facts_to_core,
)
from gatepost.wire.device_token import IssuedToken, TokenRequest
from gatepost.wire.management.check_options import Sharing
from gatepost.wire.management.enrollment import FactRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gatepost.controlplane.counters import Counters
    from gatepost.controlplane.ports import Records, Storage, StoredCheck
    from gatepost.core.device import DeviceFacts

_T = TypeVar("_T")
_S = TypeVar("_S")

TOKEN_FOR: Final = 300
"""Seconds for which a device's token for its programs is good."""
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
        self._shown = Memory()

    def synchronise(self, document: bytes) -> Synced:
        """Answer a device that asks for a nonce and for checks newer than it has."""
        signed = jws.split(jws.Kind.SYNC, document)
        with self._storage.reading() as records:
            registration = self._registered(records, signed)
            view = self.view(records, registration.account)
        request = decode(signed.payload, Sync)
        check_audience(request.aud, view.audiences)
        checks = "" if request.checks_version == view.version else self._sign_checks(view, registration)
        return Synced(nonce=self.nonce(view, registration), checks_version=view.version, checks=checks)

    def admit(self, document: bytes) -> tuple[Registration, int, int]:
        """Identify a device that wants to wait: its registration, the checks' version that it has, and the current one."""
        signed = jws.split(jws.Kind.WAIT, document)
        with self._storage.reading() as records:
            registration = self._registered(records, signed)
            view = self.view(records, registration.account)
        request = decode(signed.payload, Wait)
        check_audience(request.aud, view.audiences)
        return registration, request.checks_version, view.version

    def issue_token(self, document: bytes) -> IssuedToken:
        """Issue a token to a device, for its programs: good for five minutes, and with proofs of the device's key alone."""
        signed = jws.split(jws.Kind.TOKEN, document)
        with self._storage.reading() as records:
            registration = self._registered(records, signed)
            view = self.view(records, registration.account)
        check_audience(decode(signed.payload, TokenRequest).aud, view.audiences)
        now = self._now()
        token = DeviceToken(
            registration_id=registration.id, thumbprint=signed.thumbprint.hex(), ends_at=now + TOKEN_FOR * 1000
        )
        text = seal(derive_secret(view.keys.nonce_secret), token)
        return IssuedToken(token=text, issued_at=now, expires_in=TOKEN_FOR)

    def judge(self, records: Records, document: bytes) -> Judged:
        """Judge one report; raises `InputError` or `ReportRefusedError`. Writes nothing."""
        (outcome,) = self.judge_all(records, (document,))
        if isinstance(outcome, GatepostError):
            raise outcome
        return outcome

    def judge_all(self, records: Records, documents: Sequence[bytes]) -> tuple[Judged | GatepostError, ...]:
        """Judge a group of reports, each by itself: a judgement or why it is refused, in their order. Writes nothing.

        The database is asked once for all of them, whatever they are.
        """
        outcomes: list[Judged | GatepostError] = [_CRASHED] * len(documents)
        views: dict[int, AccountView] = {}
        signed = _attempt(outcomes, enumerate(documents), lambda document: jws.split(jws.Kind.REPORT, document))
        found = records.devices.by_thumbprints(item.thumbprint for _, item in signed)
        opened = _attempt(outcomes, signed, lambda item: self._open(records, views, item, found.get(item.thumbprint)))
        self._supply(records, [item for _, item in opened])
        _expect(records, [item for _, item in opened])
        for place, judged in _attempt(outcomes, opened, lambda item: self._judge(records, item)):
            outcomes[place] = judged
        return tuple(outcomes)

    def _open(
        self, records: Records, views: dict[int, AccountView], signed: jws.Signed, found: Registration | None
    ) -> _Opened:
        """Take a report from whoever signed it: nothing in it is judged yet."""
        registration = _identify(signed, found)
        view = views.get(registration.account)
        if view is None:
            view = views[registration.account] = self.view(records, registration.account)
        report = decode(signed.payload, Report)
        check_audience(report.aud, view.audiences)
        return _Opened(
            registration=registration,
            view=view,
            report=report,
            digest=hashlib.sha256(signed.signing_input).digest(),
            measured_at=self._measured_at(view, registration, report),
            presented=Presented(report.certificates, self._shown.of(registration.account, registration.number)),
        )

    def _supply(self, records: Records, opened: list[_Opened]) -> None:
        """Give each report the certificates that it names and does not carry, and remember what it shows."""
        missing: dict[int, list[_Opened]] = {}
        for item in opened:
            account, number = item.registration.account, item.registration.number
            if not item.presented.supply(item.named(), self._shown.of(account, number)):
                missing.setdefault(account, []).append(item)
        for account, items in missing.items():
            found = read_shown(records, account, {item.registration.number for item in items})
            for item in items:
                item.presented.supply(item.named(), found.get(item.registration.number, {}))
        for item in opened:
            self._shown.keep(item.registration.account, item.registration.number, item.presented.all())

    def _judge(self, records: Records, opened: _Opened) -> Judged:
        registration, view, report = opened.registration, opened.view, opened.report
        answers = {(item.id, item.version): item for item in report.checks}
        claims = tuple(
            (live, answer)
            for live in view.checks_for(registration)
            if (answer := answers.get((live.check.id, live.check.version))) is not None
        )
        subject = Subject(
            binding=Binding(audience=report.aud, thumbprint=registration.thumbprint, nonce=report.nonce),
            presented=opened.presented,
            denied=find_denied(records, registration.account, opened.presented.contents()),
            measured_at=opened.measured_at,
            now=self._now(),
        )
        counting = tuple((live, answer) for live, answer in claims if not live.stored.trial)
        change = _compare_facts(
            records, registration, facts_to_core(report.facts), counting, subject, view.accept_facts
        )
        known = {item.check: item for item in records.results.find(registration.account, registration.number)}
        judgements = tuple(
            subject.appraise(live, answer, change.named, known.get(live.stored.number)) for live, answer in claims
        )
        if report.meanwhile is not None:
            judgements = tuple(
                msgspec.structs.replace(item, meanwhile=describe_meanwhile(report.meanwhile, item.live.check.id))
                for item in judgements
            )
        for judgement in judgements:
            self._count(judgement.proofs)
        return Judged(
            registration=registration,
            view=view,
            sequence=report.sequence,
            digest=opened.digest,
            measured_at=opened.measured_at,
            judgements=judgements,
            facts=change,
            client_version=report.facts.client_version,
        )

    def view(self, records: Records, account: int) -> AccountView:
        """Return the account's compiled checks, anew when their version rose."""
        version = records.checks.version(account)
        known = self._views.get(account)
        if known is None or known.version != version:
            known = self._compile(records, account, version)
            self._views[account] = known
        return known

    def nonce(self, view: AccountView, registration: Registration) -> bytes:
        """Issue a nonce to a registration."""
        account, name = view.identifier, _identifier(registration.id)
        return issue_nonce(view.keys.nonce_secret, account, name, self._now())

    def _compile(self, records: Records, number: int, version: int) -> AccountView:
        public_id = next(item.public_id for item in records.accounts.all() if item.number == number)
        compiled = [
            _compile_one(records, item, results_expire=self._results_expire) for item in records.checks.all(number)
        ]
        live = tuple(item for item in compiled if item is not None and item.check.enabled)
        return AccountView(
            number=number,
            public_id=public_id,
            identifier=_identifier(public_id),
            audiences=tuple(f"{url}/{public_id}" for url in self._public_urls),
            keys=load_keys(records, number),
            version=version,
            checks=live,
            by_system=sort_checks(live),
            accept_facts=load_enrollment_settings(records, number).accept_facts,
        )

    def _registered(self, records: Records, signed: jws.Signed) -> Registration:
        """Return who signed a document."""
        return _identify(signed, records.devices.by_thumbprint(signed.thumbprint))

    def _measured_at(self, view: AccountView, registration: Registration, report: Report) -> int:
        """Return when the report's nonce was issued; raises where it is not ours, or older than a check allows."""
        account, name = view.identifier, _identifier(registration.id)
        issued = nonce_issued_at(view.keys.nonce_secret, account, name, report.nonce)
        schedules = [item.check.schedule for item in view.counting_for(registration)]
        oldest = min((2000 * schedule for schedule in schedules), default=MAXIMUM_NONCE_AGE)
        if issued is None or not nonce_is_fresh(issued, self._now(), oldest):
            detail = "the report answers a nonce that is too old or not this server's"
            raise ReportRefusedError(Reason.NONCE_EXPIRED, detail, self.nonce(view, registration))
        return issued

    def _count(self, proofs: tuple[Proof, ...]) -> None:
        for proof in proofs:
            if proof is not Proof.NONE:
                self._counters.verified(valid=proof is Proof.VALID)

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


def _identifier(public_id: str) -> bytes:
    """Return the 16 bytes of an id: `uuid.UUID` costs ten times as much, in each report twice."""
    return bytes.fromhex(public_id.replace("-", ""))


class _Opened(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A report of a registered device that answers a nonce of ours."""

    registration: Registration
    view: AccountView
    report: Report
    digest: bytes
    measured_at: int
    presented: Presented

    def named(self) -> Iterator[str]:
        """Give the names of the certificates that its answers name."""
        return (candidate.sha256 for answer in self.report.checks for candidate in answer.candidates)


_CRASHED: Final = ReportRefusedError(Reason.EVALUATION_CRASHED, "it was not judged")


def _attempt(
    outcomes: list[Judged | GatepostError], items: Iterable[tuple[int, _T]], step: Callable[[_T], _S]
) -> list[tuple[int, _S]]:
    """Take a step with each item; why one is refused goes to its place in ``outcomes``, and the others go on."""
    done = []
    for place, item in items:
        try:
            done.append((place, step(item)))
        except StorageError:
            raise
        except GatepostError as error:
            outcomes[place] = error
        except Exception as error:  # noqa: BLE001 - one odd report must not take the others of its group with it.
            outcomes[place] = ReportRefusedError(Reason.EVALUATION_CRASHED, type(error).__name__)
    return done


def _expect(records: Records, opened: list[_Opened]) -> None:
    """Let the database answer at once what each of these reports will ask."""
    for account in dict.fromkeys(item.registration.account for item in opened):
        of_it = [item for item in opened if item.registration.account == account]
        records.results.expect(account, [item.registration.number for item in of_it])
        expect_denied(records, account, (content for item in of_it for content in item.presented.contents()))


def _identify(signed: jws.Signed, registration: Registration | None) -> Registration:
    """Return the registration whose key signed a document; raises `ReportRefusedError`."""
    if registration is None or registration.deleted_at is not None:
        raise ReportRefusedError(Reason.DEVICE_NOT_ENROLLED, "this device is not enrolled here")
    if not jws.verify(signed, registration.public_key):
        raise ReportRefusedError(Reason.DEVICE_NOT_ENROLLED, "the signature is not the enrolled device's")
    if registration.revoked_at is not None:
        raise ReportRefusedError(Reason.DEVICE_REVOKED, "an administrator revoked this device")
    return registration


def _compare_facts(
    records: Records,
    registration: Registration,
    said: DeviceFacts,
    answers: tuple[tuple[LiveCheck, CheckAnswer], ...],
    subject: Subject,
    rule: FactRule,
) -> FactChange:
    """Return what the device says of itself, and with which facts it is judged."""
    recorded = registration.device.facts
    change = FactChange(said=compare(recorded, said), named=recorded)
    if change.said == recorded or rule is not FactRule.CERTIFICATE or registration.pending is not None:
        return change
    claimed = {live.check.id: subject.claim(answer, subject.prove(answer)) for live, answer in answers}
    named = named_by_certificates(
        recorded,
        change.said,
        (live.check for live, _ in answers),
        lambda check, facts: subject.evaluate(check, claimed[check.id], facts),
    )
    # What another device is known by is nobody's to take, whatever certificate they have.
    if records.fleet.twins(registration.account, msgspec.structs.replace(registration.device, facts=named)):
        return change
    return msgspec.structs.replace(change, named=named)


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
    return LiveCheck(
        stored=stored,
        check=check,
        name=str(document.get("name", "")),
        deny_shared=deny_shared,
        basis=b"".join(sorted(item.sha256 for item in check.authorities)),
    )
