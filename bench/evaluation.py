"""What one evaluation costs in process, as `gatepost.agent.gather` does it: on larger and larger NSS databases."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bench.harness import Bound, Comparison, Figure, MeasureError, Sense, Side
from bench.nss_databases import LAPTOP, insist_on, make_database
from bench.processor_time import of_calls, of_child
from gatepost.agent.gather import gather
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.certificate import _ask_openssl as remembered  # forgotten before each turn
from gatepost.core.check import Check, Evidence, Locations, Purpose, TrustStore
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.core.evaluation import Status
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.safe_open import Access
from tests.certificates import NOW, CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LISTED_SIZES: Final = (100, 1_000, 10_000)
"""`certutil -L` counts these; of 100,000 it would take hours."""
_QUICKLY_LISTED: Final = 1_000
_UNLISTED_SIZE: Final = 100_000
_TIMES: Final = 200
"""Evaluations in one turn: a tenth of a second."""
_WHAT: Final = "One evaluation (issuer index, one candidate judged, its key looked up)"


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure growth with the database, and the distance to NSS's own tool."""
    authority = CertificateAuthority.create(cn="Example Issuing CA 1")
    databases = {size: make_database(folder, authority, size) for size in (*_LISTED_SIZES, _UNLISTED_SIZE)}
    for size in _LISTED_SIZES:
        insist_on(databases[size], size)
    sides = {size: _side(_evaluation(authority, path), size) for size, path in databases.items()}
    return (
        _compare(sides, 10_000, Bound(Sense.AT_MOST, 1.5)),
        _compare(sides, 100_000, Bound(Sense.AT_MOST, 1.5)),
        _beside_certutil(sides, databases, 1_000, 200),
        _beside_certutil(sides, databases, 10_000, 10_000),
    )


def _beside_certutil(sides: dict[int, Side], databases: dict[int, Path], size: int, bound: float) -> Figure:
    return Comparison(
        name=f"evaluation beside certutil, {size:,} certificates",
        subject=sides[size],
        anchor=Side(
            "`certutil -L`, the whole process, on the same database",
            partial(of_child, ["certutil", "-L", "-d", f"sql:{databases[size]}"]),
        ),
        unit="an evaluation",
        bound=Bound(Sense.AT_LEAST, bound),
        # Where one turn of certutil takes ten seconds, the fewest turns are enough.
        rounds=8 if size <= _QUICKLY_LISTED else 4,
    ).run()


def _compare(sides: dict[int, Side], size: int, bound: Bound) -> Figure:
    return Comparison(
        name=f"evaluation, {size:,} certificates beside 100",
        subject=sides[size],
        anchor=sides[100],
        unit="an evaluation",
        bound=bound,
    ).run()


def _side(evaluate: Callable[[], None], size: int) -> Side:
    what = f"{_WHAT} on a database of {size:,} certificates of five issuers, one of which matches"
    return Side(what, partial(of_calls, evaluate, _TIMES))


def _evaluation(authority: CertificateAuthority, directory: Path) -> Callable[[], None]:
    """Return a call that evaluates once and insists on a pass."""
    certificate = parse_certificate(authority.der)
    if not isinstance(certificate, Certificate):
        raise MeasureError("the signing certificate cannot be read")
    check = Check(
        id="measured",
        authorities=(certificate,),
        common_name=parse_template(LAPTOP, "cn"),
        purposes=(Purpose.CLIENT_AUTH,),
        asks_key=True,
        evidence=Evidence.KEY_PRESENT,
        locations=Locations((TrustStore.SYSTEM,), ()),
    )
    stores = (NssDatabase(str(directory), Access()),)

    def evaluate() -> None:
        remembered.cache_clear()
        evaluation = gather(check, DeviceFacts(), stores, NOW, lambda item: item.sha256).evaluation
        if evaluation.status is not Status.PASS:
            raise MeasureError(f"the evaluation came out otherwise: {evaluation.reasons} {evaluation.faults}")

    return evaluate
