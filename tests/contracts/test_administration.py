"""What the ports promise of people, documents, evidence and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.ports import EVERY_RESULT, AccessFilter, AuditFilter, UserFilter
from gatepost.errors import NotFoundError, StorageError
from tests.contracts.test_storage import Database
from tests.kinds import KINDS, new_database
from tests.storage import samples
from tests.storage.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.storage.database import SqlStorage

ALL = AuditFilter()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> Iterator[SqlStorage]:
    """Give storage of each kind with one account, number 1."""
    made = Database(new_database(request))
    opened = made.open()
    with opened.writing() as records:
        samples.store_account(records)
    yield opened
    made.close()


def test_a_person_is_stored_once_whatever_the_case_of_the_address(storage: SqlStorage) -> None:
    """In each account by itself; the first record stands."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        first = records.users.ensure(samples.user(1))
        again = records.users.ensure(msgspec.structs.replace(samples.user(1, 2), email="PERSON1@example.com"))
        other = records.users.ensure(samples.user(2))
    assert first == again
    assert "person1@example.com" == first.email
    with storage.reading() as records:
        assert first == records.users.find(1, first.id) == records.users.by_email(1, "Person1@EXAMPLE.com")
        assert (first,) == records.users.all(1, 0, 10)
        assert (other,) == records.users.all(2, 0, 10)
        assert records.users.find(2, samples.public_id(9)) is None
        assert records.users.by_email(2, "nobody@example.com") is None


def test_people_come_in_pages(storage: SqlStorage) -> None:
    """In the order in which they came."""
    with storage.writing() as records:
        people = [records.users.ensure(samples.user(1, number)) for number in range(1, 4)]
    with storage.reading() as records:
        assert people[:2] == list(records.users.all(1, 0, 2))
        assert people[2:] == list(records.users.all(1, people[1].number, 2))


def test_people_are_found_by_what_is_known_of_them(storage: SqlStorage) -> None:
    """In the order of their addresses, in whatever case; signs that stand for others elsewhere are only themselves."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        records.users.ensure(samples.user(2))
        people = [
            records.users.ensure(msgspec.structs.replace(samples.user(1, number), name=name))
            for number, name in ((3, "Cid"), (1, "Ann_"), (2, "Ben%"))
        ]
    cid, ann, ben = people
    with storage.reading() as records:
        for wanted, found in (
            (UserFilter(), [ann, ben, cid]),
            (UserFilter(email="PERSON2@example.com"), [ben]),
            (UserFilter(email="person2"), []),
            (UserFilter(name="N_"), [ann]),
            (UserFilter(name="%"), [ben]),
            (UserFilter(search="EXAMPLE"), [ann, ben, cid]),
            (UserFilter(search="cid"), [cid]),
            (UserFilter(name="n", search="person1"), [ann]),
        ):
            assert found == list(records.users.search(1, wanted, 0, 10)), wanted
            assert len(found) == records.users.count(1, wanted), wanted
        assert [ben] == list(records.users.search(1, UserFilter(), 1, 1))


def test_the_registrations_of_a_person_are_found(storage: SqlStorage) -> None:
    """Of the one account, oldest first."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        mine = [samples.store_registration(records, 1, number) for number in (1, 2)]
        samples.store_registration(records, 2, 3)
    with storage.reading() as records:
        assert mine == list(records.devices.of_user(1, "user@example.com"))
        assert () == records.devices.of_user(1, "other@example.com")


def test_documents_are_kept_by_kind_and_account(storage: SqlStorage) -> None:
    """With whom they belong to; one id may stand in two kinds."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        group = records.resources.add(samples.resource(1))
        policy = records.resources.add(samples.resource(1, kind="policy", parent_id="app", options=b'{"mode":"x"}'))
        records.resources.add(samples.resource(2))
    with storage.reading() as records:
        assert group == records.resources.find(1, "group", group.id)
        assert policy == records.resources.find(1, "policy", group.id)
        assert (group,) == records.resources.all(1, "group")
        assert (policy,) == records.resources.all(1, "policy", "app")
        assert () == records.resources.all(1, "policy", "other")
        assert records.resources.find(1, "app", group.id) is None


def test_a_document_is_replaced_and_removed(storage: SqlStorage) -> None:
    """What is not there can be neither."""
    with storage.writing() as records:
        stored = records.resources.add(samples.resource(1))
        changed = msgspec.structs.replace(stored, name="Other", document=b"[]", options=b"{ }", updated_at=NOW + 5)
        records.resources.replace(changed)
        assert changed == records.resources.find(1, "group", stored.id)
        with pytest.raises(NotFoundError):
            records.resources.replace(msgspec.structs.replace(changed, kind="policy"))
        assert records.resources.remove(1, "group", stored.id)
        assert not records.resources.remove(1, "group", stored.id)
        assert () == records.resources.all(1, "group")


def test_evidence_is_scanned_by_check_of_live_devices(storage: SqlStorage) -> None:
    """In the order of registrations, in pages; renewed, its facts stay."""
    with storage.writing() as records:
        fleet = [samples.store_registration(records, 1, number) for number in range(1, 5)]
        check, other = (records.checks.add(samples.check(1, number)) for number in (1, 2))
        kept = [samples.evidence(item, check, facts=b"f%d" % item.number) for item in fleet]
        for item in kept:
            records.evidence.put(1, item, b"claim")
        records.evidence.put(1, samples.evidence(fleet[0], other), b"other claim")
        records.devices.revoke(1, fleet[1].number, NOW)
        renewed = msgspec.structs.replace(kept[0], status="fail", check_version=9, measured_at=NOW + 9, ends_at=None)
        records.evidence.renew(1, msgspec.structs.replace(renewed, facts=b""))
    with storage.reading() as records:
        assert (renewed, kept[2]) == records.evidence.scan(1, check.number, 0, 2)
        assert (kept[3],) == records.evidence.scan(1, check.number, fleet[2].number, 2)
        assert () == records.evidence.scan(2, check.number, 0, 2)
        assert b"claim" == records.evidence.claim(1, fleet[0].number, check.number)
        assert b"other claim" == records.evidence.claim(1, fleet[0].number, other.number)
        assert records.evidence.claim(1, fleet[1].number, other.number) is None


def test_evidence_goes_with_its_check(storage: SqlStorage) -> None:
    """Or by itself."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        check, other = (records.checks.add(samples.check(1, number)) for number in (1, 2))
        for item in (check, other):
            records.evidence.put(1, samples.evidence(registration, item), b"claim")
        records.checks.remove(1, check.number)
        records.evidence.forget(1, other.number)
        for item in (check, other):
            assert () == records.evidence.scan(1, item.number, 0, 10)
            assert records.evidence.claim(1, registration.number, item.number) is None


def test_devices_are_found_by_number_and_counted_by_kind(storage: SqlStorage) -> None:
    """Who was revoked is found and not counted."""
    with storage.writing() as records:
        fleet = [samples.store_registration(records, 1, number) for number in range(1, 4)]
        records.devices.revoke(1, fleet[0].number, NOW)
        numbers = tuple(item.number for item in fleet)
        assert set(numbers) == set(records.devices.by_numbers(1, (*numbers, 99)))
        assert {} == records.devices.by_numbers(2, numbers)
        assert 2 == records.devices.count_live(1, fleet[0].device.device_type)
        assert 0 == records.devices.count_live(1, "mac")


def test_audit_lines_are_read_newest_first_by_what_is_asked(storage: SqlStorage) -> None:
    """Each filter alone, and all of them."""
    entries = [
        samples.audit_entry(),
        samples.audit_entry(action="revoke", before='{"b": 2}', after=None, at=NOW + 5),
        samples.audit_entry(kind="posture-rule", reference="y", at=NOW + 9),
    ]
    with storage.writing() as records:
        samples.store_account(records, 2)
        for entry in entries:
            records.audit_log.append(1, entry)
        records.audit_log.append(2, entries[0])
    with storage.reading() as records:
        lines = records.audit_log.read(1, ALL, None, 10)
        assert entries == [line.entry for line in reversed(lines)]
        assert entries[:1] == [line.entry for line in records.audit_log.read(1, ALL, lines[1].number, 10)]
        for wanted, expected in (
            (AuditFilter(action="revoke"), entries[1:2]),
            (AuditFilter(kind="token", reference="x", actor_id="t"), entries[:2]),
            (AuditFilter(since=NOW + 5, before=NOW + 9), entries[1:2]),
            (AuditFilter(actor_id="other"), []),
        ):
            assert expected == [line.entry for line in reversed(records.audit_log.read(1, wanted, None, 10))]


def test_decisions_are_read_newest_first_by_what_is_asked(storage: SqlStorage) -> None:
    """Each filter alone; those of one time by their number; and the other way round."""
    other = samples.decision(reference="ab12-2", app_id=None, registration_id=None, user_email=None, allowed=False)
    late = samples.decision(reference="ab12-3", at=NOW + 5)
    with storage.writing() as records:
        samples.store_account(records, 2)
        records.access_log.append(1, [samples.decision(), late])
        records.access_log.append(1, [other])
        records.access_log.append(2, [samples.decision()])
    first = samples.decision()
    with storage.reading() as records:
        log = records.access_log
        lines = log.read(1, AccessFilter(), None, 10)
        assert [late, other, first] == [line.document for line in lines]
        assert [other, first] == [line.document for line in log.read(1, AccessFilter(), lines[0].place, 10)]
        assert [first] == [line.document for line in log.read(1, AccessFilter(), lines[1].place, 10)]
        assert [other] == [line.document for line in log.read(1, AccessFilter(), None, 1, skip=1)]
        assert [other, late] == [line.document for line in log.read_upwards(1, AccessFilter(), 5, skip=1)]
        for wanted, expected in (
            (AccessFilter(reference="ab12-2"), [other]),
            (AccessFilter(app_id=first.app_id), [late, first]),
            (AccessFilter(registration_id=first.registration_id, since=NOW + 1), [late]),
            (AccessFilter(user_email="user@example.com", before=NOW + 5), [first]),
            (AccessFilter(allowed=False), [other]),
            (AccessFilter(allowed=True, reference="ab12-2"), []),
        ):
            assert expected == [line.document for line in log.read(1, wanted, None, 10)]


def test_a_line_of_the_access_log_is_never_changed(storage: SqlStorage) -> None:
    """The database itself refuses."""
    with storage.writing() as records:
        records.access_log.append(1, [samples.decision()])
    for statement in ("UPDATE access_log SET allowed = (1 = 0)", "DELETE FROM access_log"):
        with pytest.raises(StorageError), storage.writing() as records:
            records.access_log._connection.exec_driver_sql(statement)  # type: ignore[attr-defined]  # noqa: SLF001 - past the port, on purpose.


def test_a_line_of_the_audit_log_is_never_changed(storage: SqlStorage) -> None:
    """The database itself refuses."""
    with storage.writing() as records:
        records.audit_log.append(1, samples.audit_entry())
    for statement in ("UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log"):
        with pytest.raises(StorageError), storage.writing() as records:
            records.audit_log._connection.exec_driver_sql(statement)  # type: ignore[attr-defined]  # noqa: SLF001 - past the port, on purpose.


def test_results_are_the_same_without_a_filter(storage: SqlStorage) -> None:
    """Asking for every one is asking for none in particular."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        check = records.checks.add(samples.check(1))
        records.results.put(1, samples.stored_result(registration, check))
        assert records.results.all(1, (0, 0), 10) == records.results.all(1, (0, 0), 10, EVERY_RESULT)
