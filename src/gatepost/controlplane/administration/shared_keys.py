"""Keys that several devices prove: listing them, and naming the one device whose key it is."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.shared_keys import Holder, OwnerBody, SharedKey

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import KeyHolder

_MAXIMUM: Final = 1_000
"""Holders in one answer: more shared keys than that are one incident."""
_LATEST: Final = 253_402_300_799_000
"""The last ms that RFC 3339 can write; what ends later ends with a newer proof alone."""


def list_shared_keys(services: Services, account: int) -> tuple[SharedKey, ...]:
    """Return every key that more than one live device proves now."""
    with services.storage.reading() as records:
        found = records.proved_keys.shared(account, services.now(), _MAXIMUM)
    return tuple(_show(digest, tuple(holders)) for digest, holders in groupby(found, lambda item: item.key_digest))


def name_owner(services: Services, account: int, key: str, body: OwnerBody) -> SharedKey:
    """Name the device whose key it is; raises `NotFoundError` for a key or a device that is not among its holders."""
    digest = _digest(key)
    with services.storage.writing() as records:
        number = None
        if body.registration_id is not None:
            registration = records.devices.find(account, body.registration_id)
            if registration is None:
                raise NotFoundError("registration", body.registration_id)
            number = registration.number
        if not records.proved_keys.name_owner(account, digest, number):
            raise NotFoundError("holder of this key", body.registration_id or "")
        change = Change(action="name-owner", kind="shared-key", reference=key, after=body)
        record_change(services, records, account, change)
        holders = records.proved_keys.holders(account, digest, services.now())
    if not holders:
        raise NotFoundError("shared key", key)
    return _show(digest, holders)


def _digest(key: str) -> bytes:
    try:
        digest = bytes.fromhex(key)
    except ValueError:
        digest = b""
    if len(digest) != 32 or digest.hex() != key:  # noqa: PLR2004 - SHA-256.
        raise InputError("/key", f"is no key's digest: {key!r}", "64 lower-case hex digits")
    return digest


def _show(digest: bytes, holders: tuple[KeyHolder, ...]) -> SharedKey:
    return SharedKey(
        key=digest.hex(),
        holders=tuple(
            Holder(
                registration_id=item.registration_id,
                device_name=item.device_name,
                ends_at=instant(item.ends_at) if item.ends_at <= _LATEST else None,
                owner=item.owner,
            )
            for item in holders
        ),
    )
