"""Checks on their way to a device: signed by the account's key, with everything that evaluation needs.

Part of the wire's version 1 (`wire.device`); the payload of `jws.Kind.CHECKS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from gatepost.core.certificate import Certificate, Malformed
from gatepost.core.check import (
    Check,
    Evidence,
    Locations,
    OperatingSystem,
    Purpose,
    TrustStore,
    parse_name_template,
)
from gatepost.core.device import parse_template
from gatepost.errors import InputError
from gatepost.wire.device import MAXIMUM_CHECKS, Fingerprint, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECKS_VALID_FOR: Final = 24 * 60 * 60 * 1000
"""How long, in ms, signed checks may be used."""


class CheckDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check as it travels to the device; ``authorities`` names its signing certificates by their SHA-256."""

    id: Identifier
    version: int
    name: str
    authorities: tuple[Fingerprint, ...]
    cn: str = ""
    subject_alternative_names: tuple[str, ...] = ()
    extended_key_usage: tuple[Purpose, ...] = ()
    check_private_key: bool = False
    evidence: Evidence = Evidence.REPORTED
    hardware_policies: tuple[str, ...] = ()
    operating_system: OperatingSystem
    trust_stores: tuple[TrustStore, ...] = ()
    paths: tuple[str, ...] = ()
    schedule: int
    expiration: int | None = None


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the account's key: the checks of one device, their version, and until when (ms) they may be used.

    ``certificates``: the signing certificates, DER by SHA-256, each once however many checks name it.
    """

    v: Literal[1] = 1
    account_id: Identifier
    version: int
    valid_until: int
    certificates: dict[Fingerprint, bytes]
    checks: Annotated[tuple[CheckDocument, ...], msgspec.Meta(max_length=MAXIMUM_CHECKS)]


def check_from_core(check: Check, name: str) -> CheckDocument:
    """Write a check for the device."""
    return CheckDocument(
        id=check.id,
        version=check.version,
        name=name,
        authorities=tuple(item.fingerprint for item in check.authorities),
        cn=check.common_name.text if check.common_name else "",
        subject_alternative_names=tuple(
            f"{item.kind}:{item.template.text}" if item.kind else item.template.text for item in check.alternative_names
        ),
        extended_key_usage=check.purposes,
        check_private_key=check.asks_key,
        evidence=check.evidence,
        hardware_policies=check.hardware_policies,
        operating_system=check.operating_system,
        trust_stores=check.locations.trust_stores,
        paths=check.locations.paths,
        schedule=check.schedule,
        expiration=check.expiration,
    )


def authorities_from_core(checks: Iterable[Check]) -> dict[str, bytes]:
    """Write the signing certificates of all these checks, each once."""
    return {item.fingerprint: item.der for check in checks for item in check.authorities}


def check_to_core(document: CheckDocument, certificates: dict[str, Certificate | Malformed]) -> Check:
    """Read a check on the device; raises `InputError` for what no server of ours would send."""
    return Check(
        id=document.id,
        version=document.version,
        authorities=tuple(_authority_to_core(name, certificates) for name in document.authorities),
        common_name=parse_template(document.cn, "cn") if document.cn else None,
        alternative_names=tuple(
            parse_name_template(text, "subject_alternative_names") for text in document.subject_alternative_names
        ),
        purposes=document.extended_key_usage,
        asks_key=document.check_private_key,
        evidence=document.evidence,
        hardware_policies=document.hardware_policies,
        operating_system=document.operating_system,
        locations=Locations(document.trust_stores, document.paths),
        schedule=document.schedule,
        expiration=document.expiration,
    )


def _authority_to_core(name: str, certificates: dict[str, Certificate | Malformed]) -> Certificate:
    certificate = certificates.get(name)
    if not isinstance(certificate, Certificate):
        raise InputError("/checks/authorities", f"names {name}, which the document does not carry, or not whole")
    return certificate
