"""What proxies ask for each request: ``/access/v1/decide``, a plain ASGI route beside the devices'.

Beside it stand ``refused``, which is the page for who is refused, and ``{account}/jwks``, the keys by which applications verify.

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
    X-Gatepost-Answer         "page": a refusal is to be the page itself, and who is let in hears 200, as Envoy wants both
    CF-Access-Client-Id, CF-Access-Client-Secret    a service token, as the client sent it
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from base64 import b64decode
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec
import structlog

from gatepost.controlplane.access.answers import CRASHED, NOT_ALLOWED, Answer, Question
from gatepost.core.pem import scan_pem
from gatepost.enforcement.assertion import Signer, key_set
from gatepost.errors import CredentialError, GatepostError, NotFoundError, StorageError, TooManyAttemptsError
from gatepost.web.refusals import REFUSED, answer_refused, reply, tell_story, write_story
from gatepost.web.surroundings import REQUEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from gatepost.controlplane.access.deciding import Access
    from gatepost.web.surroundings import Surroundings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX: Final = "/access/"
DECIDE: Final = "/access/v1/decide"
_KEYS: Final = re.compile(r"/access/v1/([0-9a-f]{32})/jwks", re.ASCII)
_OURS: Final = b"x-gatepost-"
_NEEDED: Final = ("proxy", "app", "host", "address")
_KNOWN: Final = frozenset({*_NEEDED, "target", "certificate", "fingerprint", "answer"})
_KEYS_BY_NAME: Final = {_OURS + name.encode(): name for name in _KNOWN} | {
    b"cf-access-client-id": "client-id",
    b"cf-access-client-secret": "client-secret",
}
_VISIBLE: Final = re.compile(rb"[\x20-\x7e\t]*")
_LONGEST: Final = 24 * 1024
"""Bytes of one header: a certificate of 16 KiB in base64."""
_PEM: Final = "-----BEGIN "
_CERTIFICATES: Final = 20_000
"""Certificates whose header is not read again: some 50 MB where each is another."""
_OK_FOR: Final = {False: 204, True: 200}
_Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
"""A status, headers beside the usual ones, and a body."""
_log = structlog.get_logger("gatepost.access")


class DecisionApi:
    """The ASGI application under ``/access/``."""

    def __init__(self, access: Access, around: Surroundings) -> None:
        """Take the use case; limits of credentials that do not count, counters, and under which name assertions are signed."""
        self._access = access
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
        status, headers, body = await self._answer(scope)
        fixed = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope) -> _Reply:
        reference = REQUEST.get()
        refused = partial(self._refuse, scope, reference)
        try:
            answer = await self._ask(scope)
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
            return _OK_FOR[_wants_page(scope)], told, b""
        return refused(403, answer)

    def _refuse(self, scope: Scope, reference: str, status: int, answer: Answer) -> _Reply:
        self._count(answer)
        return _refuse(scope, reference, status, answer)

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

    async def _ask(self, scope: Scope) -> Answer:
        question = read_question(scope, REQUEST.get())
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


def _refuse(scope: Scope, reference: str, status: int, answer: Answer) -> _Reply:
    """Refuse in JSON, with what the page shows in a header; where the proxy asks for the page itself, with that."""
    story = tell_story(answer, reference)
    told = [
        (b"x-gatepost-reference", reference.encode()),
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


def read_question(scope: Scope, reference: str = "") -> Question | None:
    """Read a question from a request's head; None where it is not what a shipped configuration sends."""
    told = _headers(scope["headers"])
    target = _target(scope, told)
    if told is None or target is None or any(name not in told for name in _NEEDED):
        return None
    try:
        der, digest = _certificate(told.get("certificate", ""))
        fingerprint = bytes.fromhex(told.get("fingerprint", ""))
    except ValueError:
        return None
    if len(fingerprint) not in {0, hashlib.sha256().digest_size}:
        return None
    return Question(
        credential=told["proxy"],
        reference=reference,
        app=told["app"],
        host=told["host"],
        target=target,
        address=told["address"],
        certificate=digest or fingerprint or None,
        certificate_der=der or None,
        client_id=told.get("client-id", ""),
        client_secret=told.get("client-secret", ""),
    )


def _target(scope: Scope, told: dict[str, str] | None) -> str | None:
    """Return what the client asks for: the header, or what stands behind the route's own path; never both."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    behind = path.removeprefix(DECIDE)
    if told is None or not path.startswith(DECIDE) or bool(behind) is ("target" in told):
        return None
    query = scope.get("query_string", b"").decode("latin-1")
    return told.get("target") or (f"{behind}?{query}" if query else behind)


def _headers(given: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """Return our headers, each by its name without the prefix; None where one is not as our configurations send it."""
    told: dict[str, str] = {}
    for name, value in given:
        key = _KEYS_BY_NAME.get(name)
        if key is None:
            plain = name.lower().replace(b"_", b"-")
            if not plain.startswith(_OURS) and plain not in _KEYS_BY_NAME:
                continue
            # One that none of ours sends, or in another spelling.
            key = _KEYS_BY_NAME.get(name.lower())
        if key is None or key in told or len(value) > _LONGEST or not _VISIBLE.fullmatch(value):
            return None
        told[key] = value.decode("ascii")
    return told


@lru_cache(_CERTIFICATES)
def _certificate(text: str) -> tuple[bytes, bytes]:
    """Read the certificate of a connection to DER and its SHA-256, "" to nothing; raises ValueError."""
    plain = unquote(text) if "%" in text else text
    if not plain.startswith(_PEM):
        der = b64decode(plain, validate=True)
        return der, hashlib.sha256(der).digest() if der else b""
    (block,) = scan_pem(plain)
    if block.label != "CERTIFICATE" or not block.content:
        raise ValueError(block.label)
    return block.content, hashlib.sha256(block.content).digest()
