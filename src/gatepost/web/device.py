"""The device API: six plain ASGI routes under ``/device/v1``, beside Litestar because they are the hot ones.

Bodies are JWS documents (`wire.jws`), answers JSON. Every refusal has a reason; limits come before any credential is looked
at, and reading a body has a deadline of its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from gatepost.controlplane.calls import Calls
from gatepost.controlplane.enrollment import Enroller
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.core.reason import Reason
from gatepost.errors import (
    CertificateNotShownError,
    ConflictError,
    CredentialError,
    GatepostError,
    InputError,
    OverloadedError,
    ReportRefusedError,
    StorageError,
    TooLargeError,
    TooManyAttemptsError,
)
from gatepost.web.answers import Answers
from gatepost.web.deadlines import Deadlines
from gatepost.wire.device import MAXIMUM_REPORT, NOT_SHOWN, Acknowledgement, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    from gatepost.web.surroundings import Surroundings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX: Final = "/device/"
_BODY_DEADLINE: Final = 10.0
"""Seconds in which a body must have come: longer than any honest network needs for 64 KiB."""
_SHOWN: Final = 80
"""As many characters of a path or method as a message repeats."""
_Headers = tuple[tuple[bytes, bytes], ...]
_Answer = tuple[int, object, _Headers]
"""A status, a document, and headers beside the usual ones."""
_LIMITED: Final = "too-many-attempts"
REFUSALS: Final = (
    "no-route",
    "too-slow",
    "credential-refused",
    "too-large",
    NOT_SHOWN,
    "conflict",
    _LIMITED,
    "overloaded",
    "storage",
    "bad-request",
    "internal-error",
)
"""The words of refusals that are no `Reason`."""
_ENROLL: Final = "/device/v1/enroll"
_PROVE: Final = "/device/v1/prove"
_CHALLENGE: Final = "/device/v1/challenge"
_REPORT: Final = "/device/v1/report"
_REFUSED: Final = {Reason.DEVICE_NOT_ENROLLED.value: 401, Reason.DEVICE_REVOKED.value: 403}
"""The status of a refused report by its reason; every other one is a conflict, 409."""
_BEARER: Final = b"Bearer "
_log = structlog.get_logger("gatepost.device")


class _Here(msgspec.Struct, frozen=True):
    """What the requests of one event loop share."""

    answers: Answers[Acknowledgement]
    deadlines: Deadlines


class DeviceUseCases(msgspec.Struct, frozen=True):
    """What devices can have done."""

    enroller: Enroller
    posture: Posture
    intake: Intake
    calls: Calls


class DeviceApi:
    """The ASGI application under ``/device/``."""

    def __init__(self, use: DeviceUseCases, around: Surroundings, *, deadline: float = _BODY_DEADLINE) -> None:
        """Take the use cases, limits and counters, and the seconds in which a body must have come."""
        self._use = use
        self._limits = around.limits
        self._counters = around.counters
        self._deadline = deadline
        self._loops: dict[asyncio.AbstractEventLoop, _Here] = {}
        self._routes: dict[str, Callable[[Scope, bytes], Awaitable[object]]] = {
            _ENROLL: self._enroll,
            _CHALLENGE: self._challenge,
            _PROVE: self._enroll_by_certificate,
            "/device/v1/sync": self._sync,
            _REPORT: self._report,
            "/device/v1/wait": self._wait,
            "/device/v1/token": self._token,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, answer, extra = self._missed(scope) or await self._answer(scope, receive)
        if isinstance(answer, Refusal):
            self._note(scope["path"], answer.reason)
        await _send(send, status, answer, extra)

    def _note(self, path: str, reason: str) -> None:
        """Count and log a refusal. A copied state is worth a line of its own; the others are as frequent as devices are."""
        if path == _REPORT:
            self._counters.refused(reason)
            (_log.info if reason == Reason.DEVICE_CLONED else _log.debug)("report refused", reason=reason)
        elif path in {_ENROLL, _PROVE}:
            self._counters.enrolled(reason)
            # Of those that a limit turns away there may be any number.
            (_log.debug if reason == _LIMITED else _log.info)("enrolment refused", reason=reason)

    def _missed(self, scope: Scope) -> _Answer | None:
        """Refuse a path or a method that this API does not have."""
        if scope["path"] not in self._routes:
            detail = f"no route {scope['path'][:_SHOWN]}; there are {', '.join(self._routes)}"
            return 404, Refusal(reason="no-route", detail=detail), ()
        if scope["method"] != "POST":
            detail = f"{scope['method'][:_SHOWN]} is not allowed here; POST is"
            return 405, Refusal(reason="no-route", detail=detail), ((b"allow", b"POST"),)
        return None

    def _enter(self, loop: asyncio.AbstractEventLoop) -> _Here:
        """Make what requests in one event loop share; a server has one loop, and tests have one each."""
        here = self._loops[loop] = _Here(Answers(loop), Deadlines(loop, self._deadline))
        return here

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        try:
            loop = asyncio.get_running_loop()
            body = await _read(receive, self._loops.get(loop) or self._enter(loop))
            if body is None:
                detail = f"the body did not come within {self._deadline:g} seconds"
                return 408, Refusal(reason="too-slow", detail=detail), ()
            return 200, await self._routes[scope["path"]](scope, body), ()
        except GatepostError as error:
            return _refuse(error)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a device; the operator's log has it.
            _log.exception("device request failed", path=scope["path"], error=type(error).__name__)
            return 500, Refusal(reason="internal-error", detail="the server's log says more"), ()

    async def _enroll(self, scope: Scope, body: bytes) -> object:
        self._limits.enroll(scope)
        credentials = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(credentials) != 1 or not credentials[0].startswith(_BEARER):
            raise CredentialError("enrolment needs one header `Authorization: Bearer TOKEN`")
        token = credentials[0][len(_BEARER) :].decode("ascii", "replace").strip()
        enrolled = await asyncio.to_thread(self._use.enroller.enroll, token, body)
        self._counters.enrolled("")
        _log.info("device enrolled", account=enrolled.account_id, registration=enrolled.registration_id)
        return enrolled

    async def _challenge(self, scope: Scope, body: bytes) -> object:
        self._limits.enroll(scope)
        return await asyncio.to_thread(self._use.enroller.challenge, body)

    async def _enroll_by_certificate(self, scope: Scope, body: bytes) -> object:
        self._limits.enroll(scope)
        enrolled = await asyncio.to_thread(self._use.enroller.enroll_by_certificate, body)
        self._counters.enrolled("")
        _log.info("device enrolled", account=enrolled.account_id, registration=enrolled.registration_id)
        return enrolled

    async def _sync(self, _scope: Scope, body: bytes) -> object:
        return await asyncio.to_thread(self._use.posture.synchronise, body)

    async def _report(self, _scope: Scope, body: bytes) -> object:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = (self._loops.get(loop) or self._enter(loop)).answers.expect()
        self._use.intake.submit_for(body, answer)
        acknowledged = await answer.future
        self._counters.took(loop.time() - began)
        return acknowledged

    async def _wait(self, _scope: Scope, body: bytes) -> object:
        registration, known, current = await asyncio.to_thread(self._use.posture.admit, body)
        return await self._use.calls.wait(registration, known, current)

    async def _token(self, _scope: Scope, body: bytes) -> object:
        return await asyncio.to_thread(self._use.posture.issue_token, body)


async def _read(receive: Receive, here: _Here) -> bytes | None:
    """Read a body of at most 64 KiB; None when it did not come within the deadline."""
    chunks: list[bytes] = []
    size = 0
    more = True
    try:
        with here.deadlines.limit():
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise InputError("body", "ended before it was complete")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAXIMUM_REPORT:
                    raise TooLargeError("body", MAXIMUM_REPORT)
                more = message.get("more_body", False)
    except TimeoutError:
        return None
    return b"".join(chunks)


def _refuse(error: GatepostError) -> _Answer:
    """Turn an error into a status, a body and headers."""
    if isinstance(error, StorageError):
        _log.error("storage failed", detail=error.detail)
    status, reason, detail = _words(error)
    headers: _Headers = ()
    if status == 401:  # noqa: PLR2004 - whoever refuses a credential says which kind would do (RFC 9110, 11.6.1).
        headers = ((b"www-authenticate", b'Bearer realm="gatepost"'),)
    elif status in {429, 503}:  # come back later
        headers = ((b"retry-after", str(getattr(error, "retry_after", 10)).encode()),)
    nonce = error.nonce if isinstance(error, ReportRefusedError) else b""
    return status, Refusal(reason=reason, detail=detail, nonce=nonce), headers


def _words(error: GatepostError) -> tuple[int, str, str]:
    words: tuple[int, str, str]
    match error:
        case ReportRefusedError():
            words = (_REFUSED.get(error.reason, 409), error.reason, error.detail)
        case CertificateNotShownError():
            words = (409, NOT_SHOWN, error.detail)
        case CredentialError():
            words = (401, "credential-refused", error.problem)
        case TooLargeError():
            words = (413, "too-large", f"{error.what} is larger than {error.limit} bytes")
        case ConflictError():
            words = (409, "conflict", f"{error.kind} {error.problem}")
        case TooManyAttemptsError():
            words = (429, _LIMITED, "too many devices of this address enrol; come back later")
        case OverloadedError():
            words = (503, "overloaded", "too many reports wait")
        case StorageError():
            words = (503, "storage", "the server cannot store now")
        case InputError():
            words = (400, "bad-request", str(error))
        case _:
            _log.error("device request failed", error=type(error).__name__, exc_info=error)
            words = (500, "internal-error", "the server's log says more")
    return words


async def _send(send: Send, status: int, answer: object, extra: _Headers) -> None:
    body = msgspec.json.encode(answer)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
