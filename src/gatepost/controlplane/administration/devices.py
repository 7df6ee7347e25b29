"""Devices and registrations: listing them, revoking them with what they proved, lifting that again, deleting and accepting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.administration.denials import refuse_everywhere
from gatepost.controlplane.denying import hardware_digests
from gatepost.controlplane.duplicates import colliding_facts, replace_twins
from gatepost.controlplane.overruling import end_changed
from gatepost.controlplane.ports import Denial, DenialKind, ListedDevice, Registration, User
from gatepost.core.device import DeviceFacts
from gatepost.core.reason import Reason
from gatepost.errors import ConflictError, NotFoundError
from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import Remark, remark

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import DeviceFilter, Mark, Records, RegistrationFilter

_KIND = "registration"


class DeviceView(msgspec.Struct, frozen=True):
    """A device, and the person who used it last."""

    listed: ListedDevice
    user: User | None


class RegistrationView(msgspec.Struct, frozen=True):
    """A registration, and whose it is."""

    registration: Registration
    user: User | None


def list_devices(
    services: Services, account: int, wanted: DeviceFilter, after: Mark | None, limit: int
) -> tuple[tuple[DeviceView, ...], Mark | None]:
    """Return devices, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found, mark = records.fleet.devices(account, wanted, after, limit)
        people = _people(records, account, {item.user_email for item in found})
    return tuple(DeviceView(item, people.get(item.user_email)) for item in found), mark


def find_device(services: Services, account: int, device_id: str) -> DeviceView:
    """Return one; raises `NotFoundError`."""
    with services.storage.reading() as records:
        listed = _device(records, account, device_id)
        return DeviceView(listed, _people(records, account, {listed.user_email}).get(listed.user_email))


def list_registrations(
    services: Services, account: int, wanted: RegistrationFilter, after: Mark | None, limit: int
) -> tuple[tuple[RegistrationView, ...], Mark | None]:
    """Return registrations, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found, mark = records.fleet.registrations(account, wanted, after, limit)
        return _views(records, account, found), mark


def find_registration(services: Services, account: int, registration_id: str) -> RegistrationView:
    """Return one, a deleted one too; raises `NotFoundError`."""
    with services.storage.reading() as records:
        (view,) = _views(records, account, (_registration(records, account, registration_id),))
        return view


def list_waiting(
    services: Services, account: int, after: int, limit: int
) -> tuple[tuple[RegistrationView, ...], int | None]:
    """Return registrations that have something to accept, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found = records.fleet.waiting(account, after, limit)
        return _views(records, account, found), found[-1].number if len(found) == limit else None


def emails_of(services: Services, account: int, user_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses of people, by their ids; an unknown one has no registrations."""
    with services.storage.reading() as records:
        found = (records.users.find(account, item) for item in user_ids)
        return tuple(person.email for person in found if person is not None)


def revoke(services: Services, account: int, ids: tuple[str, ...], *, deny: bool = True) -> tuple[Remark, ...]:
    """Revoke registrations; with ``deny`` also their device keys, their hardware and the keys that they proved.

    A key that another live device proves too is denied for enrolment alone, and a remark says so. Raises `NotFoundError`, and
    then nothing is revoked.
    """
    remarks: list[Remark] = []
    denied: list[bytes] = []
    with services.storage.writing() as records:
        for registration in _several(records, account, ids):
            records.devices.revoke(account, registration.number, services.now())
            record_change(services, records, account, Change(action="revoke", kind=_KIND, reference=registration.id))
            if deny:
                keys, shared = _deny(services, records, registration)
                denied += keys
                remarks += shared
    for key in denied:
        refuse_everywhere(services, account, (key, Reason.CERTIFICATE_DENIED))
    return tuple(remarks)


def revoke_device(services: Services, account: int, device_id: str, *, deny: bool = True) -> tuple[Remark, ...]:
    """Revoke all registrations of a device that count; raises `NotFoundError`."""
    with services.storage.reading() as records:
        listed = _device(records, account, device_id)
        found = records.fleet.of_device(account, listed.device.number)
    return revoke(services, account, tuple(item.id for item in found if item.deleted_at is None), deny=deny)


def unrevoke(services: Services, account: int, ids: tuple[str, ...]) -> None:
    """Let registrations count again, and lift what their revocation denied; raises `NotFoundError`.

    One whose serial number or hardware id is a live one's by now waits to be accepted, as if it enrolled. Results of checks that
    changed meanwhile do not come back: a revoked device was not judged again by them.
    """
    with services.storage.writing() as records:
        for registration in _several(records, account, ids):
            pending = _wait_beside_twins(records, registration)
            records.devices.unrevoke(account, registration.number)
            _end_changed(services, records, registration)
            lifted = records.denials.lift(account, registration.id)
            after = {"lifted": lifted, "pending": pending}
            change = Change(action="unrevoke", kind=_KIND, reference=registration.id, after=after)
            record_change(services, records, account, change)


def delete(services: Services, account: int, ids: tuple[str, ...]) -> None:
    """Delete registrations: they count for nothing, and their devices may enrol again unless they were revoked."""
    with services.storage.writing() as records:
        for registration in _several(records, account, ids):
            records.devices.delete(account, registration.number, services.now())
            record_change(services, records, account, Change(action="delete", kind=_KIND, reference=registration.id))


def delete_device(services: Services, account: int, device_id: str) -> None:
    """Delete a device and its registrations; raises `NotFoundError`."""
    with services.storage.writing() as records:
        listed = _device(records, account, device_id)
        records.devices.delete_device(account, listed.device.number, services.now())
        record_change(services, records, account, Change(action="delete", kind="device", reference=device_id))


def ask_for_reports(services: Services, account: int, ids: tuple[str, ...]) -> None:
    """Ask devices to report now; those that wait at any process hear of it within a second. Raises `NotFoundError`."""
    with services.storage.writing() as records:
        found = _several(records, account, ids)
        records.report_requests.ask(account, ((item.number, item.last_sequence) for item in found), services.now())
        for item in found:
            record_change(services, records, account, Change(action="report-now", kind=_KIND, reference=item.id))


def accept(
    services: Services, account: int, ids: tuple[str, ...], *, replace: bool = True
) -> tuple[RegistrationView, ...]:
    """Accept registrations that wait, and what they say of themselves; with ``replace`` in the place of their twins.

    Raises `NotFoundError`, and `ConflictError` for a registration that was revoked or deleted: it takes nobody's place.
    """
    with services.storage.writing() as records:
        for registration in _several(records, account, ids):
            _insist_on_life(registration)
            before = {"pending": registration.pending, "facts": registration.device.facts}
            if registration.pending is not None:
                twins = records.fleet.twins(account, registration.device) if replace else ()
                replace_twins(records, registration, twins, services.now())
            facts = _reported(registration)
            if facts is not None:
                records.devices.change_facts(account, registration.device.number, facts, services.now())
                records.devices.report_facts(account, registration.number, None)
            after = {"pending": None, "facts": facts or registration.device.facts}
            change = Change(action="accept", kind=_KIND, reference=registration.id, before=before, after=after)
            record_change(services, records, account, change)
        return _views(records, account, _several(records, account, ids))


def _wait_beside_twins(records: Records, registration: Registration) -> str | None:
    """Let a revoked registration wait where a live one has its hardware; return for which facts it waits (None: for none)."""
    if registration.pending is not None or registration.revoked_at is None or registration.deleted_at is not None:
        return registration.pending
    pending = colliding_facts(registration.device, records.fleet.twins(registration.account, registration.device))
    if pending is not None:
        records.devices.wait(registration.account, registration.number, pending)
    return pending


def _end_changed(services: Services, records: Records, registration: Registration) -> None:
    versions = {item.number: item.version for item in records.checks.all(registration.account)}
    for stored in records.results.find(registration.account, registration.number):
        if stored.result.check_version < versions.get(stored.check, 0):
            end_changed(records, registration.account, stored, services.now())


def _insist_on_life(registration: Registration) -> None:
    if registration.deleted_at is not None:
        raise ConflictError(_KIND, f"{registration.id} was deleted", "its device may enrol again")
    if registration.revoked_at is not None:
        raise ConflictError(_KIND, f"{registration.id} is revoked", "let it count again first")


def _deny(services: Services, records: Records, registration: Registration) -> tuple[list[bytes], list[Remark]]:
    """Deny what a registration came with; return the keys that reports are held against, and what there is to say of others."""
    account, now = registration.account, services.now()
    denied, remarks = [], []
    wanted = [(DenialKind.DEVICE_KEY, registration.thumbprint)]
    wanted += [(DenialKind.HARDWARE, digest) for digest in hardware_digests(registration.device.facts)]
    for key in records.proved_keys.of(account, registration.number):
        wanted.append((DenialKind.ENROLLMENT_KEY, key))
        holders = [item.registration_id for item in records.proved_keys.holders(account, key, now)]
        if holders:
            words = f"the key {key.hex()} is proved by {', '.join(holders[:10])} too: it still counts in their reports"
            remarks.append(remark(Code.KEY_STILL_PROVED, words))
        else:
            wanted.append((DenialKind.KEY, key))
            denied.append(key)
    for kind, value in wanted:
        reason = Reason.CERTIFICATE_DENIED if kind is DenialKind.KEY else Reason.DEVICE_REVOKED
        records.denials.add(
            Denial(
                number=0,
                id=services.new_id(),
                account=account,
                kind=kind,
                value=value,
                reason=reason,
                source=registration.id,
                note=f"revoked with {registration.device.name}",
                created_at=now,
            )
        )
    return denied, remarks


def _reported(registration: Registration) -> DeviceFacts | None:
    said = registration.reported_facts
    return None if said is None else msgspec.json.decode(said, type=DeviceFacts)


def _several(records: Records, account: int, ids: tuple[str, ...]) -> tuple[Registration, ...]:
    found = records.devices.find_many(account, ids)
    for registration_id in ids:
        if registration_id not in found:
            raise NotFoundError(_KIND, registration_id)
    return tuple(found[item] for item in dict.fromkeys(ids))


def _registration(records: Records, account: int, registration_id: str) -> Registration:
    found = records.devices.find(account, registration_id)
    if found is None:
        raise NotFoundError(_KIND, registration_id)
    return found


def _device(records: Records, account: int, device_id: str) -> ListedDevice:
    found = records.fleet.device(account, device_id)
    if found is None:
        raise NotFoundError("device", device_id)
    return found


def _views(records: Records, account: int, found: tuple[Registration, ...]) -> tuple[RegistrationView, ...]:
    people = _people(records, account, {(item.user_email or "").lower() for item in found})
    return tuple(RegistrationView(item, people.get((item.user_email or "").lower())) for item in found)


def _people(records: Records, account: int, emails: set[str]) -> dict[str, User]:
    """Find the people of a page, each once."""
    found = {email: records.users.by_email(account, email) for email in emails if email}
    return {email: person for email, person in found.items() if person is not None}
