"""The access log: ``/accounts/{a}/gatepost/decisions``, and ``/accounts/{a}/access/logs/access_requests`` of the reference."""

from __future__ import annotations

from typing import Literal

import msgspec

from gatepost.core.check import Evidence
from gatepost.core.policy import Binding, Decision
from gatepost.core.reason import Reason
from gatepost.wire.management.envelope import Instant


class UnmetRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was not met. ``rule`` is its place, such as ``require/0``; ``check_id`` null: it asks about no check."""

    policy_id: str
    rule: str
    check_id: str | None
    reasons: tuple[Reason, ...]


class DecisionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One decision. ``evidence_age`` is in ms; ``stands_for``: how many decisions the line stands for, where allows are sampled."""

    reference: str
    timestamp: Instant
    allowed: bool
    app_id: str | None
    app_name: str | None
    host: str
    path: str
    ip_address: str
    proxy_id: str
    certificate: str | None
    registration_id: str | None
    device_id: str | None
    device_name: str | None
    user_email: str | None
    service_token_id: str | None
    decision: Decision | None
    policy_id: str | None
    reasons: tuple[Reason, ...]
    unmet: tuple[UnmetRule, ...]
    binding: Binding | None
    evidence: Evidence | None
    evidence_age: int | None
    stands_for: int


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as the reference shows it; ``ray_id`` is our reference, ``connection`` what bound the request to a device."""

    action: Literal["login"] = "login"
    allowed: bool
    app_domain: str
    app_uid: str
    connection: str
    created_at: Instant
    ip_address: str
    ray_id: str
    user_email: str
