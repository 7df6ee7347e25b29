"""Previews: ``/accounts/{a}/gatepost/preview``. What a draft of a rule would come to, told from what devices reported last."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.envelope import Instant


class PreviewState(StrEnum):
    """How far a preview is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class PreviewBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked: a rule as it would be created or replaced, and the options that it would have.

    ``replaces`` null: it would be a new rule. ``collect``: devices are asked to answer the draft too, without using it.
    """

    rule: dict[str, Any]
    replaces: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]+$")] | None = None
    options: CheckOptions | None = None
    """None: those of the rule that it replaces, or none."""
    collect: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Devices looked at, and how many there are."""

    seen: int
    total: int


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why so many devices would not pass any more."""

    status: Status
    reasons: tuple[Reason, ...]
    devices: int


class ChangedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device for which something would change. ``now`` null: there is no result that counts."""

    registration_id: str
    device_id: str
    device_name: str
    serial_number: str | None
    user_email: str | None
    now: Status | None
    then: Status
    reasons: tuple[Reason, ...]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of the draft.

    ``stay``: as now. ``would_pass`` and ``would_fail``: otherwise than now; of a new rule, all. ``unknown``: cannot be told
    until the device's next report; ``unknown_passing`` of them pass now.
    """

    devices: int
    stay: int
    would_pass: int
    would_fail: int
    unknown: int
    unknown_passing: int
    causes: tuple[Cause, ...]
    changes: tuple[ChangedDevice, ...]
    """Those that would fail first, then those that would pass; of each kind at most 500."""


class PreviewObject(msgspec.Struct, frozen=True, kw_only=True):
    """A preview. ``outlook`` null: it is still running, or failed; ``detail`` then says why."""

    id: str
    state: PreviewState
    rule: dict[str, Any]
    replaces: str | None
    options: CheckOptions
    collect: bool
    created_at: Instant
    updated_at: Instant
    progress: Progress
    outlook: Outlook | None = None
    detail: str = ""


class RemovedPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a preview that was removed."""

    id: str
