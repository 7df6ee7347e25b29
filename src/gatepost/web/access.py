"""The routes of Access that clients of the reference speak: applications, their policies, policies for any of them, groups.

They keep what administrators say; nothing is decided here. Documents are read back as they were written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from litestar import delete, get, post, put
from litestar.params import JSONBody, RawBody

from gatepost.controlplane.administration.access import app_policies, apps, groups, policies
from gatepost.web.listing import BY_NAME, OF_APPS, TheListing
from gatepost.web.parameters import AppId, GroupId, PolicyId, TheAccount, TheServices
from gatepost.wire.management.access_apps import AccessApp, AppBody
from gatepost.wire.management.access_groups import AccessGroup, GroupBody, Removed
from gatepost.wire.management.access_policies import AccessPolicy, AppPolicy, AppPolicyBody, PolicyBody
from gatepost.wire.management.envelope import Envelope, Page
from gatepost.wire.management.scopes import Scope

if TYPE_CHECKING:
    from gatepost.controlplane.administration.access.documents import Kept

_Shown = TypeVar("_Shown")

_APPS = "/access/apps"
_APP = _APPS + "/{app_id:str}"
_APP_POLICIES = _APP + "/policies"
_POLICIES = "/access/policies"
_GROUPS = "/access/groups"


@post(_APPS, status_code=200, tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def create_app(
    services: TheServices, account: TheAccount, data: JSONBody[AppBody], body: RawBody
) -> Envelope[AccessApp]:
    """Create an application; it is read back as it was written."""
    del data  # it says that the outer form is right, and documents it; the bytes are what is kept
    return _kept(apps.create_app(services, account.number, body), AccessApp)


@get(_APPS, tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_READ, dependencies=OF_APPS)
def list_apps(services: TheServices, account: TheAccount, listing: TheListing) -> Page[AccessApp]:
    """List the applications, oldest first."""
    return listing.answer(apps.list_apps(services, account.number), AccessApp)


@get(_APPS + "/{app_id:str}", tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def get_app(services: TheServices, account: TheAccount, app_id: AppId) -> Envelope[AccessApp]:
    """Get one application."""
    return Envelope(result=cast("AccessApp", apps.find_app(services, account.number, app_id)))


@put(_APPS + "/{app_id:str}", tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def replace_app(
    services: TheServices, account: TheAccount, app_id: AppId, data: JSONBody[AppBody], body: RawBody
) -> Envelope[AccessApp]:
    """Replace an application as a whole."""
    del data  # as in create_app
    return _kept(apps.replace_app(services, account.number, app_id, body), AccessApp)


@delete(_APPS + "/{app_id:str}", status_code=200, tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def delete_app(services: TheServices, account: TheAccount, app_id: AppId) -> Envelope[Removed]:
    """Delete an application, with the policies that are its own."""
    apps.remove_app(services, account.number, app_id)
    return Envelope(result=Removed(id=app_id))


@post(_APP_POLICIES, status_code=200, tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def create_app_policy(
    services: TheServices, account: TheAccount, app_id: AppId, data: JSONBody[AppPolicyBody], body: RawBody
) -> Envelope[AppPolicy]:
    """Create a policy of one application's own; it is read back as it was written."""
    del data  # it says that the outer form is right, and documents it; the bytes are what is kept
    return _kept(app_policies.create_app_policy(services, account.number, app_id, body), AppPolicy)


@get(_APP_POLICIES, tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_READ, dependencies=BY_NAME)
def list_app_policies(
    services: TheServices, account: TheAccount, app_id: AppId, listing: TheListing
) -> Page[AppPolicy]:
    """List an application's policies, in the order in which they are tried."""
    return listing.answer(app_policies.list_app_policies(services, account.number, app_id), AppPolicy)


@get(_APP_POLICIES + "/{policy_id:str}", tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def get_app_policy(
    services: TheServices, account: TheAccount, app_id: AppId, policy_id: PolicyId
) -> Envelope[AppPolicy]:
    """Get one policy of an application."""
    return Envelope(result=cast("AppPolicy", app_policies.find_app_policy(services, account.number, app_id, policy_id)))


@put(_APP_POLICIES + "/{policy_id:str}", tags=["access/apps"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def replace_app_policy(
    services: TheServices,
    account: TheAccount,
    app_id: AppId,
    policy_id: PolicyId,
    data: JSONBody[AppPolicyBody],
    body: RawBody,
) -> Envelope[AppPolicy]:
    """Replace a policy of one application's own as a whole."""
    del data  # as in create_app_policy
    return _kept(app_policies.replace_app_policy(services, account.number, app_id, policy_id, body), AppPolicy)


@delete(
    _APP_POLICIES + "/{policy_id:str}",
    status_code=200,
    tags=["access/apps"],
    sync_to_thread=True,
    scope=Scope.ACCESS_WRITE,
)
def delete_app_policy(
    services: TheServices, account: TheAccount, app_id: AppId, policy_id: PolicyId
) -> Envelope[Removed]:
    """Take a policy from an application; one of its own is deleted."""
    app_policies.remove_app_policy(services, account.number, app_id, policy_id)
    return Envelope(result=Removed(id=policy_id))


@post(_POLICIES, status_code=200, tags=["access/policies"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def create_policy(
    services: TheServices, account: TheAccount, data: JSONBody[PolicyBody], body: RawBody
) -> Envelope[AccessPolicy]:
    """Create a policy for any application; it is read back as it was written."""
    del data  # it says that the outer form is right, and documents it; the bytes are what is kept
    return _kept(policies.create_policy(services, account.number, body), AccessPolicy)


@get(_POLICIES, tags=["access/policies"], sync_to_thread=True, scope=Scope.ACCESS_READ, dependencies=BY_NAME)
def list_policies(services: TheServices, account: TheAccount, listing: TheListing) -> Page[AccessPolicy]:
    """List the policies for any application, oldest first."""
    return listing.answer(policies.list_policies(services, account.number), AccessPolicy)


@get(_POLICIES + "/{policy_id:str}", tags=["access/policies"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def get_policy(services: TheServices, account: TheAccount, policy_id: PolicyId) -> Envelope[AccessPolicy]:
    """Get one policy for any application."""
    return Envelope(result=cast("AccessPolicy", policies.find_policy(services, account.number, policy_id)))


@put(_POLICIES + "/{policy_id:str}", tags=["access/policies"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def replace_policy(
    services: TheServices, account: TheAccount, policy_id: PolicyId, data: JSONBody[PolicyBody], body: RawBody
) -> Envelope[AccessPolicy]:
    """Replace a policy for any application as a whole."""
    del data  # as in create_policy
    return _kept(policies.replace_policy(services, account.number, policy_id, body), AccessPolicy)


@delete(
    _POLICIES + "/{policy_id:str}",
    status_code=200,
    tags=["access/policies"],
    sync_to_thread=True,
    scope=Scope.ACCESS_WRITE,
)
def delete_policy(services: TheServices, account: TheAccount, policy_id: PolicyId) -> Envelope[Removed]:
    """Delete a policy that no application has."""
    policies.remove_policy(services, account.number, policy_id)
    return Envelope(result=Removed(id=policy_id))


@post(_GROUPS, status_code=200, tags=["access/groups"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def create_group(
    services: TheServices, account: TheAccount, data: JSONBody[GroupBody], body: RawBody
) -> Envelope[AccessGroup]:
    """Create a group; it is read back as it was written."""
    del data  # it says that the outer form is right, and documents it; the bytes are what is kept
    return _kept(groups.create_group(services, account.number, body), AccessGroup)


@get(_GROUPS, tags=["access/groups"], sync_to_thread=True, scope=Scope.ACCESS_READ, dependencies=BY_NAME)
def list_groups(services: TheServices, account: TheAccount, listing: TheListing) -> Page[AccessGroup]:
    """List the groups, oldest first."""
    return listing.answer(groups.list_groups(services, account.number), AccessGroup)


@get(_GROUPS + "/{group_id:str}", tags=["access/groups"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def get_group(services: TheServices, account: TheAccount, group_id: GroupId) -> Envelope[AccessGroup]:
    """Get one group."""
    return Envelope(result=cast("AccessGroup", groups.find_group(services, account.number, group_id)))


@put(_GROUPS + "/{group_id:str}", tags=["access/groups"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def replace_group(
    services: TheServices, account: TheAccount, group_id: GroupId, data: JSONBody[GroupBody], body: RawBody
) -> Envelope[AccessGroup]:
    """Replace a group as a whole."""
    del data  # as in create_group
    return _kept(groups.replace_group(services, account.number, group_id, body), AccessGroup)


@delete(
    _GROUPS + "/{group_id:str}", status_code=200, tags=["access/groups"], sync_to_thread=True, scope=Scope.ACCESS_WRITE
)
def delete_group(services: TheServices, account: TheAccount, group_id: GroupId) -> Envelope[Removed]:
    """Delete a group that no policy and no other group names."""
    groups.remove_group(services, account.number, group_id)
    return Envelope(result=Removed(id=group_id))


def _kept(kept: Kept, kind: type[_Shown]) -> Envelope[_Shown]:
    """Give the very document; ``kind`` is its form in the documentation, and would add what was not sent."""
    del kind
    return Envelope(messages=kept.remarks, result=cast("_Shown", kept.document))


ACCESS_ROUTES = (
    create_app,
    list_apps,
    get_app,
    replace_app,
    delete_app,
    create_app_policy,
    list_app_policies,
    get_app_policy,
    replace_app_policy,
    delete_app_policy,
    create_policy,
    list_policies,
    get_policy,
    replace_policy,
    delete_policy,
    create_group,
    list_groups,
    get_group,
    replace_group,
    delete_group,
)
