"""Where a browser comes by while its device's agent vouches for it: plain ASGI, below ``/access/``.

    /access/v1/at                    behind a proxy: ``/cdn-cgi/access/login`` and ``…/callback`` of each host of an application
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from gatepost.controlplane.access.answers import Question
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


class LoginApi:
    """The ASGI application of these paths."""

    def __init__(self, vouching: Vouching, around: Surroundings) -> None:
        """Take the use case, and limits of those who guess."""
        self._vouching = vouching
        self._limits = around.limits

    def has(self, path: str) -> bool:
        """Tell whether a path is one of these."""
        return path == AT or _STEP.fullmatch(path) is not None

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

    async def _answer(self, scope: Scope) -> tuple[int, _Headers, bytes]:
        if scope["method"] != "GET":
            return 405, [(b"allow", b"GET"), (b"content-length", b"0")], b""
        try:
            self._limits.admit(scope, "")
            told = await (self._at(scope) if scope["path"] == AT else self._step(scope))
        except TooManyAttemptsError as error:
            status, headers, body = _refuse(scope, 429, Reason.DEVICE_NOT_IDENTIFIED)
            return status, [*headers, (b"retry-after", str(error.retry_after).encode())], body
        except StorageError as error:
            _log.error("cannot log in", reference=REQUEST.get(), detail=error.detail)
            return _refuse(scope, 503, Reason.EVALUATION_CRASHED)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, nobody is let in and no traceback is shown.
            _log.exception("cannot log in", reference=REQUEST.get(), error=type(error).__name__)
            return _refuse(scope, 403, Reason.EVALUATION_CRASHED)
        return self._tell(scope, told)

    def _tell(self, scope: Scope, told: tuple[str, _Headers] | Turned | None) -> tuple[int, _Headers, bytes]:
        if told is None:
            return 404, [(b"content-length", b"0")], b""
        if isinstance(told, Turned):
            self._limits.refused(scope, "")
            _log.info("login refused", reference=REQUEST.get(), reasons=[told.reason], detail=told.detail)
            return _refuse(scope, 403, told.reason)
        location, cookies = told
        return 303, [(b"location", location.encode()), (b"content-length", b"0"), *cookies], b""

    async def _at(self, scope: Scope) -> tuple[str, _Headers] | Turned | None:
        """Answer at an application: what comes through its proxy."""
        question = read_question(scope, AT, REQUEST.get())
        if question is None:
            return Turned(Reason.PROXY_NOT_ALLOWED, "this is not what a proxy sends whose configuration is ours")
        path, _, query = question.target.partition("?")
        given = _parameters(query)
        try:
            if path == f"{AT_APPLICATION}login":
                return await self._begin(question, read_target(given.get("to", "/")))
            if path == f"{AT_APPLICATION}callback":
                return await self._complete(question, given.get("code", ""))
        except CredentialError:
            return Turned(Reason.PROXY_NOT_ALLOWED, "this is no proxy's token that counts")
        return None

    async def _begin(self, question: Question, to: str) -> tuple[str, _Headers] | Turned:
        state = self._known(question.cookies.get(_STATE, ""))
        wanted = msgspec.structs.replace(question, target=to)
        told = await asyncio.to_thread(self._vouching.begin, wanted, state)
        if isinstance(told, Turned):
            return told
        return told, [set_cookie(_STATE, state, LOGIN_FOR // 1000), set_cookie(TRIED, "1", TRIED_FOR)]

    async def _complete(self, question: Question, code: str) -> tuple[str, _Headers] | Turned:
        state = question.cookies.get(_STATE, "")
        told = await asyncio.to_thread(self._vouching.complete, question, code, state)
        if isinstance(told, Turned):
            return told
        if isinstance(told, str):
            return told, []
        _log.info("login", reference=REQUEST.get(), application=told.app_id, registration=told.registration_id)
        return told.to, [set_cookie(told.app_id, told.session, SESSION_FOR // 1000), set_cookie(TRIED, "", 0)]

    async def _step(self, scope: Scope) -> tuple[str, _Headers] | Turned:
        """Answer at the login host."""
        found = _STEP.fullmatch(scope["path"])
        account_id, step = ("", "") if found is None else found.groups()
        given = _parameters(scope.get("query_string", b"").decode("latin-1"))
        _, cookies = split_cookies(_cookie(scope))
        if step == "login":
            browser = self._known(cookies.get(_BROWSER, ""))
            told = await asyncio.to_thread(self._vouching.challenge, account_id, given.get("request", ""), browser)
            return told if isinstance(told, Turned) else (told, [set_cookie(_BROWSER, browser, LOGIN_FOR // 1000)])
        browser = cookies.get(_BROWSER, "")
        told = await asyncio.to_thread(self._vouching.vouched, account_id, given.get("voucher", ""), browser)
        return told if isinstance(told, Turned) else (told, [])

    def _known(self, cookie: str) -> str:
        """Return the browser's own cookie, so that two of its windows do not take each other's; or a new one."""
        return cookie if _DRAWN.fullmatch(cookie) else self._vouching.draw()


def _refuse(scope: Scope, status: int, reason: Reason) -> tuple[int, _Headers, bytes]:
    accept = dict(scope["headers"]).get(b"accept", b"")
    headers, body = reply(Story(reasons=(reason,), reference=REQUEST.get()), accept)
    return status, headers, body


def _parameters(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=_PARAMETERS))
    except ValueError:
        return {}


def _cookie(scope: Scope) -> str:
    return "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
