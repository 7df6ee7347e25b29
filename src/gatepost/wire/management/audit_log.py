"""The audit log: ``/accounts/{a}/gatepost/audit-log``."""

from __future__ import annotations

from typing import Any

import msgspec

from gatepost.wire.management.envelope import Instant


class AuditActor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed it. ``kind``: ``token``, ``console``, ``device`` or ``server``."""

    kind: str
    id: str
    name: str
    email: str | None


class AuditLogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``before`` null: there was none before; ``after`` null: there is none any more. Secrets are in neither."""

    id: int
    at: Instant
    actor: AuditActor
    action: str
    kind: str
    reference: str
    before: Any = None
    after: Any = None
