"""Intake: reports are judged and committed in groups, and acknowledged after the commit.

One thread takes all reports that wait, judges them, writes them in one transaction and then answers each: durability costs
one fsync a group, not one a report. A report is idempotent by (device, sequence): the same again is acknowledged again, and
anything else under a known or older sequence is refused. Nothing is acknowledged before it is durable.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from itertools import cycle
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from gatepost.controlplane import recording
from gatepost.controlplane.counters import UNCOUNTED
from gatepost.controlplane.denying import (
    hold_against_denials,
)
from gatepost.controlplane.duplicates import settle
from gatepost.controlplane.facts import taken_meanwhile
from gatepost.controlplane.judgement import Judged, Judgement
from gatepost.controlplane.posture import DEFAULT_SCHEDULE, Posture
from gatepost.core.reason import Reason
from gatepost.errors import GatepostError, OverloadedError, ReportRefusedError, StorageError
from gatepost.wire.device import Acknowledgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.counters import Counters
    from gatepost.controlplane.ports import Records, Storage

_MAXIMUM_WAITING: Final = 4_096
"""Reports that may wait; more are asked to come back. At 64 KiB each this bounds memory at 256 MiB."""
_MAXIMUM_GROUP: Final = 256
"""Reports in one transaction: an fsync is cheap by then, and other writers want their turn."""
_RETRY_AFTER: Final = range(5, 16)
"""Seconds after which whoever found no room comes back: each is told another number, so that they do not come all at once."""
_ATTEMPTS: Final = 3
"""How often a group is written that the database undid because another process's stood in its way."""


class Answer(Protocol):
    """What a report's answer is given to, from the intake's thread: a `concurrent.futures.Future`, or what is like one."""

    def set_running_or_notify_cancel(self) -> bool:
        """Tell whether anybody waits; from then on somebody does."""
        ...

    def done(self) -> bool:
        """Tell whether it was given."""
        ...

    def set_result(self, result: Acknowledgement, /) -> None:
        """Give it."""
        ...

    def set_exception(self, exception: Exception, /) -> None:
        """Say why there is none."""
        ...


class _Waiting(msgspec.Struct):
    document: bytes
    answer: Answer
    judged: Judged | None = None


class Recorded(msgspec.Struct, frozen=True):
    """What a report is answered; ``again``: it was recorded before."""

    answer: Acknowledgement | GatepostError
    again: bool = False


class Intake:
    """Takes reports. `start` and `stop` bound the life of its thread; `submit` may be called from any other."""

    def __init__(
        self,
        storage: Storage,
        posture: Posture,
        now: Callable[[], int],
        counters: Counters = UNCOUNTED,
        *,
        log_every: bool = False,
    ) -> None:
        """Take what reports go through; ``log_every``: each report has a line in the posture log."""
        self._storage = storage
        self._posture = posture
        self._now = now
        self._counters = counters
        self._log_every = log_every
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._later = cycle(_RETRY_AFTER)
        self._gate = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)

    @property
    def waiting(self) -> int:
        """How many reports wait to be judged."""
        return self._waiting.qsize()

    @property
    def alive(self) -> bool:
        """Whether reports are taken: the thread runs, and nobody has stopped it."""
        return self._open and self._thread.is_alive()

    def start(self) -> None:
        """Begin to take reports."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end; what comes later is asked to come back."""
        with self._gate:
            self._open = False
        self._waiting.put(None)
        self._thread.join()

    def submit(self, document: bytes) -> Future[Acknowledgement]:
        """Queue a report; the future ends when it is durable, or with why not.

        Raises `OverloadedError` when the queue is full, and after `stop`. A future may be cancelled: then nobody listens, and
        the report is dropped, or recorded where that had begun.
        """
        answer: Future[Acknowledgement] = Future()
        self.submit_for(document, answer)
        return answer

    def submit_for(self, document: bytes, answer: Answer) -> None:
        """Queue a report, and give ``answer`` what `submit` would return; raises as that does."""
        # Whatever is put, is put before the end that `stop` puts: nothing is left waiting behind it.
        with self._gate:
            if not self._open:
                raise OverloadedError(next(self._later))
            if self._waiting.qsize() >= _MAXIMUM_WAITING:
                raise OverloadedError(next(self._later))
            self._waiting.put(_Waiting(document, answer))

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            group, ended = self._gather(first)
            self._take(group)
            if ended:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        group = [first]
        while len(group) < _MAXIMUM_GROUP:
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                break
            if waiting is None:
                return group, True
            group.append(waiting)
        return group, False

    def _take(self, group: list[_Waiting]) -> None:
        """Judge, commit, answer. Whatever happens, every future ends."""
        # From here on a future cannot be cancelled, so that it can be answered.
        wanted = [item for item in group if item.answer.set_running_or_notify_cancel()]
        try:
            with self._storage.reading() as records:
                outcomes = self._posture.judge_all(records, [item.document for item in wanted])
        except Exception as error:  # noqa: BLE001 - the thread must live on, and each waiting device must hear "no".
            _fail(wanted, error)
            return
        judged = []
        for item, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, GatepostError):
                item.answer.set_exception(outcome)
            else:
                item.judged = outcome
                judged.append(item)
        if judged:
            self._finish(judged)

    def _finish(self, group: list[_Waiting], attempts: int = _ATTEMPTS) -> None:
        """Commit and answer; one report that cannot be written must not take the others of its group with it."""
        try:
            self._commit(group)
        except StorageError as error:
            if error.undone and attempts > 1:
                self._finish(group, attempts - 1)
                return
            # The database's own trouble: each of them would meet it.
            _fail(group, error)
        except Exception as error:  # noqa: BLE001 - as in `_take`.
            if len(group) == 1:
                _fail(group, error)
            else:
                for item in group:
                    self._finish([item])

    def _commit(self, group: list[_Waiting]) -> None:
        """Write a group beside those of other processes: keys first, then registrations in one order, then the log."""
        judged = [(item, item.judged) for item in group if item.judged is not None]
        judged.sort(key=lambda pair: _place(pair[1]))
        with self._storage.writing(alone=False) as records:
            records.proved_keys.hold(key for _, report in judged for key in recording.keys_of(report))
            versions = recording.expect(records, [report for _, report in judged])
            answers = [(item, self._record(records, versions, report)) for item, report in judged]
        self._counters.committed(len(answers))
        for item, recorded in answers:
            if isinstance(recorded.answer, GatepostError):
                item.answer.set_exception(recorded.answer)
            else:
                self._count(recorded.answer, again=recorded.again)
                item.answer.set_result(recorded.answer)

    def _count(self, answer: Acknowledgement, *, again: bool) -> None:
        self._counters.acknowledged(again=again)
        if not again:
            for verdict in answer.verdicts:
                self._counters.judged(verdict.status, verdict.reasons[0] if verdict.reasons else None)

    def _record(self, records: Records, versions: dict[int, int], judged: Judged) -> Recorded:
        registration, now = judged.registration, self._now()
        account = registration.account
        known = {item.check: item for item in records.results.find(account, registration.number)}
        if taken_meanwhile(records, registration, judged.facts) or recording.changed_meanwhile(judged, known):
            # Nothing of it is written: it comes again, and is judged beside what was quicker.
            return Recorded(OverloadedError(next(self._later)))
        if not records.devices.advance(account, registration.number, judged.sequence, judged.digest, now):
            return self._repeated(records, judged)
        recording.note_device(records, judged, now)
        version = versions[account]
        if version != judged.view.version:
            # The checks changed since the report was judged: its answers are to older ones, and the agent is told.
            return Recorded(self._acknowledge(msgspec.structs.replace(judged, judgements=()), version))
        for trial in (item for item in judged.judgements if item.live.stored.trial):
            recording.keep(records, judged, trial, None)
        counting = (item for item in judged.judgements if not item.live.stored.trial)
        answered = tuple(hold_against_denials(records, account, item) for item in counting)
        if registration.pending is not None:
            answered = settle(records, registration, answered, now)
        answered = tuple(recording.note_proof_of(records, judged, item) for item in answered)
        for judgement in answered:
            recording.write(records, judged, judgement, known.get(judgement.live.stored.number), every=self._log_every)
        recording.end_unanswered(records, judged, known, now)
        return Recorded(self._acknowledge(msgspec.structs.replace(judged, judgements=answered), version))

    def _repeated(self, records: Records, judged: Judged) -> Recorded:
        """Acknowledge the very same report again; refuse another one under a sequence that was taken."""
        stored = records.devices.find(judged.registration.account, judged.registration.id)
        if stored is None or stored.revoked_at is not None:
            return Recorded(ReportRefusedError(Reason.DEVICE_REVOKED, "an administrator revoked this device"))
        if stored.last_sequence == judged.sequence and stored.last_digest == judged.digest:
            return Recorded(self._acknowledge(judged, judged.view.version), again=True)
        detail = f"sequence {judged.sequence} was taken already: this device's state was copied or set back"
        return Recorded(ReportRefusedError(Reason.DEVICE_CLONED, detail))

    def _acknowledge(self, judged: Judged, checks_version: int) -> Acknowledgement:
        schedules = [item.check.schedule for item in judged.view.counting_for(judged.registration)]
        return Acknowledgement(
            acknowledged=judged.sequence,
            nonce=self._posture.nonce(judged.view, judged.registration),
            checks_version=checks_version,
            next_in=min(schedules, default=DEFAULT_SCHEDULE),
            verdicts=tuple(_verdict(item) for item in judged.judgements if not item.live.stored.trial),
        )


def _place(judged: Judged) -> tuple[int, int]:
    """Return by what a group is put in order: one that is the same in every process."""
    return judged.registration.account, judged.registration.number


def _verdict(judgement: Judgement) -> Verdict:
    result = judgement.result
    return Verdict(
        id=judgement.live.check.id,
        name=judgement.live.name,
        status=result.status,
        reasons=result.reasons,
        evidence=result.evidence,
        ends_at=result.ends_at,
    )


def _fail(group: list[_Waiting], error: Exception) -> None:
    answer = error if isinstance(error, GatepostError) else StorageError(type(error).__name__)
    for item in group:
        if not item.answer.done():
            item.answer.set_exception(answer)
