"""People: ``/accounts/{a}/access/users``, and what was last seen of one's devices."""

from __future__ import annotations

from typing import Any

import msgspec

from gatepost.wire.management.envelope import Instant


class UserObject(msgspec.Struct, frozen=True, kw_only=True):
    """A person. Seats are the reference's way of counting what is paid for; here everybody has both."""

    id: str
    uid: str
    email: str
    name: str
    active_device_count: int
    access_seat: bool
    gateway_seat: bool
    created_at: Instant
    updated_at: Instant


class PostureOfDevice(msgspec.Struct, frozen=True, kw_only=True):
    """What one posture rule says of a device. ``check``: what was received; ``input``: what was expected."""

    id: str
    type: str
    rule_name: str
    description: str
    success: bool
    """True for an unexpired pass that counts, and for nothing else."""
    timestamp: Instant
    error: str
    """Why not, in the words of the closed list; empty for a success."""
    check: dict[str, Any]
    input: dict[str, Any]


class SeenDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One of a person's registrations: when it was last seen, in seconds since 1970."""

    last_authenticated: int


class Identity(msgspec.Struct, frozen=True, kw_only=True, rename={"device_posture": "devicePosture"}):
    """A person as last seen: by the live registration that reported last, whose results ``devicePosture`` has."""

    id: str
    user_uuid: str
    account_id: str
    email: str
    name: str
    iat: int | None
    device_id: str | None
    registration_id: str | None
    device_sessions: dict[str, SeenDevice]
    device_posture: dict[str, PostureOfDevice]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A person's session, of which there are none: nothing here logs anybody in yet."""

    name: str


class FailedLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A login that failed, of which there are none, as of sessions."""

    expiration: int
