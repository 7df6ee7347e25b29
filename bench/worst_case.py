"""The costliest evaluation there is: as many candidates as are ever judged, each issued by the CA, and none of them passing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench.harness import Bound, Comparison, Figure, MeasureError, Sense, Side
from bench.processor_time import of_calls
from gatepost.agent.gather import gather
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.certificate import _ask_openssl as remembered  # what was remembered is forgotten before each turn
from gatepost.core.check import MAXIMUM_CANDIDATES, Check, Locations, Purpose, TrustStore
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.core.evaluation import Status
from gatepost.core.finding import Candidate, Findings, Location, StoreKind
from tests.certificates import NOW, CertificateAuthority
from tests.keys import KeyKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509

    from gatepost.stores.interface import Query

_PLACE = Location(store=StoreKind.NSSDB, path="/measured")


class _Given:
    """A store that holds what it was given, and parses it at each reading as a real one does; a test double."""

    watched = ()

    def __init__(self, certificates: tuple[bytes, ...]) -> None:
        self._certificates = certificates

    def read(self, query: Query) -> Findings:
        """Parse every certificate."""
        del query
        parsed = (parse_certificate(item) for item in self._certificates)
        return Findings(candidates=tuple(Candidate(certificate=item, location=_PLACE) for item in parsed))

    def sign(self, candidate: Candidate, statement: bytes) -> None:
        """Sign nothing."""

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show nothing."""
        del candidate
        return ()


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure both kinds of signature."""
    del folder
    return _compare(KeyKind.P256, "P-256", 2.0), _compare(KeyKind.RSA2048, "RSA-2048", 4.0)


def _compare(kind: KeyKind, name: str, bound: float) -> Figure:
    authority = CertificateAuthority.create(cn="Example Issuing CA 1", key=kind)
    issued = tuple(authority.issue(cn=f"colleague-{number}", key=KeyKind.P256) for number in range(MAXIMUM_CANDIDATES))
    certificates = tuple(item.certificate for item in issued)
    return Comparison(
        name=f"worst case, {MAXIMUM_CANDIDATES:,} candidates, {name}",
        subject=Side(
            f"One evaluation of {MAXIMUM_CANDIDATES:,} candidates signed by one {name} key, none passing: parsed, judged "
            "by OpenSSL and by every criterion, ranked",
            partial(of_calls, _evaluation(authority, tuple(item.der for item in issued)), 1),
        ),
        anchor=Side(
            f"{MAXIMUM_CANDIDATES:,} bare verifications of the same signatures by `cryptography`, in the same process",
            partial(of_calls, partial(_verify, authority, [_signed(item) for item in certificates]), 1),
        ),
        unit="an evaluation",
        bound=Bound(Sense.AT_MOST, bound, due="part 2"),
    ).run()


def _evaluation(authority: CertificateAuthority, certificates: tuple[bytes, ...]) -> Callable[[], None]:
    signing = parse_certificate(authority.der)
    if not isinstance(signing, Certificate):
        raise MeasureError("the signing certificate cannot be read")
    check = Check(
        id="measured",
        authorities=(signing,),
        common_name=parse_template("laptop-1", "cn"),
        purposes=(Purpose.CLIENT_AUTH,),
        locations=Locations((TrustStore.SYSTEM,), ()),
    )
    stores = (_Given(certificates),)

    def evaluate() -> None:
        remembered.cache_clear()
        evaluation = gather(check, DeviceFacts(), stores, NOW, lambda item: item.sha256).evaluation
        if evaluation.status is not Status.FAIL:
            raise MeasureError(f"the evaluation came out otherwise: {evaluation.reasons}")

    return evaluate


def _signed(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    return certificate.signature, certificate.tbs_certificate_bytes


def _verify(authority: CertificateAuthority, signed: list[tuple[bytes, bytes]]) -> None:
    digest = authority.certificate.signature_hash_algorithm
    if digest is None:
        raise MeasureError("the signing certificate's algorithm has no digest")
    match authority.certificate.public_key():
        case ec.EllipticCurvePublicKey() as curve:
            for signature, body in signed:
                curve.verify(signature, body, ec.ECDSA(digest))
        case rsa.RSAPublicKey() as key:
            for signature, body in signed:
                key.verify(signature, body, padding.PKCS1v15(), digest)
        case _:
            raise MeasureError("a key of another kind")
