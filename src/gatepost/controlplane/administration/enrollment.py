"""How devices enrol: the settings, and the list of serial numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import OwnedSerial
from gatepost.controlplane.settings import load_enrollment_settings, save_enrollment_settings
from gatepost.core.device import fact_key
from gatepost.errors import InputError
from gatepost.wire.management.serial_numbers import ListedSerial, SerialNumber, read_list

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.wire.management.enrollment import EnrollmentSettings

_PAGE: Final = 1_000


def find_settings(services: Services, account: int) -> EnrollmentSettings:
    """Return the settings of enrolment."""
    with services.storage.reading() as records:
        return load_enrollment_settings(records, account)


def replace_settings(services: Services, account: int, settings: EnrollmentSettings) -> None:
    """Replace the settings as a whole; raises `InputError` for an upload that is not there, or holds no authorities."""
    with services.storage.writing() as records:
        for index, certificate_id in enumerate(settings.certificate_ids):
            upload = records.certificates.find(account, certificate_id)
            if upload is None or not upload.ca:
                problem = f"names {certificate_id!r}, which is no upload of certificate authorities in this account"
                raise InputError(f"/certificate_ids/{index}", problem, "the id of an upload with ca: true")
        before = load_enrollment_settings(records, account)
        save_enrollment_settings(records, account, settings, services.now())
        change = Change(
            action="update", kind="enrollment-settings", reference="enrollment", before=before, after=settings
        )
        record_change(services, records, account, change)


def replace_serial_numbers(services: Services, account: int, content: bytes) -> int:
    """Put a list, CSV, in the place of the one before; return how many it has. Raises `InputError`."""
    lines, now = read_list(content), services.now()
    listed = tuple(
        OwnedSerial(
            serial_key=fact_key(line.serial_number) or "",
            serial_number=line.serial_number,
            note=line.note,
            added_at=now,
        )
        for line in lines
    )
    with services.storage.writing() as records:
        records.serial_numbers.replace(account, listed)
        change = Change(
            action="update", kind="serial-numbers", reference="serial-numbers", after={"count": len(listed)}
        )
        record_change(services, records, account, change)
    return len(listed)


def list_serial_numbers(services: Services, account: int) -> tuple[ListedSerial, ...]:
    """Return the whole list, in the order of its serial numbers."""
    found: list[ListedSerial] = []
    after: str | None = ""
    with services.storage.reading() as records:
        while after is not None:
            page = records.serial_numbers.page(account, after, _PAGE)
            found += [ListedSerial(item.serial_number, item.note) for item in page]
            after = page[-1].serial_key if len(page) == _PAGE else None
    return tuple(found)


def list_missing(
    services: Services, account: int, after: str, limit: int
) -> tuple[tuple[SerialNumber, ...], str | None]:
    """Return listed serial numbers that no enrolled device has, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found = records.serial_numbers.missing(account, after, limit)
    shown = tuple(SerialNumber(serial_number=item.serial_number, note=item.note) for item in found)
    return shown, found[-1].serial_key if len(found) == limit else None
