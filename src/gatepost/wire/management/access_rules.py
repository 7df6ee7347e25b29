"""Rule objects: ``{"email": {"email": "a@example.com"}}`` and their like, in policies and in groups.

Ten kinds are evaluated and read strictly. The others that the reference knows are kept, and stand in ``core`` as what is
never known (`Unevaluated`).
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec

from gatepost.core.policy import (
    AnyCertificate,
    AnyServiceToken,
    CommonName,
    EmailAddress,
    EmailDomain,
    Everyone,
    FromNetwork,
    InGroup,
    OneServiceToken,
    Posture,
    Rule,
    Rules,
    Unevaluated,
)
from gatepost.errors import InputError
from gatepost.wire.management.hosts import parse_domain
from gatepost.wire.management.strict import convert_strictly, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Kind = TypeVar("_Kind")

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
RuleObject = Annotated[dict[str, dict[str, Any]], msgspec.Meta(min_length=1, max_length=1)]
"""One rule: its kind, and what goes with it."""
RuleList = tuple[RuleObject, ...]
"""As many as fit into a body, which is bounded."""


class RuleKind(StrEnum):
    """The kinds that the reference knows; the first ten are evaluated."""

    EVERYONE = "everyone"
    EMAIL = "email"
    EMAIL_DOMAIN = "email_domain"
    IP = "ip"
    GROUP = "group"
    CERTIFICATE = "certificate"
    COMMON_NAME = "common_name"
    SERVICE_TOKEN = "service_token"  # noqa: S105 - a word, no secret.
    ANY_VALID_SERVICE_TOKEN = "any_valid_service_token"  # noqa: S105 - as above.
    DEVICE_POSTURE = "device_posture"
    AUTH_CONTEXT = "auth_context"
    AUTH_METHOD = "auth_method"
    AZURE_GROUP = "azureAD"
    CLOUDFLARE_ACCOUNT_MEMBER = "cloudflare_account_member"
    EMAIL_LIST = "email_list"
    EXTERNAL_EVALUATION = "external_evaluation"
    GEO = "geo"
    GITHUB_ORGANIZATION = "github-organization"
    GSUITE = "gsuite"
    IP_LIST = "ip_list"
    LINKED_APP_TOKEN = "linked_app_token"  # noqa: S105 - as above.
    LOGIN_METHOD = "login_method"
    OIDC = "oidc"
    OKTA = "okta"
    SAML = "saml"
    USER_RISK_SCORE = "user_risk_score"


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kinds that are whole by their name."""


class _Email(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Annotated[str, msgspec.Meta(max_length=320, pattern=r"^[^\x00\s@]+@[^\x00\s@]+$")]


class _EmailDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    domain: _Text


class _Ip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ip: _Text


class _Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Text


class _CommonName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    common_name: _Text


class _ServiceToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token_id: _Text


class _Posture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    integration_uid: _Text


class RulesBody(msgspec.Struct, frozen=True, kw_only=True):
    """What policies and groups have in common."""

    include: RuleList
    require: RuleList | None = None
    exclude: RuleList | None = None


def parse_rules(body: RulesBody, within: str = "") -> Rules:
    """Read the three lists of a policy or a group; raises `InputError` with a JSON pointer below ``within``."""
    try:
        return Rules(
            include=_parse_list(body.include, f"{within}/include"),
            require=_parse_list(body.require or (), f"{within}/require"),
            exclude=_parse_list(body.exclude or (), f"{within}/exclude"),
        )
    except InputError as error:
        if error.field.startswith("/"):
            raise
        raise InputError(f"{within}/{error.field}", error.problem, error.allowed) from None


def placed(rules: Rules) -> Iterator[tuple[str, Rule]]:
    """Give each rule with the JSON pointer to it."""
    for part in ("include", "require", "exclude"):
        for index, rule in enumerate(getattr(rules, part)):
            yield f"/{part}/{index}", rule


def _parse_list(given: tuple[dict[str, dict[str, Any]], ...], pointer: str) -> tuple[Rule, ...]:
    return tuple(_parse_rule(item, f"{pointer}/{index}") for index, item in enumerate(given))


def _parse_rule(given: dict[str, dict[str, Any]], pointer: str) -> Rule:
    ((word, value),) = given.items()
    if word not in set(RuleKind):
        raise InputError(pointer, f"has the kind {shown(word)}", nearest(word, RuleKind))
    parse = _PARSERS.get(RuleKind(word))
    return Unevaluated(word) if parse is None else parse(value, f"{pointer}/{word}")


def _reader(kind: type[_Kind], make: Callable[[_Kind, str], Rule]) -> Callable[[dict[str, Any], str], Rule]:
    def parse(value: dict[str, Any], pointer: str) -> Rule:
        return make(convert_strictly(value, kind, pointer), pointer)

    return parse


def _domain(given: _EmailDomain, pointer: str) -> Rule:
    field = f"{pointer}/domain"
    if "@" in given.domain:
        raise InputError(field, f"is {shown(given.domain)}", "what stands behind the @ alone, such as example.com")
    return EmailDomain(parse_domain(given.domain, field))


def _network(given: _Ip, pointer: str) -> Rule:
    field = f"{pointer}/ip"
    try:
        network = ip_network(given.ip, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in given.ip:
        raise InputError(field, f"is {shown(given.ip)}, no network", "such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32")
    if str(network.network_address) != str(ip_network(given.ip.partition("/")[0]).network_address):
        raise InputError(field, f"is {shown(given.ip)}, an address within a network", f"the network is {network}")
    return FromNetwork(network)


_PARSERS: Final[dict[RuleKind, Callable[[dict[str, Any], str], Rule]]] = {
    RuleKind.EVERYONE: _reader(_Nothing, lambda _given, _pointer: Everyone()),
    RuleKind.EMAIL: _reader(_Email, lambda given, _pointer: EmailAddress(given.email.lower())),
    RuleKind.EMAIL_DOMAIN: _reader(_EmailDomain, _domain),
    RuleKind.IP: _reader(_Ip, _network),
    RuleKind.GROUP: _reader(_Reference, lambda given, _pointer: InGroup(given.id)),
    RuleKind.CERTIFICATE: _reader(_Nothing, lambda _given, _pointer: AnyCertificate()),
    RuleKind.COMMON_NAME: _reader(_CommonName, lambda given, _pointer: CommonName(given.common_name)),
    RuleKind.SERVICE_TOKEN: _reader(_ServiceToken, lambda given, _pointer: OneServiceToken(given.token_id)),
    RuleKind.ANY_VALID_SERVICE_TOKEN: _reader(_Nothing, lambda _given, _pointer: AnyServiceToken()),
    RuleKind.DEVICE_POSTURE: _reader(_Posture, lambda given, _pointer: Posture(given.integration_uid)),
}
EVALUATED: Final = frozenset(_PARSERS)
"""The kinds that are evaluated; the others are kept, and never let anybody in."""
