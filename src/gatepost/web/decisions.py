"""What proxies ask for each request: ``/access/v1/decide``, a plain ASGI route beside the devices'.

Beside it stand ``refused``, which is the page for who is refused, ``{account}/jwks``, the keys by which applications verify, and
where browsers come by that are to be known (`web.logins`).

An answer of 2xx says "let in" and nothing else does: 403 refuses, 503 says that nothing can be decided now. Only the headers
that a shipped proxy configuration sets are read; one that comes twice, in another spelling, or with bytes that none of ours
has, is a refusal, since a client could have sent it. The body is never read.

    X-Gatepost-Proxy          the proxy's token
    X-Gatepost-App            the host that the proxy's configuration is for: a constant in it
    X-Gatepost-Host           the Host that the client named
    X-Gatepost-Target         path and query as the client sent them; or they stand behind the route's own path
    X-Gatepost-Address        the client's address
    X-Gatepost-Certificate    of the TLS connection: escaped PEM, or base64 of DER; empty: there is none
    X-Gatepost-Fingerprint    the same by its SHA-256 in hex, where a proxy has no more
    X-Gatepost-Method         the request's method
    Gatepost-Token, Gatepost-DPoP    a device's token for its programs and the proof for this request, as the client sent them
    Cookie                    as the client sent it; who is let in gets it back without ours, as X-Gatepost-Cookie
    X-Gatepost-Answer         "page": a refusal is to be the page itself, and who is let in hears 200, as Envoy wants both
    CF-Access-Client-Id, CF-Access-Client-Secret    a service token, as the client sent it
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from gatepost.controlplane.access.answers import CRASHED, NOT_ALLOWED, Answer
from gatepost.core.reason import Reason
from gatepost.enforcement.assertion import Signer, key_set
from gatepost.errors import CredentialError, GatepostError, NotFoundError, StorageError, TooManyAttemptsError
from gatepost.web.logins import TRIED
from gatepost.web.questions import read_question
from gatepost.web.refusals import REFUSED, answer_refused, reply, tell_story, write_story
from gatepost.web.surroundings import REQUEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from gatepost.controlplane.access.answers import Question
    from gatepost.controlplane.access.deciding import Access
    from gatepost.web.logins import LoginApi
    from gatepost.web.refusals import Story
    from gatepost.web.surroundings import Surroundings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX: Final = "/access/"
DECIDE: Final = "/access/v1/decide"
_KEYS: Final = re.compile(r"/access/v1/([0-9a-f]{32})/jwks", re.ASCII)
_MENDED_BY_A_LOGIN: Final = frozenset({Reason.DEVICE_NOT_IDENTIFIED, Reason.CERTIFICATE_SHARED})
_OK_FOR: Final = {False: 204, True: 200}
_Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
"""A status, headers beside the usual ones, and a body."""
_log = structlog.get_logger("gatepost.access")


class DecisionApi:
    """The ASGI application under ``/access/``."""

    def __init__(self, access: Access, around: Surroundings, logins: LoginApi) -> None:
        """Take the use case; limits of credentials that do not count, counters, and under which name assertions are signed."""
        self._access = access
        self._logins = logins
        self._limits = around.limits
        self._counters = around.counters
        self._issuer = around.issuer
        self._signer = Signer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        if scope["path"] == REFUSED:
            await answer_refused(scope, send)
            return
        if (keys := _KEYS.fullmatch(scope["path"])) is not None:
            await self._show_keys(keys[1], send)
            return
        if self._logins.has(scope["path"]):
            await self._logins(scope, send)
            return
        status, headers, body = await self._answer(scope)
        fixed = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope) -> _Reply:
        reference = REQUEST.get()
        question = read_question(scope, DECIDE, reference)

        def refused(status: int, answer: Answer) -> _Reply:
            self._count(answer)
            login = _login(question, answer) if question is not None and self._logins.may_log_in else ""
            return _refuse(scope, status, tell_story(answer, reference, login, tried=_tried(question)))

        try:
            answer = await self._ask(scope, question)
        except CredentialError:
            return refused(403, NOT_ALLOWED)
        except TooManyAttemptsError as error:
            status, told, body = refused(429, NOT_ALLOWED)
            return status, [*told, (b"retry-after", str(error.retry_after).encode())], body
        except StorageError as error:
            _log.error("cannot decide", reference=reference, detail=error.detail)
            return refused(503, CRASHED)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, nobody is let in and no traceback is shown.
            _log.exception("cannot decide", reference=reference, error=type(error).__name__)
            return refused(403, CRASHED)
        _note(answer, reference)
        if answer.verdict.allowed:
            self._count(answer)
            told = _tell(answer, reference)
            told.append((b"x-gatepost-assertion", self._sign(answer).encode()))
            if question is not None and question.others:
                told.append((b"x-gatepost-cookie", question.others.encode("latin-1")))
            return _OK_FOR[_wants_page(scope)], told, b""
        return refused(403, answer)

    def _count(self, answer: Answer) -> None:
        verdict = answer.verdict
        self._counters.decided(allowed=verdict.allowed, reason=verdict.reasons[0] if verdict.reasons else None)

    def _sign(self, answer: Answer) -> str:
        return self._signer.sign({"iss": self._issuer, **answer.claims}, answer.key, answer.at // 1000)

    async def _show_keys(self, account_id: str, send: Send) -> None:
        """Answer with the keys by which applications verify; they may be kept for five minutes."""
        try:
            keys = await asyncio.to_thread(self._access.published_keys, account_id)
            status, body = 200, msgspec.json.encode(key_set(keys))
        except GatepostError as error:
            status, body = (404 if isinstance(error, NotFoundError) else 503), b"{}"
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"public, max-age=300" if status == HTTPStatus.OK else b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _ask(self, scope: Scope, question: Question | None) -> Answer:
        if question is None:
            raise CredentialError("this is not what a proxy sends whose configuration is ours")
        if (recalled := self._access.recall(question)) is not None:
            self._limits.counted(question.credential)
            return recalled
        self._limits.admit(scope, question.credential)
        try:
            answer = await asyncio.to_thread(self._access.decide, question)
        except CredentialError:
            self._limits.refused(scope, question.credential)
            raise
        self._limits.counted(question.credential)
        return answer


def _login(question: Question, answer: Answer) -> str:
    """Return what a browser wanted that is to come by the agent of its device; "" where that would change nothing."""
    known = answer.registration is not None or answer.application is None
    return "" if known or _MENDED_BY_A_LOGIN.isdisjoint(answer.verdict.reasons) else question.target


def _tried(question: Question | None) -> bool:
    return question is not None and TRIED in question.cookies


def _refuse(scope: Scope, status: int, story: Story) -> _Reply:
    """Refuse in JSON, with what the page shows in a header; where the proxy asks for the page itself, with that."""
    told = [
        (b"x-gatepost-reference", story.reference.encode()),
        (b"x-gatepost-reasons", ",".join(story.reasons).encode()),
        (b"x-gatepost-page", write_story(story)),
    ]
    headers, body = reply(story, dict(scope["headers"]).get(b"accept", b"") if _wants_page(scope) else b"")
    return status, [*told, *headers], body


def _wants_page(scope: Scope) -> bool:
    return (b"x-gatepost-answer", b"page") in scope["headers"]


def _tell(answer: Answer, reference: str) -> list[tuple[bytes, bytes]]:
    """Give what a proxy may hand on to the application."""
    told = {
        "reference": reference,
        "policy": answer.verdict.policy_id,
        "registration": answer.registration,
        "email": answer.email,
        "binding": answer.verdict.binding,
        "evidence": answer.verdict.evidence,
        "reasons": ",".join(answer.verdict.reasons),
    }
    # An address of e-mail may have letters that no header has; a name is never split or cut, it is left out.
    return [
        (f"x-gatepost-{name}".encode(), value.encode())
        for name, value in told.items()
        if value and value.isascii() and value.isprintable()
    ]


def _note(answer: Answer, reference: str) -> None:
    """Write into the operator's log what is not the rule; the access log has each decision."""
    verdict = answer.verdict
    if verdict.allowed and not verdict.reasons:
        return
    _log.info(
        "let in" if verdict.allowed else "refused",
        reference=reference,
        application=None if answer.application is None else answer.application.name,
        registration=answer.registration,
        user=answer.email,
        policy=verdict.policy_id,
        reasons=list(verdict.reasons),
        unmet=[f"{item.policy_id} {item.place}" for item in verdict.unmet],
        binding=verdict.binding,
        evidence=verdict.evidence,
        evidence_age=verdict.evidence_age,
    )
