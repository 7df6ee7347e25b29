"""Webhooks: making, listing and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.administration.access.documents import WEBHOOK, find
from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import Resource, Told
from gatepost.errors import ConflictError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.webhooks import NewWebhook, StoredWebhook, WebhookBody, WebhookObject, secret_name
from gatepost.wire.webhooks import SECRET_LENGTH, write_secret

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services

_MOST: Final = 20
"""Webhooks of one account: one thread tells them all."""


def create_webhook(services: Services, account: int, body: WebhookBody) -> NewWebhook:
    """Make a webhook, which is told of every change from now on; raises `ConflictError` where there are too many."""
    now, secret = services.now(), services.random(SECRET_LENGTH)
    new = Resource(
        number=0,
        id=services.new_id(),
        account=account,
        kind=WEBHOOK.word,
        name=body.name,
        document=msgspec.json.encode(StoredWebhook(body.url)),
        created_at=now,
        updated_at=now,
    )
    with services.storage.writing() as records:
        if len(records.resources.all(account, WEBHOOK.word)) >= _MOST:
            raise ConflictError(WEBHOOK.name, f"there are {_MOST} of them already", "remove one first")
        records.resources.add(new)
        records.secrets.put(account, secret_name(new.id), secret, now)
        told = Told(account=account, id=new.id, position=records.log_chain.head(account).place.position)
        records.webhooks.add(told)
        change = Change(action="create", kind=WEBHOOK.word, reference=new.id, after=_show(new, told))
        record_change(services, records, account, change)
    return NewWebhook(id=new.id, name=new.name, url=body.url, secret=write_secret(secret))


def list_webhooks(services: Services, account: int) -> tuple[WebhookObject, ...]:
    """Return them, oldest first."""
    with services.storage.reading() as records:
        told = records.webhooks.all(account)
        return tuple(
            _show(item, told[item.id]) for item in records.resources.all(account, WEBHOOK.word) if item.id in told
        )


def remove_webhook(services: Services, account: int, webhook_id: str) -> None:
    """Tell one nothing any more; raises `NotFoundError`."""
    with services.storage.writing() as records:
        before = find(records, account, WEBHOOK, webhook_id)
        records.resources.remove(account, WEBHOOK.word, webhook_id)
        records.webhooks.remove(account, webhook_id)
        records.secrets.remove(account, secret_name(webhook_id))
        change = Change(action="delete", kind=WEBHOOK.word, reference=webhook_id, before={"url": _url(before)})
        record_change(services, records, account, change)


def _url(resource: Resource) -> str:
    return msgspec.json.decode(resource.document, type=StoredWebhook).url


def _show(resource: Resource, told: Told) -> WebhookObject:
    return WebhookObject(
        id=resource.id,
        name=resource.name,
        url=_url(resource),
        created_at=instant(resource.created_at),
        position=told.position,
        failures=told.failures,
        next_try_at=instant(told.next_at) if told.failures else None,
        last_problem=told.problem,
    )
