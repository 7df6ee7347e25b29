"""Applications: ``/accounts/{a}/access/apps``.

An application of type ``self_hosted`` is what policies protect: hosts, each perhaps with a path. The other types are kept
without a look at what they say.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from gatepost.core.policy import Application, Host
from gatepost.errors import InputError
from gatepost.wire.management.access_policies import AppPolicy, Precedence
from gatepost.wire.management.envelope import Instant
from gatepost.wire.management.hosts import parse_host

MAXIMUM_HOSTS: Final = 100
"""As many hosts as one application may name in each of its lists."""
MAXIMUM_POLICIES: Final = 100
"""As many policies as one application may have: all of them are looked at on a request."""

_Domain = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]
_Identifier = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]+$")]


class AppType(StrEnum):
    """The types that the reference knows."""

    SELF_HOSTED = "self_hosted"
    SAAS = "saas"
    SSH = "ssh"
    VNC = "vnc"
    APP_LAUNCHER = "app_launcher"
    WARP = "warp"
    BISO = "biso"
    BOOKMARK = "bookmark"
    DASH_SSO = "dash_sso"
    INFRASTRUCTURE = "infrastructure"
    RDP = "rdp"
    MCP = "mcp"
    MCP_PORTAL = "mcp_portal"
    PROXY_ENDPOINT = "proxy_endpoint"


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One place of an application. Those of type ``public`` have a ``uri``; the others are kept."""

    type: str = "public"
    uri: _Domain | None = None


class PolicyLink(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that is there already. Without an id, the object is a new one of this application's own."""

    id: _Identifier | None = None
    precedence: Precedence | None = None


class AppPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What an application is, and where."""

    type: AppType
    name: Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")] | None = None
    domain: _Domain | None = None
    self_hosted_domains: Annotated[tuple[_Domain, ...], msgspec.Meta(max_length=MAXIMUM_HOSTS)] | None = None
    destinations: Annotated[tuple[Destination, ...], msgspec.Meta(max_length=MAXIMUM_HOSTS)] | None = None


class AppBody(AppPlace, frozen=True, kw_only=True):
    """An application, as it is created and replaced. ``policies`` left out: those that it has."""

    policies: Annotated[tuple[_Identifier | PolicyLink, ...], msgspec.Meta(max_length=MAXIMUM_POLICIES)] | None = None


class AccessApp(msgspec.Struct, frozen=True, kw_only=True):
    """An application as it is read back: what was written, its id, audience and policies, and when."""

    id: str
    type: AppType
    aud: str
    policies: tuple[AppPolicy, ...]
    created_at: Instant
    updated_at: Instant
    name: str | None = None
    domain: str | None = None
    self_hosted_domains: tuple[str, ...] | None = None
    destinations: tuple[dict[str, Any], ...] | None = None


class StoredLink(msgspec.Struct, frozen=True):
    """A policy that an application has, and where in their order."""

    id: str
    precedence: int


class StoredApp(AppPlace, frozen=True, kw_only=True):
    """An application as it is kept: its policies by id, and its audience."""

    aud: str
    policies: tuple[StoredLink, ...] = ()


OURS: Final = ("id", "aud", "created_at", "updated_at")
"""What the server gives; a client that sends back what it read sends them too."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``policies``: a policy that is there (``id``), or the JSON of one of this application's own, or both."""

    id: str | None
    precedence: int | None
    own: bytes | None


class _Given(msgspec.Struct, frozen=True):
    policies: tuple[msgspec.Raw, ...] | None = None


def parse_policies(content: bytes) -> tuple[Wanted, ...] | None:
    """Read which policies an application is to have; None: the body does not say. Raises `InputError`."""
    given = msgspec.json.decode(content, type=_Given).policies
    return None if given is None else tuple(map(_wanted, given))


def _wanted(given: msgspec.Raw) -> Wanted:
    link = msgspec.json.decode(given, type=str | PolicyLink)
    if isinstance(link, str):
        return Wanted(id=link, precedence=None, own=None)
    fields = msgspec.json.decode(given, type=dict[str, msgspec.Raw])
    whole = link.id is None or "include" in fields
    return Wanted(id=link.id, precedence=link.precedence, own=bytes(given) if whole else None)


def parse_hosts(body: AppPlace) -> tuple[Host, ...]:
    """Read where an application of type ``self_hosted`` is: each host once, in the order written.

    Raises `InputError` with a JSON pointer. Applications of another type are nowhere.
    """
    if body.type is not AppType.SELF_HOSTED:
        return ()
    found = [] if body.domain is None else [parse_host(body.domain, "/domain")]
    for index, text in enumerate(body.self_hosted_domains or ()):
        found.append(parse_host(text, f"/self_hosted_domains/{index}"))
    for index, item in enumerate(body.destinations or ()):
        if item.type == "public" and item.uri is not None:
            found.append(parse_host(item.uri, f"/destinations/{index}/uri"))
    if not found:
        raise InputError("/domain", "is missing", "an application has at least one host, such as app.example.com")
    return tuple(dict.fromkeys(found))


def first_domain(body: AppPlace) -> str | None:
    """Return the first host as it was written, which stands for a missing ``domain``, as in the reference."""
    public = (item.uri for item in body.destinations or () if item.type == "public" and item.uri is not None)
    return next(iter((*(body.self_hosted_domains or ()), *public)), None)


def app_to_core(app_id: str, content: bytes) -> Application | None:
    """Read what a kept application means; None for a type that is not evaluated. Raises `InputError`."""
    stored = parse_stored_app(content)
    if stored.type is not AppType.SELF_HOSTED:
        return None
    return Application(
        id=app_id,
        name=stored.name or "",
        audience=stored.aud,
        hosts=parse_hosts(stored),
        policies=tuple(link.id for link in stored.policies),
    )


def parse_stored_app(content: bytes) -> StoredApp:
    """Read a kept application; its policies are in the order of their precedence."""
    return msgspec.json.decode(content, type=StoredApp)
