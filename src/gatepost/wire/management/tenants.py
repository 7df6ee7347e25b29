"""What clients of the reference ask before anything else: whether their token counts, and which accounts it opens."""

from __future__ import annotations

from typing import Literal

import msgspec

from gatepost.wire.management.envelope import Instant


class VerifiedToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The token that was sent. One that does not count is refused with 401; no ``expires_on``: it has no end of its own."""

    id: str
    status: Literal["active"]
    expires_on: Instant | None = None


class AccountObject(msgspec.Struct, frozen=True, kw_only=True):
    """An account. It has no name of its own: its id stands for one."""

    id: str
    name: str
    type: Literal["standard"]
    created_on: Instant
