"""The costliest evaluations: as many candidates as are ever judged, none of them passing, genuine ones and forged ones.

Of the genuine ones it is known without their signatures that they are not the nearest; of the forged ones nothing else is wrong.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench.harness import Bound, Comparison, Figure, MeasureError, Sense, Side
from bench.processor_time import of_calls
from gatepost.agent.gather import gather
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.certificate import _ask_openssl as remembered  # what was remembered is forgotten before each turn
from gatepost.core.check import MAXIMUM_CANDIDATES, MAXIMUM_REPORTED, Check, Locations, Purpose, TrustStore
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.core.evaluation import Status
from gatepost.core.finding import Candidate, Findings, Location, StoreKind
from gatepost.core.reason import Reason
from tests.certificates import NOW, CertificateAuthority
from tests.keys import KeyKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509

    from gatepost.stores.interface import Query
    from tests.certificates import Issued

_PLACE = Location(store=StoreKind.NSSDB, path="/measured")
_LAPTOP = "laptop-1"


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
    """Measure both kinds of signature, genuine and forged."""
    del folder
    figures = [_compare(*kind) for kind in ((KeyKind.P256, "P-256", 2.0), (KeyKind.RSA2048, "RSA-2048", 4.0))]
    return tuple(figure for pair in figures for figure in pair)


def _compare(kind: KeyKind, name: str, bound: float) -> tuple[Figure, Figure]:
    authority = CertificateAuthority.create(cn="Example Issuing CA 1", key=kind)
    issued = tuple(authority.issue(cn=f"colleague-{number}", key=KeyKind.P256) for number in range(MAXIMUM_CANDIDATES))
    laptops = tuple(authority.issue(cn=_LAPTOP, key=KeyKind.P256) for _ in issued)
    certificates = [item.certificate for item in issued]
    comparison = partial(
        Comparison,
        anchor=Side(
            f"{MAXIMUM_CANDIDATES:,} bare verifications of such signatures by `cryptography`, in the same process",
            partial(of_calls, partial(_verify, authority, [_signed(item) for item in certificates]), 1),
        ),
        unit="an evaluation",
        bound=Bound(Sense.AT_MOST, bound),
    )
    genuine = _side(
        f"One evaluation of {MAXIMUM_CANDIDATES:,} candidates issued by one {name} key in other names than the one asked for: "
        f"each parsed, judged by all that needs no signature, ranked, and the {MAXIMUM_REPORTED} nearest judged by OpenSSL",
        _evaluation(authority, tuple(item.der for item in issued), Reason.COMMON_NAME_MISMATCH),
    )
    forged = _side(
        f"One evaluation of {MAXIMUM_CANDIDATES:,} candidates that have all that is asked for but {name} signatures of their "
        "issuer, which are forged: each parsed, judged by all that needs no signature, its signature verified, ranked, and "
        f"the {MAXIMUM_REPORTED} nearest judged by OpenSSL",
        _evaluation(authority, tuple(map(_forge, laptops)), Reason.SIGNATURE_INVALID),
    )
    return (
        comparison(name=f"worst case, {MAXIMUM_CANDIDATES:,} candidates, {name}", subject=genuine).run(),
        comparison(name=f"worst case, {MAXIMUM_CANDIDATES:,} forged candidates, {name}", subject=forged).run(),
    )


def _side(what: str, evaluate: Callable[[], None]) -> Side:
    return Side(what, partial(of_calls, evaluate, 1))


def _forge(issued: Issued) -> bytes:
    """Spoil the signature by one bit, at its end."""
    return issued.der[:-1] + bytes((issued.der[-1] ^ 1,))


def _evaluation(authority: CertificateAuthority, certificates: tuple[bytes, ...], reason: Reason) -> Callable[[], None]:
    """Return a call that evaluates once, and insists on a fail for ``reason`` and on as many certificates as are reported."""
    signing = parse_certificate(authority.der)
    if not isinstance(signing, Certificate):
        raise MeasureError("the signing certificate cannot be read")
    check = Check(
        id="measured",
        authorities=(signing,),
        common_name=parse_template(_LAPTOP, "cn"),
        purposes=(Purpose.CLIENT_AUTH,),
        locations=Locations((TrustStore.SYSTEM,), ()),
    )
    stores = (_Given(certificates),)

    def evaluate() -> None:
        remembered.cache_clear()
        evaluation = gather(check, DeviceFacts(), stores, NOW, lambda item: item.sha256).evaluation
        answer = evaluation.status, evaluation.reasons, len(evaluation.certificates)
        if answer != (Status.FAIL, (reason,), MAXIMUM_REPORTED):
            raise MeasureError(f"the evaluation came out otherwise: {answer}")

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
