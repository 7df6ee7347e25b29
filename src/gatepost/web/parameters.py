"""What handlers are given beside the body: the account, the services, ids from the path, pages from the query."""

from __future__ import annotations

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter, SkipValidation

from gatepost.controlplane.administration.history import MAXIMUM_PAGE, WantedResults
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.ports import AccessFilter, Account, AuditFilter, LogFilter
from gatepost.core.evaluation import Status
from gatepost.wire.management.envelope import parse_instant

_TEXT = r"^[^\x00]+$"
"""No database can hold a NUL in a text."""

TheServices = NamedDependency[SkipValidation[Services]]
TheAccount = NamedDependency[SkipValidation[Account]]
CertificateId = Annotated[str, PathParameter(description="The upload's id.", max_length=64, pattern=_TEXT)]
RuleId = Annotated[str, PathParameter(description="The posture rule's id.", max_length=64, pattern=_TEXT)]
PreviewId = Annotated[str, PathParameter(description="The preview's id.", max_length=64, pattern=_TEXT)]
TokenId = Annotated[str, PathParameter(description="The token's id.", max_length=64, pattern=_TEXT)]
KeyDigest = Annotated[
    str, PathParameter(description="SHA-256 of the key's SubjectPublicKeyInfo, in hex.", pattern=r"^[0-9a-f]{64}$")
]
AppId = Annotated[str, PathParameter(description="The application's id.", max_length=64, pattern=_TEXT)]
PolicyId = Annotated[str, PathParameter(description="The policy's id.", max_length=64, pattern=_TEXT)]
GroupId = Annotated[str, PathParameter(description="The group's id.", max_length=64, pattern=_TEXT)]
ServiceTokenId = Annotated[str, PathParameter(description="The service token's id.", max_length=64, pattern=_TEXT)]
ExemptionId = Annotated[str, PathParameter(description="The exemption's id.", max_length=64, pattern=_TEXT)]
UserId = Annotated[str, PathParameter(description="The person's id.", max_length=64, pattern=_TEXT)]
PerPage = Annotated[int, QueryParameter(description="As many as are wanted at once.", ge=1, le=MAXIMUM_PAGE)]
LogCursor = Annotated[
    str, QueryParameter(description="result_info.cursor of the page before.", pattern=r"^([1-9][0-9]{0,17})?$")
]
ResultCursor = Annotated[
    str,
    QueryParameter(description="result_info.cursor of the page before.", pattern=r"^([0-9]{1,18}\.[0-9]{1,18})?$"),
]
Word = Annotated[
    str | None, QueryParameter(description="Only lines that have exactly this.", max_length=256, pattern=_TEXT)
]
_Status = Annotated[Status | None, QueryParameter(description="Only results that have this status.")]
_Allowed = Annotated[bool | None, QueryParameter(description="Only decisions that let in, or only refusals.")]
Moment = Annotated[str | None, QueryParameter(description="RFC 3339.", max_length=40)]


def provide_audit_filter(
    kind: Word = None,
    reference: Word = None,
    action: Word = None,
    actor: Word = None,
    since: Moment = None,
    before: Moment = None,
) -> AuditFilter:
    """Read which lines of the audit log are wanted: ``since`` ≤ time < ``before``."""
    return AuditFilter(
        kind=kind,
        reference=reference,
        action=action,
        actor_id=actor,
        since=None if since is None else parse_instant(since, "?since"),
        before=None if before is None else parse_instant(before, "?before"),
    )


def provide_wanted_results(
    registration_id: Word = None, check_id: Word = None, status: _Status = None
) -> WantedResults:
    """Read which results are wanted."""
    return WantedResults(registration_id=registration_id, check_id=check_id, status=status)


def provide_log_filter(registration_id: Word = None, check_id: Word = None) -> LogFilter:
    """Read which lines of the posture log are wanted."""
    return LogFilter(registration_id=registration_id, check_id=check_id)


def provide_decision_filter(  # noqa: PLR0913 - each is a parameter of the URL.
    *,
    reference: Word = None,
    app_id: Word = None,
    registration_id: Word = None,
    user_email: Word = None,
    allowed: _Allowed = None,
    since: Moment = None,
    before: Moment = None,
) -> AccessFilter:
    """Read which lines of the access log are wanted: ``since`` ≤ time < ``before``."""
    return AccessFilter(
        reference=reference,
        app_id=app_id,
        registration_id=registration_id,
        user_email=user_email,
        allowed=allowed,
        since=None if since is None else parse_instant(since, "?since"),
        before=None if before is None else parse_instant(before, "?before"),
    )


TheDecisionFilter = NamedDependency[SkipValidation[AccessFilter]]
TheWantedResults = NamedDependency[SkipValidation[WantedResults]]
TheLogFilter = NamedDependency[SkipValidation[LogFilter]]
TheAuditFilter = NamedDependency[SkipValidation[AuditFilter]]
