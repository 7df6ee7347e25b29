"""Errors as answers: the one table from exceptions to statuses, numbers and sentences, always in the envelope.

Whatever is not in the table is our own fault: it is logged with its traceback, and the body says only that.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from gatepost import errors
from gatepost.wire.device import NOT_SHOWN
from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import Failure, remark
from gatepost.wire.management.strict import explain

if TYPE_CHECKING:
    from litestar import Request
    from litestar.typing import FieldDefinition

_log = structlog.get_logger("gatepost.web")

STATUSES: Final = {
    Code.INTERNAL_ERROR: 500,
    Code.BODY_UNREADABLE: 400,
    Code.FIELD_INVALID: 400,
    Code.BODY_TOO_LARGE: 413,
    Code.BODY_TOO_SLOW: 408,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.PARAMETER_INVALID: 400,
    Code.REQUEST_MALFORMED: 400,
    Code.SERVER_BUSY: 503,
    Code.DATABASE_UNAVAILABLE: 503,
    Code.REPORT_REFUSED: 409,
    Code.MEDIA_TYPE_UNSUPPORTED: 415,
    Code.TOO_MANY_ATTEMPTS: 429,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.CERTIFICATE_IN_USE: 409,
    Code.CHECK_QUOTA: 409,
    Code.TOKEN_QUOTA: 409,
    Code.IN_USE: 409,
    Code.CERTIFICATE_QUOTA: 409,
    Code.NO_ROUTE: 404,
    Code.NOT_AUTHENTICATED: 401,
    Code.NOT_ALLOWED: 403,
}
"""The status of each error; numbers that are not here are remarks beside a success."""

CODES: Final[dict[type[errors.GatepostError], Code]] = {
    errors.InputError: Code.FIELD_INVALID,
    errors.NotFoundError: Code.NOT_FOUND,
    errors.ConflictError: Code.CONFLICT,
    errors.CredentialError: Code.NOT_AUTHENTICATED,
    errors.ForbiddenError: Code.NOT_ALLOWED,
    errors.TooLargeError: Code.BODY_TOO_LARGE,
    errors.ReportRefusedError: Code.REPORT_REFUSED,
    errors.CertificateNotShownError: Code.REPORT_REFUSED,
    errors.OverloadedError: Code.SERVER_BUSY,
    errors.TooManyAttemptsError: Code.TOO_MANY_ATTEMPTS,
    errors.StorageError: Code.DATABASE_UNAVAILABLE,
    # The device's half and the command line raise these; from here they would be a fault of ours.
    errors.TransportError: Code.INTERNAL_ERROR,
    errors.ServerRefusedError: Code.INTERNAL_ERROR,
    errors.CertificateWantedError: Code.INTERNAL_ERROR,
    errors.StateError: Code.INTERNAL_ERROR,
    errors.ProcessError: Code.INTERNAL_ERROR,
}
"""The number of each exception, before its fields are looked at."""

_CONFLICTS: Final = {
    "certificate": Code.CERTIFICATE_IN_USE,
    "certificates": Code.CERTIFICATE_QUOTA,
    "group": Code.IN_USE,
    "policy": Code.IN_USE,
    "posture rule": Code.IN_USE,
    "posture rules": Code.CHECK_QUOTA,
    "service token": Code.IN_USE,
    "tokens": Code.TOKEN_QUOTA,
}
_DATABASE_PAUSE: Final = 10
"""Seconds after which a client may ask again when the database could not be used."""
ASKED: Final = "gatepost.method"
"""Where the scope holds the method that was asked for, since HEAD and OPTIONS reach the routes under others."""
_WORDS_FOR_LATER: Final[dict[type[errors.GatepostError], str]] = {
    errors.OverloadedError: "there is no room now",
    errors.TooManyAttemptsError: "too many credentials were refused",
}
_WORDS_FOR_FAULTS: Final = "something broke in the server; its log says what"


class Refusal(msgspec.Struct, frozen=True):
    """An answer that says no: its number, a sentence, the place in the request, and headers for the answer."""

    code: Code
    message: str
    pointer: str | None = None
    headers: dict[str, str] = {}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUSES[self.code]

    @property
    def body(self) -> Failure:
        """The refusal in its envelope."""
        return Failure(errors=(remark(self.code, self.message, self.pointer),))


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Failure]:
    """Answer any exception; Litestar calls this for all of them."""
    refusal = _of_parameters(request, error) if isinstance(error, ValidationException) else None
    method = request.scope.get(ASKED, request.method)
    refusal = refusal or refusal_of(error, f"{method} {request.url.path}")
    headers = dict(refusal.headers)
    if refusal.status == HTTPStatus.CONFLICT:
        headers["x-should-retry"] = "false"  # the SDKs would ask again, which cures no conflict
    return Response(refusal.body, status_code=refusal.status, headers=headers, media_type="application/json")


def refusal_of(error: Exception, request: str) -> Refusal:
    """Turn an exception into a refusal; ``request`` is the method and path, for the log."""
    match error:
        case errors.GatepostError():
            return _of_gatepost(error, request)
        case HTTPException():
            return _of_litestar(error, request)
        case _:
            return _fault(error, request)


def _fault(error: Exception, request: str) -> Refusal:
    _log.error("request failed", request=request, error=type(error).__name__, exc_info=error)
    return Refusal(Code.INTERNAL_ERROR, _WORDS_FOR_FAULTS)


def _of_gatepost(error: errors.GatepostError, request: str) -> Refusal:
    code = CODES[type(error)]
    words, headers = "", {}
    match error:
        case errors.NotFoundError():
            words = f"this account has no {error.kind} {error.reference[:80]}"
        case errors.ConflictError():
            words = f"the {error.kind} {error.problem}" + (f"; {error.cure}" if error.cure else "")
            code = _CONFLICTS.get(error.kind, code)
        case errors.CredentialError():
            words, headers = error.problem, {"WWW-Authenticate": 'Bearer realm="gatepost"'}
        case errors.ForbiddenError():
            words = f"the credential does not reach {error.scope}"
        case errors.TooLargeError():
            words = f"the {error.what} is larger than {error.limit} bytes"
        case errors.ReportRefusedError() | errors.CertificateNotShownError():
            reason = error.reason if isinstance(error, errors.ReportRefusedError) else NOT_SHOWN
            words = f"{reason}: {error.detail}"
        case errors.OverloadedError() | errors.TooManyAttemptsError():
            words, headers = _WORDS_FOR_LATER[type(error)], {"Retry-After": str(error.retry_after)}
        case errors.StorageError():
            _log.error("database failed", request=request, detail=error.detail)
            words, headers = "the database cannot be used now", {"Retry-After": str(_DATABASE_PAUSE)}
        case errors.InputError():
            return _of_input(error)
        case _:
            return _fault(error, request)
    return Refusal(code, words, headers=headers)


def _of_input(error: errors.InputError) -> Refusal:
    pointer = error.field if error.field.startswith("/") else None
    code = Code.BODY_UNREADABLE if pointer is None else Code.FIELD_INVALID
    if error.field.startswith("?"):  # a parameter of the URL
        code = Code.PARAMETER_INVALID
    words = f"{error.field.removeprefix('?')} {error.problem}".strip() + (f"; {error.allowed}" if error.allowed else "")
    return Refusal(code, words, pointer)


def _of_litestar(error: HTTPException, request: str) -> Refusal:
    match error:
        case NotFoundException():
            return Refusal(Code.NO_ROUTE, f"there is no route {request[:200]}; /docs lists those there are")
        case MethodNotAllowedException():
            allowed = (error.headers or {}).get("allow", "")
            return Refusal(Code.METHOD_NOT_ALLOWED, f"this route takes {allowed}", headers={"Allow": allowed})
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refusal(Code.REQUEST_MALFORMED, error.detail)
        case _:
            return _fault(error, request)


def _of_parameters(request: Request[Any, Any, Any], error: ValidationException) -> Refusal:
    """Name the query's parameters that are wrong; a body is decoded by ourselves, so that its absence alone comes here."""
    found = [item for item in error.extra if isinstance(item, dict)] if isinstance(error.extra, list) else []
    wrong = {str(item.get("key", "")): str(item.get("message", "")) for item in found}
    if "data" in wrong:
        return Refusal(Code.BODY_UNREADABLE, "the body is empty; one JSON object is expected")
    known = dict(request.route_handler.parsed_fn_signature.parameters)
    providers = request.route_handler.resolve_dependencies()
    for provider in (providers[name] for name in tuple(known) if name in providers):
        known |= provider.parsed_fn_signature.parameters
    words = [f"{name} {_explain(text, known.get(name))}" for name, text in wrong.items()]
    return Refusal(Code.PARAMETER_INVALID, "; ".join(words) or error.detail)


def _explain(text: str, parameter: FieldDefinition | None) -> str:
    explained = explain(text, Any if parameter is None else parameter.annotation)
    return f"{explained.problem}; {explained.allowed}"
