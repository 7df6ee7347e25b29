"""Service tokens, by which programs show themselves: ``/accounts/{a}/access/service_tokens``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from gatepost.wire.management.access_groups import Name
from gatepost.wire.management.durations import parse_duration
from gatepost.wire.management.envelope import Instant

DEFAULT_DURATION: Final = "8760h"
"""How long a token counts where nothing is said: a year, as in the reference."""
FOREVER: Final = "forever"
_MAXIMUM: Final = 10 * 8_760 * 3_600
"""Ten years, in seconds: the longest that the reference's own form offers."""

Duration = Annotated[str, msgspec.Meta(max_length=32, description="such as 8760h, or forever")]
Moment = Annotated[str, msgspec.Meta(max_length=40, description="RFC 3339")]
Version = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class ServiceTokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token that is asked for."""

    name: Name
    duration: Duration = DEFAULT_DURATION
    enabled: bool = True
    client_secret_version: Version = 1
    previous_client_secret_expires_at: Moment | None = None


class ServiceTokenChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a token is to change; what is left out stays. A higher ``client_secret_version`` makes a new secret."""

    name: Name | None = None
    duration: Duration | None = None
    enabled: bool | None = None
    client_secret_version: Version | None = None
    previous_client_secret_expires_at: Moment | None = None


class RotationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new secret is asked for; until when the one before still counts. Null: not from now on."""

    previous_client_secret_expires_at: Moment | None = None


class ServiceTokenObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token as it is shown. ``client_secret`` is in the answers alone that make one; no ``expires_at``: it has no end."""

    id: str
    client_id: str
    name: str
    duration: str
    enabled: bool
    client_secret_version: int
    created_at: Instant
    updated_at: Instant
    expires_at: Instant | None = None
    previous_client_secret_expires_at: Instant | None = None
    client_secret: str | None = None


class StoredServiceToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is kept: of its secrets the SHA-256 alone, in hex. Times are ms UTC."""

    name: str
    client_id: str
    duration: str
    enabled: bool
    version: int
    digest: str
    expires_at: int | None
    previous_digest: str | None = None
    previous_ends_at: int | None = None


def life_of(duration: str) -> int | None:
    """Return how long a token counts, in ms; None for ever. Raises `InputError`."""
    if duration == FOREVER:
        return None
    return parse_duration(duration, "/duration", maximum=_MAXIMUM) * 1000
