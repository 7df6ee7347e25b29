"""Emergencies: declaring one, ending it, and seeing whether there is one. An account has one at most; it ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.access.documents import EMERGENCY
from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import Resource
from gatepost.wire.management.durations import parse_duration
from gatepost.wire.management.emergencies import (
    MAXIMUM_EMERGENCY,
    EmergencyBody,
    EmergencyObject,
    StoredEmergency,
)
from gatepost.wire.management.envelope import instant

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records


def declare_emergency(services: Services, account: int, wanted: EmergencyBody) -> EmergencyObject:
    """Let the posture rules of all policies only be reported, for a while from now on, in the place of an earlier emergency.

    Raises `InputError` for a duration that is none, or longer than a day.
    """
    now = services.now()
    life = parse_duration(wanted.expires_in, "/expires_in", maximum=MAXIMUM_EMERGENCY)
    stored = StoredEmergency(reason=wanted.reason, created_by=services.actor.id, ends_at=now + life * 1000)
    new = Resource(
        number=0,
        id=services.new_id(),
        account=account,
        kind=EMERGENCY.word,
        name="",
        document=msgspec.json.encode(stored),
        created_at=now,
        updated_at=now,
    )
    with services.storage.writing() as records:
        _remove(records, account)
        records.resources.add(new)
        shown = _show(new)
        change = Change(action="create", kind=EMERGENCY.word, reference=new.id, after=shown)
        record_change(services, records, account, change)
    return shown


def end_emergency(services: Services, account: int) -> EmergencyObject | None:
    """End the emergency now, and return what it was; None: there was none."""
    now = services.now()
    with services.storage.writing() as records:
        before = cut_emergency(records, account, now)
        if before is None:
            return None
        shown = _show(before)
        change = Change(action="delete", kind=EMERGENCY.word, reference=before.id, before=shown)
        record_change(services, records, account, change)
    return shown


def find_emergency(services: Services, account: int) -> EmergencyObject | None:
    """Return the emergency that lasts now; None: there is none."""
    now = services.now()
    with services.storage.reading() as records:
        found = records.resources.all(account, EMERGENCY.word)
    return next((_show(item) for item in found if _read(item).ends_at > now), None)


def cut_emergency(records: Records, account: int, now: int) -> Resource | None:
    """End the emergency in a transaction that is open, and return what it was; None: none lasted ``now`` (ms)."""
    return next((item for item in _remove(records, account) if _read(item).ends_at > now), None)


def _remove(records: Records, account: int) -> tuple[Resource, ...]:
    found = records.resources.all(account, EMERGENCY.word)
    for item in found:
        records.resources.remove(account, EMERGENCY.word, item.id)
    return found


def _read(resource: Resource) -> StoredEmergency:
    return msgspec.json.decode(resource.document, type=StoredEmergency)


def _show(resource: Resource) -> EmergencyObject:
    stored = _read(resource)
    return EmergencyObject(
        id=resource.id,
        reason=stored.reason,
        created_at=instant(resource.created_at),
        created_by=stored.created_by,
        expires_at=instant(stored.ends_at),
    )
