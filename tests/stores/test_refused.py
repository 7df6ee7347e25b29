"""A place that is not read at all: its fault is what reading it gives."""

from __future__ import annotations

from gatepost.core.certificate import Malformed
from gatepost.core.finding import Candidate, Fault, Findings, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query, Store
from gatepost.stores.refused import RefusedPlace

FAULT = Fault(
    location=Location(store=StoreKind.PKCS11, path="pkcs11:x"), reason=Reason.LOCATION_UNSUPPORTED, detail="x"
)


def test_a_refused_place_gives_its_fault_and_nothing_else() -> None:
    """So that a check never passes over a place in silence."""
    place: Store = RefusedPlace(FAULT)
    assert Findings(faults=(FAULT,)) == place.read(Query(issuers=frozenset()))


def test_a_refused_place_signs_watches_and_shows_nothing() -> None:
    """It holds no candidate that could be asked to."""
    candidate = Candidate(certificate=Malformed(b"", b"", ""), location=FAULT.location)
    place: Store = RefusedPlace(FAULT)
    assert (None, (), ()) == (place.sign(candidate, b"statement"), place.watched, place.command(candidate))
