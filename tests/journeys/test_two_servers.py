"""Two servers, one device key: what was proved to one proves nothing to the other."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.client.transport import Server
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.core.possession import build_statement
from gatepost.errors import ReportRefusedError, ServerRefusedError
from gatepost.wire import jws
from gatepost.wire.checks import Checks
from gatepost.wire.device import CheckAnswer, Enrollment, Facts, PlacedCandidate, Report, Sync, decode
from tests.certificates import CertificateAuthority
from tests.controlplane.house import prove
from tests.journeys.real import RealServer, real_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.wire.device import Acknowledgement

PLACE = "/etc/laptop.pem"
AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
LAPTOP = AUTHORITY.issue(cn="laptop-1")
SHA256 = hashlib.sha256(LAPTOP.der)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServer, RealServer]]:
    """Give two servers that ask for the same certificate."""
    with real_server(tmp_path_factory.mktemp("one")) as one, real_server(tmp_path_factory.mktemp("two")) as two:
        both = tuple(msgspec.structs.replace(server, authority=AUTHORITY) for server in (one, two))
        for server in both:
            server.ask(cn="${hostname}", locations={"paths": [PLACE]})
        yield both[0], both[1]


class Device:
    """A device that is enrolled with both servers under one key, and says to each what a test wants it to say."""

    def __init__(self, servers: tuple[RealServer, RealServer]) -> None:
        """Make its key, and enrol it with both."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.thumbprint = jws.thumbprint(self.point)
        self.sequence = 0
        for server in servers:
            document = Enrollment(aud=server.url, key=jws.to_jwk(self.point), facts=Facts(hostname="laptop-1"))
            with Server(server.url) as connection:
                connection.enroll(server.enrollment_token(), self.sign(jws.Kind.ENROLLMENT, document))

    def sign(self, kind: jws.Kind, document: msgspec.Struct) -> bytes:
        """Sign any document."""
        return jws.sign(kind, msgspec.json.encode(document), self.key, self.thumbprint)

    def ask(self, server: RealServer) -> tuple[bytes, Checks]:
        """Ask for a nonce and for the checks."""
        with Server(server.url) as connection:
            synced = connection.synchronise(self.sign(jws.Kind.SYNC, Sync(aud=audience(server), checks_version=-1)))
        return synced.nonce, decode(jws.split(jws.Kind.CHECKS, synced.checks.encode()).payload, Checks)

    def compose(self, server: RealServer, *, proved_to: RealServer) -> Report:
        """Write a report for ``server``, over its nonce, whose proof of possession is meant for ``proved_to``."""
        nonce, checks = self.ask(server)
        (check,) = checks.checks
        statement = build_statement(audience(proved_to), self.thumbprint, nonce, SHA256.digest())
        placed = PlacedCandidate(
            sha256=SHA256.hexdigest(),
            store=StoreKind.PEM_FILE,
            path=PLACE,
            key=KeyState.PRESENT,
            signature=prove(LAPTOP, statement),
        )
        self.sequence += 1
        return Report(
            aud=audience(server),
            sequence=self.sequence,
            nonce=nonce,
            facts=Facts(),
            certificates={SHA256.hexdigest(): LAPTOP.der},
            checks=(CheckAnswer(id=check.id, version=check.version, status=Status.PASS, candidates=(placed,)),),
        )

    def report(self, server: RealServer, report: Report) -> Acknowledgement:
        """Hand a report in."""
        with Server(server.url) as connection:
            return connection.report(self.sign(jws.Kind.REPORT, report))


def audience(server: RealServer) -> str:
    """Give what documents for a server are meant for."""
    return f"{server.url}/{server.account}"


@pytest.fixture
def device(servers: tuple[RealServer, RealServer]) -> Device:
    """Give a device with both."""
    return Device(servers)


def outcome(acknowledged: Acknowledgement) -> tuple[str, tuple[str, ...]]:
    """Return status and reasons of the one verdict."""
    (verdict,) = acknowledged.verdicts
    return verdict.status, verdict.reasons


def test_each_server_takes_what_is_meant_for_it(servers: tuple[RealServer, RealServer], device: Device) -> None:
    """The honest twin of all that follows."""
    for server in servers:
        assert ("pass", ()) == outcome(device.report(server, device.compose(server, proved_to=server)))


def test_a_report_for_one_server_is_refused_by_the_other(
    servers: tuple[RealServer, RealServer], device: Device
) -> None:
    """As a whole, byte for byte: its audience is another's. So is a question for a nonce."""
    one, two = servers
    report = device.compose(one, proved_to=one)
    with pytest.raises(ServerRefusedError, match="/aud"):
        device.report(two, report)
    sync = device.sign(jws.Kind.SYNC, Sync(aud=audience(one), checks_version=-1))
    with Server(two.url) as connection, pytest.raises(ServerRefusedError, match="/aud"):
        connection.synchronise(sync)
    assert ("pass", ()) == outcome(device.report(one, report))


def test_a_nonce_of_one_server_is_refused_by_the_other(servers: tuple[RealServer, RealServer], device: Device) -> None:
    """Each knows its own, and gives a fresh one."""
    one, two = servers
    nonce, _ = device.ask(one)
    report = msgspec.structs.replace(device.compose(two, proved_to=two), nonce=nonce)
    with pytest.raises(ReportRefusedError, match="nonce-expired") as refused:
        device.report(two, report)
    assert 40 == len(refused.value.nonce)


def test_a_proof_made_for_one_server_proves_nothing_to_the_other(
    servers: tuple[RealServer, RealServer], device: Device
) -> None:
    """One server hands the other's nonce on to the device, and relays the proof: all is right but the audience in it."""
    one, two = servers
    relayed = device.compose(two, proved_to=one)
    assert ("fail", ("possession-unproven",)) == outcome(device.report(two, relayed))
