"""Judging again: a check that changed is asked of what devices reported last, where that can answer it (semantics, section 4).

Where it cannot, the older result stands until the device's next report, unless the change was to take effect at once. It
goes through a fleet in small transactions, so that reports are not held up; a report that comes meanwhile goes before it.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.denying import is_denied, note_ground
from gatepost.controlplane.evidence import DECIDED_ELSEWHERE, decode_held, judge_again, status_of
from gatepost.controlplane.overruling import end_changed
from gatepost.controlplane.ports import StoredCheck
from gatepost.controlplane.received import describe_expected, describe_received
from gatepost.controlplane.sharing import Proof, hold_against_sharing, note_certificate, proved_key
from gatepost.core.check import Check
from gatepost.core.evaluation import Status
from gatepost.core.log import PostureEntry, is_news
from gatepost.core.replay import tells
from gatepost.core.result import conclude
from gatepost.errors import StorageError
from gatepost.wire.device import instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Records, Registration, Storage, StoredEvidence, StoredResult
    from gatepost.core.evaluation import Evaluation
    from gatepost.core.result import Result

_GROUP: Final = 200
"""Devices in one transaction: some tens of ms, which is what a report may have to wait."""


class ChangedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A check before and after its change. ``at_once``: what cannot be judged again counts no more."""

    stored: StoredCheck
    before: Check
    after: Check
    at_once: bool
    deny_shared: bool


class Rejudger:
    """Judges again beside whoever changed the check, one check after the other; an end of the process ends it, too.

    What is left undone then stands as an older result does, or counts no more where the change was to take effect at once.
    """

    def __init__(self, storage: Storage, now: Callable[[], int]) -> None:
        self._storage = storage
        self._now = now
        self._waiting: queue.SimpleQueue[ChangedCheck | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rejudger", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the group at hand, then end."""
        self._ending.set()
        self._waiting.put(None)
        self._thread.join()

    def submit(self, changed: ChangedCheck) -> None:
        """Hand a changed check over; any thread may call this."""
        self._waiting.put(changed)

    def _work(self) -> None:
        while (changed := self._waiting.get()) is not None:
            # A database that cannot be used now says so elsewhere: devices' next reports do what is left.
            with suppress(StorageError):
                judge_check_again(self._storage, self._now, changed, self._ending.is_set)


def judge_check_again(
    storage: Storage, now: Callable[[], int], changed: ChangedCheck, ending: Callable[[], bool] = lambda: False
) -> int:
    """Go through the devices that answered a check before it changed; returns how many results were written.

    Where ``ending`` says so, it ends after the group at hand.
    """
    account, number = changed.stored.account, changed.stored.number
    written = last = 0
    while True:
        with storage.writing() as records:
            current = records.checks.find(account, changed.stored.id)
            if current is None or current.version != changed.stored.version:
                # It changed again, or went: whoever changed it goes through the devices, too.
                return written
            group = records.evidence.scan(account, number, last, _GROUP)
            devices = records.devices.by_numbers(account, tuple(item.registration for item in group))
            written += sum(_one(records, changed, item, devices[item.registration], now()) for item in group)
        if len(group) < _GROUP or ending():
            return written
        last = group[-1].registration


def _one(
    records: Records, changed: ChangedCheck, evidence: StoredEvidence, registration: Registration, now: int
) -> bool:
    account = changed.stored.account
    stored = next(
        (item for item in records.results.find(account, registration.number) if item.check == evidence.check), None
    )
    if stored is None or stored.result.check_version >= changed.after.version or not stored.result.counts(now):
        return False
    evaluation = _evaluation(records, changed, evidence, registration, stored, now)
    if evaluation is not None:
        _write(records, changed, (evidence, stored, registration), evaluation, now)
        return True
    if not changed.at_once:
        return False
    end_changed(records, account, stored, now)
    return True


def _evaluation(
    records: Records,
    changed: ChangedCheck,
    evidence: StoredEvidence,
    registration: Registration,
    stored: StoredResult,
    now: int,
) -> Evaluation | None:
    """Judge again what the device reported; None where that cannot answer the changed check."""
    if (
        not registration.counts
        or evidence.check_version != changed.before.version
        or not DECIDED_ELSEWHERE.isdisjoint(stored.result.reasons)
    ):
        return None
    account = changed.stored.account
    claim = records.evidence.claim(account, registration.number, evidence.check)
    if claim is None:
        return None
    held = decode_held(claim)
    evaluation = judge_again(held, changed.after, changed.before, registration.device.facts, instant(now))
    if evaluation is not None and evaluation.status is Status.PASS:
        return None if is_denied(records, account, _rests_on(evaluation)) else evaluation
    return evaluation


def _write(
    records: Records,
    changed: ChangedCheck,
    subject: tuple[StoredEvidence, StoredResult, Registration],
    evaluation: Evaluation,
    now: int,
) -> None:
    evidence, stored, registration = subject
    account = changed.stored.account
    result = conclude(evaluation, changed.after, evidence.measured_at, now)
    # The device's own verdict was on the older check, and says nothing of this one.
    received = describe_received(evaluation, evaluation.status)
    key, rests_on = proved_key(evaluation), _rests_on(evaluation)
    if key is not None:
        proof = Proof(
            account=account,
            registration=stored.registration,
            check=stored.check,
            key_digest=key,
            deny=changed.deny_shared,
        )
        result, received = hold_against_sharing(records, proof, result, received)
    news = is_news(stored.result, stored.logged_at, result)
    entry = PostureEntry(
        result=result,
        expected=describe_expected(changed.after, registration.device.facts),
        received=received,
        nonce=b"",
        signature=None,
        reports=stored.repeats + 1,
    )
    if news:
        records.posture_log.append(account, stored.registration, stored.check, entry)
    judged = msgspec.structs.replace(
        stored,
        result=result,
        expected=entry.expected,
        received=entry.received,
        logged_at=now if news else stored.logged_at,
        repeats=0 if news else stored.repeats,
        key_digest=key,
        appraised_until=0,
        traced=rests_on is not None or (stored.traced and result.certificate == stored.result.certificate),
    )
    records.results.put(account, judged)
    note_certificate(records, account, stored, judged)
    if rests_on is not None:
        note_ground(records, account, (stored.registration, stored.check), rests_on)
    _renew(records, changed, evidence, result)


def _rests_on(evaluation: Evaluation) -> bytes | None:
    """Return the certificate (DER) that a pass rests on; None for everything else."""
    return evaluation.certificates[0].candidate.certificate.der if evaluation.status is Status.PASS else None


def _renew(records: Records, changed: ChangedCheck, evidence: StoredEvidence, result: Result) -> None:
    """Write down of the evidence what became of its result."""
    # Where the change asks for more than was looked for, what was gathered stays evidence for the older check alone.
    _, complete = tells(changed.after, changed.before)
    renewed = msgspec.structs.replace(
        evidence,
        check_version=changed.after.version if complete else evidence.check_version,
        status=status_of(result),
        ends_at=result.ends_at,
    )
    records.evidence.renew(changed.stored.account, renewed)
