"""The management API as a script of ours calls it: one account, one token, and refusals as errors with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx2
import msgspec

from gatepost.client.transport import check_server_url, tls_context
from gatepost.errors import ServerRefusedError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE: Final = 100
_TIMEOUT: Final = httpx2.Timeout(60.0, connect=10.0)
_MAXIMUM_ANSWER: Final = 4 * 1024 * 1024


class _Place(msgspec.Struct):
    pointer: str = ""


class _Error(msgspec.Struct):
    code: int
    message: str
    source: _Place = msgspec.field(default_factory=_Place)


class _Cursor(msgspec.Struct):
    cursor: str = ""


class _Envelope(msgspec.Struct):
    success: bool
    errors: tuple[_Error, ...] = ()
    result: Any = None
    result_info: _Cursor = msgspec.field(default_factory=_Cursor)


class Management:
    """The management API of one account. ``authorities``: PEM text of the CAs to trust instead of the system's."""

    def __init__(self, url: str, account_id: str, token: str, authorities: str | None = None) -> None:
        self._base = f"{check_server_url(url, '--server')}/client/v4/accounts/{account_id}"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._verify = tls_context(authorities)

    def call(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401 - the result, JSON of any kind.
        """Send a request, with a document or without, and return the result.

        Raises `ServerRefusedError` and `TransportError`.
        """
        return self._call(method, path, document).result

    def pages(self, path: str) -> Iterator[Any]:
        """Give all that a list by cursor holds, page by page; raises as `call`."""
        cursor = ""
        while True:
            answer = self._call("GET", f"{path}?per_page={_PAGE}" + (f"&cursor={cursor}" if cursor else ""), None)
            yield from answer.result
            cursor = answer.result_info.cursor
            if not cursor:
                return

    def _call(self, method: str, path: str, document: object) -> _Envelope:
        url = self._base + path
        content = None if document is None else msgspec.json.encode(document)
        try:
            with httpx2.Client(verify=self._verify, trust_env=False, timeout=_TIMEOUT) as client:
                answer = client.request(method, url, content=content, headers=self._headers)
        except httpx2.HTTPError as error:
            raise TransportError(url, f"cannot be reached: {str(error) or type(error).__name__}") from error
        try:
            envelope = msgspec.json.decode(answer.content[:_MAXIMUM_ANSWER], type=_Envelope)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise TransportError(url, f"answered {answer.status_code} with something that is not ours") from error
        if not envelope.success:
            first = envelope.errors[0] if envelope.errors else _Error(0, "without a reason")
            raise ServerRefusedError(answer.status_code, first.code, first.message, first.source.pointer)
        return envelope
