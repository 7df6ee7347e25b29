"""The route table: where each path leads. Read this first.

    /device/…                          web/device.py        agents: enrolment, checks, reports (plain ASGI, the hot routes)
    /access/v1/decide                  web/decisions.py     proxies: may this request pass (plain ASGI, the other hot route)
    /access/v1/…                       web/logins.py        browsers, while their device's agent vouches for them
    /client/v4/accounts/{account_id}   web/management.py    what clients of the reference speak
                                       web/devices.py       the same for devices and their registrations
    /client/v4/…/{account_id}/access   web/access.py        applications, policies, groups; web/service_tokens.py, web/people.py
    /client/v4/…/{account_id}/gatepost web/additions.py     what Gatepost adds; web/access_additions.py: to access
                                       web/access_log.py    what was decided, here and under …/access/logs
                                       web/webhooks.py      who is told of changes
                                       web/denials.py       what is denied; web/enrollment.py: who may enrol
    /client/v4/user, /accounts         web/tenants.py       whether a token counts, and which account it opens
    …/gatepost/preview                 web/previews.py      what a draft would come to
    /docs                              web/documentation.py the OpenAPI document and what the error numbers mean
    /health /ready /metrics            web/operations.py    the operator's machines (plain ASGI, whole paths)

Before all of them stands `web.front` (sizes and deadlines), before an account's routes `web.auth` (credentials) with
`web.limits` (attempts); whatever is raised becomes an answer in `web.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from litestar import Litestar, Router
from litestar.di import Provide

from gatepost.controlplane.access.identities import Identities
from gatepost.controlplane.administration.services import Services  # noqa: TC001 - Litestar reads what it injects.
from gatepost.web.access import ACCESS_ROUTES
from gatepost.web.access_additions import ADDED_ACCESS_ROUTES
from gatepost.web.access_log import ACCESS_LOG_ROUTES
from gatepost.web.additions import ADDED_ROUTES
from gatepost.web.auth import admit
from gatepost.web.decisions import DecisionApi
from gatepost.web.denials import DENIAL_ROUTES
from gatepost.web.device_filters import provide_device_list, provide_registration_list
from gatepost.web.devices import DEVICE_ROUTES
from gatepost.web.documentation import EnvelopeForAll, documentation, list_errors
from gatepost.web.enrollment import ENROLLMENT_ROUTES
from gatepost.web.errors import answer_error
from gatepost.web.front import Front
from gatepost.web.logins import LoginApi
from gatepost.web.management import MANAGEMENT_ROUTES
from gatepost.web.parameters import provide_audit_filter, provide_log_filter, provide_wanted_results
from gatepost.web.people import PEOPLE_ROUTES
from gatepost.web.previews import PREVIEW_ROUTES
from gatepost.web.service_tokens import SERVICE_TOKEN_ROUTES
from gatepost.web.strict import StrictRequest, provide_account
from gatepost.web.tenants import TENANT_ROUTES, get_account
from gatepost.web.webhooks import WEBHOOK_ROUTES

if TYPE_CHECKING:
    from gatepost.controlplane.access.deciding import Access
    from gatepost.controlplane.access.vouching import Vouching
    from gatepost.web.front import Application
    from gatepost.web.limits import Limits
    from gatepost.web.surroundings import Surroundings


def create_app(
    services: Services, device: Application, around: Surroundings, access: Access, vouching: Vouching | None = None
) -> Front:
    """Put the routes together; ``device`` is the application that answers agents, ``access`` decides for proxies.

    ``vouching`` lets agents vouch for browsers; None: none may.
    """
    identities = Identities(services.storage, access, services.now)
    decisions = DecisionApi(access, around, LoginApi(vouching, identities, around))
    return Front(cast("Application", create_routes(services, around.limits)), device, decisions, around)


def create_routes(services: Services, limits: Limits) -> Litestar:
    """Put together everything but the routes of devices and of operators."""

    def provide_services(request: StrictRequest) -> Services:
        return services.acting_for(request.user)

    account = Router(
        path="/client/v4/accounts/{account_id:str}",
        route_handlers=[
            get_account,
            *MANAGEMENT_ROUTES,
            *DEVICE_ROUTES,
            *ACCESS_ROUTES,
            *SERVICE_TOKEN_ROUTES,
            *PEOPLE_ROUTES,
            *ADDED_ROUTES,
            *ADDED_ACCESS_ROUTES,
            *ACCESS_LOG_ROUTES,
            *WEBHOOK_ROUTES,
            *PREVIEW_ROUTES,
            *DENIAL_ROUTES,
            *ENROLLMENT_ROUTES,
        ],
        guards=[admit(services, limits)],
        dependencies={
            "account": Provide(provide_account, sync_to_thread=False),
            "services": Provide(provide_services, sync_to_thread=False),
            "wanted": Provide(provide_audit_filter, sync_to_thread=False),
            "device_list": Provide(provide_device_list, sync_to_thread=False),
            "registration_list": Provide(provide_registration_list, sync_to_thread=False),
            "wanted_results": Provide(provide_wanted_results, sync_to_thread=False),
            "wanted_lines": Provide(provide_log_filter, sync_to_thread=False),
        },
    )
    tenant = Router(
        path="/client/v4",
        route_handlers=TENANT_ROUTES,
        guards=[admit(services, limits)],
        dependencies={"services": Provide(provide_services, sync_to_thread=False)},
    )
    return Litestar(
        route_handlers=[account, tenant, list_errors],
        request_class=StrictRequest,
        exception_handlers={Exception: answer_error},
        openapi_config=documentation(),
        plugins=[EnvelopeForAll()],
        logging_config=None,
    )
