"""Gathering: several places are one answer, and a signature stays with the key that made it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.agent.gather import gather
from gatepost.core.check import MAXIMUM_CANDIDATES, Check, Evidence, Locations, TrustStore
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, Proof, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.interface import Unsigned
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from tests.certificates import NOW, CertificateAuthority, Issued
from tests.core.subjects import parsed

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.agent.gather import Gathered
    from gatepost.core.certificate import Certificate
    from gatepost.stores.interface import Query, Store

AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
LAPTOP = AUTHORITY.issue(cn="laptop-1")
CHECK = Check(id="x", authorities=(parsed(AUTHORITY),), asks_key=True, evidence=Evidence.POSSESSION)


class Scripted:
    """Stands for a store of a kind that this machine does not have, or that misbehaves: what it finds and signs is given."""

    def __init__(self, findings: Findings, signature: bytes | Unsigned | None = None) -> None:
        """Take what is found and what is signed."""
        self._findings = findings
        self._signature = signature
        self.asked: list[bytes] = []

    @property
    def watched(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def read(self, query: Query) -> Findings:
        """Find."""
        del query
        return self._findings

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned | None:
        """Sign."""
        del candidate
        self.asked.append(statement)
        return self._signature

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Say which candidate it is."""
        return ("show", candidate.location.path)


def candidate(path: str, key: KeyState = KeyState.PRESENT, issued: Issued = LAPTOP) -> Candidate:
    """Find a certificate somewhere."""
    return Candidate(certificate=parsed(issued), location=Location(store=StoreKind.PKCS11, path=path), key=key)


def pem_file(folder: Path, name: str, *blocks: bytes) -> PemFiles:
    """Make a PEM file that only its owner can write, and the store on it."""
    path = folder / name
    path.write_bytes(b"".join(blocks))
    path.chmod(0o600)
    return PemFiles((str(path),), Access(allowed_paths=(str(folder),)))


def answer(*stores: Store, check: Check = CHECK) -> Gathered:
    """Answer a check from these stores."""
    return gather(check, DeviceFacts(), stores, NOW, statement)


def statement(certificate: Certificate) -> bytes:
    """Give what is to be signed."""
    return b"statement of " + certificate.sha256


def test_a_signature_is_of_the_place_whose_key_made_it(tmp_path: Path) -> None:
    """One certificate in two files; the key is in the second."""
    tmp_path.chmod(0o700)
    without, with_key = (
        pem_file(tmp_path, "a.pem", LAPTOP.pem),
        pem_file(tmp_path, "b.pem", LAPTOP.pem, LAPTOP.key_pem()),
    )
    gathered = answer(without, with_key)
    ((sha256, place), signature) = next(iter(gathered.signatures.items()))
    assert (1, parsed(LAPTOP).sha256, str(tmp_path / "b.pem")) == (len(gathered.signatures), sha256, place.path)
    assert verify_signature(parsed(LAPTOP).public_key, signature, statement(parsed(LAPTOP)))
    assert (Status.PASS, Evidence.POSSESSION) == (gathered.evaluation.status, gathered.evaluation.evidence)
    assert {KeyState.PRESENT, KeyState.MISSING} == {item.candidate.key for item in gathered.evaluation.certificates}


def test_nothing_signs_when_the_check_asks_for_no_key(tmp_path: Path) -> None:
    """A key is not used where nobody needs it."""
    tmp_path.chmod(0o700)
    store = pem_file(tmp_path, "a.pem", LAPTOP.pem, LAPTOP.key_pem())
    check = msgspec.structs.replace(CHECK, asks_key=False, evidence=Evidence.REPORTED)
    gathered = answer(store, check=check)
    assert (Status.PASS, {}) == (gathered.evaluation.status, gathered.signatures)


@pytest.mark.parametrize("key", [KeyState.MISSING, KeyState.MISMATCH, KeyState.UNUSABLE, KeyState.NOT_ASKED])
def test_a_key_that_is_not_there_is_not_asked_to_sign(key: KeyState) -> None:
    """A token is not troubled, and no person is asked."""
    store = Scripted(Findings(candidates=(candidate("/a", key),)))
    assert {} == answer(store).signatures
    assert [] == store.asked


def test_a_signature_that_is_wrong_is_not_sent() -> None:
    """A store that signs something else proves nothing, and says so."""
    store = Scripted(Findings(candidates=(candidate("/a"),)), b"\x01" * 64)
    gathered = answer(store)
    assert ({}, (Reason.POSSESSION_UNPROVEN,)) == (gathered.signatures, gathered.evaluation.reasons)
    assert Proof.INVALID == gathered.evaluation.certificates[0].candidate.proof


def test_a_store_that_cannot_sign_leaves_the_key_present() -> None:
    """As NSS databases do until their proof comes."""
    store = Scripted(Findings(candidates=(candidate("/a"),)))
    gathered = answer(store, check=msgspec.structs.replace(CHECK, evidence=Evidence.KEY_PRESENT))
    assert (Status.PASS, Evidence.KEY_PRESENT) == (gathered.evaluation.status, gathered.evaluation.evidence)
    assert (Reason.POSSESSION_UNPROVEN,) == answer(store).evaluation.reasons


@pytest.mark.parametrize("state", [KeyState.UNUSABLE, KeyState.MISSING, KeyState.MISMATCH])
def test_a_key_that_will_not_sign_says_why(state: KeyState) -> None:
    """With the provider's words, for the administrator."""
    store = Scripted(Findings(candidates=(candidate("/a"),)), Unsigned("CKR_PIN_LOCKED", state))
    found = answer(store).evaluation.certificates[0].candidate
    assert (state, "CKR_PIN_LOCKED") == (found.key, found.key_detail)


def test_a_store_that_fails_does_not_hide_the_others() -> None:
    """The device passes, and the fault is told beside it."""
    place = Location(store=StoreKind.NSSDB, path="/b")
    fault = Fault(location=place, reason=Reason.STORE_BUSY, detail="locked")
    passing = Scripted(Findings(candidates=(candidate("/a"),), others=2))
    gathered = answer(passing, Scripted(Findings(faults=(fault,), others=3)), check=_key_present())
    assert (Status.PASS, (fault,), 5) == (
        gathered.evaluation.status,
        gathered.evaluation.faults,
        gathered.evaluation.others,
    )


def _key_present() -> Check:
    return msgspec.structs.replace(CHECK, evidence=Evidence.KEY_PRESENT)


def crowd(path: str, count: int) -> tuple[Candidate, ...]:
    """Find a certificate in one place, again and again: under another nickname each time, and without its key."""
    found = candidate(path, KeyState.MISSING)
    places = (Location(store=StoreKind.PKCS11, path=path, label=str(number)) for number in range(count))
    return tuple(msgspec.structs.replace(found, location=place) for place in places)


def too_many(gathered: Gathered) -> list[str]:
    """Return the places that were left out."""
    faults = gathered.evaluation.faults
    return [item.location.path for item in faults if item.reason is Reason.TOO_MANY_CANDIDATES]


def test_a_place_with_too_many_candidates_hides_no_other() -> None:
    """Whoever fills their own store spoils that store; the passing certificate elsewhere passes, and the fault is said."""
    full = Scripted(Findings(candidates=crowd("/full", MAXIMUM_CANDIDATES), too_many=True))
    gathered = answer(full, Scripted(Findings(candidates=(candidate("/b"),))), check=_key_present())
    assert (Status.PASS, ["/full"]) == (gathered.evaluation.status, too_many(gathered))
    assert not gathered.too_many


def test_a_place_with_too_many_candidates_is_an_error_where_nothing_passes() -> None:
    """None of them is judged: which ones were would depend on their order."""
    full = Findings(candidates=(candidate("/full"), *crowd("/full", MAXIMUM_CANDIDATES - 1)), too_many=True)
    gathered = answer(Scripted(full), check=_key_present())
    assert (Status.ERROR, (Reason.TOO_MANY_CANDIDATES,)) == (gathered.evaluation.status, gathered.evaluation.reasons)
    assert () == gathered.evaluation.certificates


def test_the_largest_places_are_left_out_when_there_are_too_many_together() -> None:
    """However many somebody may lay beside it, a smaller place is judged."""
    sizes = {"/most": 600, "/many": 500, "/some": 400}
    stores = [Scripted(Findings(candidates=crowd(path, size))) for path, size in sizes.items()]
    own = Scripted(Findings(candidates=(candidate("/own"),)))
    gathered = answer(*stores, own, check=_key_present())
    assert (Status.PASS, ["/most"]) == (gathered.evaluation.status, too_many(gathered))
    assert gathered.evaluation == answer(own, *reversed(stores), check=_key_present()).evaluation
    alone = answer(*stores, check=_key_present()).evaluation
    assert (Status.ERROR, Reason.TOO_MANY_CANDIDATES) == (alone.status, alone.reasons[0])


def test_the_bound_itself_is_not_too_many() -> None:
    """In one place, and in two together."""
    half = MAXIMUM_CANDIDATES // 2
    gathered = answer(*(Scripted(Findings(candidates=crowd(path, half))) for path in ("/a", "/b")))
    assert (Status.FAIL, []) == (gathered.evaluation.status, too_many(gathered))


def test_a_store_that_had_too_many_and_shows_none_is_enough() -> None:
    """What it has left out was not judged, and where that lies nobody knows."""
    passing = Scripted(Findings(candidates=(candidate("/a"),)))
    gathered = answer(passing, Scripted(Findings(too_many=True)), check=_key_present())
    assert (True, Status.ERROR) == (gathered.too_many, gathered.evaluation.status)


def test_only_the_nearest_sign() -> None:
    """Sixteen of forty: those that are reported."""
    store = Scripted(Findings(candidates=tuple(candidate(f"/{i:02}") for i in range(40))), b"")
    gathered = answer(store)
    assert (16, 16) == (len(store.asked), len(gathered.evaluation.certificates))


def test_a_command_shows_each_candidate_in_its_own_store() -> None:
    """By the store that found it."""
    gathered = answer(
        Scripted(Findings(candidates=(candidate("/a"),))), Scripted(Findings(candidates=(candidate("/b"),)))
    )
    assert {("show", "/a"), ("show", "/b")} == set(gathered.commands.values())


def test_a_certificate_one_step_away_is_told_with_what_to_upload(tmp_path: Path) -> None:
    """The administrator uploaded the root, and the device's certificate is from the CA below it."""
    tmp_path.chmod(0o700)
    issuing = AUTHORITY.subordinate(cn="Issuing CA")
    laptop = issuing.issue(cn="laptop-1")
    gathered = answer(pem_file(tmp_path, "a.pem", issuing.issued.pem, laptop.pem))
    (nearby,) = gathered.evaluation.nearby
    assert (parsed(laptop).sha256, parsed(issuing).sha256, "CN=Issuing CA") == (
        nearby.sha256,
        nearby.via,
        nearby.issuer,
    )


def test_nothing_is_told_of_others_when_the_check_passes(tmp_path: Path) -> None:
    """Nor is it looked for."""
    tmp_path.chmod(0o700)
    issuing = AUTHORITY.subordinate(cn="Issuing CA")
    blocks = issuing.issued.pem, issuing.issue().pem, LAPTOP.pem
    check = msgspec.structs.replace(CHECK, asks_key=False, evidence=Evidence.REPORTED)
    assert () == answer(pem_file(tmp_path, "a.pem", *blocks), check=check).evaluation.nearby


def test_an_answer_is_of_the_instant_that_is_given(tmp_path: Path) -> None:
    """The clock is the caller's."""
    tmp_path.chmod(0o700)
    store = pem_file(tmp_path, "a.pem", LAPTOP.pem, LAPTOP.key_pem())
    later = NOW + timedelta(days=20 * 365)
    assert Status.FAIL == gather(CHECK, DeviceFacts(), (store,), later, statement).evaluation.status


def test_no_store_at_all_is_no_certificate() -> None:
    """A fail with its reason."""
    check = msgspec.structs.replace(CHECK, locations=Locations((TrustStore.SYSTEM,)))
    assert (Reason.NO_CERTIFICATE_FOUND,) == answer(check=check).evaluation.reasons
