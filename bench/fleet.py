"""Devices to measure a server with: really enrolled, each with its own key and certificate, and their reports, signed beforehand.

A device asks for one nonce, and all its reports answer that one, each under the next sequence: to the server each is as new
and as costly as any, and all of them can be signed before the first is sent.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.harness import MeasureError
from gatepost.client.identity import DeviceKey
from gatepost.client.transport import Server
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.core.possession import build_statement
from gatepost.errors import ServerRefusedError
from gatepost.wire import jws
from gatepost.wire.checks import Checks
from gatepost.wire.device import CheckAnswer, Enrolled, Enrollment, Facts, PlacedCandidate, Report, Sync, decode
from tests.certificates import CertificateAuthority, Issued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TOO_MANY: Final = 429
_TRIES: Final = 100
_PAUSE: Final = 0.6

PATH: Final = "/etc/ssl/device.pem"
"""Where each device's certificate lies, as its reports say."""
_HALF: Final = 32
_SHA256: Final = ec.ECDSA(hashes.SHA256())


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled device: its key, its certificate, and what all its reports have in common."""

    key: DeviceKey
    issued: Issued
    statement: bytes
    report: Report
    """The next one but for its sequence."""

    def sign_reports(self, sequences: range) -> list[bytes]:
        """Sign a report for each sequence."""
        return [
            self.key.sign(jws.Kind.REPORT, msgspec.structs.replace(self.report, sequence=sequence))
            for sequence in sequences
        ]

    def verifications(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return the two bare verifications that a report cannot do without: its own signature's, and the statement's."""
        signed = jws.split(jws.Kind.REPORT, self.sign_reports(range(1, 2))[0])
        device, certificate = self.key.private.public_key(), _private(self.issued).public_key()
        of_report = encode_dss_signature(*(int.from_bytes(signed.signature[i : i + _HALF], "big") for i in (0, _HALF)))
        of_statement = _private(self.issued).sign(self.statement, _SHA256)
        return (
            lambda: device.verify(of_report, signed.signing_input, _SHA256),
            lambda: certificate.verify(of_statement, self.statement, _SHA256),
        )


def enroll_devices(url: str, token: str, authority: CertificateAuthority, count: int) -> tuple[Device, ...]:
    """Enrol ``count`` devices with one token; the server must have one check, which asks for possession."""
    with Server(url) as server:
        return tuple(_enroll(server, token, authority.issue(cn=name), name) for name in _names(count))


def _names(count: int) -> Iterator[str]:
    return (f"laptop-{number}" for number in range(count))


def _admitted(server: Server, token: str, document: bytes) -> Enrolled:
    """Enrol, at the pace at which the server lets devices of one address in."""
    for _ in range(_TRIES):
        try:
            return server.enroll(token, document)
        except ServerRefusedError as refused:
            if refused.status != _TOO_MANY:
                raise
            time.sleep(_PAUSE)
    raise MeasureError("the server lets no device of this address in")


def _enroll(server: Server, token: str, issued: Issued, name: str) -> Device:
    key = _new_key()
    facts = Facts(hostname=name, serial_number=f"SN-{name}", name=name, os_version="Debian GNU/Linux 12 (bookworm)")
    enrollment = Enrollment(aud=server.url, key=jws.to_jwk(key.point), facts=facts)
    enrolled = _admitted(server, token, key.sign(jws.Kind.ENROLLMENT, enrollment))
    audience = f"{server.url}/{enrolled.account_id}"
    synced = server.synchronise(key.sign(jws.Kind.SYNC, Sync(aud=audience, checks_version=-1)))
    checks = decode(jws.split(jws.Kind.CHECKS, synced.checks.encode()).payload, Checks).checks
    if len(checks) != 1:
        raise MeasureError(f"the server sent {len(checks)} checks, not one")
    statement = build_statement(audience, key.thumbprint, synced.nonce, hashlib.sha256(issued.der).digest())
    candidate = _candidate(issued, statement)
    report = Report(
        aud=audience,
        sequence=1,
        nonce=synced.nonce,
        facts=facts,
        certificates={candidate.sha256: issued.der},
        checks=(CheckAnswer(id=checks[0].id, version=checks[0].version, status=Status.PASS, candidates=(candidate,)),),
    )
    return Device(key=key, issued=issued, statement=statement, report=report)


def _candidate(issued: Issued, statement: bytes) -> PlacedCandidate:
    r, s = decode_dss_signature(_private(issued).sign(statement, _SHA256))
    return PlacedCandidate(
        sha256=hashlib.sha256(issued.der).hexdigest(),
        store=StoreKind.PEM_FILE,
        path=PATH,
        key=KeyState.PRESENT,
        signature=r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big"),
    )


def _private(issued: Issued) -> ec.EllipticCurvePrivateKey:
    if not isinstance(issued.key, ec.EllipticCurvePrivateKey):
        raise MeasureError("the devices' certificates must have P-256 keys")
    return issued.key


def _new_key() -> DeviceKey:
    private = ec.generate_private_key(ec.SECP256R1())
    return DeviceKey(private, private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
