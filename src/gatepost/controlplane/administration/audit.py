"""The audit log: writing a change down in the transaction that makes it, and reading what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gatepost.controlplane.ports import AuditEntry
from gatepost.wire.management.audit_log import AuditActor, AuditLogLine
from gatepost.wire.management.envelope import instant

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import AuditFilter, AuditLine, Records


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to what. ``before`` and ``after`` are documents as the API shows them, without secrets."""

    action: str
    kind: str
    reference: str
    before: object = None
    after: object = None


def record_change(services: Services, records: Records, account: int, change: Change) -> None:
    """Write a change into the audit log, in the name of whoever the services act for."""
    records.audit_log.append(
        account,
        AuditEntry(
            at=services.now(),
            actor=services.actor,
            action=change.action,
            kind=change.kind,
            reference=change.reference,
            before=_json(change.before),
            after=_json(change.after),
        ),
    )


def _json(document: object) -> str | None:
    return None if document is None else msgspec.json.encode(document).decode()


def read_audit_log(
    services: Services, account: int, wanted: AuditFilter, below: int | None, limit: int
) -> tuple[tuple[AuditLogLine, ...], int | None]:
    """Return lines, newest first, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found = records.audit_log.read(account, wanted, below, limit)
    return tuple(map(_show, found)), found[-1].number if len(found) == limit else None


def _show(line: AuditLine) -> AuditLogLine:
    entry = line.entry
    return AuditLogLine(
        id=line.number,
        at=instant(entry.at),
        actor=AuditActor(kind=entry.actor.kind, id=entry.actor.id, name=entry.actor.name, email=entry.actor.email),
        action=entry.action,
        kind=entry.kind,
        reference=entry.reference,
        before=_decoded(entry.before),
        after=_decoded(entry.after),
    )


def _decoded(text: str | None) -> Any:  # noqa: ANN401 - JSON, as it was written.
    return None if text is None else msgspec.json.decode(text)
