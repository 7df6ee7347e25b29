"""The device's half of the wire: three calls to the server, over https (http on loopback alone).

No proxy and no setting is taken from the environment, no redirect is followed, no answer larger than a bound is read.
"""

from __future__ import annotations

import re
import ssl
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from gatepost.core.possession import NONCE_LENGTH
from gatepost.core.reason import Reason
from gatepost.errors import (
    CertificateWantedError,
    InputError,
    ReportRefusedError,
    ServerRefusedError,
    TransportError,
)
from gatepost.wire.device import NOT_SHOWN, Acknowledgement, Called, Challenged, Enrolled, Refusal, Synced
from gatepost.wire.device_token import IssuedToken

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType
    from typing import Self

_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[\w.-]+|\[[0-9a-f:.]+\]", re.ASCII)
"""Names of other scripts are written as DNS has them (``xn--…``): one server has one address."""
_MAXIMUM_ANSWER: Final = 4 * 1024 * 1024
_TIMEOUT: Final = httpx2.Timeout(20.0, connect=10.0)
_WAITING: Final = httpx2.Timeout(75.0, connect=10.0)
"""For a wait to be called, which the server answers within 50 s."""
_OK: Final = 200
_NOT_OURS: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What decoding raises; the second where an answer is nested without end, which must not end the agent."""

_T = TypeVar("_T")
_Refused = ServerRefusedError | ReportRefusedError | TransportError


def check_server_url(url: str, field: str) -> str:
    """Return ``url`` in its one form, without a slash at its end: it is part of what devices sign.

    Scheme and host in lower case, no port that goes without saying (RFC 3986, 6.2). Raises `InputError` for anything but
    https, or http on loopback, and for whatever else than an address stands in it.
    """
    allowed = "https://HOST[:PORT], or http://127.0.0.1[:PORT] on this machine alone"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InputError(field, f"is not a server's address: {url!r}", allowed) from None
    host = f"[{host}]" if ":" in host else host
    own = f"{host}:{port}" if port not in {None, _PORTS.get(parts.scheme)} else host
    named = f"{host}:{port}" if port is not None else host
    # Put together again it must be what was given: no name, password, query, fragment or character that was passed over.
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or not _is_written(url, f"{parts.scheme}://{named}"):
        raise InputError(field, f"is not a server's address: {url!r}", allowed)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise InputError(field, f"would send reports without TLS to {host}", allowed)
    return f"{parts.scheme}://{own}"


def _is_written(url: str, plain: str) -> bool:
    return url.lower().removesuffix("/") == plain


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls_context(authorities: str | None) -> ssl.SSLContext:
    """Trust ``authorities``, or where None is given the system's; whatever is given and is none raises `InputError`."""
    # Not `create_default_context`, which writes the connection's secrets where the environment says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if authorities is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise InputError("--server-ca", "holds no certificates that TLS can use", "PEM, one or several") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Server:
    """The server as the device sees it. ``authorities``: PEM text of the CAs to trust instead of the system's."""

    def __init__(self, url: str, authorities: str | None = None) -> None:
        self._url = check_server_url(url, "--server")
        self._client = httpx2.Client(
            verify=tls_context(authorities), trust_env=False, follow_redirects=False, timeout=_TIMEOUT
        )

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

    def challenge(self, document: bytes) -> Challenged:
        """Ask for a nonce to enrol by a certificate."""
        return self._post("/device/v1/challenge", document, Challenged, {})

    def prove(self, document: bytes) -> Enrolled:
        """Enrol by the proof of a certificate."""
        return self._post("/device/v1/prove", document, Enrolled, {})

    def synchronise(self, document: bytes) -> Synced:
        """Ask for a nonce and for newer checks."""
        return self._post("/device/v1/sync", document, Synced, {})

    def report(self, document: bytes) -> Acknowledgement:
        """Hand in a report.

        Raises `ReportRefusedError` with a fresh nonce where the old one was too old, and `CertificateWantedError`.
        """
        return self._post("/device/v1/report", document, Acknowledgement, {})

    def wait(self, document: bytes) -> Called:
        """Ask to be called; the server answers within a minute."""
        return self._post("/device/v1/wait", document, Called, {})

    def token(self, document: bytes) -> IssuedToken:
        """Ask for a token for this device's programs."""
        return self._post("/device/v1/token", document, IssuedToken, {})

    def probe(self) -> datetime | None:
        """Ask for a sign of life; return the server's time, if it says it. Raises `TransportError`."""
        url = f"{self._url}/device/v1/sync"
        try:
            with self._client.stream("HEAD", url) as answer:
                date = answer.headers.get("date", "")
        except httpx2.HTTPError as error:
            raise _unreachable(url, error) from error
        try:
            return parsedate_to_datetime(date)
        except (ValueError, OverflowError):
            return None

    def _post(self, path: str, document: bytes, kind: type[_T], headers: dict[str, str]) -> _T:
        url = self._url + path
        status, content = self._exchange(url, document, headers)
        if status != _OK:
            raise _refusal(url, status, content)
        try:
            return msgspec.json.decode(content, type=kind)
        except _NOT_OURS as error:
            raise TransportError(url, f"answered {status} with something that is not ours ({error})") from error

    def _exchange(self, url: str, document: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        # Nothing is decompressed: a small answer would become a large one.
        headers = {"Content-Type": "application/jose", "Accept-Encoding": "identity", **headers}
        timeout = _WAITING if url.endswith("/wait") else _TIMEOUT
        try:
            with self._client.stream("POST", url, content=document, headers=headers, timeout=timeout) as answer:
                content = b""
                for chunk in answer.iter_raw():
                    content += chunk
                    if len(content) > _MAXIMUM_ANSWER:
                        raise TransportError(url, f"answered more than {_MAXIMUM_ANSWER} bytes")
                return answer.status_code, content
        except httpx2.HTTPError as error:
            raise _unreachable(url, error) from error


def _unreachable(url: str, error: httpx2.HTTPError) -> TransportError:
    return TransportError(url, f"cannot be reached: {str(error) or type(error).__name__}")


def _refusal(url: str, status: int, content: bytes) -> _Refused:
    try:
        refusal = msgspec.json.decode(content, type=Refusal)
    except _NOT_OURS:
        return TransportError(url, f"answered {status} with something that is not ours")
    if refusal.reason in set(Reason):
        # A nonce of another length is none, and must not get into a statement.
        nonce = refusal.nonce if len(refusal.nonce) == NONCE_LENGTH else b""
        return ReportRefusedError(refusal.reason, refusal.detail, nonce)
    kind = CertificateWantedError if refusal.reason == NOT_SHOWN else ServerRefusedError
    return kind(status, 0, f"{refusal.reason}: {refusal.detail}")
