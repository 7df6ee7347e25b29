"""Who asks: the credential in a request's headers, the account that it opens, and how far it reaches, before anything else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from gatepost.controlplane.administration.tokens import Credential, authenticate
from gatepost.errors import CredentialError, ForbiddenError
from gatepost.wire.management.scopes import Scope, reaches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from gatepost.controlplane.administration.services import Services
    from gatepost.web.limits import Limits

_BEARER: Final = "bearer "
_CURE: Final = "send `Authorization: Bearer TOKEN`, or X-Auth-Email with X-Auth-Key"


def admit(
    services: Services, limits: Limits
) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]:
    """Make the guard of all routes of an account: it sets the connection's user to the caller, or raises.

    Each route names its scope (``scope=`` beside its path); one that names none is reached by nobody.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        credential = read_credential(connection)
        account_id = str(connection.path_params["account_id"])
        scope = cast("dict[str, Any]", connection.scope)
        limits.admit(scope, credential.text)
        try:
            caller = await asyncio.to_thread(authenticate, services, credential, account_id)
        except CredentialError:
            limits.refused(scope, credential.text)
            raise
        limits.counted(credential.text)
        needed = handler.opt.get("scope")
        if not isinstance(needed, Scope):
            raise ForbiddenError("a route without a scope")
        if not reaches(caller.scopes, needed):
            raise ForbiddenError(f"{needed}; it has {', '.join(caller.scopes) or 'no scope'}")
        connection.scope["user"] = caller

    return guard


def read_credential(connection: ASGIConnection[Any, Any, Any, Any]) -> Credential:
    """Read the credential; raises `CredentialError` when there is none, or more than one of a kind."""
    authorization = _single(connection, "authorization")
    if authorization is not None:
        if not authorization.lower().startswith(_BEARER):
            raise CredentialError(f"the Authorization header has another scheme; {_CURE}")
        return Credential(authorization[len(_BEARER) :].strip())
    key, email = _single(connection, "x-auth-key"), _single(connection, "x-auth-email")
    if key is None or email is None:
        raise CredentialError(f"there is no credential; {_CURE}")
    return Credential(key.strip(), email)


def _single(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str | None:
    values = connection.headers.getall(name, [])
    if len(values) > 1:
        raise CredentialError(f"the header {name} occurs {len(values)} times")
    return values[0] if values else None
