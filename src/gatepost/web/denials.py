"""The routes of the deny-list."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, post
from litestar.params import JSONBody, PathParameter

from gatepost.controlplane.administration import denials
from gatepost.controlplane.administration.history import DEFAULT_PAGE
from gatepost.web.parameters import LogCursor, PerPage, TheAccount, TheServices
from gatepost.wire.management.denials import DenialBody, DenialObject
from gatepost.wire.management.envelope import Envelope, Page, cursor_page
from gatepost.wire.management.scopes import Scope

_LIST = "/gatepost/deny-list"
DenialId = Annotated[str, PathParameter(description="The denial's id.", max_length=64, pattern=r"^[^\x00]+$")]


@get(_LIST, tags=["gatepost/deny-list"], sync_to_thread=True, scope=Scope.DENIALS_READ)
def list_denials(
    services: TheServices, account: TheAccount, cursor: LogCursor = "", per_page: PerPage = DEFAULT_PAGE
) -> Page[DenialObject]:
    """List what is denied, oldest first."""
    found, following = denials.list_denials(services, account.number, int(cursor or "0"), per_page)
    return cursor_page(found, per_page, "" if following is None else str(following))


@post(_LIST, status_code=200, tags=["gatepost/deny-list"], sync_to_thread=True, scope=Scope.DENIALS_WRITE)
def deny(services: TheServices, account: TheAccount, data: JSONBody[DenialBody]) -> Envelope[DenialObject]:
    """Deny a certificate or a key; results that stand on it fail before the answer comes."""
    return Envelope(result=denials.deny(services, account.number, data))


@delete(
    _LIST + "/{denial_id:str}",
    status_code=200,
    tags=["gatepost/deny-list"],
    sync_to_thread=True,
    scope=Scope.DENIALS_WRITE,
)
def lift_denial(services: TheServices, account: TheAccount, denial_id: DenialId) -> Envelope[DenialObject]:
    """Lift one denial; the answer is what it was."""
    return Envelope(result=denials.lift(services, account.number, denial_id))


DENIAL_ROUTES = (list_denials, deny, lift_denial)
