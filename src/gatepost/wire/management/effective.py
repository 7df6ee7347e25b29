"""What a check asks with every default filled in: ``/accounts/{a}/gatepost/checks/{id}/effective``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.check import Check, Evidence, OperatingSystem, Purpose, TrustStore
from gatepost.wire.management.check_options import CheckOptions, Sharing
from gatepost.wire.management.durations import format_duration

if TYPE_CHECKING:
    from gatepost.wire.management.posture_rules import Rule


class SigningCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate that may have issued a passing one."""

    subject: str
    sha256: str


class EffectiveLocations(msgspec.Struct, frozen=True, kw_only=True):
    """Where the device looks."""

    trust_stores: tuple[TrustStore, ...]
    paths: tuple[str, ...]


class EffectiveCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A check as it is evaluated. ``expiration`` null: only certificates' ends and newer reports end a result."""

    id: str
    name: str
    type: str
    version: int
    enabled: bool
    evaluated: bool
    operating_system: OperatingSystem | None = None
    signing_certificates: tuple[SigningCertificate, ...] = ()
    cn: str | None = None
    subject_alternative_names: tuple[str, ...] = ()
    extended_key_usage: tuple[Purpose, ...] = ()
    check_private_key: bool = False
    evidence: Evidence | None = None
    locations: EffectiveLocations | None = None
    schedule: str
    expiration: str | None = None
    shared: Sharing
    hardware_policies: tuple[str, ...] = ()
    message: str


def describe_unevaluated(check_id: str, version: int, rule: Rule, options: CheckOptions) -> EffectiveCheck:
    """Describe a rule that is kept and not evaluated: it never passes."""
    return EffectiveCheck(
        id=check_id,
        name=rule.name,
        type=rule.type,
        version=version,
        enabled=rule.enabled,
        evaluated=False,
        schedule=format_duration(rule.schedule),
        shared=options.shared,
        message=options.message,
    )


def describe_effective(check: Check, rule: Rule, options: CheckOptions) -> EffectiveCheck:
    """Describe a check that is evaluated."""
    return EffectiveCheck(
        id=check.id,
        name=rule.name,
        type=rule.type,
        version=check.version,
        enabled=check.enabled,
        evaluated=True,
        operating_system=check.operating_system,
        signing_certificates=tuple(
            SigningCertificate(subject=item.subject.text, sha256=item.fingerprint) for item in check.authorities
        ),
        cn=check.common_name.text if check.common_name else None,
        subject_alternative_names=tuple(
            f"{item.kind}:{item.template.text}" if item.kind else item.template.text for item in check.alternative_names
        ),
        extended_key_usage=check.purposes,
        check_private_key=check.asks_key,
        evidence=check.evidence,
        locations=EffectiveLocations(trust_stores=check.locations.trust_stores, paths=check.locations.paths),
        schedule=format_duration(check.schedule),
        expiration=None if check.expiration is None else format_duration(check.expiration),
        shared=options.shared,
        hardware_policies=check.hardware_policies,
        message=options.message,
    )
