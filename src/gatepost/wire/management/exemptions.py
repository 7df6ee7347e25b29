"""Exemptions: ``/accounts/{a}/gatepost/exemptions``: a device or a user, let into one application for a while."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from gatepost.errors import InputError
from gatepost.wire.management.envelope import Instant

MAXIMUM_EXEMPTION: Final = 7 * 24 * 3_600
"""The longest exemption, in seconds: what is needed longer is a policy."""

_Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]


class ExemptionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exemption that is asked for: either of a device, by one of its registrations, or of a user."""

    app_id: _Identifier
    registration_id: _Identifier | None = None
    user_email: Annotated[str, msgspec.Meta(max_length=320, pattern=r"^[^\x00\s@]+@[^\x00\s@]+$")] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
    expires_in: Annotated[str, msgspec.Meta(max_length=32, description="such as 24h, at most 168h")]

    def __post_init__(self) -> None:
        """Refuse an exemption of nobody, or of two; raises `InputError`."""
        if (self.registration_id is None) == (self.user_email is None):
            given = "neither is given" if self.user_email is None else "both are given"
            raise InputError(
                "/registration_id", f"and /user_email: {given}", "an exemption is of a device or of a user"
            )


class ExemptionObject(msgspec.Struct, frozen=True, kw_only=True):
    """An exemption as it is shown. ``created_by``: the id of the administrator's token; empty for the console."""

    id: str
    app_id: str
    registration_id: str | None
    user_email: str | None
    reason: str
    created_at: Instant
    created_by: str
    expires_at: Instant


class StoredExemption(msgspec.Struct, frozen=True, kw_only=True):
    """An exemption as it is kept: the e-mail address in lower case, the end in ms UTC."""

    registration_id: str | None
    user_email: str | None
    reason: str
    created_by: str
    ends_at: int
