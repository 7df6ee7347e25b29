"""Events: what devices change by themselves, written into the audit log in their own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.ports import Actor, ActorKind, AuditEntry

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records, Registration


def note_event(
    records: Records, registration: Registration, action: str, now: int, *, before: object = None, after: object = None
) -> None:
    """Write what a device did to its own registration into the audit log."""
    entry = AuditEntry(
        at=now,
        actor=Actor(
            kind=ActorKind.DEVICE,
            id=registration.id,
            name=registration.device.name,
            email=registration.user_email,
        ),
        action=action,
        kind="registration",
        reference=registration.id,
        before=None if before is None else msgspec.json.encode(before).decode(),
        after=None if after is None else msgspec.json.encode(after).decode(),
    )
    records.audit_log.append(registration.account, entry)
