"""Previewing: a draft is put to what every device of the fleet reported last (`core.replay`). It writes nothing but its progress.

Devices are gone through in pages of their own transactions, so that a large fleet holds nothing up.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.checks import compile_check
from gatepost.controlplane.ports import Resource, StoredCheck
from gatepost.core.check import Check
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.core.replay import UNKNOWN, EvidenceFacts, Outcome, Replay
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.preview import Cause, ChangedDevice, Outlook, PreviewState, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from gatepost.controlplane.ports import Records, Storage, StoredEvidence

    _Read = tuple[tuple[StoredEvidence, ...], tuple[StoredEvidence, ...]]

KIND: Final = "preview"
LONGEST_RUN: Final = 900
"""Seconds that a preview may take: a million devices take some ten. It tells how far it is every second."""
_PAGE: Final = 5_000
"""Devices read at once: some ten ms, and some MB."""
_TOLD_EVERY: Final = 1_000
"""ms between two signs of progress."""
_SHOWN: Final = 500
"""Devices of each kind that are named."""
_CAUSES: Final = 100
_DECODER: Final = msgspec.msgpack.Decoder(EvidenceFacts)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A preview as it is kept. ``trial`` names the check that devices are asked without using it."""

    rule: msgspec.Raw
    replaces: str | None
    options: CheckOptions
    trial: str | None = None
    state: PreviewState = PreviewState.RUNNING
    progress: Progress = Progress(seen=0, total=0)
    outlook: Outlook | None = None
    detail: str = ""


class _Gathered(msgspec.Struct, frozen=True):
    """A stored check whose evidence is used, compiled as it was asked."""

    stored: StoredCheck
    check: Check


class _Told(msgspec.Struct, frozen=True):
    """A replay of the draft, and the version of the check whose evidence it can read."""

    replay: Replay
    version: int


class _Seen(msgspec.Struct):
    """What was counted so far, and the first devices of each kind."""

    seen: int = 0
    stay: int = 0
    would_pass: int = 0
    would_fail: int = 0
    unknown: int = 0
    unknown_passing: int = 0
    causes: Counter[tuple[Status, tuple[Reason, ...]]] = msgspec.field(default_factory=Counter)
    failing: list[tuple[int, Status | None, Outcome]] = []
    passing: list[tuple[int, Status | None, Outcome]] = []


class Previewing:
    """One preview of one account. ``results_expire`` as the server has it."""

    def __init__(self, storage: Storage, now: Callable[[], int], account: int, *, results_expire: bool) -> None:
        self._storage = storage
        self._now = now
        self._account = account
        self._results_expire = results_expire

    def wanted(self, preview_id: str) -> bool:
        """Tell whether a preview is still there, and say that it begins now."""
        with self._storage.reading() as records:
            found = records.resources.find(self._account, KIND, preview_id)
        if found is not None:
            self._tell(preview_id)
        return found is not None

    def run(self, preview_id: str) -> None:
        """Go through the fleet, and keep what would come of the draft; a failure is kept too, in words."""
        with self._storage.reading() as records:
            draft = load_draft(records, self._account, preview_id)
        try:
            outlook = self._look(preview_id, draft)
        except InputError as error:
            self.fail(preview_id, str(error))
            return
        progress = Progress(seen=outlook.devices, total=outlook.devices)
        self._tell(preview_id, state=PreviewState.DONE, outlook=outlook, progress=progress)

    def fail(self, preview_id: str, detail: str) -> None:
        """Keep that a preview failed, and why."""
        self._tell(preview_id, state=PreviewState.FAILED, detail=detail)

    def _look(self, preview_id: str, draft: Draft) -> Outlook:
        with self._storage.reading() as records:
            check = compile_draft(records, self._account, preview_id, draft, results_expire=self._results_expire)
            base, trial = self._gathered(records, draft, check)
            total = records.devices.count_live(self._account, check.operating_system)
        counted, told = _Seen(), self._now()
        for group in self._pages(base, trial):
            self._count(counted, group, check, (base, trial), new=draft.replaces is None)
            if self._now() - told >= _TOLD_EVERY:
                told = self._now()
                self._tell(preview_id, progress=Progress(seen=counted.seen, total=total))
        # Who never answered the check at all has to report first, too.
        counted.unknown += max(0, total - counted.seen)
        return self._conclude(counted, max(total, counted.seen))

    def _gathered(self, records: Records, draft: Draft, check: Check) -> tuple[_Gathered | None, _Gathered | None]:
        """Return the check whose evidence is used, and the trial of the draft itself, where they are."""
        stored = records.checks.all(self._account)
        trial = next((item for item in stored if draft.trial == item.id), None)
        if draft.replaces is not None:
            base = next((item for item in stored if item.id == draft.replaces), None)
        else:
            issuers = {item.sha256 for item in check.authorities}
            compiled = [found for item in stored if not item.trial and (found := self._compiled(records, item))]
            like = [item for item in compiled if issuers == {one.sha256 for one in item.check.authorities}]
            same = [item for item in like if item.check.operating_system is check.operating_system]
            base = max(same, key=lambda item: item.check.evidence.rank).stored if same else None
        return self._compiled(records, base), self._compiled(records, trial)

    def _compiled(self, records: Records, stored: StoredCheck | None) -> _Gathered | None:
        upload = records.certificates.find(self._account, stored.certificate_id or "") if stored else None
        if stored is None or upload is None:
            return None
        try:
            return _Gathered(stored, compile_check(stored, upload, results_expire=self._results_expire))
        except InputError:
            return None

    def _pages(
        self, base: _Gathered | None, trial: _Gathered | None
    ) -> Iterator[list[tuple[StoredEvidence | None, StoredEvidence | None]]]:
        """Yield devices in the order of their numbers, each with its evidence for the one and the other check.

        While one page is looked at, the next one is read: to a database elsewhere, that is a wait.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="preview-reader") as reader:
            following: Future[_Read] | None = reader.submit(self._read, base, trial, 0)
            while following is not None:
                found = following.result()
                # Up to where both pages reach: behind that, one of them may hold more.
                ends = [page[-1].registration for page in found if len(page) == _PAGE]
                last = min(ends, default=2**62)
                following = reader.submit(self._read, base, trial, last) if ends else None
                rows: dict[int, list[StoredEvidence | None]] = {}
                for place, page in enumerate(found):
                    for item in page:
                        if item.registration <= last:
                            rows.setdefault(item.registration, [None, None])[place] = item
                yield [(rows[number][0], rows[number][1]) for number in sorted(rows)]

    def _read(self, base: _Gathered | None, trial: _Gathered | None, after: int) -> _Read:
        with self._storage.reading() as records:
            first, second = (
                records.evidence.scan(self._account, item.stored.number, after, _PAGE) if item else ()
                for item in (base, trial)
            )
        return first, second

    def _count(
        self,
        counted: _Seen,
        group: list[tuple[StoredEvidence | None, StoredEvidence | None]],
        check: Check,
        gathered: tuple[_Gathered | None, _Gathered | None],
        *,
        new: bool,
    ) -> None:
        now = self._now()
        replays = [_Told(Replay(check, item.check, now), item.check.version) if item else None for item in gathered]
        minimum = gathered[0].stored.minimum_version if gathered[0] else 0
        for base, trial in group:
            outcome = UNKNOWN if trial is None else _outcome(trial, replays[1], now)
            if outcome.status is None and base is not None:
                outcome = _outcome(base, replays[0], now)
            _add(counted, (base or trial), outcome, None if new else _now(base, minimum, now), new=new)
        counted.seen += len(group)

    def _conclude(self, counted: _Seen, total: int) -> Outlook:
        named = counted.failing + counted.passing
        with self._storage.reading() as records:
            devices = records.devices.by_numbers(self._account, tuple(number for number, _, _ in named))
        return Outlook(
            devices=total,
            stay=counted.stay,
            would_pass=counted.would_pass,
            would_fail=counted.would_fail,
            unknown=counted.unknown,
            unknown_passing=counted.unknown_passing,
            causes=tuple(
                Cause(status=status, reasons=reasons, devices=number)
                for (status, reasons), number in counted.causes.most_common(_CAUSES)
            ),
            changes=tuple(
                ChangedDevice(
                    registration_id=devices[number].id,
                    device_id=devices[number].device.id,
                    device_name=devices[number].device.name,
                    serial_number=devices[number].device.facts.serial_number,
                    user_email=devices[number].user_email,
                    now=now,
                    then=outcome.status,
                    reasons=outcome.reasons,
                )
                for number, now, outcome in named
                if number in devices and outcome.status is not None
            ),
        )

    def _tell(self, preview_id: str, **changes: object) -> None:
        """Write how far it is; a preview that was removed meanwhile is not written again."""
        with self._storage.writing() as records:
            resource = records.resources.find(self._account, KIND, preview_id)
            if resource is None:
                return
            draft = msgspec.structs.replace(msgspec.json.decode(resource.document, type=Draft), **changes)
            document = msgspec.json.encode(draft)
            records.resources.replace(msgspec.structs.replace(resource, document=document, updated_at=self._now()))


def load_draft(records: Records, account: int, preview_id: str) -> Draft:
    """Read a preview; raises `NotFoundError`."""
    return msgspec.json.decode(load_preview(records, account, preview_id).document, type=Draft)


def load_preview(records: Records, account: int, preview_id: str) -> Resource:
    """Read a preview as it is stored; raises `NotFoundError`."""
    resource = records.resources.find(account, KIND, preview_id)
    if resource is None:
        raise NotFoundError(KIND, preview_id)
    return resource


def compile_draft(records: Records, account: int, preview_id: str, draft: Draft, *, results_expire: bool) -> Check:
    """Make the check that the draft would be; raises `InputError` as creating the rule would."""
    certificate_id = _certificate_id(draft)
    upload = records.certificates.find(account, certificate_id)
    if upload is None or not upload.ca:
        problem = f"names no uploaded certificate of this account: {certificate_id}"
        raise InputError("/rule/input/certificate_id", problem, "the id of an upload with ca: true")
    stored = StoredCheck(
        number=0,
        id=draft.replaces or preview_id,
        account=account,
        type="",
        document=bytes(draft.rule),
        options=msgspec.json.encode(draft.options),
        version=1,
        created_at=0,
        updated_at=0,
    )
    return compile_check(stored, upload, results_expire=results_expire)


class _Input(msgspec.Struct, frozen=True):
    certificate_id: str = ""


class _Rule(msgspec.Struct, frozen=True):
    input: _Input = _Input()


def _certificate_id(draft: Draft) -> str:
    return msgspec.json.decode(bytes(draft.rule), type=_Rule).input.certificate_id


def _outcome(evidence: StoredEvidence, told: _Told | None, now: int) -> Outcome:
    """Tell what would come of a device; what is old, denied, or of another version tells nothing."""
    if told is None or evidence.check_version != told.version or not _fresh(evidence, now) or not evidence.status:
        return UNKNOWN
    return told.replay.answer(_DECODER.decode(evidence.facts))


def _fresh(evidence: StoredEvidence, now: int) -> bool:
    """Evidence of a device that has fallen silent says nothing of it."""
    return evidence.ends_at is None or now < evidence.ends_at


def _now(evidence: StoredEvidence | None, minimum: int, now: int) -> Status | None:
    if evidence is None or not evidence.status or evidence.check_version < minimum or not _fresh(evidence, now):
        return None
    return Status(evidence.status)


def _add(counted: _Seen, evidence: StoredEvidence | None, outcome: Outcome, now: Status | None, *, new: bool) -> None:
    passes = now is Status.PASS
    would = outcome.status is Status.PASS
    if outcome.status is None:
        counted.unknown += 1
        counted.unknown_passing += passes
    elif would == passes and not new:
        counted.stay += 1
    elif would:
        counted.would_pass += 1
        _name(counted.passing, evidence, now, outcome)
    else:
        counted.would_fail += 1
        counted.causes[outcome.status, outcome.reasons] += 1
        _name(counted.failing, evidence, now, outcome)


def _name(
    named: list[tuple[int, Status | None, Outcome]],
    evidence: StoredEvidence | None,
    now: Status | None,
    outcome: Outcome,
) -> None:
    if evidence is not None and len(named) < _SHOWN:
        named.append((evidence.registration, now, outcome))
