"""One cycle of the agent: ask for a nonce and checks, read, evaluate, sign, report.

The checks come signed by the account's key, which was pinned at enrolment; their version never goes back, and a server that
cannot sign them is not believed. The sequence is durable before a report leaves, so that no two reports share one.
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost import __version__
from gatepost.agent.absence import Absence
from gatepost.agent.gather import Gathered, gather
from gatepost.client.identity import LAST_REPORT, DeviceKey, EnrolledAs, Progress, StateFolder
from gatepost.core.check import Check
from gatepost.core.possession import build_statement
from gatepost.core.reason import Reason
from gatepost.errors import (
    CertificateWantedError,
    InputError,
    ReportRefusedError,
    ServerRefusedError,
    StateError,
    TransportError,
)
from gatepost.wire import jws
from gatepost.wire.checks import CHECKS_VALID_FOR, Checks, check_to_core
from gatepost.wire.device import (
    MAXIMUM_REPORT,
    Acknowledgement,
    Called,
    CheckAnswer,
    Enrollment,
    Facts,
    Meanwhile,
    Report,
    Sync,
    Wait,
    answer_from_core,
    bounded,
    certificates_to_core,
    decode,
    instant,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.agent.host import Host
    from gatepost.client.transport import Server
    from gatepost.core.certificate import Certificate
    from gatepost.stores.interface import Store
    from gatepost.wire.device import Enrolled

_CLOCKS_APART: Final = 60_000
"""ms by which the clocks of two server processes may be apart."""
_SERVER_ERROR: Final = 500
"""From this status on it is the server, or a proxy before it, that is not well."""
_MAXIMUM_PAYLOAD: Final = MAXIMUM_REPORT * 3 // 4 - 1024
"""What fits into a report once it is base64 and has a header and a signature."""


class Disclosure(StrEnum):
    """What a report says of certificates that are no candidates: their number, and which are one step away, or no more."""

    NEARBY = "nearby"
    COUNTS = "counts"


class NamedCheck(msgspec.Struct, frozen=True):
    """A check of the server's, with its name."""

    check: Check
    name: str


class Answered(msgspec.Struct, frozen=True):
    """What this device found for one check."""

    named: NamedCheck
    gathered: Gathered


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """What one cycle came to: the device's own answers, and the server's acknowledgement with its verdicts."""

    answers: tuple[Answered, ...]
    acknowledgement: Acknowledgement


class Agent:
    """The agent of one enrolment. ``find_stores`` gives the stores in which a check looks; ``now`` is in ms."""

    def __init__(
        self,
        state: StateFolder,
        server: Server,
        find_stores: Callable[[Check], tuple[Store, ...]],
        read_host: Callable[[], Host],
        now: Callable[[], int],
        disclosure: Disclosure = Disclosure.NEARBY,
    ) -> None:
        state.check()
        self._disclosure = disclosure
        self._state = state
        self._server = server
        self._find_stores = find_stores
        self._read_host = read_host
        self._now = now
        self._key = state.load_key()
        self._enrolled = state.load_registration()
        self._progress = state.load_progress()
        self._absence = Absence(state)
        # The digests of what the newest acknowledged report showed: the server has those certificates.
        self._shown: frozenset[str] = frozenset()

    def run_once(self) -> Cycle:
        """Do one cycle; raises `TransportError`, `ServerRefusedError`, `ReportRefusedError` or `StateError`."""
        try:
            cycle = self._run()
        except (TransportError, ServerRefusedError) as error:
            if not isinstance(error, ServerRefusedError) or error.status >= _SERVER_ERROR:
                self._look_meanwhile()
            raise
        self._absence.forget()
        return cycle

    def _look_meanwhile(self) -> None:
        """Look although the server is away, by the checks at hand: what changes is told when it is back."""
        host = self._read_host()
        now = self._now()
        answers = []
        for item in kept_checks(self._progress, self._enrolled):
            found = gather(item.check, host.facts, self._find_stores(item.check), instant(now), None)
            answers.append((item.check, found.evaluation))
        # A full disk must not hide that the server is away.
        with suppress(StateError):
            self._absence.note(answers, now)

    def _run(self) -> Cycle:
        nonce, named = self._synchronise()
        cycle = self._report(nonce, named)
        if cycle.acknowledgement.checks_version != self._progress.checks_version:
            # The checks changed between the two requests: what was reported answers the older ones.
            nonce, named = self._synchronise()
            cycle = self._report(nonce, named)
        return cycle

    def wait(self) -> Called:
        """Hold one request open until the server calls, or its time is over."""
        request = Wait(aud=self._enrolled.audience, checks_version=self._progress.checks_version)
        return self._server.wait(self._key.sign(jws.Kind.WAIT, request))

    def _synchronise(self) -> tuple[bytes, tuple[NamedCheck, ...]]:
        kept = decode(self._progress.checks, Checks) if self._progress.checks else None
        # Checks have an end of validity: half of their life before it, the agent asks for them anew.
        stale = kept is None or kept.valid_until - self._now() < CHECKS_VALID_FOR // 2
        request = Sync(aud=self._enrolled.audience, checks_version=-1 if stale else self._progress.checks_version)
        synced = self._server.synchronise(self._key.sign(jws.Kind.SYNC, request))
        if synced.checks:
            checks, payload = self._verify(synced.checks.encode())
            self._accept(checks, kept)
            self._save(msgspec.structs.replace(self._progress, checks_version=checks.version, checks=payload))
        elif stale:
            raise self._distrusted("end soon, and does not renew them")
        return synced.nonce, kept_checks(self._progress, self._enrolled)

    def _accept(self, checks: Checks, kept: Checks | None) -> None:
        """Refuse checks that are older than those at hand: neither their version nor their end ever goes back."""
        if checks.version < self._progress.checks_version:
            raise self._distrusted(f"went backwards: version {checks.version} after {self._progress.checks_version}")
        if kept is not None and checks.valid_until + _CLOCKS_APART < kept.valid_until:
            raise self._distrusted("end before those at hand: they are old ones")

    def _verify(self, document: bytes) -> tuple[Checks, bytes]:
        """Return signed checks and their payload: whole, of this account, and signed by its pinned key."""
        try:
            point = jws.from_jwk(self._enrolled.account_key, "account_key")
            signed = jws.split(jws.Kind.CHECKS, document)
            if signed.thumbprint != jws.thumbprint(point) or not jws.verify(signed, point):
                raise self._distrusted("are not signed by this account's key")
            checks = decode(signed.payload, Checks)
            read_checks(checks)
        except InputError as error:
            raise self._distrusted(f"cannot be read: {error}") from error
        if checks.account_id != self._enrolled.account_id:
            raise self._distrusted("are another account's")
        return checks, signed.payload

    def _distrusted(self, problem: str) -> TransportError:
        return TransportError(self._server.url, f"sent checks that {problem}")

    def _report(self, nonce: bytes, named: tuple[NamedCheck, ...]) -> Cycle:
        """Report; where the nonce was too old, or the server lacks a certificate, once more."""
        fresh = False
        while True:
            try:
                return self._send(nonce, named)
            except ReportRefusedError as refused:
                if fresh or refused.reason != Reason.NONCE_EXPIRED or not refused.nonce:
                    raise
                nonce, fresh = refused.nonce, True
            except CertificateWantedError:
                if not self._shown:
                    raise
                self._shown = frozenset()

    def _send(self, nonce: bytes, named: tuple[NamedCheck, ...]) -> Cycle:
        host = self._read_host()
        answers = tuple(Answered(item, self._gather(item.check, host, nonce)) for item in named)
        self._save(msgspec.structs.replace(self._progress, sequence=self._progress.sequence + 1))
        head = Head(
            audience=self._enrolled.audience,
            sequence=self._progress.sequence,
            nonce=nonce,
            facts=facts_of(host),
            meanwhile=self._absence.told,
        )
        report = compose_report(head, answers)
        new = {name: content for name, content in report.certificates.items() if name not in self._shown}
        document = self._key.sign(jws.Kind.REPORT, msgspec.structs.replace(report, certificates=new))
        self._state.save(LAST_REPORT, msgspec.json.encode(report))
        acknowledgement = self._server.report(document)
        self._shown = frozenset(report.certificates)
        return Cycle(answers=answers, acknowledgement=acknowledgement)

    def _gather(self, check: Check, host: Host, nonce: bytes) -> Gathered:
        def statement(certificate: Certificate) -> bytes:
            return build_statement(self._enrolled.audience, self._key.thumbprint, nonce, certificate.sha256)

        gathered = gather(check, host.facts, self._find_stores(check), instant(self._now()), statement)
        if self._disclosure is Disclosure.COUNTS:
            silent = msgspec.structs.replace(gathered.evaluation, nearby=())
            return msgspec.structs.replace(gathered, evaluation=silent)
        return gathered

    def _save(self, progress: Progress) -> None:
        self._state.save_progress(progress)
        self._progress = progress


def kept_checks(progress: Progress, enrolled: EnrolledAs) -> tuple[NamedCheck, ...]:
    """Return the checks that the agent keeps; their signature was verified when they came."""
    if not progress.checks:
        return ()
    document = decode(progress.checks, Checks)
    if document.account_id != enrolled.account_id:
        return ()
    return read_checks(document)


def read_checks(document: Checks) -> tuple[NamedCheck, ...]:
    """Read the checks in a document; raises `InputError` for what no server of ours would send."""
    certificates = certificates_to_core(document.certificates)
    return tuple(NamedCheck(check_to_core(item, certificates), item.name) for item in document.checks)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a report beside the answers."""

    audience: str
    sequence: int
    nonce: bytes
    facts: Facts
    meanwhile: Meanwhile | None = None


def compose_report(head: Head, answers: tuple[Answered, ...]) -> Report:
    """Put a report together that fits its bound: where it would not, the farthest candidates and last faults stay out.

    What happened while the server was away gives way before the nearest candidates do.
    """
    for limit, meanwhile in (
        *((limit, head.meanwhile) for limit in (16, 8, 4)),
        *((limit, None) for limit in (4, 2, 1, 0)),
    ):
        written = tuple(_write(item, limit) for item in answers)
        certificates = {
            judged.candidate.certificate.fingerprint: judged.candidate.certificate.der
            for item in answers
            for judged in item.gathered.evaluation.certificates[:limit]
        }
        report = Report(
            aud=head.audience,
            sequence=head.sequence,
            nonce=head.nonce,
            facts=head.facts,
            certificates=certificates,
            checks=written,
            meanwhile=meanwhile,
        )
        if len(msgspec.json.encode(report)) <= _MAXIMUM_PAYLOAD:
            return report
    raise InputError("report", f"is larger than {MAXIMUM_REPORT} bytes without any certificate")


def _write(answered: Answered, limit: int) -> CheckAnswer:
    gathered = answered.gathered
    evaluation = gathered.evaluation
    # One fault is left in any case: without it an error would look like a fail.
    kept = msgspec.structs.replace(
        evaluation,
        certificates=evaluation.certificates[:limit],
        faults=evaluation.faults[: max(4 * limit, 1)],
        nearby=evaluation.nearby[:limit],
    )
    return answer_from_core(answered.named.check, kept, gathered.signatures, too_many=gathered.too_many)


def facts_of(host: Host) -> Facts:
    """Write what the host says of itself for the wire."""
    return Facts(
        serial_number=host.facts.serial_number,
        hostname=host.facts.hostname,
        device_uuid=host.facts.device_uuid,
        name=bounded(host.name),
        manufacturer=bounded(host.manufacturer),
        model=bounded(host.model),
        os_version=bounded(host.os_version),
        client_version=__version__,
    )


def enroll(state: StateFolder, server: Server, token: str, host: Host, authorities: str | None) -> EnrolledAs:
    """Enrol this device: make its key, hand it in with the token, and keep who it is now. Nothing is kept of a refusal."""

    def introduce(key: DeviceKey) -> Enrolled:
        document = Enrollment(aud=server.url, key=jws.to_jwk(key.point), facts=facts_of(host))
        return server.enroll(token, key.sign(jws.Kind.ENROLLMENT, document))

    return keep_enrollment(state, server, introduce, authorities)


def keep_enrollment(
    state: StateFolder, server: Server, introduce: Callable[[DeviceKey], Enrolled], authorities: str | None
) -> EnrolledAs:
    """Make the device's key, let ``introduce`` hand it in, and keep who the device is now; nothing is kept of a refusal."""
    state.create()
    if state.enrolled:
        known = state.load_registration()
        problem = f"holds an enrolment with {known.server} already"
        raise InputError("--state", f"{state.path} {problem}", "remove it first with `gatepost agent unenroll`")
    try:
        enrolled = _believe(introduce(state.make_key()), server, authorities)
        state.save_progress(Progress())
        state.save_registration(enrolled)
    except BaseException:
        state.forget()
        raise
    return enrolled


def _believe(answer: Enrolled, server: Server, authorities: str | None) -> EnrolledAs:
    """Return who this device is; an account's key that is none could never be trusted later."""
    try:
        jws.from_jwk(answer.account_key, "account_key")
    except InputError as error:
        raise TransportError(server.url, f"answered with something that is not ours ({error})") from error
    return EnrolledAs(
        server=server.url,
        server_ca=authorities,
        account_id=answer.account_id,
        registration_id=answer.registration_id,
        device_id=answer.device_id,
        account_key=answer.account_key,
    )
