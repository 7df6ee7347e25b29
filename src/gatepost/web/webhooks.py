"""Webhooks: who is told of changes."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, post
from litestar.params import JSONBody, PathParameter

from gatepost.controlplane.administration import webhooks
from gatepost.web.parameters import TheAccount, TheServices
from gatepost.wire.management.access_groups import Removed
from gatepost.wire.management.envelope import Envelope, Page, whole_list
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.webhooks import NewWebhook, WebhookBody, WebhookObject

_WEBHOOKS = "/gatepost/webhooks"
_Id = Annotated[str, PathParameter(description="The webhook's id.", max_length=64, pattern=r"^[^\x00]+$")]


@post(_WEBHOOKS, status_code=200, tags=["gatepost/webhooks"], sync_to_thread=True, scope=Scope.TOKENS_WRITE)
def create_webhook(services: TheServices, account: TheAccount, data: JSONBody[WebhookBody]) -> Envelope[NewWebhook]:
    """Have an address told of every change from now on; the secret is in this answer alone."""
    return Envelope(result=webhooks.create_webhook(services, account.number, data))


@get(_WEBHOOKS, tags=["gatepost/webhooks"], sync_to_thread=True, scope=Scope.TOKENS_READ)
def list_webhooks(services: TheServices, account: TheAccount) -> Page[WebhookObject]:
    """List the webhooks, oldest first, with how far each was told."""
    return whole_list(webhooks.list_webhooks(services, account.number))


@delete(
    _WEBHOOKS + "/{webhook_id:str}",
    status_code=200,
    tags=["gatepost/webhooks"],
    sync_to_thread=True,
    scope=Scope.TOKENS_WRITE,
)
def remove_webhook(services: TheServices, account: TheAccount, webhook_id: _Id) -> Envelope[Removed]:
    """Tell one nothing any more."""
    webhooks.remove_webhook(services, account.number, webhook_id)
    return Envelope(result=Removed(id=webhook_id))


WEBHOOK_ROUTES = (create_webhook, list_webhooks, remove_webhook)
