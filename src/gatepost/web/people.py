"""The routes of people that clients of the reference speak."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from gatepost.controlplane.administration import people
from gatepost.controlplane.ports import UserFilter
from gatepost.web.listing import BY_NAME, TheListing
from gatepost.web.parameters import TheAccount, TheServices, UserId
from gatepost.wire.management.envelope import Envelope, Page, numbered_page, whole_list
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.users import FailedLogin, Identity, Session, UserObject

_USERS = "/access/users"
_USER = _USERS + "/{user_id:str}"

_Email = Annotated[
    str | None, QueryParameter(description="Only the one with this address.", max_length=320, pattern=r"^[^\x00]*$")
]


@get(_USERS, tags=["access/users"], sync_to_thread=True, scope=Scope.USERS_READ, dependencies=BY_NAME)
def list_users(
    services: TheServices, account: TheAccount, listing: TheListing, email: _Email = None
) -> Page[UserObject]:
    """List the people whom devices are enrolled to, in the order of their addresses."""
    wanted = UserFilter(email=email, name=listing.parts["name"], search=listing.search)
    start = (listing.page - 1) * listing.per_page
    found, total = people.list_users(services, account.number, wanted, start, listing.per_page)
    return numbered_page(found, listing.page, listing.per_page, total)


@get(_USER, tags=["access/users"], sync_to_thread=True, scope=Scope.USERS_READ)
def get_user(services: TheServices, account: TheAccount, user_id: UserId) -> Envelope[UserObject]:
    """Get one person."""
    return Envelope(result=people.find_user(services, account.number, user_id))


@get(_USER + "/last_seen_identity", tags=["access/users"], sync_to_thread=True, scope=Scope.USERS_READ)
def get_last_seen_identity(services: TheServices, account: TheAccount, user_id: UserId) -> Envelope[Identity]:
    """Get a person as last seen, with the posture of the device that reported last."""
    return Envelope(result=people.find_identity(services, account, user_id))


@get(_USER + "/active_sessions", tags=["access/users"], sync_to_thread=True, scope=Scope.USERS_READ)
def list_active_sessions(services: TheServices, account: TheAccount, user_id: UserId) -> Page[Session]:
    """List a person's sessions: there are none."""
    people.find_user(services, account.number, user_id)
    return whole_list(())


@get(_USER + "/failed_logins", tags=["access/users"], sync_to_thread=True, scope=Scope.USERS_READ)
def list_failed_logins(services: TheServices, account: TheAccount, user_id: UserId) -> Page[FailedLogin]:
    """List a person's failed logins: there are none."""
    people.find_user(services, account.number, user_id)
    return whole_list(())


PEOPLE_ROUTES = (
    list_users,
    get_user,
    get_last_seen_identity,
    list_active_sessions,
    list_failed_logins,
)
