"""The access log: as Gatepost shows it, and as clients of the reference ask for it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter, SkipValidation

from gatepost.controlplane.administration import decisions
from gatepost.controlplane.administration.history import DEFAULT_PAGE, MAXIMUM_PAGE
from gatepost.controlplane.ports import AccessFilter, AccessPlace
from gatepost.errors import InputError
from gatepost.web.parameters import (
    Moment,
    PerPage,
    ResultCursor,
    TheAccount,
    TheDecisionFilter,
    TheServices,
    Word,
    provide_decision_filter,
)
from gatepost.web.strict import StrictRequest  # noqa: TC001 - Litestar reads the annotations.
from gatepost.wire.management.access_log import AccessRequest, DecisionLine
from gatepost.wire.management.envelope import Envelope, Page, cursor_page, parse_instant
from gatepost.wire.management.scopes import Scope

_OPERATORS: Final = ("allowedOp", "app_uidOp", "emailOp", "ray_idOp")
_FEW: Final = 25
"""As many as the reference gives where nothing is said."""
_Some = Annotated[int, QueryParameter(description="As many as are wanted at most.", ge=1, le=MAXIMUM_PAGE)]
_Number = Annotated[int, QueryParameter(description="Which page, from 1 on.", ge=1, le=10_000)]


def provide_request_filter(  # noqa: PLR0913 - each is a parameter of the URL, and the reference has them.
    request: StrictRequest,
    *,
    email: Word = None,
    app_uid: Word = None,
    allowed: FromQuery[bool | None] = None,
    ray_id: Word = None,
    since: Moment = None,
    until: Moment = None,
) -> AccessFilter:
    """Read which decisions are wanted, in the reference's names.

    Only whole values are found: a part of an address, or an operator but ``eq``, is refused rather than taken for something else.
    """
    for name in _OPERATORS:
        if request.query_params.get(name, "eq") != "eq":
            raise InputError(f"?{name}", f"is {request.query_params[name]}", "eq")
    if email is not None and not email.rpartition("@")[0]:
        raise InputError("?email", "is a part of an address", "a whole one")
    return AccessFilter(
        user_email=email,
        app_id=app_uid,
        allowed=allowed,
        reference=ray_id,
        since=None if since is None else parse_instant(since, "?since"),
        before=None if until is None else parse_instant(until, "?until"),
    )


_TheRequestFilter = NamedDependency[SkipValidation[AccessFilter]]


@get(
    "/gatepost/decisions",
    tags=["gatepost/decisions"],
    sync_to_thread=True,
    scope=Scope.AUDIT_READ,
    dependencies={"wanted_decisions": Provide(provide_decision_filter, sync_to_thread=False)},
)
def read_decisions(
    services: TheServices,
    account: TheAccount,
    wanted_decisions: TheDecisionFilter,
    cursor: ResultCursor = "",
    per_page: PerPage = DEFAULT_PAGE,
) -> Page[DecisionLine]:
    """Read what was decided for proxies, newest first."""
    at, _, number = cursor.partition(".")
    below = AccessPlace(int(at), int(number)) if cursor else None
    found, following = decisions.list_decisions(services, account.number, wanted_decisions, below, per_page)
    return cursor_page(found, per_page, "" if following is None else f"{following.at}.{following.number}")


@get(
    "/access/logs/access_requests",
    tags=["access/logs"],
    sync_to_thread=True,
    scope=Scope.AUDIT_READ,
    dependencies={"wanted_requests": Provide(provide_request_filter, sync_to_thread=False)},
)
def list_access_requests(  # noqa: PLR0913 - each is a parameter of the URL, and the reference has them.
    services: TheServices,
    account: TheAccount,
    wanted_requests: _TheRequestFilter,
    *,
    limit: _Some = _FEW,
    page: _Number = 1,
    per_page: _Some = _FEW,
    direction: FromQuery[Literal["desc", "asc"]] = "desc",
) -> Envelope[tuple[AccessRequest, ...]]:
    """List decisions as the reference does: a page, or the first ``limit``."""
    wanted = (page - 1) * per_page, max(limit, per_page) if page == 1 else per_page
    upwards = direction == "asc"
    return Envelope(
        result=decisions.list_access_requests(services, account.number, wanted_requests, wanted, upwards=upwards)
    )


ACCESS_LOG_ROUTES = (read_decisions, list_access_requests)
