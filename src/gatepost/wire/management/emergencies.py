"""An emergency: for a while the posture rules of all policies are only reported."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from gatepost.wire.management.envelope import Instant

MAXIMUM_EMERGENCY: Final = 24 * 3_600
"""The longest emergency, in seconds: what lasts longer is a change of policy, and is made as one."""


class EmergencyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An emergency that is declared."""

    reason: Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
    expires_in: Annotated[str, msgspec.Meta(max_length=32, description="such as 2h, at most 24h")]


class EmergencyObject(msgspec.Struct, frozen=True, kw_only=True):
    """An emergency as it is shown. ``created_by``: the id of the administrator's token; empty for the console."""

    id: str
    reason: str
    created_at: Instant
    created_by: str
    expires_at: Instant


class StoredEmergency(msgspec.Struct, frozen=True, kw_only=True):
    """An emergency as it is kept; its end in ms UTC."""

    reason: str
    created_by: str
    ends_at: int
