"""A server's parts on a real database, and devices that speak to them: everything but the sockets.

    with open_house(tmp_path) as house:
        laptop = house.admit()
        house.ask(cn="laptop-1")
        laptop.report(laptop.found(house.authority.issue(cn="laptop-1")))

Time stands still at the instant around which test certificates are valid, until ``house.clock.time`` is set.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.rules import create_rule, remove_rule, replace_rule
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.administration.tokens import create_token
from gatepost.controlplane.administration.uploads import add_upload
from gatepost.controlplane.enrollment import Enroller
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.core.possession import build_statement
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.wire import jws
from gatepost.wire.checks import Checks
from gatepost.wire.device import (
    Acknowledgement,
    CheckAnswer,
    Enrollment,
    Facts,
    PlacedCandidate,
    Report,
    Sync,
    Synced,
    decode,
)
from gatepost.wire.management.mtls_certificates import UploadBody
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.certificates import CertificateAuthority
from tests.services import MASTER_KEY, Clock, as_json, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.ports import PostureLine, Registration, StoredResult
    from gatepost.wire.device import Enrolled
    from tests.certificates import Issued

URL = "https://gatepost.example"
PLACE = "/etc/laptop.pem"
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def prove(issued: Issued, statement: bytes) -> bytes:
    """Sign as a device does with the key of a certificate."""
    key = issued.key
    match key:
        case ed25519.Ed25519PrivateKey():
            return key.sign(statement)
        case rsa.RSAPrivateKey():
            return key.sign(statement, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            size = (key.key_size + 7) // 8
            digest = hashes.SHA256() if key.key_size <= 256 else hashes.SHA384()
            r, s = decode_dss_signature(key.sign(statement, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case _:
            raise AssertionError(key)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that a device reports, as it goes into the report."""

    der: bytes
    placed: PlacedCandidate


class Member:
    """A device with a key of its own, enrolled in a house; what it says is up to the test."""

    def __init__(self, house: House, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        """Make the device's key, or take the one that is given."""
        self.house = house
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.thumbprint = jws.thumbprint(self.point)
        self.sequence = 0
        self.enrolled: Enrolled | None = None

    @property
    def audience(self) -> str:
        """What its documents are meant for."""
        return f"{self.house.url}/{self.house.account_id}"

    @property
    def registration(self) -> Registration:
        """Its row."""
        with self.house.services.storage.reading() as records:
            found = records.devices.by_thumbprint(self.thumbprint)
        assert found is not None
        return found

    def sign(self, kind: jws.Kind, document: object) -> bytes:
        """Sign any document."""
        payload = document if isinstance(document, bytes) else msgspec.json.encode(document)
        return jws.sign(kind, payload, self.key, self.thumbprint)

    def enrollment(self, facts: Facts, **changes: Any) -> bytes:  # noqa: ANN401 - the fields are of many types.
        """Write what it enrols with."""
        document = Enrollment(aud=self.house.url, key=jws.to_jwk(self.point), facts=facts)
        return self.sign(jws.Kind.ENROLLMENT, msgspec.structs.replace(document, **changes))

    def synchronise(self, version: int = -1) -> Synced:
        """Ask for a nonce and for checks."""
        sync = Sync(aud=self.audience, checks_version=version)
        return self.house.posture.synchronise(self.sign(jws.Kind.SYNC, sync))

    def checks(self) -> Checks:
        """Ask for the checks, and read them."""
        return decode(jws.split(jws.Kind.CHECKS, self.synchronise().checks.encode()).payload, Checks)

    def statement(self, der_digest: bytes, nonce: bytes) -> bytes:
        """Give what a certificate's key has to sign."""
        return build_statement(self.audience, self.thumbprint, nonce, der_digest)

    def found(self, issued: Issued, nonce: bytes = b"", **changes: Any) -> Found:  # noqa: ANN401 - as above.
        """Find a certificate with its key, which signs when there is a nonce to sign; ``changes`` replace what is said."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(issued.der)
        sha256 = digest.finalize()
        placed = PlacedCandidate(
            sha256=sha256.hex(),
            store=StoreKind.PEM_FILE,
            path=PLACE,
            key=KeyState.PRESENT,
            signature=prove(issued, self.statement(sha256, nonce)) if nonce else None,
        )
        return Found(der=issued.der, placed=msgspec.structs.replace(placed, **changes))

    def answer(self, *found: Found, **changes: Any) -> CheckAnswer:  # noqa: ANN401 - as above.
        """Answer the house's one check with what was found; the device's own verdict is always "pass"."""
        (check,) = self.checks().checks
        answer = CheckAnswer(
            id=check.id, version=check.version, status=Status.PASS, candidates=tuple(item.placed for item in found)
        )
        return msgspec.structs.replace(answer, **changes)

    def compose(self, *found: Found, nonce: bytes = b"", **changes: Any) -> Report:  # noqa: ANN401 - as above.
        """Write a report that answers the house's one check; ``changes`` replace its fields."""
        self.sequence += 1
        report = Report(
            aud=self.audience,
            sequence=self.sequence,
            nonce=nonce or self.synchronise().nonce,
            facts=Facts(),
            certificates={item.placed.sha256: item.der for item in found},
            checks=() if "checks" in changes else (self.answer(*found),),
        )
        return msgspec.structs.replace(report, **changes)

    def send(self, report: Report | bytes) -> Acknowledgement:
        """Hand a report in, and wait until it is durable."""
        return self.house.take(self.sign(jws.Kind.REPORT, report))

    def prove(self, issued: Issued) -> Acknowledgement:
        """Report a certificate with a good proof."""
        nonce = self.synchronise().nonce
        return self.send(self.compose(self.found(issued, nonce), nonce=nonce))

    def result(self) -> StoredResult:
        """Return its one result."""
        (only,) = self.results()
        return only

    def results(self) -> tuple[StoredResult, ...]:
        """Return its results."""
        with self.house.services.storage.reading() as records:
            return records.results.find(self.house.account, self.registration.number)


@cache
def _empty_database() -> bytes:
    """Make a database once; what making one comes to is tried elsewhere."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gatepost.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


class House:
    """The parts, put together as `gatepost.cli.serving` does it."""

    def __init__(self, folder: Path, url: str = URL, database: str = "", *, made: bool = False) -> None:
        """Make a database in ``folder``, or at the URL ``database``, and the parts on it; ``made`` where it is there."""
        self.url = url
        self.clock = Clock()
        self.database = database or f"sqlite:///{folder / 'gatepost.db'}"
        if not database:
            (folder / "gatepost.db").write_bytes(_empty_database())
        elif not made:
            migrate(database)
        self.storage = storage = open_storage(self.database, MASTER_KEY, os.urandom)
        self.services = Services(storage=storage, now=self.clock, random=os.urandom)
        self.close = storage.close
        self.administrator = "" if made else create_account(self.services).token
        with self.services.storage.reading() as records:
            (account,) = records.accounts.all()
        self.account, self.account_id = account.number, account.public_id
        self.enroller = Enroller(storage, self.clock, os.urandom, (url,))
        self.posture = Posture(storage, self.clock, (url,))
        self.intake = Intake(storage, self.posture, self.clock)
        self._admitted = 0
        self.authority = CertificateAuthority.create(cn="Example Root CA")

    def token(self, **changes: Any) -> str:  # noqa: ANN401 - the fields of a token are of many types.
        """Make an enrolment token."""
        return create_token(self.services, self.account, TokenBody(kind=TokenKind.ENROLLMENT, **changes)).token

    def admit(self, facts: Facts | None = None) -> Member:
        """Enrol a new device."""
        member = Member(self)
        self._admitted += 1
        facts = facts or Facts(hostname="laptop-1", serial_number=f"S-{self._admitted}")
        member.enrolled = self.enroller.enroll(self.token(), member.enrollment(facts))
        return member

    def upload(self, *authorities: CertificateAuthority) -> str:
        """Upload authorities, the house's own where none is given, and return the upload's id."""
        text = b"".join(item.pem for item in authorities or (self.authority,)).decode()
        return add_upload(self.services, self.account, UploadBody(ca=True, certificates=text)).shown.id

    def ask(self, *authorities: CertificateAuthority, fields: dict[str, Any] | None = None, **changes: Any) -> str:  # noqa: ANN401 - as above.
        """Make a check; ``changes`` replace fields of its ``input``, ``fields`` those around it."""
        rule = rule_of(self.upload(*authorities), **{"locations": {"paths": [PLACE]}, **changes}) | (fields or {})
        shown = create_rule(self.services, self.account, as_json(rule)).document
        identifier: str = msgspec.json.decode(shown["id"])
        return identifier

    def ask_otherwise(self, check_id: str, *, fields: dict[str, Any] | None = None, **changes: Any) -> None:  # noqa: ANN401 - as above.
        """Put another question in the place of a check's."""
        rule = rule_of(self.upload(), **{"locations": {"paths": [PLACE]}, **changes}) | (fields or {})
        replace_rule(self.services, self.account, check_id, as_json(rule))

    def forget(self, check_id: str) -> None:
        """Remove a check."""
        remove_rule(self.services, self.account, check_id)

    def revoke(self, member: Member) -> None:
        """Revoke a device."""
        with self.services.storage.writing() as records:
            records.devices.revoke(self.account, member.registration.number, self.clock())

    def take(self, document: bytes) -> Acknowledgement:
        """Give a report to the intake, and wait for its answer."""
        return self.intake.submit(document).result(timeout=30)

    def log(self) -> tuple[PostureLine, ...]:
        """Return the posture log, oldest first."""
        with self.services.storage.reading() as records:
            return records.posture_log.read(self.account, None, 1_000)[::-1]


@contextmanager
def open_house(folder: Path, url: str = URL, database: str = "") -> Iterator[House]:
    """Open a house whose intake runs for the block."""
    house = House(folder, url, database)
    house.intake.start()
    try:
        yield house
    finally:
        house.intake.stop()
        house.close()
