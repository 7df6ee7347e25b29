"""A site: one application behind a proxy, and what its configuration needs. No value can end the line that it stands in."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec

from gatepost.errors import InputError
from gatepost.wire.management.hosts import parse_domain

_FILE: Final = re.compile(r"/[A-Za-z0-9._/+@-]{1,1000}", re.ASCII)
_TOKEN: Final = re.compile(r"gpx_[0-9A-Za-z_-]{43}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})?", re.ASCII)
_SCHEMES: Final = {"http": 80, "https": 443}

UNAVAILABLE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not now</title>'
    "<p>It cannot be decided now whether this device may be let in. Please try again in a minute.</p></html>"
)
"""What is read where nothing can be decided; it stands in configurations, so it has neither a quote of theirs nor a dollar."""
_LAST_PORT: Final = 65_535
TOLD: Final = ("Assertion", "Reference", "Policy", "Registration", "Email", "Binding", "Evidence", "Reasons")
"""What a decision tells of who asks, as headers that an application reads: ``X-Gatepost-Email`` and so on."""
ASKED: Final = ("Proxy", "App", "Host", "Target", "Address", "Certificate", "Fingerprint", "Page", "Cookie", "Method")
"""The other headers of ours: no application has any use for them."""
OWN: Final = "/cdn-cgi/access/"
"""Below this path each host of an application is Gatepost's own: there browsers come by that are to be known."""
FOR_US: Final = ("CF-Access-Client-Id", "CF-Access-Client-Secret", "Gatepost-Token", "Gatepost-DPoP")
"""What clients say to Gatepost alone."""
BLANKED: Final = (
    "Forwarded",
    "X-Forwarded-Client-Cert",
    "X-SSL-Client-Cert",
    "X-Client-Cert",
    "SSL-Client-Cert",
    "Client-Cert",
    "Client-Cert-Chain",
    *FOR_US,
    "CF-Access-Jwt-Assertion",
    "CF-Access-Authenticated-User-Email",
    "Cf-Connecting-Ip",
    "True-Client-Ip",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Original-Host",
    "X-HTTP-Method-Override",
)
"""What applications commonly believe, and a client must not say; also the secrets that are for Gatepost alone."""


class Address(msgspec.Struct, frozen=True):
    """Where something listens."""

    scheme: str
    host: str
    port: int

    @property
    def is_number(self) -> bool:
        """Whether the host is an IP address, and no name."""
        return _is_ipv4(self.host) or _is_ipv6(self.host)

    @property
    def authority(self) -> str:
        """Host and port as they stand in a configuration."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One application behind a proxy; made by `read_site`."""

    app: str
    application: Address
    gatepost: Address
    token: str
    address: str
    """Where the proxy listens, IPv6 in brackets; empty: at every address."""
    port: int
    certificate: str
    key: str
    gatepost_ca: str | None = None
    refuses_others: bool = True
    """Whether it has the server that answers for whatever names no application: one for each port."""


def read_site(  # noqa: PLR0913 - one parameter for each option of the command.
    *,
    app: str,
    upstream: str,
    server: str,
    token: str,
    listen: str,
    certificate: str,
    key: str,
    server_ca: str | None = None,
    refuses_others: bool = True,
) -> Site:
    """Read what somebody gave; raises `InputError` for what could mean anything else in a configuration."""
    gatepost = _address(server, "--server")
    if gatepost.scheme == "http" and not _is_loopback(gatepost.host):
        raise InputError("--server", f"is {server[:200]}, in plain text", "https, or http on this machine alone")
    if not _TOKEN.fullmatch(token):
        raise InputError("--token-file", "holds no proxy's token", "one line, as `server token create proxy` prints it")
    address, port = _listen(listen)
    return Site(
        app=parse_domain(app, "--app"),
        application=_address(upstream, "--upstream"),
        gatepost=gatepost,
        token=token,
        address=address,
        port=port,
        certificate=_file(certificate, "--tls-cert"),
        key=_file(key, "--tls-key"),
        gatepost_ca=None if server_ca is None else _file(server_ca, "--server-ca"),
        refuses_others=refuses_others,
    )


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host
    named = not host or (_is_ipv6(bare) if bare != host else _is_ipv4(host))
    if not named or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _LAST_PORT):
        raise InputError("--listen", f"is {text[:100]!r}", "a port such as 443, or an address too, such as [::1]:443")
    return host, int(port)


def _is_ipv4(host: str) -> bool:
    try:
        return ip_address(host).version == 4  # noqa: PLR2004 - the version of the protocol.
    except ValueError:
        return False


def _address(url: str, flag: str) -> Address:
    example = "such as http://127.0.0.1:8640, a scheme, a host and perhaps a port"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError(flag, f"is {url[:200]!r}", example) from None
    host = parts.hostname or ""
    plain = parts.path in {"", "/"} and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme not in _SCHEMES or not plain or not (_HOST.fullmatch(host) or _is_ipv6(host)):
        raise InputError(flag, f"is {url[:200]!r}", example)
    return Address(parts.scheme, host, port or _SCHEMES[parts.scheme])


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6  # noqa: PLR2004 - the version of the protocol.
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _file(path: str, flag: str) -> str:
    if not _FILE.fullmatch(path):
        raise InputError(flag, f"is {path[:200]!r}", "an absolute path of letters, digits and . _ / + @ -")
    return path
