"""Keys that several devices prove: ``/accounts/{a}/gatepost/shared-keys``."""

from __future__ import annotations

import msgspec

from gatepost.wire.management.envelope import Instant


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A device that proved the key, and until when that counts; null: until it proves something else."""

    registration_id: str
    device_name: str
    ends_at: Instant | None
    owner: bool


class SharedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate's key that more than one live device proves. ``key``: SHA-256 of its SubjectPublicKeyInfo, in hex."""

    key: str
    holders: tuple[Holder, ...]


class OwnerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose the key is; null: nobody's, as at first."""

    registration_id: str | None
