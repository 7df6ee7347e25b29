"""Run a vector: what the API takes becomes a check, what the device has becomes findings, and core answers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Evaluation, evaluate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.pem import scan_pem
from gatepost.core.reason import Reason
from gatepost.core.report import Binding, Claim, appraise
from gatepost.core.result import Result, conclude, milliseconds
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.mtls_certificates import UploadBody, parse_upload
from gatepost.wire.management.posture_rules import Identity, parse_rule, to_core
from gatepost.wire.management.strict import convert_strictly

if TYPE_CHECKING:
    from gatepost.core.check import Check
    from tests.vectors.vector import Place, Vector


def to_check(vector: Vector) -> Check:
    """Read the upload and the check as the API does; raises `InputError`."""
    body = convert_strictly(vector.upload, UploadBody, "")
    if vector.taken:
        parsed = tuple(parse_certificate(block.content or b"") for block in scan_pem(body.certificates))
        authorities = tuple(item for item in parsed if isinstance(item, Certificate))
    else:
        authorities = parse_upload(body.certificates, ca=body.ca)
    options = convert_strictly(vector.options, CheckOptions, "")
    rule = parse_rule(msgspec.json.encode(vector.check))
    return to_core(Identity(id="vector", version=1), rule, options, authorities, results_expire=True)


def answer(vector: Vector, *, turned: bool = False) -> Evaluation:
    """Evaluate, as a server does where there are signatures; ``turned`` turns the device's certificates round."""
    check = to_check(vector)
    findings, signatures = to_findings(vector, check)
    if turned:
        findings = msgspec.structs.replace(findings, candidates=findings.candidates[::-1])
        signatures = signatures[::-1]
    facts, now = DeviceFacts(**vector.device), read_instant(vector.now)
    if vector.binding is None:
        return evaluate(check, facts, findings, now)
    claim = Claim(
        check_id=check.id,
        check_version=check.version,
        findings=findings,
        signatures=signatures,
        status=evaluate(check, facts, findings, now).status,
    )
    return appraise(claim, check, facts, to_binding(vector.binding), now)


def result(vector: Vector) -> Result:
    """Conclude, at the vector's instant, what was measured when its nonce was issued."""
    assert vector.measured_at is not None
    measured, judged = (milliseconds(read_instant(text)) for text in (vector.measured_at, vector.now))
    return conclude(answer(vector), to_check(vector), measured, judged)


def to_findings(vector: Vector, check: Check) -> tuple[Findings, tuple[bytes | None, ...]]:
    """Tell candidates (of a signing certificate's name, or unreadable) from others, as the stores do."""
    issuers = {authority.subject.canonical for authority in check.authorities}
    candidates: list[Candidate] = []
    signatures: list[bytes | None] = []
    others = 0
    for item in vector.found:
        (block,) = scan_pem(item.certificate)
        certificate = parse_certificate(block.content or b"")
        if not isinstance(certificate, Malformed) and certificate.issuer.canonical not in issuers:
            others += 1
            continue
        signatures.append(None if item.signature is None else bytes.fromhex(item.signature))
        candidates.append(
            Candidate(
                certificate=certificate,
                location=to_location(item.location),
                key=KeyState(item.key),
                distrusted=item.distrusted,
            )
        )
    faults = tuple(
        Fault(location=to_location(item.location), reason=Reason(item.reason), detail=item.detail)
        for item in vector.faults
    )
    findings = Findings(candidates=tuple(candidates), others=others, faults=faults, too_many=vector.too_many)
    return findings, tuple(signatures)


def to_location(place: Place) -> Location:
    """Read a place."""
    return Location(store=StoreKind(place.store), path=place.path, label=place.label, user=place.user)


def to_binding(binding: msgspec.Struct) -> Binding:
    """Read what the server rebuilds the statement from."""
    fields = msgspec.structs.asdict(binding)
    return Binding(
        audience=fields["audience"],
        thumbprint=bytes.fromhex(fields["thumbprint"]),
        nonce=bytes.fromhex(fields["nonce"]),
    )


def read_instant(text: str) -> datetime:
    """Read an instant in RFC 3339."""
    return datetime.fromisoformat(text)
