"""Targets on the wire: what a device sends, what a server answers, what administrators send."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from fuzz.material import INSTANT, authority, check, leaves, signer
from fuzz.target import Target
from gatepost.core.reason import Reason
from gatepost.core.report import Binding, appraise
from gatepost.errors import InputError
from gatepost.wire import checks, device, jws
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.documents import read_document
from gatepost.wire.management.mtls_certificates import Shown, UploadBody, parse_upload, to_object
from gatepost.wire.management.posture_rules import (
    Identity,
    RuleBody,
    complete_document,
    parse_rule,
    to_core,
)
from gatepost.wire.management.strict import decode_strictly

_GOLDEN: Final = Path(__file__).parents[1] / "tests" / "wire" / "golden"
_BINDING: Final = Binding(audience="https://gatepost.example/a", thumbprint=b"\1" * 32, nonce=b"\2" * 40)
_SMALL: Final = (
    device.Enrollment,
    device.Enrolled,
    device.Sync,
    device.Synced,
    device.Wait,
    device.Called,
    device.Acknowledgement,
    device.Refusal,
)
_RULE: Final = {
    "name": "n",
    "type": "client_certificate_v2",
    "description": "d",
    "schedule": "5m",
    "expiration": "11m",
    "match": [{"platform": "linux"}],
    "input": {
        "certificate_id": "c",
        "cn": "${serial_number}.corp.example",
        "check_private_key": True,
        "extended_key_usage": ["clientAuth"],
        "subject_alternative_names": ["dns:${hostname}", "ip:192.0.2.1"],
        "locations": {"paths": ["/etc/a.pem", "pkcs11:token=t"], "trust_stores": ["system", "user"]},
        "operating_system": "linux",
    },
}


def signed(data: bytes) -> None:
    """Take a JWS apart as each kind, and verify it."""
    for kind in jws.Kind:
        with suppress(InputError):
            jws.verify(jws.split(kind, data), signer().public_key.material)


def report(data: bytes) -> None:
    """Decode a report, and appraise each of its claims."""
    with suppress(InputError):
        decoded = device.decode(data, device.Report)
        found = device.certificates_to_core(decoded.certificates)
        for answer in decoded.checks:
            claim = device.claim_to_core(answer, found)
            evaluation = appraise(claim, check(), device.facts_to_core(decoded.facts), _BINDING, INSTANT)
            assert Reason.EVALUATION_CRASHED not in evaluation.reasons, evaluation.detail


def documents(data: bytes) -> None:
    """Decode each of the small documents between agent and server; keys in them are read."""
    for kind in _SMALL:
        with suppress(InputError):
            decoded = device.decode(data, kind)
            if isinstance(decoded, device.Enrollment):
                jws.from_jwk(decoded.key, "key")
            elif isinstance(decoded, device.Enrolled):
                jws.from_jwk(decoded.account_key, "account_key")


def check_list(data: bytes) -> None:
    """Decode the checks that a server sends, as an agent does."""
    with suppress(InputError):
        decoded = device.decode(data, checks.Checks)
        found = device.certificates_to_core(decoded.certificates)
        for item in decoded.checks:
            checks.check_to_core(item, found)


def rule(data: bytes) -> None:
    """Parse a posture rule, keep it as it was sent, and make a check of it."""
    with suppress(InputError):
        document = read_document(data)
        parsed = parse_rule(data)
        complete_document(document, decode_strictly(data, RuleBody))
        to_core(Identity(id="fuzz", version=1), parsed, CheckOptions(), (signer(),), results_expire=True)


def upload(data: bytes) -> None:
    """Parse an upload, as a body and as its text alone, and show what is taken."""
    with suppress(InputError):
        decoded = decode_strictly(data, UploadBody)
        _show(decoded.certificates, ca=decoded.ca)
    with suppress(InputError):
        _show(data.decode("utf-8", "replace"), ca=False)


def _show(text: str, *, ca: bool) -> None:
    first = parse_upload(text, ca=ca)[0]
    to_object(Shown(id="i", ca=ca, certificates=text, name="", uploaded_on="2026-06-01T00:00:00Z"), first)


def _golden(*names: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes().strip() for name in names for path in sorted(_GOLDEN.glob(name)))


def _uploads() -> tuple[bytes, ...]:
    text = authority().pem.decode()
    body = {"ca": True, "certificates": text, "name": "n", "private_key": leaves()[0].key_pem().decode()}
    return msgspec.json.encode(body), leaves()[3].pem, leaves()[0].pem + authority().pem


TARGETS: Final = {
    "signed": Target(signed, lambda: _golden("*.jws")),
    "report": Target(report, lambda: _golden("report.json")),
    "documents": Target(documents, lambda: _golden("[ae]*.json", "c*d.json", "[rsw]*.json")),
    "check_list": Target(check_list, lambda: _golden("checks.json")),
    "rule": Target(rule, lambda: (msgspec.json.encode(_RULE),)),
    "upload": Target(upload, _uploads),
}
