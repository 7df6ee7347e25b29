"""Evaluation: the pure function that answers a check, on the device and again on the server.

A device passes when one and the same certificate meets every criterion. All candidates are judged, and all reasons of those
that are reported are kept (`core.nearest`); the result does not depend on their order.
Source: ``docs/reference/semantics.md``, sections 1 and 4.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.check import MAXIMUM_CANDIDATES, Check, Evidence, NameTemplate
from gatepost.core.criteria import (
    CommonName,
    Criterion,
    ExtendedKeyUsage,
    NotDenied,
    OneStep,
    PrivateKey,
    SubjectAlternativeName,
    Trusted,
    UnknownFact,
)
from gatepost.core.denial import Denied
from gatepost.core.device import DeviceFacts, MissingFact, Template, render_template
from gatepost.core.finding import Fault, Nearby
from gatepost.core.nearest import Judged, rank
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from gatepost.core.finding import Findings


class Status(StrEnum):
    """What a check comes to. Only ``pass`` ever satisfies a policy."""

    PASS = "pass"  # noqa: S105 - a status, not a password.
    FAIL = "fail"
    ERROR = "error"


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: ``certificates`` are the passing ones, then the nearest, at most 16; ``detail`` explains an error."""

    status: Status
    reasons: tuple[Reason, ...] = ()
    evidence: Evidence | None = None
    certificates: tuple[Judged, ...] = ()
    others: int = 0
    faults: tuple[Fault, ...] = ()
    nearby: tuple[Nearby, ...] = ()
    """Certificates that would be candidates if their own issuer were uploaded: the issuing certificate, not the root."""
    detail: str = ""


_NOTHING: Final = Denied()


def evaluate(
    check: Check, facts: DeviceFacts, findings: Findings, now: datetime, denied: Denied = _NOTHING
) -> Evaluation:
    """Answer ``check`` from ``findings`` at the aware instant ``now``. Never raises: a crash is an error of its own."""
    try:
        return _evaluate(check, facts, findings, now, denied)
    except Exception as error:  # noqa: BLE001 - whatever went wrong in here, the answer must be "error", never a pass or silence.
        return Evaluation(
            status=Status.ERROR,
            reasons=(Reason.EVALUATION_CRASHED,),
            faults=findings.faults,
            detail=type(error).__name__,
        )


def _evaluate(check: Check, facts: DeviceFacts, findings: Findings, now: datetime, denied: Denied) -> Evaluation:
    criteria = (*criteria_of(check, facts), NotDenied(denied))
    missing = next((item.variable for item in criteria if isinstance(item, UnknownFact)), "")
    step = OneStep(check.authorities, now, signs=check.signs)
    judged = rank(findings.candidates[:MAXIMUM_CANDIDATES], criteria, step, check.hardware_policies)
    too_many = findings.too_many or len(findings.candidates) > MAXIMUM_CANDIDATES
    passed = bool(judged) and not judged[0].reasons and not too_many
    causes = _error_causes(findings, missing, too_many=too_many)
    status = Status.PASS if passed else Status.ERROR if causes else Status.FAIL
    return Evaluation(
        status=status,
        reasons=() if passed else _unique((*causes, *_nearest_reasons(judged, findings, causes))),
        evidence=judged[0].evidence if judged else None,
        certificates=judged,
        others=findings.others,
        faults=findings.faults,
        nearby=findings.nearby,
        detail=f"the device's {missing} is not known" if missing else "",
    )


def criteria_of(check: Check, facts: DeviceFacts) -> tuple[Criterion, ...]:
    """Return the criteria beside the one step, for this device; a name that lacks a fact is an `UnknownFact`."""
    criteria: list[Criterion] = [Trusted()]
    if check.common_name is not None:
        criteria.append(_common_name(check.common_name, facts))
    if check.alternative_names:
        criteria.append(_alternative_name(check.alternative_names, facts))
    if check.purposes:
        criteria.append(ExtendedKeyUsage(check.purposes))
    if check.asks_key:
        criteria.append(PrivateKey(check.evidence, check.hardware_policies))
    return tuple(criteria)


def _common_name(template: Template, facts: DeviceFacts) -> Criterion:
    match render_template(template, facts):
        case MissingFact(variable):
            return UnknownFact("common name", template.text, variable)
        case wanted:
            return CommonName(wanted)


def _alternative_name(templates: tuple[NameTemplate, ...], facts: DeviceFacts) -> Criterion:
    """Render all of them: one that cannot be rendered is an error, also where another would be met (section 3)."""
    rendered: list[tuple[NameTemplate, str]] = []
    for item in templates:
        match render_template(item.template, facts):
            case MissingFact(variable):
                return UnknownFact("subject alternative name", item.template.text, variable)
            case wanted:
                rendered.append((item, wanted))
    return SubjectAlternativeName(tuple(rendered))


def _error_causes(findings: Findings, missing: str, *, too_many: bool) -> tuple[Reason, ...]:
    """Return why we could not look; a place that is not there was looked at, and holds nothing."""
    causes = [Reason.DEVICE_FACT_MISSING] if missing else []
    if too_many:
        causes.append(Reason.TOO_MANY_CANDIDATES)
    causes.extend(fault.reason for fault in findings.faults if fault.reason is not Reason.STORE_MISSING)
    return tuple(causes)


def _nearest_reasons(judged: tuple[Judged, ...], findings: Findings, causes: tuple[Reason, ...]) -> tuple[Reason, ...]:
    if judged:
        return judged[0].reasons
    if causes:
        return ()
    return (Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE if findings.others else Reason.NO_CERTIFICATE_FOUND,)


def _unique(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
