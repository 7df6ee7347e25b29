"""What the operator's machines ask: whether the process is alive, whether it can do its work, and how it did.

    /health   200 for as long as requests are served; nothing is looked at
    /ready    200, or 503 with one word why not
    /metrics  the counters, for whoever has the metrics token; without such a token there is no such path

These are whole paths of their own, beside all others: nothing that decides about a device stands below or above them. They
take GET and HEAD, say nothing of accounts or devices, and cost one look at the database a second at most.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from gatepost.errors import StorageError, TooManyAttemptsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, MutableMapping

    from gatepost.web.limits import Limits

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEALTH: Final = "/health"
READY: Final = "/ready"
METRICS: Final = "/metrics"
_PATHS: Final = frozenset({HEALTH, READY})
_METHODS: Final = frozenset({"GET", "HEAD"})
_FRESH: Final = 1.0
"""Seconds for which what was seen of the database is told again: nobody makes it work by asking."""
_PATIENCE: Final = 3.0
"""Seconds after which a database that does not answer is one that cannot be used."""
_BEARER: Final = b"bearer "
_log = structlog.get_logger("gatepost.operations")


class _Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    kind: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Readiness:
    """Whether this process can do its work: reports are taken, and the database takes what is written."""

    def __init__(self, probe: Callable[[], bool], takes_reports: Callable[[], bool]) -> None:
        """``probe`` writes to the database; it is False for another schema, and raises `StorageError`."""
        self._probe = probe
        self._takes_reports = takes_reports
        self._look: asyncio.Task[str] | None = None
        self._looked_at = 0.0

    async def problem(self) -> str:
        """Return a word: ``intake``, ``database`` or ``schema``; empty when nothing is wrong."""
        if not self._takes_reports():
            return "intake"
        now = asyncio.get_running_loop().time()
        if self._look is None or (self._look.done() and now - self._looked_at > _FRESH):
            self._looked_at = now
            self._look = asyncio.create_task(asyncio.to_thread(self._ask))
        try:
            # Whoever stops asking does not stop the look that others wait for.
            return await asyncio.wait_for(asyncio.shield(self._look), _PATIENCE)
        except TimeoutError:
            return "database"

    def _ask(self) -> str:
        try:
            return "" if self._probe() else "schema"
        except StorageError as error:
            _log.warning("not ready", detail=error.detail)
            return "database"


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The counters as text, and the SHA-256 of the token that opens them."""

    render: Callable[[], bytes]
    content_type: str
    token_digest: bytes


class Operations:
    """The ASGI application of these paths."""

    def __init__(self, readiness: Readiness, limits: Limits, metrics: Metrics | None = None) -> None:
        self._readiness = readiness
        self._limits = limits
        self._metrics = metrics

    def has(self, path: str) -> bool:
        """Tell whether a path is one of these."""
        return path in _PATHS or (path == METRICS and self._metrics is not None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        answer = await self._answer(scope)
        headers = [
            (b"content-type", answer.kind),
            (b"content-length", str(len(answer.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _answer(self, scope: Scope) -> _Answer:
        if scope["method"] not in _METHODS:
            return _Answer(405, _say("method-not-allowed"), headers=((b"allow", b"GET, HEAD"),))
        if scope["path"] == HEALTH:
            return _Answer(200, _say("alive"))
        if scope["path"] == READY:
            problem = await self._readiness.problem()
            return _Answer(503, _say("not-ready", reason=problem)) if problem else _Answer(200, _say("ready"))
        assert self._metrics is not None  # noqa: S101 - `has` was asked.
        return self._show(scope, self._metrics)

    def _show(self, scope: Scope, metrics: Metrics) -> _Answer:
        credential = _credential(scope)
        try:
            self._limits.admit(scope, credential)
        except TooManyAttemptsError as error:
            retry = ((b"retry-after", str(error.retry_after).encode()),)
            return _Answer(429, _say("refused", reason="too-many-attempts"), headers=retry)
        if not hmac.compare_digest(sha256(credential.encode("latin-1")).digest(), metrics.token_digest):
            self._limits.refused(scope, credential)
            which = ((b"www-authenticate", b'Bearer realm="gatepost metrics"'),)
            return _Answer(401, _say("refused", reason="credential-refused"), headers=which)
        self._limits.counted(credential)
        return _Answer(200, metrics.render(), metrics.content_type.encode())


def _credential(scope: Scope) -> str:
    """Return the bearer token; empty, which is none, where there is not exactly one."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1 or not values[0].lower().startswith(_BEARER):
        return ""
    text: str = values[0][len(_BEARER) :].decode("latin-1").strip()
    return text


def _say(status: str, **more: Any) -> bytes:  # noqa: ANN401 - words.
    return msgspec.json.encode({"status": status, **more})
