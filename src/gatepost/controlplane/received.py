"""What was expected and what was received, as JSON for the log, the API and the pages: the explanation that is kept.

A certificate may fill a whole report, and each candidate's place and each criterion shows a part of it: every text out of one
is cut, or a report of 64 KiB would be megabytes in the database, for each check, as often as its author likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate, rfc3339
from gatepost.core.device import render_template

if TYPE_CHECKING:
    from gatepost.core.check import Check
    from gatepost.core.device import DeviceFacts, Template
    from gatepost.core.evaluation import Evaluation, Status
    from gatepost.core.finding import Fault, Nearby
    from gatepost.core.nearest import Judged


_SHOWN: Final = 512
"""Characters of a text out of a certificate: more than any honest name has."""


def describe_expected(check: Check, facts: DeviceFacts) -> str:
    """Write what the check asked of this device, its variables filled in where they can be."""
    document: dict[str, object] = {
        "issuer": [item.subject.text for item in check.authorities],
        "operating_system": check.operating_system,
    }
    if check.common_name is not None:
        document["common_name"] = _render(check.common_name, facts)
    if check.alternative_names:
        document["subject_alternative_names"] = [
            f"{item.kind}:{_render(item.template, facts)}" if item.kind else _render(item.template, facts)
            for item in check.alternative_names
        ]
    if check.purposes:
        document["extended_key_usage"] = list(check.purposes)
    if check.asks_key:
        document["evidence"] = check.evidence
    return msgspec.json.encode(document).decode()


def _render(template: Template, facts: DeviceFacts) -> str:
    rendered = render_template(template, facts)
    return rendered if isinstance(rendered, str) else template.text


def describe_received(evaluation: Evaluation, claimed: Status) -> str:
    """Write every certificate with what each criterion expected and found, the faults, and the device's own verdict."""
    document: dict[str, object] = {
        "certificates": [_describe(item) for item in evaluation.certificates],
        "other_certificates": evaluation.others,
        "faults": [describe_fault(item) for item in evaluation.faults],
        "nearby": [describe_nearby(item) for item in evaluation.nearby],
        "device_status": claimed,
    }
    if evaluation.detail:
        document["detail"] = evaluation.detail
    return msgspec.json.encode(document).decode()


def describe_fault(fault: Fault) -> dict[str, object]:
    """Describe a place that could not be looked into."""
    return {"location": fault.location, "reason": fault.reason, "detail": fault.detail}


def describe_nearby(nearby: Nearby) -> dict[str, object]:
    """Describe a certificate that is one step from the uploaded CA, and which certificate to upload for it."""
    return {
        "issuer": nearby.issuer,
        "sha256": nearby.sha256.hex(),
        "not_after": rfc3339(nearby.not_after),
        "upload_instead": nearby.via.hex(),
    }


def _describe(judged: Judged) -> dict[str, object]:
    certificate = judged.candidate.certificate
    described: dict[str, object] = {
        "location": judged.candidate.location,
        "sha256": certificate.fingerprint,
        "reasons": judged.reasons,
        "evidence": judged.evidence,
        "criteria": [
            {
                "criterion": item.criterion,
                "met": item.reason is None,
                "expected": _cut(item.expected),
                "found": _cut(item.found),
            }
            for item in judged.judgements
        ],
    }
    if isinstance(certificate, Certificate):
        described |= {
            "subject": _cut(certificate.subject.text),
            "issuer": _cut(certificate.issuer.text),
            "serial_number": str(certificate.serial_number),
            "not_after": rfc3339(certificate.not_after),
        }
    if judged.authority is not None:
        described["signing_certificate"] = judged.authority.fingerprint
    return described


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
