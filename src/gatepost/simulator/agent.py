"""What one simulated device says: with a key and a certificate of its own, fresh nonces and real signatures."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.core.possession import build_statement
from gatepost.wire import jws
from gatepost.wire.device import CheckAnswer, Enrollment, Facts, PlacedCandidate, Report, Sync, Wait

if TYPE_CHECKING:
    from gatepost.client.identity import DeviceKey
    from gatepost.pki.throwaway import ThrowawayCertificate
    from gatepost.wire.device import Enrolled

PLACE: Final = "/etc/gatepost-simulator/device.pem"
"""Where each device's certificate lies, as its reports say."""


class Kind(StrEnum):
    """How a device behaves."""

    GOOD = "good"
    STRANGER = "stranger"
    """Its certificate names another device."""
    BARE = "bare"
    """It has no certificate."""
    FORGER = "forger"
    """What it gives as its proof is another key's signature."""


class SimulatedAgent:
    """One device. Documents are signed by its key; nothing is sent here."""

    def __init__(self, name: str, key: DeviceKey, certificate: ThrowawayCertificate, kind: Kind) -> None:
        self.name = name
        self.kind = kind
        self.sequence = 0
        self.acknowledged = 0
        """Reports that the server acknowledged, each counted once."""
        self.registration_id = ""
        self.nonce = b""
        self.checks_version = -1
        self.shown = False
        """Whether the server has its certificate from an earlier report: then reports name it alone."""
        self.due = 0.0
        self.key = key
        self.certificate = certificate
        self._sha256 = hashlib.sha256(certificate.der).digest()
        self._facts = Facts(hostname=name, serial_number=f"SIM-{name}", name=name, os_version="Debian GNU/Linux 12")
        self._audience = ""
        self._check = ("", 0)

    def enrollment(self, url: str) -> bytes:
        """Write what it enrols with."""
        return self.key.sign(
            jws.Kind.ENROLLMENT, Enrollment(aud=url, key=jws.to_jwk(self.key.point), facts=self._facts)
        )

    def enrolled(self, url: str, answer: Enrolled, check: tuple[str, int]) -> None:
        """Take over as whom it is enrolled, and the id and version of the check that it answers."""
        self.registration_id = answer.registration_id
        self._audience = f"{url}/{answer.account_id}"
        self._check = check

    def sync(self) -> bytes:
        """Ask for a nonce."""
        return self.key.sign(jws.Kind.SYNC, Sync(aud=self._audience, checks_version=self.checks_version))

    def wait(self) -> bytes:
        """Ask to be called."""
        return self.key.sign(jws.Kind.WAIT, Wait(aud=self._audience, checks_version=self.checks_version))

    def report(self) -> bytes:
        """Write the next report: with the nonce that it was given last, and a proof over that."""
        self.sequence += 1
        found: tuple[PlacedCandidate, ...] = ()
        if self.kind is not Kind.BARE:
            found = (
                PlacedCandidate(
                    sha256=self._sha256.hex(),
                    store=StoreKind.PEM_FILE,
                    path=PLACE,
                    key=KeyState.PRESENT,
                    signature=self._proof(),
                ),
            )
        identifier, version = self._check
        report = Report(
            aud=self._audience,
            sequence=self.sequence,
            nonce=self.nonce,
            facts=self._facts,
            certificates={} if self.shown else {item.sha256: self.certificate.der for item in found},
            checks=(CheckAnswer(id=identifier, version=version, status=Status.PASS, candidates=found),),
        )
        return self.key.sign(jws.Kind.REPORT, report)

    def statement(self) -> bytes:
        """Write what its certificate's key signs for the next report."""
        return build_statement(self._audience, self.key.thumbprint, self.nonce, self._sha256)

    def _proof(self) -> bytes:
        if self.kind is Kind.FORGER:
            return bytes(63) + b"\1"
        return self.certificate.sign(self.statement())
