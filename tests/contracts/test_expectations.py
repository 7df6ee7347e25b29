"""What is expected is read at once and written late, and nobody who asks can tell: on each kind of database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.ports import SEEN_WITHIN, DenialKind
from gatepost.storage.database import SqlStorage, open_storage
from gatepost.storage.migration import migrate
from tests.kinds import KINDS, new_database
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.ports import Registration, StoredCheck

KEY = b"\x21" * 32
FLEET = 7


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> Iterator[SqlStorage]:
    """Give storage with two accounts."""
    url = new_database(request)
    migrate(url)
    opened = open_storage(url, samples.MASTER_KEY, os.urandom)
    with opened.writing() as records:
        samples.store_account(records)
        samples.store_account(records, 2)
    yield opened
    opened.close()


@pytest.fixture
def fleet(storage: SqlStorage) -> tuple[Registration, ...]:
    """Give registrations, of which each has a result and proved one key."""
    with storage.writing() as records:
        check = records.checks.add(samples.check(1))
        stored = tuple(samples.store_registration(records, 1, number) for number in range(1, FLEET + 1))
        for item in stored:
            records.results.put(1, samples.stored_result(item, check))
            records.proved_keys.prove(1, KEY, item.number, samples.NOW)
            records.evidence.put(1, samples.evidence(item, check), b"claim")
    return stored


def _check(storage: SqlStorage) -> StoredCheck:
    with storage.reading() as records:
        (check,) = records.checks.all(1)
    return check


def test_registrations_are_found_by_many_keys_at_once(storage: SqlStorage, fleet: tuple[Registration, ...]) -> None:
    """Whatever nobody enrolled is missing, and asking for one twice, or for nothing, does no harm."""
    asked = [item.thumbprint for item in fleet] * 2 + [b"\x00" * 32]
    with storage.reading() as records:
        assert {item.thumbprint: item for item in fleet} == records.devices.by_thumbprints(asked)
        assert {} == records.devices.by_thumbprints(())


def test_more_are_asked_for_than_one_statement_takes(storage: SqlStorage, fleet: tuple[Registration, ...]) -> None:
    """The values are divided, and none is left out."""
    strangers = [number.to_bytes(32, "little") for number in range(1000, 1600)]
    with storage.reading() as records:
        found = records.devices.by_thumbprints((*strangers, fleet[-1].thumbprint))
    assert [fleet[-1].thumbprint] == list(found)


def test_an_expected_registration_advances_as_any_other(storage: SqlStorage, fleet: tuple[Registration, ...]) -> None:
    """Once for each sequence, within one transaction and beyond it."""
    first, revoked = fleet[0], fleet[1]
    with storage.writing() as records:
        records.devices.revoke(1, revoked.number, 5)
        records.devices.expect(1, [item.number for item in fleet])
        assert records.devices.advance(1, first.number, 20, b"d" * 32, 8)
        assert not records.devices.advance(1, first.number, 20, b"e" * 32, 9)
        assert not records.devices.advance(1, revoked.number, 20, b"d" * 32, 9)
        found = records.devices.find(1, first.id)
        assert found is not None
        assert (20, b"d" * 32, 8) == (found.last_sequence, found.last_digest, found.last_seen_at)
        assert records.devices.advance(1, first.number, 21, b"f" * 32, 10)
    with storage.writing(alone=False) as records:
        assert not records.devices.advance(1, first.number, 21, b"g" * 32, 11)
        assert records.devices.advance(1, fleet[2].number, 21, b"g" * 32, 11)


def test_a_registration_that_is_revoked_after_it_was_expected_advances_no_more(
    storage: SqlStorage, fleet: tuple[Registration, ...]
) -> None:
    """What was read before is forgotten."""
    with storage.writing() as records:
        records.devices.expect(1, [fleet[0].number])
        records.devices.revoke(1, fleet[0].number, 5)
        assert not records.devices.advance(1, fleet[0].number, 20, b"d" * 32, 8)


def test_when_a_device_was_seen_is_written_with_the_transaction(
    storage: SqlStorage, fleet: tuple[Registration, ...]
) -> None:
    """Two devices of a group, each with what it said."""
    later = samples.NOW + 2 * SEEN_WITHIN
    with storage.writing(alone=False) as records:
        records.devices.expect(1, [item.number for item in fleet])
        for number, item in enumerate(fleet[:2]):
            records.devices.see(item, f"9.{number}", later)
    with storage.reading() as records:
        for number, item in enumerate(fleet[:2]):
            listed = records.fleet.device(1, item.device.id)
            assert listed is not None
            assert (later // SEEN_WITHIN * SEEN_WITHIN, f"9.{number}") == (listed.last_seen_at, listed.client_version)


def test_an_expected_result_that_says_the_same_keeps_all_but_its_times(
    storage: SqlStorage, fleet: tuple[Registration, ...]
) -> None:
    """They are there for whoever asks in the same transaction, however it asks, and afterwards."""
    first = fleet[0]
    with storage.writing(alone=False) as records:
        records.results.expect(1, [item.number for item in fleet])
        (known,) = records.results.find(1, first.number)
        result = msgspec.structs.replace(known.result, measured_at=1, judged_at=2, ends_at=None)
        renewed = msgspec.structs.replace(known, result=result, logged_at=3, repeats=known.repeats + 1)
        records.results.put(1, renewed)
        assert (renewed,) == records.results.find(1, first.number)
        assert renewed == records.results.find_one(1, first.number, known.check)
        assert renewed == records.results.all(1, (0, 0), 100)[0]
        again = msgspec.structs.replace(renewed, repeats=99)
        records.results.put(1, again)
        other = msgspec.structs.replace(again, received="another", repeats=0)
        records.results.put(1, other)
    with storage.reading() as records:
        assert (other,) == records.results.find(1, first.number)
        assert (1, 2) == (other.result.measured_at, other.result.judged_at)


def test_a_renewed_result_is_written_when_the_transaction_ends(
    storage: SqlStorage, fleet: tuple[Registration, ...]
) -> None:
    """Those of the whole group, and nobody else's."""
    with storage.writing(alone=False) as records:
        records.results.expect(1, [item.number for item in fleet[:3]])
        for item in fleet[:3]:
            (known,) = records.results.find(1, item.number)
            records.results.put(1, msgspec.structs.replace(known, repeats=50))
    with storage.reading() as records:
        repeats = [item.repeats for item in records.results.all(1, (0, 0), 100)]
    assert [50, 50, 50] == repeats[:3]
    assert 50 not in repeats[3:]


def test_ended_results_end_whatever_was_put_off(storage: SqlStorage, fleet: tuple[Registration, ...]) -> None:
    """A restore ends all of them, and a judgement that held holds no more."""
    with storage.writing() as records:
        records.results.expect(1, [fleet[0].number])
        (known,) = records.results.find(1, fleet[0].number)
        held = msgspec.structs.replace(known, appraised_at=1, appraised_until=2**50)
        records.results.put(1, held)
        records.results.put(1, msgspec.structs.replace(held, repeats=51))
        records.results.end_all(1, 7)
        (ended,) = records.results.find(1, fleet[0].number)
    assert (0, 0, 51, None) == (ended.result.ends_at, ended.appraised_until, ended.repeats, ended.claim_digest)


def test_renewed_evidence_is_there_for_whoever_scans(storage: SqlStorage, fleet: tuple[Registration, ...]) -> None:
    """And evidence that is put anew is the newest."""
    check = _check(storage)
    renewed = [samples.evidence(item, check, status="fail", measured_at=77) for item in fleet[:3]]
    with storage.writing(alone=False) as records:
        for item in renewed:
            records.evidence.renew(1, item)
        records.evidence.put(1, msgspec.structs.replace(renewed[2], status="pass"), b"newer")
        found = records.evidence.scan(1, check.number, 0, 100)
        assert ["fail", "fail", "pass"] == [item.status for item in found[:3]]
        assert [77, 77, 77] == [item.measured_at for item in found[:3]]
        records.evidence.renew(1, renewed[0])
        records.evidence.forget(1, check.number)
    with storage.reading() as records:
        assert () == records.evidence.scan(1, check.number, 0, 100)


def test_expected_holders_are_those_that_count_and_have_not_ended(
    storage: SqlStorage, fleet: tuple[Registration, ...]
) -> None:
    """A proof puts the end off and never back; who is revoked holds nothing any more."""
    numbers = [item.number for item in fleet]
    with storage.writing() as records:
        records.proved_keys.expect(1, [KEY])
        assert tuple(numbers) == tuple(item.registration for item in records.proved_keys.holders(1, KEY, 0))
        assert () == records.proved_keys.holders(1, KEY, samples.NOW)
        records.proved_keys.prove(1, KEY, numbers[0], samples.NOW + 5)
        records.proved_keys.prove(1, KEY, numbers[0], samples.NOW + 3)
        assert [samples.NOW + 5] == [item.ends_at for item in records.proved_keys.holders(1, KEY, samples.NOW)]
        records.devices.revoke(1, numbers[1], 5)
        assert numbers[1] not in {item.registration for item in records.proved_keys.holders(1, KEY, 0)}
    with storage.reading() as records:
        assert [numbers[0]] == [item.registration for item in records.proved_keys.holders(1, KEY, samples.NOW)]


def test_a_key_that_is_proved_for_the_first_time_has_a_holder(
    storage: SqlStorage, fleet: tuple[Registration, ...]
) -> None:
    """Also where it was expected, and nobody held it."""
    other = b"\x22" * 32
    with storage.writing(alone=False) as records:
        records.proved_keys.expect(1, [other])
        assert () == records.proved_keys.holders(1, other, 0)
        records.proved_keys.prove(1, other, fleet[0].number, samples.NOW)
        assert [fleet[0].id] == [item.registration_id for item in records.proved_keys.holders(1, other, 0)]
        assert records.proved_keys.name_owner(1, other, fleet[0].number)
        assert [True] == [item.owner for item in records.proved_keys.holders(1, other, 0)]


def test_expected_denials_are_the_accounts_own(storage: SqlStorage) -> None:
    """Each value is answered as by asking for it alone; a denial that is lifted in between is none."""
    with storage.writing() as records:
        assert not records.denials.any(1)
        denial = records.denials.add(samples.denial(1))
        assert records.denials.any(1)
        assert not records.denials.any(2)
        records.denials.expect(1, denial.kind, (denial.value, b"\x00" * 32))
        asked = (denial.value, b"\x00" * 32)
        assert {denial.value: denial.reason} == records.denials.among(1, denial.kind, asked)
        assert {} == records.denials.among(1, denial.kind, asked[1:])
        assert {} == records.denials.among(2, denial.kind, asked)
        other = DenialKind.CERTIFICATE if denial.kind is DenialKind.KEY else DenialKind.KEY
        assert {} == records.denials.among(1, other, asked)
        assert records.denials.remove(1, denial.id)
        assert {} == records.denials.among(1, denial.kind, asked)
