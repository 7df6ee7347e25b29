"""Posture rules: ``/accounts/{a}/devices/posture``.

A rule is kept as it was sent and read back so, beside its meaning: `RuleBody` is its outer form, strict for every type,
and `Rule` what it asks. Types that Gatepost does not evaluate are kept without a look at their ``input``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from gatepost.core.check import Check, Evidence, OperatingSystem, default_evidence
from gatepost.core.result import default_expiration
from gatepost.errors import InputError
from gatepost.wire.management.client_certificates import Platform, Question, parse_v1, parse_v2
from gatepost.wire.management.documents import Document, raw
from gatepost.wire.management.durations import parse_duration
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from gatepost.core.certificate import Certificate
    from gatepost.wire.management.check_options import CheckOptions

DEFAULT_SCHEDULE: Final = 300
"""Seconds between reports where a rule says nothing: ``5m``, as in the reference."""

Name = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")]
Description = Annotated[str, msgspec.Meta(max_length=10_000)]
Duration = Annotated[str, msgspec.Meta(max_length=32, description="such as 5m, 1h or 1h30m")]


class RuleType(StrEnum):
    """The types that the reference knows."""

    FILE = "file"
    APPLICATION = "application"
    TANIUM = "tanium"
    GATEWAY = "gateway"
    WARP = "warp"
    DISK_ENCRYPTION = "disk_encryption"
    SERIAL_NUMBER = "serial_number"
    SENTINELONE = "sentinelone"
    CARBONBLACK = "carbonblack"
    FIREWALL = "firewall"
    OS_VERSION = "os_version"
    DOMAIN_JOINED = "domain_joined"
    CLIENT_CERTIFICATE = "client_certificate"
    CLIENT_CERTIFICATE_V2 = "client_certificate_v2"
    ANTIVIRUS = "antivirus"
    UNIQUE_CLIENT_ID = "unique_client_id"
    KOLIDE = "kolide"
    TANIUM_S2S = "tanium_s2s"
    CROWDSTRIKE_S2S = "crowdstrike_s2s"
    INTUNE = "intune"
    WORKSPACE_ONE = "workspace_one"
    SENTINELONE_S2S = "sentinelone_s2s"
    CUSTOM_S2S = "custom_s2s"


EVALUATED: Final = frozenset({RuleType.CLIENT_CERTIFICATE, RuleType.CLIENT_CERTIFICATE_V2})
"""The types that are evaluated; the others are kept, and never pass."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``match``."""

    platform: Platform | None = None


class RuleBody(msgspec.Struct, frozen=True, kw_only=True):
    """The outer form of a rule, as it is created and replaced."""

    name: Name
    type: RuleType
    description: Description | None = None
    schedule: Duration | None = None
    expiration: Duration | None = None
    match: Annotated[tuple[Match, ...], msgspec.Meta(max_length=64)] | None = None
    input: dict[str, Any] | None = None
    enabled: bool | None = None


class PostureRule(RuleBody, frozen=True, kw_only=True):
    """A rule as it is read back: what was written, and its id."""

    id: str


class RemovedRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a rule that was removed."""

    id: str


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """An integration with another service, of which there are none here."""

    id: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule means. ``question`` None: it is not evaluated. Durations are seconds; ``expiration`` None: not given."""

    name: str
    type: RuleType
    platforms: tuple[Platform, ...]
    question: Question | None
    schedule: int
    expiration: int | None
    enabled: bool


def complete_document(document: Document, body: RuleBody) -> Document:
    """Take a missing ``operating_system`` from the only platform of ``match``, as the reference does."""
    given = body.input
    platforms = _platforms(body)
    missing = given is not None and given.get("operating_system") is None
    if body.type is not RuleType.CLIENT_CERTIFICATE_V2 or not missing or len(platforms) != 1:
        return document
    fields = msgspec.json.decode(document["input"], type=Document)
    return document | {"input": raw(fields | {"operating_system": raw(platforms[0])})}


def parse_rule(content: bytes) -> Rule:
    """Read what a rule asks; raises `InputError` with a JSON pointer."""
    body = decode_strictly(content, RuleBody)
    evaluated = body.type in EVALUATED
    return Rule(
        name=body.name,
        type=body.type,
        platforms=_platforms(body),
        question=_question(body) if evaluated else None,
        schedule=parse_duration(body.schedule, "/schedule") if evaluated and body.schedule else DEFAULT_SCHEDULE,
        expiration=parse_duration(body.expiration, "/expiration") if evaluated and body.expiration else None,
        enabled=body.enabled is not False,
    )


def _platforms(body: RuleBody) -> tuple[Platform, ...]:
    return tuple(item.platform for item in body.match or () if item.platform is not None)


def _question(body: RuleBody) -> Question:
    if body.input is None:
        raise InputError("/input", "is missing", f"{body.type} needs it")
    parse = parse_v2 if body.type is RuleType.CLIENT_CERTIFICATE_V2 else parse_v1
    return parse(body.input, _platforms(body))


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a check is known by, beside what it asks."""

    id: str
    version: int


def to_core(
    identity: Identity,
    rule: Rule,
    options: CheckOptions,
    authorities: tuple[Certificate, ...],
    *,
    results_expire: bool,
) -> Check:
    """Make the check that is evaluated; raises `InputError` for a rule that is not, or that its system cannot answer."""
    question = rule.question
    if question is None:
        raise InputError("/type", f"is {rule.type}", f"evaluated are {', '.join(sorted(EVALUATED))}")
    system = preferred_system(question)
    evidence = asked_evidence(question, options, system)
    default = default_expiration(rule.schedule) if results_expire else None
    try:
        return Check(
            id=identity.id,
            version=identity.version,
            authorities=authorities,
            common_name=question.common_name,
            alternative_names=question.alternative_names,
            purposes=question.purposes,
            asks_key=evidence is not Evidence.REPORTED or bool(question.asks_key),
            evidence=evidence,
            hardware_policies=options.hardware_policies,
            operating_system=system,
            locations=question.locations,
            schedule=rule.schedule,
            expiration=default if rule.expiration is None else rule.expiration,
            enabled=rule.enabled,
        )
    except InputError as error:
        raise InputError(_pointer(error.field), error.problem, error.allowed) from None


def preferred_system(question: Question) -> OperatingSystem:
    """Return the one system that a check is compiled for: linux where the older type leaves several."""
    return OperatingSystem.LINUX if OperatingSystem.LINUX in question.systems else question.systems[0]


def asked_evidence(question: Question, options: CheckOptions, system: OperatingSystem) -> Evidence:
    """Return the level asked for: the option, else what goes with the system; none where the rule asks for no key."""
    if question.asks_key is False:
        return Evidence.REPORTED
    if options.evidence is not None:
        return options.evidence
    return default_evidence(system, asks_key=question.asks_key is True)


def _pointer(field: str) -> str:
    """Turn the field names of ``core`` into places in the documents."""
    return "/evidence" if field == "evidence" else "/input/" + field.replace(".", "/")
