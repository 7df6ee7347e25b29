"""Service tokens: making, changing, renewing and removing them. Of a secret only its SHA-256 is kept."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.access.documents import SERVICE_TOKEN, find
from gatepost.controlplane.administration.access.references import refuse_use, rules_with
from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import Resource
from gatepost.core.policy import OneServiceToken
from gatepost.wire.management.envelope import instant, parse_instant
from gatepost.wire.management.service_tokens import (
    RotationBody,
    ServiceTokenBody,
    ServiceTokenChange,
    ServiceTokenObject,
    StoredServiceToken,
    life_of,
)

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records

_PREFIX = "gps_"
"""What a secret begins with, so that scanners for leaked secrets find it."""


def create_service_token(services: Services, account: int, wanted: ServiceTokenBody) -> ServiceTokenObject:
    """Make a token; its secret is in the answer, and nowhere else. Raises `InputError`."""
    now = services.now()
    secret = _make_secret(services)
    stored = StoredServiceToken(
        name=wanted.name,
        client_id=f"{services.random(16).hex()}.access",
        duration=wanted.duration,
        enabled=wanted.enabled,
        version=wanted.client_secret_version,
        digest=_digest(secret),
        expires_at=_end(wanted.duration, now),
    )
    new = Resource(
        number=0,
        id=services.new_id(),
        account=account,
        kind=SERVICE_TOKEN.word,
        name=wanted.name,
        document=msgspec.json.encode(stored),
        created_at=now,
        updated_at=now,
    )
    with services.storage.writing() as records:
        records.resources.add(new)
        _record(services, records, "create", None, new)
    return _show(new, secret)


def change_service_token(
    services: Services, account: int, token_id: str, change: ServiceTokenChange
) -> ServiceTokenObject:
    """Change what is named; a higher version of the secret makes a new one. Raises `InputError` or `NotFoundError`."""
    now = services.now()
    with services.storage.writing() as records:
        before = find(records, account, SERVICE_TOKEN, token_id)
        kept = _read(before)
        secret = _make_secret(services) if (change.client_secret_version or 0) > kept.version else None
        stored = kept if secret is None else _rotated(kept, secret, now)
        stored = _changed(stored, change, before.created_at)
        after = _write(services, records, "update", before, stored)
    return _show(after, secret)


def _changed(kept: StoredServiceToken, change: ServiceTokenChange, created_at: int) -> StoredServiceToken:
    previous = change.previous_client_secret_expires_at
    duration = kept.duration if change.duration is None else change.duration
    return msgspec.structs.replace(
        kept,
        name=change.name or kept.name,
        duration=duration,
        enabled=kept.enabled if change.enabled is None else change.enabled,
        version=change.client_secret_version or kept.version,
        expires_at=kept.expires_at if duration == kept.duration else _end(duration, created_at),
        previous_ends_at=kept.previous_ends_at if previous is None else _previous_end(previous),
    )


def refresh_service_token(services: Services, account: int, token_id: str) -> ServiceTokenObject:
    """Let a token count for its whole duration from now on; raises `NotFoundError`."""
    with services.storage.writing() as records:
        before = find(records, account, SERVICE_TOKEN, token_id)
        kept = _read(before)
        stored = msgspec.structs.replace(kept, expires_at=_end(kept.duration, services.now()))
        return _show(_write(services, records, "refresh", before, stored))


def rotate_service_token(services: Services, account: int, token_id: str, wanted: RotationBody) -> ServiceTokenObject:
    """Give a token a new secret; the one before counts until it is said, or no longer. Raises `NotFoundError`."""
    now = services.now()
    secret = _make_secret(services)
    until = wanted.previous_client_secret_expires_at
    with services.storage.writing() as records:
        before = find(records, account, SERVICE_TOKEN, token_id)
        stored = _rotated(_read(before), secret, now if until is None else _previous_end(until))
        return _show(_write(services, records, "rotate", before, stored), secret)


def _rotated(kept: StoredServiceToken, secret: str, until: int) -> StoredServiceToken:
    return msgspec.structs.replace(
        kept,
        digest=_digest(secret),
        version=kept.version + 1,
        previous_digest=kept.digest,
        previous_ends_at=until,
    )


def list_service_tokens(services: Services, account: int) -> tuple[ServiceTokenObject, ...]:
    """Return the account's tokens, oldest first, without their secrets."""
    with services.storage.reading() as records:
        return tuple(map(_show, records.resources.all(account, SERVICE_TOKEN.word)))


def find_service_token(services: Services, account: int, token_id: str) -> ServiceTokenObject:
    """Return one token without its secret; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return _show(find(records, account, SERVICE_TOKEN, token_id))


def remove_service_token(services: Services, account: int, token_id: str) -> ServiceTokenObject:
    """Remove a token that no policy and no group names, and return what it was.

    Raises `ConflictError` or `NotFoundError`.
    """
    with services.storage.writing() as records:
        before = find(records, account, SERVICE_TOKEN, token_id)
        refuse_use(SERVICE_TOKEN.name, rules_with(records, account, OneServiceToken(token_id)))
        records.resources.remove(account, SERVICE_TOKEN.word, token_id)
        _record(services, records, "delete", before, None)
    return _show(before)


def _write(services: Services, records: Records, action: str, before: Resource, stored: StoredServiceToken) -> Resource:
    after = msgspec.structs.replace(
        before, name=stored.name, document=msgspec.json.encode(stored), updated_at=services.now()
    )
    records.resources.replace(after)
    _record(services, records, action, before, after)
    return after


def _record(services: Services, records: Records, action: str, before: Resource | None, after: Resource | None) -> None:
    shown = [None if item is None else _show(item) for item in (before, after)]
    for one in [item for item in (after, before) if item is not None][:1]:
        change = Change(action=action, kind=SERVICE_TOKEN.word, reference=one.id, before=shown[0], after=shown[1])
        record_change(services, records, one.account, change)


def _make_secret(services: Services) -> str:
    return _PREFIX + base64.urlsafe_b64encode(services.random(32)).rstrip(b"=").decode()


def _digest(secret: str) -> str:
    """32 random bytes need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _end(duration: str, start: int) -> int | None:
    life = life_of(duration)
    return None if life is None else start + life


def _previous_end(text: str) -> int:
    return parse_instant(text, "/previous_client_secret_expires_at")


def _read(resource: Resource) -> StoredServiceToken:
    return msgspec.json.decode(resource.document, type=StoredServiceToken)


def _show(resource: Resource, secret: str | None = None) -> ServiceTokenObject:
    stored = _read(resource)
    previous = stored.previous_ends_at
    return ServiceTokenObject(
        id=resource.id,
        client_id=stored.client_id,
        name=stored.name,
        duration=stored.duration,
        enabled=stored.enabled,
        client_secret_version=stored.version,
        created_at=instant(resource.created_at),
        updated_at=instant(resource.updated_at),
        expires_at=None if stored.expires_at is None else instant(stored.expires_at),
        previous_client_secret_expires_at=None if previous is None else instant(previous),
        client_secret=secret,
    )
