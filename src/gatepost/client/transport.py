"""The device's half of the wire: three calls to the server, over https (http on loopback alone).

No proxy and no setting is taken from the environment, no redirect is followed, no answer larger than a bound is read.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from gatepost.core.reason import Reason
from gatepost.errors import InputError, ReportRefusedError, ServerRefusedError, TransportError
from gatepost.wire.device import Acknowledgement, Called, Enrolled, Refusal, Synced

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MAXIMUM_ANSWER: Final = 4 * 1024 * 1024
_TIMEOUT: Final = httpx2.Timeout(20.0, connect=10.0)
_WAITING: Final = httpx2.Timeout(75.0, connect=10.0)
"""For a wait to be called, which the server answers within 50 s."""
_REFUSAL_STATUS: Final = 400

_T = TypeVar("_T")


def check_server_url(url: str, field: str) -> str:
    """Return ``url`` without a slash at its end; raises `InputError` for anything but https, or http on loopback."""
    parts = urlsplit(url)
    allowed = "https://HOST[:PORT], or http://127.0.0.1[:PORT] on this machine alone"
    try:
        port = parts.port
    except ValueError:
        raise InputError(field, f"has a port that is none in {url!r}", allowed) from None
    del port
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise InputError(field, f"is not a server's address: {url!r}", allowed)
    if parts.path not in {"", "/"}:
        raise InputError(field, f"has a path: {url!r}", allowed)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise InputError(field, f"would send reports without TLS to {parts.hostname}", allowed)
    return url.rstrip("/")


class Server:
    """The server as the device sees it. ``authorities``: PEM text of the CAs to trust instead of the system's."""

    def __init__(self, url: str, authorities: str | None = None) -> None:
        self._url = check_server_url(url, "--server")
        try:
            context = ssl.create_default_context(cadata=authorities)
        except ssl.SSLError as error:
            raise InputError("--server-ca", f"holds no certificates that TLS can use ({error.reason})") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._client = httpx2.Client(verify=context, trust_env=False, follow_redirects=False, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        """Use it within a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close its connections."""
        self._client.close()

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return self._url

    def enroll(self, token: str, document: bytes) -> Enrolled:
        """Enrol with a token."""
        return self._post("/device/v1/enroll", document, Enrolled, {"Authorization": f"Bearer {token}"})

    def synchronise(self, document: bytes) -> Synced:
        """Ask for a nonce and for newer checks."""
        return self._post("/device/v1/sync", document, Synced, {})

    def report(self, document: bytes) -> Acknowledgement:
        """Hand in a report; raises `ReportRefusedError` with a fresh nonce where the old one was too old."""
        return self._post("/device/v1/report", document, Acknowledgement, {})

    def wait(self, document: bytes) -> Called:
        """Ask to be called; the server answers within a minute."""
        return self._post("/device/v1/wait", document, Called, {})

    def _post(self, path: str, document: bytes, kind: type[_T], headers: dict[str, str]) -> _T:
        url = self._url + path
        status, content = self._exchange(url, document, headers)
        if status >= _REFUSAL_STATUS:
            raise _refusal(url, status, content)
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TransportError(url, f"answered {status} with something that is not ours ({error})") from error

    def _exchange(self, url: str, document: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/jose", **headers}
        timeout = _WAITING if url.endswith("/wait") else _TIMEOUT
        try:
            with self._client.stream("POST", url, content=document, headers=headers, timeout=timeout) as answer:
                content = b""
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > _MAXIMUM_ANSWER:
                        raise TransportError(url, f"answered more than {_MAXIMUM_ANSWER} bytes")
                return answer.status_code, content
        except httpx2.HTTPError as error:
            raise TransportError(url, str(error) or type(error).__name__) from error


def _refusal(url: str, status: int, content: bytes) -> ServerRefusedError | ReportRefusedError | TransportError:
    try:
        refusal = msgspec.json.decode(content, type=Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return TransportError(url, f"answered {status} with something that is not ours")
    if refusal.reason in set(Reason):
        return ReportRefusedError(refusal.reason, refusal.detail, refusal.nonce)
    return ServerRefusedError(status, 0, f"{refusal.reason}: {refusal.detail}")
