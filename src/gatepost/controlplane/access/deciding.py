"""Deciding: the one use case of proxies. A question comes from a proxy that is known, or it is refused.

Everything that decides is read from the database in one transaction, or was and nothing has ended since (`memory`): whoever is
let in may be so from memory, whoever is refused never is.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gatepost.controlplane.access.answers import (
    CRASHED,
    NOT_ALLOWED,
    Answer,
    FailedCheck,
    Question,
    line_of,
)
from gatepost.controlplane.access.asking import MENDED_BY_A_REPORT, Asking
from gatepost.controlplane.access.identifying import (
    Identified,
    common_names,
    find_service_token,
    identify_device,
    identify_registration,
    standings_of,
)
from gatepost.controlplane.access.memory import KnownDevice, read_grounds, session_key
from gatepost.controlplane.access.programs import Program, find_program
from gatepost.controlplane.access.sealing import Session, unseal
from gatepost.controlplane.access.signing_keys import SigningKeys, provide_signing_keys, read_signing_keys
from gatepost.controlplane.access.view import AccessView, read_versions, read_view
from gatepost.core.decision import CompiledApplication, Verdict, decide
from gatepost.core.matching import Asker
from gatepost.core.policy import Binding, Posture
from gatepost.errors import CredentialError, NotFoundError, StorageError
from gatepost.wire.management.tokens import TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Address, IPv6Address

    from gatepost.controlplane.access.memory import Memory
    from gatepost.controlplane.access.recording import AccessRecorder
    from gatepost.controlplane.ports import Records, Registration, Storage, Token

_REMEMBERED: Final = 64
"""Accounts whose views are kept; the one that was longest not asked for is read again."""


NOBODY: Final = KnownDevice(Identified(None), {}, 0)
"""Who presents no certificate."""


class Access:
    """What proxies ask. Safe to use from many threads."""

    def __init__(
        self, storage: Storage, now: Callable[[], int], recorder: AccessRecorder, memory: Memory | None = None
    ) -> None:
        """Take the database, a clock in ms, who writes the log, and what keeps grounds; None: each decision is read anew."""
        self._storage = storage
        self._now = now
        self._recorder = recorder
        self._memory = memory
        self._views: dict[int, AccessView] = {}
        self._asking = Asking(storage, now)
        self._keys: dict[int, SigningKeys] = {}

    def recall(self, question: Question) -> Answer | None:
        """Answer one question from memory, at once; None: it must be decided. Nobody is refused from memory."""
        known = None if self._memory is None or question.token else self._memory.recall(_digest(question))
        if known is None:
            return None
        now = self._now()
        token, kept = known
        view, keys = kept.view, self._keys.get(token.account)
        found = find_application(view, token, question)
        if found is None or keys is None or keys.is_due(now) or not _counts(token, now) or found.asks_for_certificate:
            return None
        key = question.certificate
        if key is None and (session := _session(view, found, question, now)) is not None:
            key = session_key(session)
        device = NOBODY if key is None else kept.devices.get(key)
        if device is None or not (device is NOBODY or device.serves(now, view.oldest)):
            return None
        answer = _decide(view, found, question, device, now)
        if not answer.verdict.allowed:
            return None
        self._recorder.note(token.account, line_of(token, question, answer, now))
        return msgspec.structs.replace(answer, key=keys.current)

    def decide(self, question: Question) -> Answer:
        """Answer one question.

        Raises `CredentialError` where no proxy's token counts, and StorageError where the database cannot be read.
        """
        program = self._program(question)
        now = self._now()
        with self._storage.reading() as records:
            token = records.tokens.find(_digest(question))
            if token is None or not _counts(token, now):
                raise CredentialError("this is no proxy's token that counts")
            answer = CRASHED
            try:
                answer, device = self._judge(records, token, question, now, program)
                keys = self._known_keys(records, token.account, now)
            finally:
                self._recorder.note(token.account, line_of(token, question, answer, now))
        if answer.verdict.allowed:
            return msgspec.structs.replace(answer, key=self._turn_keys(token.account, keys, now).current)
        if device is not None and _waits(answer.verdict):
            # Where that cannot be written down the refusal stands, and the device reports when it is due.
            with suppress(StorageError):
                self._asking.ask(device)
        return answer

    def _program(self, question: Question) -> Program | None:
        """Return the device of a program that shows a token with a proof, which is spent with it."""
        if not question.token:
            return None
        _, view = self.open(question)
        found = find_program(view, question, self._now())
        if found is None:
            return None
        with self._storage.writing(alone=False) as records:
            return found if records.spent.spend(found.proof, found.ends_at) else None

    def _judge(
        self, records: Records, token: Token, question: Question, now: int, program: Program | None
    ) -> tuple[Answer, Registration | None]:
        """Judge one question, and say which device asked."""
        view = self._view(records, token.account)
        found = find_application(view, token, question)
        if found is None:
            return NOT_ALLOWED, None
        identified, key = _identify(records, view, found, question, now, program)
        registration = identified.registration
        standings = {} if registration is None else standings_of(records, view, registration)
        device = KnownDevice(identified, standings, now)
        if self._memory is not None:
            known = None if registration is None or key is None else (key, device)
            self._memory.keep(token, read_grounds(records, token.account), view, known)
        names = common_names(records, view, question.certificate_der, now)
        return _decide(view, found, question, device, now, names), registration

    def open(self, question: Question) -> tuple[Token, AccessView]:
        """Return the proxy's token that a question comes with, and its account's view.

        Raises `CredentialError` where no proxy's token counts, and StorageError.
        """
        with self._storage.reading() as records:
            token = records.tokens.find(_digest(question))
            if token is None or not _counts(token, self._now()):
                raise CredentialError("this is no proxy's token that counts")
            return token, self._view(records, token.account)

    def view_of(self, account_id: str) -> AccessView | None:
        """Return an account's view by its public id; None: there is none. Raises StorageError."""
        with self._storage.reading() as records:
            account = records.accounts.find(account_id)
            return None if account is None else self._view(records, account.number)

    def published_keys(self, account_id: str) -> tuple[bytes, ...]:
        """Return the keys of an account whose public halves applications verify with; raises `NotFoundError`."""
        now = self._now()
        with self._storage.reading() as records:
            account = records.accounts.find(account_id)
            if account is None:
                raise NotFoundError("account", account_id)
            keys = self._known_keys(records, account.number, now)
        return self._turn_keys(account.number, keys, now).all

    def _known_keys(self, records: Records, account: int, now: int) -> SigningKeys | None:
        """Return the keys that there are; None: there are none yet."""
        known = self._keys.get(account)
        if known is None or known.is_due(now):
            known = read_signing_keys(records, account)
        if known is not None:
            self._keys[account] = known
        return known

    def _turn_keys(self, account: int, known: SigningKeys | None, now: int) -> SigningKeys:
        """Make keys where there are none, and let the next one sign where that is due; while nothing can be written, the last."""
        if known is not None and not known.is_due(now):
            return known
        try:
            with self._storage.writing() as records:
                made = self._keys[account] = provide_signing_keys(records, account, now)
        except StorageError:
            if known is None:
                raise
            return known
        return made

    def _view(self, records: Records, account: int) -> AccessView:
        known = self._views.pop(account, None)
        if known is None or known.versions != read_versions(records, account):
            known = read_view(records, account)
        self._views[account] = known
        if len(self._views) > _REMEMBERED:
            self._views.pop(next(iter(self._views)), None)
        return known


def _digest(question: Question) -> bytes:
    return hashlib.sha256(question.credential.encode()).digest()


def _counts(token: Token, now: int) -> bool:
    ended = token.expires_at is not None and token.expires_at <= now
    return token.kind == TokenKind.PROXY and token.revoked_at is None and not ended


def find_application(view: AccessView, token: Token, question: Question) -> CompiledApplication | None:
    """Return the application that is asked for, where the proxy's configuration and its token are for it."""
    asked = view.places.find(question.host, question.target)
    if asked is None or asked.id not in token.scopes:
        return None
    if view.own_places[asked.id].find(question.app, question.target) is None:
        return None
    return view.applications[asked.id]


def _session(view: AccessView, found: CompiledApplication, question: Question, now: int) -> Session | None:
    """Return the session that the client has at this application; None: it has none that counts."""
    app_id = found.application.id
    text = question.cookies.get(app_id)
    session = None if text is None else unseal(view.seal_secret, text, Session, now)
    return session if session is not None and session.app_id == app_id else None


def _identify(
    records: Records,
    view: AccessView,
    found: CompiledApplication,
    question: Question,
    now: int,
    program: Program | None,
) -> tuple[Identified, bytes | None]:
    """Say which device asks, and by which key that is kept: by the certificate of the connection, a session, or a proof."""
    identified = identify_device(records, view.account, question.certificate, now)
    if identified.registration is None and (session := _session(view, found, question, now)) is not None:
        return identify_registration(records, view.account, session.registration_id, Binding.AGENT), session_key(
            session
        )
    if identified.registration is None and program is not None:
        return identify_registration(records, view.account, program.registration_id, Binding.TOKEN), None
    return identified, question.certificate


def _decide(
    view: AccessView,
    found: CompiledApplication,
    question: Question,
    device: KnownDevice,
    now: int,
    names: tuple[str, ...] | None = None,
) -> Answer:
    registration = device.identified.registration
    email = None if registration is None else registration.user_email
    app_id = found.application.id
    asker_id = None if registration is None else registration.id
    asker = Asker(
        now=now,
        address=_address(question.address),
        email=email,
        registration=asker_id,
        binding=device.identified.binding,
        absence=device.identified.absence,
        common_names=names,
        service_token=find_service_token(view, question.client_id, question.client_secret, now),
        standings=device.standings,
        exempted=_is_exempted(view, app_id, asker_id, email, now),
    )
    verdict = decide(found, asker, emergency=now < view.emergency_until)
    return Answer(
        verdict=verdict,
        at=now,
        application=found.application,
        registration=asker.registration,
        device=None if registration is None else registration.device.name,
        device_id=None if registration is None else registration.device.id,
        email=email,
        service_token=asker.service_token,
        failed=() if verdict.allowed else tuple(_failed(view, verdict)),
        claims=_claims(view, found, asker, registration, verdict) if verdict.allowed else {},
    )


def _claims(
    view: AccessView, found: CompiledApplication, asker: Asker, registration: Registration | None, verdict: Verdict
) -> dict[str, Any]:
    """Say who was let in and why; of the checks only those that the application's policies ask about."""
    asked = {posture.check_id for item in found.policies for posture in item.postures}
    return {
        "aud": found.application.audience,
        "sub": asker.email or asker.registration or asker.service_token or "",
        "account": view.public_id,
        "email": asker.email,
        "device_id": None if registration is None else registration.device.id,
        "registration_id": asker.registration,
        "service_token": asker.service_token,
        "posture": {
            check_id: not standing.reasons(asker.now)
            for check_id, standing in sorted(asker.standings.items())
            if check_id in asked
        },
        "policy": verdict.policy_id,
        "binding": verdict.binding,
        "evidence": verdict.evidence,
        "reasons": list(verdict.reasons),
    }


def _failed(view: AccessView, verdict: Verdict) -> Iterator[FailedCheck]:
    named = {asked.id: asked for asked in view.checks.values()}
    for item in verdict.unmet:
        if isinstance(item.rule, Posture) and item.rule.check_id in named:
            asked = named[item.rule.check_id]
            yield FailedCheck(asked.name, item.reasons, asked.message)


def _waits(verdict: Verdict) -> bool:
    return not MENDED_BY_A_REPORT.isdisjoint(verdict.reasons)


def _is_exempted(view: AccessView, app_id: str, registration: str | None, email: str | None, now: int) -> bool:
    return any(
        item.app_id == app_id
        and item.stored.ends_at > now
        and (
            (item.stored.registration_id is not None and item.stored.registration_id == registration)
            or (item.stored.user_email is not None and item.stored.user_email == email)
        )
        for item in view.exemptions
    )


@lru_cache(maxsize=16_384)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
