"""Exemptions: making, listing and ending them. Each has a reason and an end; those that have ended are swept out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.access.documents import APP, EXEMPTION, find
from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import Resource
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.durations import parse_duration
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.exemptions import (
    MAXIMUM_EXEMPTION,
    ExemptionBody,
    ExemptionObject,
    StoredExemption,
)

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records


def create_exemption(services: Services, account: int, wanted: ExemptionBody) -> ExemptionObject:
    """Let a device or a user into one application for a while; raises `InputError`."""
    now = services.now()
    life = parse_duration(wanted.expires_in, "/expires_in", maximum=MAXIMUM_EXEMPTION)
    stored = StoredExemption(
        registration_id=wanted.registration_id,
        user_email=None if wanted.user_email is None else wanted.user_email.lower(),
        reason=wanted.reason,
        created_by=services.actor.id,
        ends_at=now + life * 1000,
    )
    new = Resource(
        number=0,
        id=services.new_id(),
        account=account,
        kind=EXEMPTION.word,
        name="",
        parent_id=wanted.app_id,
        document=msgspec.json.encode(stored),
        created_at=now,
        updated_at=now,
    )
    with services.storage.writing() as records:
        _check(records, account, wanted)
        for ended in [item for item in records.resources.all(account, EXEMPTION.word) if _end(item) <= now]:
            records.resources.remove(account, EXEMPTION.word, ended.id)
        records.resources.add(new)
        shown = _show(new)
        change = Change(action="create", kind=EXEMPTION.word, reference=new.id, after=shown)
        record_change(services, records, account, change)
    return shown


def _check(records: Records, account: int, wanted: ExemptionBody) -> None:
    if records.resources.find(account, APP.word, wanted.app_id) is None:
        problem = f"names no application of this account: {wanted.app_id}"
        raise InputError("/app_id", problem, "the id of one under /access/apps")
    registration = wanted.registration_id
    if registration is not None and records.devices.find(account, registration) is None:
        problem = f"names no registration of this account: {registration}"
        raise InputError("/registration_id", problem, "the id of one under /devices/registrations")


def list_exemptions(services: Services, account: int) -> tuple[ExemptionObject, ...]:
    """Return the exemptions that have not ended, oldest first."""
    now = services.now()
    with services.storage.reading() as records:
        return tuple(_show(item) for item in records.resources.all(account, EXEMPTION.word) if _end(item) > now)


def end_exemption(services: Services, account: int, exemption_id: str) -> None:
    """End an exemption now; raises `NotFoundError`, also where it has ended by itself."""
    with services.storage.writing() as records:
        before = find(records, account, EXEMPTION, exemption_id)
        if _end(before) <= services.now():
            raise NotFoundError(EXEMPTION.name, exemption_id)
        records.resources.remove(account, EXEMPTION.word, exemption_id)
        change = Change(action="delete", kind=EXEMPTION.word, reference=exemption_id, before=_show(before))
        record_change(services, records, account, change)


def _read(resource: Resource) -> StoredExemption:
    return msgspec.json.decode(resource.document, type=StoredExemption)


def _end(resource: Resource) -> int:
    return _read(resource).ends_at


def _show(resource: Resource) -> ExemptionObject:
    stored = _read(resource)
    return ExemptionObject(
        id=resource.id,
        app_id=resource.parent_id or "",
        registration_id=stored.registration_id,
        user_email=stored.user_email,
        reason=stored.reason,
        created_at=instant(resource.created_at),
        created_by=stored.created_by,
        expires_at=instant(stored.ends_at),
    )
