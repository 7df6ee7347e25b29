"""Scenes: the shortest way to say what is uploaded, asked and found, and what must come of it.

``passes(LAPTOP, cn="laptop-1")`` is a whole vector: the root is uploaded, the check asks for the name, and it passes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from gatepost.core.possession import build_statement
from gatepost.core.reason import Reason
from tests.certificates import NOW, CertificateAuthority, Issued, dns, email, ip, pem_block, upn, uri
from tests.vectors.forge import key, leaf, root, sign
from tests.vectors.vector import Binding, Expected, Fault, Found, Place, Scene

if TYPE_CHECKING:
    from datetime import datetime

ROOT = root()
LAPTOP = leaf(ROOT)
NAMED = leaf(
    ROOT,
    sans=[
        dns("Laptop-1.corp.example"),
        email("Jo@corp.example"),
        uri("urn:device:Laptop-1"),
        ip("192.0.2.1"),
        ip("2001:db8::a"),
        upn("Jo@ad.corp.example"),
    ],
)
DEVICE = {"serial_number": "SN-4711", "hostname": "laptop-1", "device_uuid": "6f1c0d1e-1c2d-4e3f-8a9b-0c1d2e3f4a5b"}
CERTIFICATE_ID = "8d2f6f0a-5b0e-4a3c-9d0d-6f6c4b1f2a11"
BINDING = Binding(
    audience="https://gatepost.example/0123456789abcdef0123456789abcdef",
    thumbprint=hashlib.sha256(b"the device's key").hexdigest(),
    nonce=(1_780_272_000_000).to_bytes(8, "big").hex() + hashlib.sha256(b"a nonce").hexdigest(),
)
PLACE = Place(store="file", path="/etc/gatepost/device.pem")


def instant(moment: datetime) -> str:
    """Show an instant in UTC, with milliseconds where it has any."""
    form = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=form).replace("+00:00", "Z")


def at(issued: Issued | CertificateAuthority | bytes, place: Place = PLACE, **known: Any) -> Found:  # noqa: ANN401 - fields of Found.
    """Find a certificate (or bytes in its place) somewhere."""
    encoded = issued if isinstance(issued, bytes) else issued.der
    return Found(certificate=pem_block("CERTIFICATE", encoded).decode(), location=place, **known)


def proved(issued: Issued, signer: str = "laptop", **changed: str) -> Found:
    """Find a certificate whose key is there and signed the statement; ``changed`` are parts that were signed otherwise."""
    return at(issued, key="present", signature=sign(key(signer), statement(issued, **changed)).hex())


def statement(issued: Issued, **changed: str) -> bytes:
    """Build the statement for a certificate, with other parts than BINDING's where they are given."""
    parts = {name: changed.get(name, getattr(BINDING, name)) for name in BINDING.__struct_fields__}
    digest = hashlib.sha256(issued.der).digest()
    return build_statement(parts["audience"], bytes.fromhex(parts["thumbprint"]), bytes.fromhex(parts["nonce"]), digest)


def fault(reason: Reason, path: str = "/etc/pki/nssdb", detail: str = "as the system said it") -> Fault:
    """Be unable to look into a database."""
    return Fault(location=Place(store="nssdb", path=path), reason=reason.value, detail=detail)


def rule(system: str = "linux", **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the rule's input.
    """Write the JSON body of a check; ``schedule`` and ``expiration`` are the rule's, all else its input's."""
    outer: dict[str, Any] = {name: asked.pop(name) for name in ("schedule", "expiration") if name in asked}
    return {
        "name": "client certificate",
        "type": "client_certificate_v2",
        "schedule": "5m",
        **outer,
        "match": [{"platform": system}],
        "input": {
            "certificate_id": CERTIFICATE_ID,
            "operating_system": system,
            "check_private_key": False,
            **asked,
        },
    }


_OUTER = ("options", "taken", "device", "faults", "too_many", "binding", "measured_at", "check")


def scene(expected: Expected, found: tuple[Found | Issued, ...], **given: Any) -> Scene:  # noqa: ANN401 - see below.
    """Put a vector together; what is no field of the vector is one of the check's input.

    ``uploaded`` are the signing certificates (ROOT), ``now`` the instant (NOW).
    """
    uploaded: tuple[CertificateAuthority, ...] = given.pop("uploaded", (ROOT,))
    now: datetime = given.pop("now", NOW)
    outer = {name: given.pop(name) for name in _OUTER if name in given}
    placed = tuple(item if isinstance(item, Found) else at(item) for item in found)
    if any(item.signature for item in placed):
        outer.setdefault("binding", BINDING)
    return {
        "upload": {"ca": True, "certificates": "".join(item.pem.decode() for item in uploaded)},
        "check": outer.pop("check", None) or rule(**given),
        "device": DEVICE,
        "found": placed,
        "now": instant(now),
        "expected": expected,
        **outer,
    }


def passes(*found: Found | Issued, evidence: str | None = None, signer: Issued | None = None, **given: Any) -> Scene:  # noqa: ANN401 - as scene.
    """Tell that the check passes, at this level, and by which signing certificate."""
    authority = hashlib.sha256(signer.der).hexdigest() if signer else None
    expected = Expected(status="pass", reasons=(), evidence=evidence, signing_certificate=authority)
    return scene(expected, found, **given)


def fails(*found: Found | Issued, why: Reason | tuple[Reason, ...], **given: Any) -> Scene:  # noqa: ANN401 - as scene.
    """Tell that the check fails, for these reasons."""
    return scene(Expected(status="fail", reasons=_words(why)), found, **given)


def errs(*found: Found | Issued, why: Reason | tuple[Reason, ...], **given: Any) -> Scene:  # noqa: ANN401 - as scene.
    """Tell that the check could not be answered, for these reasons."""
    return scene(Expected(status="error", reasons=_words(why)), found, **given)


def refuses(pointer: str, **given: Any) -> Scene:  # noqa: ANN401 - as scene.
    """Tell that the upload or the check is not taken, and which field is at fault."""
    return scene(Expected(refused=pointer), (), **given)


def _words(why: Reason | tuple[Reason, ...]) -> tuple[str, ...]:
    return (why.value,) if isinstance(why, Reason) else tuple(reason.value for reason in why)
