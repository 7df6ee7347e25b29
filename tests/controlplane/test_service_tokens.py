"""Service tokens: of a secret only the digest is kept, and each ends when it is said."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.access import service_tokens
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.service_tokens import (
    RotationBody,
    ServiceTokenBody,
    ServiceTokenChange,
    StoredServiceToken,
)
from tests.services import START

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.controlplane.administration.services import Services
    from tests.services import Clock

HOUR = 3_600_000


def stored(services: Services, account: int, token_id: str) -> StoredServiceToken:
    """Read what is kept."""
    with services.storage.reading() as records:
        found = records.resources.find(account, "service-token", token_id)
    assert found is not None
    return msgspec.json.decode(found.document, type=StoredServiceToken)


def digest(secret: str | None) -> str:
    """Give what is kept of a secret."""
    assert secret is not None
    return hashlib.sha256(secret.encode()).hexdigest()


def test_a_secret_is_kept_as_its_digest_alone(services: Services, account: int, tmp_path: Path) -> None:
    """Nor is it anywhere in the database's files, the audit log among them."""
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t", duration="1h"))
    assert made.client_secret is not None
    assert digest(made.client_secret) == stored(services, account, made.id).digest
    assert (instant(START + HOUR), 1) == (made.expires_at, made.client_secret_version)
    assert not [path for path in tmp_path.iterdir() if made.client_secret.encode() in path.read_bytes()]
    assert [None] == [item.client_secret for item in service_tokens.list_service_tokens(services, account)]
    assert service_tokens.find_service_token(services, account, made.id).client_secret is None


def test_a_token_that_is_rotated_has_another_secret(services: Services, account: int, clock: Clock) -> None:
    """The one before counts until it is said, or no longer."""
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t"))
    clock.time += HOUR
    until = instant(START + 2 * HOUR)
    rotation = RotationBody(previous_client_secret_expires_at=until)
    rotated = service_tokens.rotate_service_token(services, account, made.id, rotation)
    kept = stored(services, account, made.id)
    assert (digest(rotated.client_secret), digest(made.client_secret)) == (kept.digest, kept.previous_digest)
    assert (until, 2, START + 2 * HOUR) == (
        rotated.previous_client_secret_expires_at,
        rotated.client_secret_version,
        kept.previous_ends_at,
    )
    service_tokens.rotate_service_token(services, account, made.id, RotationBody())
    again = stored(services, account, made.id)
    assert (digest(rotated.client_secret), START + HOUR) == (again.previous_digest, again.previous_ends_at)


def test_a_token_that_is_refreshed_counts_for_its_whole_duration_again(
    services: Services, account: int, clock: Clock
) -> None:
    """From now on; one without an end has none."""
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t", duration="2h"))
    endless = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t", duration="forever"))
    clock.time += HOUR
    refreshed = service_tokens.refresh_service_token(services, account, made.id)
    assert instant(START + 3 * HOUR) == refreshed.expires_at
    assert service_tokens.refresh_service_token(services, account, endless.id).expires_at is None


def test_what_is_not_named_in_a_change_stays(services: Services, account: int, clock: Clock) -> None:
    """A duration counts from when the token was made, so that writing it again lengthens nothing."""
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t", duration="2h"))
    clock.time += HOUR
    change = ServiceTokenChange(enabled=False, client_secret_version=1)
    changed = service_tokens.change_service_token(services, account, made.id, change)
    expected = msgspec.structs.replace(made, enabled=False, client_secret=None, updated_at=instant(START + HOUR))
    assert expected == changed
    longer = ServiceTokenChange(name="new", duration="3h", enabled=True)
    assert (
        instant(START + 3 * HOUR) == service_tokens.change_service_token(services, account, made.id, longer).expires_at
    )
    moved = ServiceTokenChange(previous_client_secret_expires_at=instant(START))
    shown = service_tokens.change_service_token(services, account, made.id, moved)
    assert (instant(START), "new", True) == (shown.previous_client_secret_expires_at, shown.name, shown.enabled)


def test_a_higher_version_makes_a_new_secret(services: Services, account: int) -> None:
    """As the reference's clients ask for one."""
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t"))
    change = ServiceTokenChange(client_secret_version=4)
    changed = service_tokens.change_service_token(services, account, made.id, change)
    kept = stored(services, account, made.id)
    assert (4, digest(changed.client_secret)) == (changed.client_secret_version, kept.digest)
    assert (digest(made.client_secret), START) == (kept.previous_digest, kept.previous_ends_at)


def test_what_is_wrong_is_refused(services: Services, account: int) -> None:
    """With its place."""
    with pytest.raises(InputError) as refused:
        service_tokens.create_service_token(services, account, ServiceTokenBody(name="t", duration="soon"))
    assert "/duration" == refused.value.field
    with pytest.raises(NotFoundError):
        service_tokens.refresh_service_token(services, account, "absent")
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t"))
    rotation = RotationBody(previous_client_secret_expires_at="tomorrow")
    with pytest.raises(InputError) as refused:
        service_tokens.rotate_service_token(services, account, made.id, rotation)
    assert "/previous_client_secret_expires_at" == refused.value.field
