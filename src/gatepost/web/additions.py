"""The routes that Gatepost adds, under ``/gatepost``, so that no client of the reference wipes what they hold."""

from __future__ import annotations

from litestar import delete, get, post, put
from litestar.params import FromQuery, JSONBody

from gatepost.controlplane.administration import audit, history, rules, shared_keys, tokens
from gatepost.controlplane.administration.history import DEFAULT_PAGE
from gatepost.web.parameters import (
    KeyDigest,
    LogCursor,
    PerPage,
    ResultCursor,
    RuleId,
    TheAccount,
    TheAuditFilter,
    TheLogFilter,
    TheServices,
    TheWantedResults,
    TokenId,
)
from gatepost.wire.management.audit_log import AuditLogLine
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.effective import EffectiveCheck
from gatepost.wire.management.envelope import Envelope, Page, cursor_page, whole_list
from gatepost.wire.management.posture_log import PostureLogLine
from gatepost.wire.management.results import ResultObject
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.shared_keys import OwnerBody, SharedKey
from gatepost.wire.management.tokens import NewToken, RemovedToken, TokenBody, TokenKind, TokenObject

_CHECK = "/gatepost/checks/{rule_id:str}"


@get(_CHECK + "/options", tags=["gatepost/checks"], sync_to_thread=True, scope=Scope.CHECKS_READ)
def get_options(services: TheServices, account: TheAccount, rule_id: RuleId) -> Envelope[CheckOptions]:
    """Get the options of a check."""
    return Envelope(result=rules.find_options(services, account.number, rule_id))


@put(_CHECK + "/options", tags=["gatepost/checks"], sync_to_thread=True, scope=Scope.CHECKS_WRITE)
def replace_options(
    services: TheServices, account: TheAccount, rule_id: RuleId, data: JSONBody[CheckOptions]
) -> Envelope[CheckOptions]:
    """Replace the options of a check as a whole."""
    remarks = rules.replace_options(services, account.number, rule_id, data)
    return Envelope(messages=remarks, result=data)


@get(_CHECK + "/effective", tags=["gatepost/checks"], sync_to_thread=True, scope=Scope.CHECKS_READ)
def get_effective(services: TheServices, account: TheAccount, rule_id: RuleId) -> Envelope[EffectiveCheck]:
    """Get a check as it is evaluated, with every default filled in."""
    return Envelope(result=rules.find_effective(services, account.number, rule_id))


@get("/gatepost/results", tags=["gatepost/results"], sync_to_thread=True, scope=Scope.RESULTS_READ)
def list_results(
    services: TheServices,
    account: TheAccount,
    wanted_results: TheWantedResults,
    cursor: ResultCursor = "",
    per_page: PerPage = DEFAULT_PAGE,
) -> Page[ResultObject]:
    """List the newest result of each registration and check."""
    registration, check = map(int, (cursor or "0.0").split("."))
    after = registration, check
    found, following = history.list_results(services, account.number, after, per_page, wanted_results)
    return cursor_page(found, per_page, "" if following is None else f"{following[0]}.{following[1]}")


@get("/gatepost/posture-log", tags=["gatepost/posture-log"], sync_to_thread=True, scope=Scope.RESULTS_READ)
def read_posture_log(
    services: TheServices,
    account: TheAccount,
    wanted_lines: TheLogFilter,
    cursor: LogCursor = "",
    per_page: PerPage = DEFAULT_PAGE,
) -> Page[PostureLogLine]:
    """Read the posture log, newest line first."""
    before = int(cursor) if cursor else None
    found, following = history.read_log(services, account.number, before, per_page, wanted_lines)
    return cursor_page(found, per_page, "" if following is None else str(following))


@post("/gatepost/tokens", status_code=200, tags=["gatepost/tokens"], sync_to_thread=True, scope=Scope.ENROLLMENT_WRITE)
def create_token(services: TheServices, account: TheAccount, data: JSONBody[TokenBody]) -> Envelope[NewToken]:
    """Make a token for enrolment or for an administrator; its text is in this answer alone."""
    return Envelope(result=tokens.create_token(services, account.number, data))


@get("/gatepost/tokens", tags=["gatepost/tokens"], sync_to_thread=True, scope=Scope.TOKENS_READ)
def list_tokens(
    services: TheServices, account: TheAccount, kind: FromQuery[TokenKind | None] = None
) -> Page[TokenObject]:
    """List the tokens, oldest first, revoked ones too."""
    return whole_list(tokens.list_tokens(services, account.number, kind))


@delete(
    "/gatepost/tokens/{token_id:str}",
    status_code=200,
    tags=["gatepost/tokens"],
    sync_to_thread=True,
    scope=Scope.TOKENS_WRITE,
)
def revoke_token(services: TheServices, account: TheAccount, token_id: TokenId) -> Envelope[RemovedToken]:
    """Revoke a token; it counts for nothing from now on."""
    tokens.revoke_token(services, account.number, token_id)
    return Envelope(result=RemovedToken(id=token_id))


@get("/gatepost/shared-keys", tags=["gatepost/shared-keys"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def list_shared_keys(services: TheServices, account: TheAccount) -> Page[SharedKey]:
    """List the certificates' keys that more than one live device proves."""
    return whole_list(shared_keys.list_shared_keys(services, account.number))


@put("/gatepost/shared-keys/{key:str}", tags=["gatepost/shared-keys"], sync_to_thread=True, scope=Scope.DEVICES_WRITE)
def name_owner(
    services: TheServices, account: TheAccount, key: KeyDigest, data: JSONBody[OwnerBody]
) -> Envelope[SharedKey]:
    """Name the device whose key it is, or nobody."""
    return Envelope(result=shared_keys.name_owner(services, account.number, key, data))


@get("/gatepost/audit-log", tags=["gatepost/audit-log"], sync_to_thread=True, scope=Scope.AUDIT_READ)
def read_audit_log(
    services: TheServices,
    account: TheAccount,
    wanted: TheAuditFilter,
    cursor: LogCursor = "",
    per_page: PerPage = DEFAULT_PAGE,
) -> Page[AuditLogLine]:
    """Read what was changed, newest line first."""
    below = int(cursor) if cursor else None
    found, following = audit.read_audit_log(services, account.number, wanted, below, per_page)
    return cursor_page(found, per_page, "" if following is None else str(following))


ADDED_ROUTES = (
    get_options,
    replace_options,
    get_effective,
    list_results,
    read_posture_log,
    create_token,
    list_tokens,
    revoke_token,
    list_shared_keys,
    name_owner,
    read_audit_log,
)
