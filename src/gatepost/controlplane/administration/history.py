"""What became of reports, for people and scripts to read: the newest results, and the posture log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from gatepost.controlplane.administration.rules import find_stored
from gatepost.controlplane.checks import system_asked
from gatepost.controlplane.judgement import device_type
from gatepost.controlplane.ports import EVERY_LINE, ResultFilter, StoredCheck
from gatepost.core.check import OperatingSystem
from gatepost.core.evaluation import Status
from gatepost.errors import NotFoundError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.posture_log import PostureLogLine
from gatepost.wire.management.results import ResultCheck, ResultDevice, ResultObject

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import LogFilter, PostureLine, Records, Registration, StoredResult

MAXIMUM_PAGE: Final = 1_000
"""As many results or lines as one page may have."""
DEFAULT_PAGE: Final = 50


class Subject(msgspec.Struct, frozen=True):
    """What a result shows of its check, parsed once a page."""

    check: StoredCheck
    name: str
    system: OperatingSystem | None
    """Whose devices it asks now; a result of any other is an answer to what is no longer asked, and nothing renews it."""


class _Outline(msgspec.Struct, frozen=True):
    name: str = ""


class WantedResults(msgspec.Struct, frozen=True, kw_only=True):
    """Which results are asked for: each that is given must be equal."""

    registration_id: str | None = None
    check_id: str | None = None
    status: Status | None = None


_EVERY: Final = WantedResults()


def list_results(
    services: Services, account: int, after: tuple[int, int], limit: int, wanted: WantedResults = _EVERY
) -> tuple[tuple[ResultObject, ...], tuple[int, int] | None]:
    """Return results in the order of (registration, check) above ``after``, and where the next page begins (None: none).

    Raises `NotFoundError` for a registration or a rule that is not there.
    """
    with services.storage.reading() as records:
        found = records.results.all(account, after, limit, _filter(records, account, wanted))
        numbers = tuple({item.registration for item in found})
        registrations = records.devices.by_numbers(account, numbers)
        checks = {check.number: subject_of(check) for check in records.checks.all(account)}
    now = services.now()
    shown = tuple(
        _show_result(item, registrations[item.registration], checks[item.check], now)
        for item in found
        if item.registration in registrations and item.check in checks
    )
    return shown, (found[-1].registration, found[-1].check) if len(found) == limit else None


def _filter(records: Records, account: int, wanted: WantedResults) -> ResultFilter:
    registration = check = None
    if wanted.registration_id is not None:
        found = records.devices.find(account, wanted.registration_id)
        if found is None:
            raise NotFoundError("registration", wanted.registration_id)
        registration = found.number
    if wanted.check_id is not None:
        check = find_stored(records, account, wanted.check_id).number
    return ResultFilter(registration=registration, check=check, status=wanted.status)


def subject_of(check: StoredCheck) -> Subject:
    """Parse what a result shows of its check, and for whose devices it is."""
    outline = msgspec.json.decode(check.document, type=_Outline)
    return Subject(check, outline.name, system_asked(check))


def _show_result(stored: StoredResult, registration: Registration, subject: Subject, now: int) -> ResultObject:
    result, device = stored.result, registration.device
    return ResultObject(
        registration_id=registration.id,
        user_email=registration.user_email,
        device=ResultDevice(
            id=device.id, name=device.name, serial_number=device.facts.serial_number, hostname=device.facts.hostname
        ),
        check=ResultCheck(
            id=subject.check.id, name=subject.name, type=subject.check.type, version=result.check_version
        ),
        status=result.status,
        reasons=result.reasons,
        evidence=result.evidence,
        counts=counts_now(stored, registration, subject, now),
        certificate_sha256=None if result.certificate is None else result.certificate.hex(),
        measured_at=instant(result.measured_at),
        judged_at=instant(result.judged_at),
        ends_at=None if result.ends_at is None else instant(result.ends_at),
        repeats=stored.repeats,
        expected=_object(stored.expected),
        received=_object(stored.received),
    )


def counts_now(stored: StoredResult, registration: Registration, subject: Subject, now: int) -> bool:
    """Tell whether a result may be used now: its time, its device, and whether its check still asks that, of that device."""
    return (
        stored.result.counts(now)
        and registration.counts
        and subject.system == device_type(registration)
        and stored.result.check_version >= subject.check.minimum_version
    )


def read_log(
    services: Services, account: int, before: int | None, limit: int, wanted: LogFilter = EVERY_LINE
) -> tuple[tuple[PostureLogLine, ...], int | None]:
    """Return lines of the posture log, newest first, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found = records.posture_log.read(account, before, limit, wanted)
    return tuple(_show_line(line) for line in found), found[-1].number if len(found) == limit else None


def _show_line(line: PostureLine) -> PostureLogLine:
    result = line.entry.result
    details = _object(line.device_details.decode())
    return PostureLogLine(
        client_version=_detail(details, "client_version"),
        device_id=line.device_id,
        device_manufacturer=_detail(details, "manufacturer"),
        device_model=_detail(details, "model"),
        device_name=line.device_name,
        device_serial_number=line.facts.serial_number or "",
        device_type=_detail(details, "device_type"),
        email=line.user_email or "",
        os_version=_detail(details, "os_version"),
        policy_id=line.check_id,
        posture_check_name=line.check_name,
        posture_check_type=line.check_type,
        posture_evaluated_result=result.status is Status.PASS,
        posture_evidence=result.evidence,
        posture_expected=_object(line.entry.expected),
        posture_reasons=result.reasons,
        posture_received=_object(line.entry.received),
        posture_status=result.status,
        registration_id=line.registration_id,
        reports=line.entry.reports,
        timestamp=instant(result.measured_at),
        user_uid="",
    )


def _detail(details: dict[str, Any], name: str) -> str:
    value = details.get(name, "")
    return value if isinstance(value, str) else ""


def _object(text: str) -> dict[str, Any]:
    value = msgspec.json.decode(text) if text else {}
    return value if isinstance(value, dict) else {}
