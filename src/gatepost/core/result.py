"""A result: what the server believes of one device and one check, since when, and until when (an Attestation Result).

All times are whole milliseconds since 1970, UTC, by the server's clock. Source: ``docs/reference/semantics.md``, section 4.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.core.check import Check

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE: Final = 5_000
"""How far, in ms, the server's clock may jump back before a result stops to count."""


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The conclusion of one evaluation. ``ends_at`` None means that only a newer result ends it (a fail without expiration)."""

    status: Status
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    check_version: int
    certificate: bytes | None
    """SHA-256 of the nearest certificate."""
    measured_at: int
    """When the nonce that the report answers was issued: the result's own time."""
    judged_at: int
    ends_at: int | None

    def counts(self, now_ms: int) -> bool:
        """Tell whether the result may be used now; a clock that jumped back never lengthens it."""
        return self.judged_at - _CLOCK_TOLERANCE <= now_ms and (self.ends_at is None or now_ms < self.ends_at)

    def satisfies(self, now_ms: int) -> bool:
        """Tell whether it is an unexpired pass: the only thing that a policy accepts."""
        return self.status is Status.PASS and self.counts(now_ms)


def default_expiration(schedule: int) -> int:
    """Return how long results count when nothing is set: 2 × schedule + 1 minute, in seconds."""
    return 2 * schedule + 60


def conclude(evaluation: Evaluation, check: Check, measured_at: int, judged_at: int) -> Result:
    """Give the evaluation its time and its end: the earliest of expiration and both certificates' not_after."""
    nearest = evaluation.certificates[0] if evaluation.certificates else None
    ends: list[int] = []
    if check.expiration is not None:
        ends.append(measured_at + check.expiration * 1000)
    if nearest is not None and evaluation.status is Status.PASS:
        # The last instant of a validity still counts (RFC 5280, 4.1.2.5); an end itself does not.
        pair = (nearest.candidate.certificate, nearest.authority)
        ends.extend(milliseconds(item.not_after) + 1 for item in pair if isinstance(item, Certificate))
    return Result(
        status=evaluation.status,
        reasons=evaluation.reasons,
        evidence=evaluation.evidence,
        check_version=check.version,
        certificate=nearest.candidate.certificate.sha256 if nearest else None,
        measured_at=measured_at,
        judged_at=judged_at,
        ends_at=min(ends, default=None),
    )


def milliseconds(instant: datetime) -> int:
    """Turn an aware instant into whole ms since 1970, rounded down."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)
