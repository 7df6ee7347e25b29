"""One key on two devices: seen always, refused where the check says so, and mended by revoking one or naming an owner."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.controlplane.administration.rules import replace_options
from gatepost.controlplane.administration.shared_keys import list_shared_keys, name_owner
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.check_options import CheckOptions, Sharing
from gatepost.wire.management.shared_keys import OwnerBody
from tests.controlplane.house import MINUTE, open_house
from tests.kinds import KINDS, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.controlplane.ports import StoredResult
    from tests.certificates import Issued
    from tests.controlplane.house import House, Member


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Open a house for one test, on each kind of database."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        yield opened


def ask(house: House, sharing: Sharing) -> None:
    """Make the house's one check: any certificate of its authority, with its key."""
    check = house.ask(cn="", check_private_key=True)
    replace_options(house.services, house.account, check, CheckOptions(shared=sharing))


def digest_of(issued: Issued) -> str:
    """Name a certificate's key."""
    public = issued.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def outcome(stored: StoredResult) -> tuple[Status, tuple[Reason, ...]]:
    """Say what a result comes to."""
    return stored.result.status, stored.result.reasons


PASSES = (Status.PASS, ())
SHARED = (Status.FAIL, (Reason.CERTIFICATE_SHARED,))


def two(house: House) -> tuple[Member, Member, Issued]:
    """Admit two devices that hold copies of one certificate and its key."""
    return house.admit(), house.admit(), house.authority.issue(cn="copied")


def test_both_pass_and_the_key_is_listed_when_sharing_is_allowed(house: House) -> None:
    """It is an event all the same."""
    ask(house, Sharing.ALLOW)
    one, other, copied = two(house)
    one.prove(copied)
    assert () == list_shared_keys(house.services, house.account)
    other.prove(copied)
    assert [PASSES, PASSES] == [outcome(one.result()), outcome(other.result())]
    (shared,) = list_shared_keys(house.services, house.account)
    assert digest_of(copied) == shared.key
    assert {one.registration.id, other.registration.id} == {item.registration_id for item in shared.holders}
    assert [False, True] == [one.registration.id in line.entry.received for line in house.log()]


def test_the_first_device_s_log_names_the_event_once_when_it_reports_again(house: House) -> None:
    """Nothing else changed, and the line is written all the same."""
    ask(house, Sharing.ALLOW)
    one, other, copied = two(house)
    for member in (one, other, one, one):
        member.prove(copied)
    lines = [line for line in house.log() if line.registration_id == one.registration.id]
    assert [False, True] == [other.registration.id in line.entry.received for line in lines]


def test_both_fail_at_once_when_the_check_denies_sharing(house: House) -> None:
    """The first device's pass falls with the second's report; its log says so."""
    ask(house, Sharing.DENY)
    one, other, copied = two(house)
    one.prove(copied)
    assert PASSES == outcome(one.result())
    verdict = other.prove(copied).verdicts[0]
    assert SHARED == (verdict.status, verdict.reasons)
    assert [SHARED, SHARED] == [outcome(one.result()), outcome(other.result())]
    assert [PASSES, SHARED, SHARED] == [(line.entry.result.status, line.entry.result.reasons) for line in house.log()]
    one.prove(copied)
    assert SHARED == outcome(one.result())


def test_the_other_passes_again_when_one_is_revoked(house: House) -> None:
    """A revoked device holds nothing."""
    ask(house, Sharing.DENY)
    one, other, copied = two(house)
    one.prove(copied)
    other.prove(copied)
    house.revoke(one)
    other.prove(copied)
    assert PASSES == outcome(other.result())


def test_the_owner_passes_and_the_copy_fails_when_an_owner_is_named(house: House) -> None:
    """Naming nobody again brings the fail back."""
    ask(house, Sharing.DENY)
    one, other, copied = two(house)
    one.prove(copied)
    other.prove(copied)
    owner = OwnerBody(registration_id=one.registration.id)
    shown = name_owner(house.services, house.account, digest_of(copied), owner)
    assert [True] == [item.owner for item in shown.holders if item.registration_id == one.registration.id]
    one.prove(copied)
    other.prove(copied)
    assert [PASSES, SHARED] == [outcome(one.result()), outcome(other.result())]
    name_owner(house.services, house.account, digest_of(copied), OwnerBody(registration_id=None))
    one.prove(copied)
    assert SHARED == outcome(one.result())


def test_nothing_is_shared_when_the_first_proof_has_ended(house: House) -> None:
    """A laptop that was handed on is no clone: the lives of the two results do not meet."""
    ask(house, Sharing.DENY)
    one, other, copied = two(house)
    one.prove(copied)
    house.clock.time += 12 * MINUTE
    other.prove(copied)
    assert PASSES == outcome(other.result())


def test_nothing_is_shared_when_one_device_renews_with_its_key(house: House) -> None:
    """Two certificates, one key, one device."""
    ask(house, Sharing.DENY)
    one = house.admit()
    first = house.authority.issue(cn="laptop-1")
    one.prove(first)
    one.prove(house.authority.issue(cn="laptop-1", key=first.key))
    assert PASSES == outcome(one.result())


def test_a_copy_without_the_key_shares_nothing_when_it_proves_nothing(house: House) -> None:
    """Whoever shows another's certificate must not bring its owner down."""
    ask(house, Sharing.DENY)
    one, other, copied = two(house)
    one.prove(copied)
    other.send(other.compose(other.found(copied)))
    assert [PASSES, Status.FAIL] == [outcome(one.result()), other.result().result.status]
    assert () == list_shared_keys(house.services, house.account)


@pytest.mark.parametrize("key", ["", "zz", "AB" * 32, "ab" * 31])
def test_a_key_is_refused_in_words_when_it_is_no_digest(house: House, key: str) -> None:
    """The error names the form."""
    with pytest.raises(InputError, match="64 lower-case hex digits"):
        name_owner(house.services, house.account, key, OwnerBody(registration_id=None))


def test_an_owner_is_refused_when_it_never_proved_the_key(house: House) -> None:
    """Neither a stranger nor a device that does not exist."""
    ask(house, Sharing.DENY)
    one, other, copied = two(house)
    one.prove(copied)
    for reference in (other.registration.id, "no such"):
        with pytest.raises(NotFoundError):
            name_owner(house.services, house.account, digest_of(copied), OwnerBody(registration_id=reference))
    with pytest.raises(NotFoundError):
        name_owner(house.services, house.account, "ab" * 32, OwnerBody(registration_id=None))
