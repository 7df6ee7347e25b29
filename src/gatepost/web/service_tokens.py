"""The routes of programs that clients of the reference speak: service tokens."""

from __future__ import annotations

from litestar import delete, get, post, put
from litestar.params import JSONBody

from gatepost.controlplane.administration.access import service_tokens
from gatepost.web.listing import BY_NAME, TheListing
from gatepost.web.parameters import ServiceTokenId, TheAccount, TheServices
from gatepost.wire.management.envelope import Envelope, Page
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.service_tokens import (
    RotationBody,
    ServiceTokenBody,
    ServiceTokenChange,
    ServiceTokenObject,
)

_TOKENS = "/access/service_tokens"
_TOKEN = _TOKENS + "/{service_token_id:str}"


@post(_TOKENS, status_code=200, tags=["access/service_tokens"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def create_service_token(
    services: TheServices, account: TheAccount, data: JSONBody[ServiceTokenBody]
) -> Envelope[ServiceTokenObject]:
    """Make a service token; its secret is in this answer alone."""
    return Envelope(result=service_tokens.create_service_token(services, account.number, data))


@get(_TOKENS, tags=["access/service_tokens"], sync_to_thread=True, scope=Scope.ACCESS_READ, dependencies=BY_NAME)
def list_service_tokens(services: TheServices, account: TheAccount, listing: TheListing) -> Page[ServiceTokenObject]:
    """List the service tokens, oldest first, without their secrets."""
    return listing.answer(service_tokens.list_service_tokens(services, account.number), ServiceTokenObject)


@get(_TOKEN, tags=["access/service_tokens"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def get_service_token(
    services: TheServices, account: TheAccount, service_token_id: ServiceTokenId
) -> Envelope[ServiceTokenObject]:
    """Get one service token, without its secret."""
    return Envelope(result=service_tokens.find_service_token(services, account.number, service_token_id))


@put(_TOKEN, tags=["access/service_tokens"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def change_service_token(
    services: TheServices,
    account: TheAccount,
    service_token_id: ServiceTokenId,
    data: JSONBody[ServiceTokenChange],
) -> Envelope[ServiceTokenObject]:
    """Change what is named of a service token; a higher version of its secret makes a new one."""
    return Envelope(result=service_tokens.change_service_token(services, account.number, service_token_id, data))


@delete(_TOKEN, status_code=200, tags=["access/service_tokens"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def delete_service_token(
    services: TheServices, account: TheAccount, service_token_id: ServiceTokenId
) -> Envelope[ServiceTokenObject]:
    """Delete a service token that no rule names; the answer is what it was."""
    return Envelope(result=service_tokens.remove_service_token(services, account.number, service_token_id))


@post(
    _TOKEN + "/refresh",
    status_code=200,
    tags=["access/service_tokens"],
    sync_to_thread=True,
    scope=Scope.ACCESS_WRITE,
)
def refresh_service_token(
    services: TheServices, account: TheAccount, service_token_id: ServiceTokenId
) -> Envelope[ServiceTokenObject]:
    """Let a service token count for its whole duration from now on."""
    return Envelope(result=service_tokens.refresh_service_token(services, account.number, service_token_id))


@post(
    _TOKEN + "/rotate", status_code=200, tags=["access/service_tokens"], sync_to_thread=True, scope=Scope.ACCESS_WRITE
)
def rotate_service_token(
    services: TheServices, account: TheAccount, service_token_id: ServiceTokenId, data: JSONBody[RotationBody]
) -> Envelope[ServiceTokenObject]:
    """Give a service token a new secret, which is in this answer alone."""
    return Envelope(result=service_tokens.rotate_service_token(services, account.number, service_token_id, data))


SERVICE_TOKEN_ROUTES = (
    create_service_token,
    list_service_tokens,
    get_service_token,
    change_service_token,
    delete_service_token,
    refresh_service_token,
    rotate_service_token,
)
