"""What Gatepost adds to Access, under ``/gatepost``: options of policies, and exemptions."""

from __future__ import annotations

from litestar import delete, get, post, put
from litestar.params import JSONBody

from gatepost.controlplane.administration.access import exemptions, policies
from gatepost.web.parameters import ExemptionId, PolicyId, TheAccount, TheServices
from gatepost.wire.management.access_groups import Removed
from gatepost.wire.management.envelope import Envelope, Page, whole_list
from gatepost.wire.management.exemptions import ExemptionBody, ExemptionObject
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.scopes import Scope

_OPTIONS = "/gatepost/policies/{policy_id:str}/options"
_EXEMPTIONS = "/gatepost/exemptions"


@get(_OPTIONS, tags=["gatepost/policies"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def get_policy_options(services: TheServices, account: TheAccount, policy_id: PolicyId) -> Envelope[PolicyOptions]:
    """Get the options of a policy, be it for any application or one's own."""
    return Envelope(result=policies.find_policy_options(services, account.number, policy_id))


@put(_OPTIONS, tags=["gatepost/policies"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def replace_policy_options(
    services: TheServices, account: TheAccount, policy_id: PolicyId, data: JSONBody[PolicyOptions]
) -> Envelope[PolicyOptions]:
    """Replace the options of a policy as a whole."""
    policies.replace_policy_options(services, account.number, policy_id, data)
    return Envelope(result=data)


@post(_EXEMPTIONS, status_code=200, tags=["gatepost/exemptions"], sync_to_thread=True, scope=Scope.ACCESS_WRITE)
def create_exemption(
    services: TheServices, account: TheAccount, data: JSONBody[ExemptionBody]
) -> Envelope[ExemptionObject]:
    """Let a device or a user into one application for at most seven days."""
    return Envelope(result=exemptions.create_exemption(services, account.number, data))


@get(_EXEMPTIONS, tags=["gatepost/exemptions"], sync_to_thread=True, scope=Scope.ACCESS_READ)
def list_exemptions(services: TheServices, account: TheAccount) -> Page[ExemptionObject]:
    """List the exemptions that have not ended, oldest first."""
    return whole_list(exemptions.list_exemptions(services, account.number))


@delete(
    _EXEMPTIONS + "/{exemption_id:str}",
    status_code=200,
    tags=["gatepost/exemptions"],
    sync_to_thread=True,
    scope=Scope.ACCESS_WRITE,
)
def end_exemption(services: TheServices, account: TheAccount, exemption_id: ExemptionId) -> Envelope[Removed]:
    """End an exemption now."""
    exemptions.end_exemption(services, account.number, exemption_id)
    return Envelope(result=Removed(id=exemption_id))


ADDED_ACCESS_ROUTES = (
    get_policy_options,
    replace_policy_options,
    create_exemption,
    list_exemptions,
    end_exemption,
)
