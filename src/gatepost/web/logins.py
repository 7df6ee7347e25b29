"""Where a browser comes by while its device's agent vouches for it: plain ASGI, below ``/access/``.

    /access/v1/at                    ``/cdn-cgi/access/…`` of an application, by way of its proxy: login, callback, get-identity
    /access/v1/{account}/login       at the login host, which is the server's first public URL
    /access/v1/{account}/vouched     the same, where the agent sends the browser

`access.vouching` has the steps. Each answers a GET with 303, or with the page for who is refused; nothing of an application is
behind any of them.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec
import structlog

from gatepost.controlplane.access.vouching import AT_APPLICATION, LOGIN_FOR, SESSION_FOR, Turned, read_target
from gatepost.core.reason import Reason
from gatepost.errors import CredentialError, StorageError, TooManyAttemptsError
from gatepost.web.cookies import set_cookie, split_cookies
from gatepost.web.questions import read_question
from gatepost.web.refusals import Story, reply
from gatepost.web.surroundings import REQUEST
from gatepost.wire.management.users import Identity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from gatepost.controlplane.access.answers import Question
    from gatepost.controlplane.access.identities import Identities
    from gatepost.controlplane.access.vouching import Vouching
    from gatepost.web.surroundings import Surroundings

    Scope = MutableMapping[str, Any]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

AT: Final = "/access/v1/at"
TRIED: Final = "tried"
"""The cookie that says that a login was begun and did not end: another is not begun without being asked for."""
TRIED_FOR: Final = 60
"""Seconds."""
_STATE: Final = "state"
_BROWSER: Final = "browser"
_STEP: Final = re.compile(r"/access/v1/([0-9a-f]{32})/(login|vouched)", re.ASCII)
_DRAWN: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PARAMETERS: Final = 8
_log = structlog.get_logger("gatepost.access")
_Headers = list[tuple[bytes, bytes]]
_Reply = tuple[int, _Headers, bytes]
_Led = tuple[str, _Headers] | Turned
"""Where a window goes on to, and the cookies that it gets; or why it does not."""


class LoginApi:
    """The ASGI application of these paths. Attempts are limited as those of decisions are: by the proxy's token alone.

    Everything else that may be wrong is sealed, and cannot be guessed.
    """

    def __init__(self, vouching: Vouching | None, identities: Identities, around: Surroundings) -> None:
        """Take the use cases, and limits of those who guess tokens; without ``vouching`` there is no login."""
        self._vouching = vouching
        self._identities = identities
        self._limits = around.limits

    @property
    def may_log_in(self) -> bool:
        """Whether there is any login."""
        return self._vouching is not None

    def has(self, path: str) -> bool:
        """Tell whether a path is one of these."""
        return path == AT or (self._vouching is not None and _STEP.fullmatch(path) is not None)

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer one request."""
        status, headers, body = await self._answer(scope)
        fixed = [
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]
        names = {name for name, _ in headers}
        headers = [*(pair for pair in fixed if pair[0] not in names), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope) -> _Reply:
        if scope["method"] != "GET":
            return 405, [(b"allow", b"GET"), (b"content-length", b"0")], b""
        try:
            if scope["path"] == AT:
                return await self._at(scope)
            return _lead(scope, await self._step(scope))
        except TooManyAttemptsError as error:
            status, headers, body = _refuse(scope, 429, (Reason.PROXY_NOT_ALLOWED,))
            return status, [*headers, (b"retry-after", str(error.retry_after).encode())], body
        except StorageError as error:
            _log.error("cannot log in", reference=REQUEST.get(), detail=error.detail)
            return _refuse(scope, 503, (Reason.EVALUATION_CRASHED,))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, nobody is let in and no traceback is shown.
            _log.exception("cannot log in", reference=REQUEST.get(), error=type(error).__name__)
            return _refuse(scope, 403, (Reason.EVALUATION_CRASHED,))

    async def _at(self, scope: Scope) -> _Reply:
        """Answer at an application: what comes through its proxy."""
        question = read_question(scope, AT, REQUEST.get())
        credential = "" if question is None else question.credential
        self._limits.admit(scope, credential)
        try:
            answer = await self._at_application(scope, question)
        except CredentialError as error:
            self._limits.refused(scope, credential)
            return _lead(scope, Turned(Reason.PROXY_NOT_ALLOWED, str(error)))
        self._limits.counted(credential)
        return answer

    async def _at_application(self, scope: Scope, question: Question | None) -> _Reply:
        if question is None:
            raise CredentialError("this is not what a proxy sends whose configuration is ours")
        path, _, query = question.target.partition("?")
        given = _parameters(query)
        wanted = msgspec.structs.replace(question, target=read_target(given.get("to", "/")))
        if path == f"{AT_APPLICATION}get-identity":
            return await self._identify(scope, wanted)
        if path == f"{AT_APPLICATION}login" and self._vouching is not None:
            return _lead(scope, await self._begin(self._vouching, wanted))
        if path == f"{AT_APPLICATION}callback" and self._vouching is not None:
            return _lead(scope, await self._complete(self._vouching, question, given.get("code", "")))
        # Whoever asks for what is not here is no proxy of ours either, unless its token counts.
        await asyncio.to_thread(self._identities.confirm, question)
        return 404, [(b"content-length", b"0")], b""

    async def _identify(self, scope: Scope, question: Question) -> _Reply:
        told = await asyncio.to_thread(self._identities.find, question)
        if not isinstance(told, Identity):
            return _refuse(scope, 403, told)
        body = msgspec.json.encode(told)
        return 200, [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())], body

    async def _begin(self, vouching: Vouching, question: Question) -> _Led:
        state = _known(vouching, question.cookies.get(_STATE, ""))
        told = await asyncio.to_thread(vouching.begin, question, state)
        if isinstance(told, Turned):
            return told
        return told, [set_cookie(_STATE, state, LOGIN_FOR // 1000), set_cookie(TRIED, "1", TRIED_FOR)]

    async def _complete(self, vouching: Vouching, question: Question, code: str) -> _Led:
        state = question.cookies.get(_STATE, "")
        told = await asyncio.to_thread(vouching.complete, question, code, state)
        if isinstance(told, Turned):
            return told
        if isinstance(told, str):
            return told, []
        _log.info("login", reference=REQUEST.get(), application=told.app_id, registration=told.registration_id)
        return told.to, [set_cookie(told.app_id, told.session, SESSION_FOR // 1000), set_cookie(TRIED, "", 0)]

    async def _step(self, scope: Scope) -> _Led:
        """Answer at the login host."""
        found, vouching = _STEP.fullmatch(scope["path"]), self._vouching
        if found is None or vouching is None:
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "there is no login")
        account_id, step = found.groups()
        given = _parameters(scope.get("query_string", b"").decode("latin-1"))
        _, cookies = split_cookies(_cookie(scope))
        browser = cookies.get(_BROWSER, "")
        if step == "login":
            browser = _known(vouching, browser)
            told = await asyncio.to_thread(vouching.challenge, account_id, given.get("request", ""), browser)
            return told if isinstance(told, Turned) else (told, [set_cookie(_BROWSER, browser, LOGIN_FOR // 1000)])
        told = await asyncio.to_thread(vouching.vouched, account_id, given.get("voucher", ""), browser)
        return told if isinstance(told, Turned) else (told, [])


def _known(vouching: Vouching, cookie: str) -> str:
    """Return the browser's own cookie, so that two of its windows do not take each other's; or a new one."""
    return cookie if _DRAWN.fullmatch(cookie) else vouching.draw()


def _lead(scope: Scope, told: _Led) -> _Reply:
    """Lead a window on, or refuse it."""
    if isinstance(told, Turned):
        _log.info("login refused", reference=REQUEST.get(), reasons=[told.reason], detail=told.detail)
        return _refuse(scope, 403, (told.reason,))
    location, cookies = told
    return 303, [(b"location", location.encode()), (b"content-length", b"0"), *cookies], b""


def _refuse(scope: Scope, status: int, reasons: tuple[Reason, ...]) -> _Reply:
    accept = dict(scope["headers"]).get(b"accept", b"")
    headers, body = reply(Story(reasons=reasons, reference=REQUEST.get()), accept)
    return status, headers, body


def _parameters(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=_PARAMETERS))
    except ValueError:
        return {}


def _cookie(scope: Scope) -> str:
    return "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
