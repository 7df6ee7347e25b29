"""The newest results: ``/accounts/{a}/gatepost/results``."""

from __future__ import annotations

from typing import Any

import msgspec

from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.wire.management.envelope import Instant


class ResultDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device that a result speaks of."""

    id: str
    name: str
    serial_number: str | None
    hostname: str | None


class ResultCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The check that it answers; ``version`` is the one that was judged."""

    id: str
    name: str
    type: str
    version: int


class ResultObject(msgspec.Struct, frozen=True, kw_only=True):
    """The newest result of one registration and one check.

    ``measured_at`` is the result's own time, ``counts`` whether it may be used at this moment, ``ends_at`` null: until a
    newer one comes. ``expected`` and ``received`` are the explanation.
    """

    registration_id: str
    user_email: str | None
    device: ResultDevice
    check: ResultCheck
    status: Status
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    counts: bool
    certificate_sha256: str | None
    measured_at: Instant
    judged_at: Instant
    ends_at: Instant | None
    repeats: int
    expected: dict[str, Any]
    received: dict[str, Any]
