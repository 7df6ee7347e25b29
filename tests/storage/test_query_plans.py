"""No statement of the ports walks through a table: SQLite's own plans say so, for whatever the ports really execute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from gatepost.controlplane.ports import (
    AccessFilter,
    AccessPlace,
    AuditFilter,
    DenialKind,
    DeviceFilter,
    DeviceOrder,
    Footing,
    LogFilter,
    Mark,
    OwnedSerial,
    RegistrationFilter,
    RegistrationOrder,
    ResultFilter,
    UserFilter,
)
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from gatepost.controlplane.ports import Records, Registration, StoredCheck
    from gatepost.storage.database import SqlStorage

Parameters = tuple[Any, ...]
Executed = dict[str, Parameters]


@pytest.fixture
def executed(readers: Engine, writer: Engine) -> Iterator[Executed]:
    """Give every statement that is executed, with its parameters."""
    seen: Executed = {}

    def note(_connection: object, _cursor: object, statement: str, parameters: Parameters, *_rest: object) -> None:
        if statement.split(maxsplit=1)[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            seen[statement] = parameters

    for engine in (readers, writer):
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in (readers, writer):
        event.remove(engine, "before_cursor_execute", note)


def _use_every_port(records: Records) -> None:
    _use_settings(records)
    registration = samples.store_registration(records, 1)
    check = records.checks.add(samples.check(1))
    records.devices.find(1, registration.id)
    records.devices.find_many(1, (registration.id, samples.public_id(1)))
    records.devices.by_thumbprint(registration.thumbprint)
    records.devices.all(1, 0, 10)
    records.devices.of_user(1, "user@example.com")
    records.users.search(1, UserFilter(), 0, 10)
    records.users.search(1, UserFilter(email="user@example.com"), 0, 10)
    records.users.count(1, UserFilter())
    records.devices.advance(1, registration.number, 99, b"", 0)
    records.results.put(1, samples.stored_result(registration, check))
    records.results.find(1, registration.number)
    for wanted in (ResultFilter(), ResultFilter(registration=1), ResultFilter(check=1), ResultFilter(status="fail")):
        records.results.all(1, (0, 0), 10, wanted)
    records.posture_log.append(1, registration.number, check.number, samples.entry())
    records.posture_log.read(1, None, 10)
    for line in (LogFilter(), LogFilter(registration_id="x"), LogFilter(check_id="x")):
        records.posture_log.read(1, 10, 10, line)
    _use_evidence(records, registration, check)
    _use_fleet(records, registration)
    _use_denials(records, registration, check)
    records.results.find_one(1, registration.number, check.number)
    records.devices.revoke(1, registration.number, 0)
    records.devices.unrevoke(1, registration.number)
    records.checks.replace(check)
    records.checks.find(1, check.id)
    records.checks.remove(1, check.number)


def _use_fleet(records: Records, registration: Registration) -> None:
    """Ask for lists in every order, each way, from the beginning and from a mark on, and by every filter."""
    for order in DeviceOrder:
        mark = Mark(1 if order in {DeviceOrder.CREATED, DeviceOrder.LAST_SEEN, DeviceOrder.ACTIVE} else "a", 1)
        for descending, after in ((False, None), (True, None), (False, mark), (True, mark)):
            records.fleet.devices(1, DeviceFilter(order=order, descending=descending), after, 100)
    for each in RegistrationOrder:
        mark = Mark(1 if each is RegistrationOrder.CREATED else "a", 1)
        for descending, after in ((False, None), (True, mark)):
            records.fleet.registrations(1, RegistrationFilter(order=each, descending=descending), after, 100)
    for wanted in (
        DeviceFilter(search="nobody@", order=DeviceOrder.NAME),
        DeviceFilter(email="a@b"),
        DeviceFilter(seen_after=1, seen_before=9, order=DeviceOrder.LAST_SEEN),
    ):
        records.fleet.devices(1, wanted, Mark("a" if wanted.search else 1, 1), 100)
    for asked in (
        RegistrationFilter(ids=("x", "y")),
        RegistrationFilter(device_id="x"),
        RegistrationFilter(search="x"),
        RegistrationFilter(emails=("a@b",)),
    ):
        records.fleet.registrations(1, asked, None, 100)
    records.fleet.devices(1, DeviceFilter(ids=("x", "y")), None, 100)
    records.fleet.device(1, registration.device.id)
    records.fleet.of_device(1, registration.device.number)
    records.fleet.waiting(1, 0, 100)
    records.fleet.twins(1, registration.device)
    records.devices.see(registration, "1", 0)
    records.devices.wait(1, registration.number, "serial_number")
    records.devices.accept(1, registration.number)
    records.devices.report_facts(1, registration.number, None)
    records.devices.change_facts(1, registration.device.number, registration.device.facts, 0)
    other = samples.store_registration(records, 1, 2)
    records.devices.delete(1, other.number, 0)
    records.devices.delete_device(1, other.device.number, 0)


def _use_denials(records: Records, registration: Registration, check: StoredCheck) -> None:
    denial = records.denials.add(samples.denial(1))
    records.denials.find(1, denial.id)
    records.denials.page(1, 0, 100)
    records.denials.among(1, DenialKind.KEY, (b"a", b"b"))
    records.denials.lift(1, "x")
    records.denials.remove(1, denial.id)
    footing = Footing(registration=registration.number, check=check.number, key_digest=b"k", certificate_digest=b"c")
    records.footings.put(1, footing)
    records.footings.resting_on(1, b"k", (0, 0), 100)
    records.proved_keys.prove(1, b"k", registration.number, 9)
    records.proved_keys.ever(1, b"k")
    records.proved_keys.of(1, registration.number)
    records.serial_numbers.replace(1, (OwnedSerial(serial_key="s-1", serial_number="S-1", added_at=1),))
    records.serial_numbers.page(1, "", 100)
    records.serial_numbers.holds(1, "s-1")
    records.serial_numbers.missing(1, "", 100)


def _use_evidence(records: Records, registration: Registration, check: StoredCheck) -> None:
    kept = samples.evidence(registration, check)
    records.evidence.put(1, kept, b"claim")
    records.evidence.renew(1, kept)
    records.evidence.claim(1, registration.number, check.number)
    records.evidence.scan(1, check.number, 0, 10)
    records.devices.by_numbers(1, (registration.number, 99))


def _use_settings(records: Records) -> None:
    samples.store_account(records, 2)
    records.accounts.find("0" * 32)
    token, certificate = samples.token(1), samples.certificate(1)
    records.tokens.add(token)
    records.tokens.find(token.digest)
    records.tokens.all(1, "enrollment")
    records.tokens.spend(token)
    records.tokens.revoke(1, token.id, 0)
    records.certificates.add(certificate)
    records.certificates.find(1, certificate.id)
    records.certificates.all(1)
    records.certificates.remove(1, certificate.id)
    records.checks.all(1)
    records.checks.version(1)
    records.checks.touch(1)
    records.secrets.put(1, "name", b"", 0)
    records.secrets.get(1, "name")
    records.users.ensure(samples.user(1))
    records.users.find(1, "x")
    records.users.by_email(1, "x@example.com")
    records.users.all(1, 0, 10)
    resource = records.resources.add(samples.resource(1))
    records.resources.find(1, resource.kind, resource.id)
    records.resources.all(1, resource.kind)
    records.resources.all(1, resource.kind, "parent")
    records.resources.replace(resource)
    records.resources.remove(1, resource.kind, resource.id)
    records.audit_log.append(1, samples.audit_entry())
    for wanted in (AuditFilter(), AuditFilter(kind="token", reference="x")):
        records.audit_log.read(1, wanted, 10, 10)
    records.access_log.append(1, [samples.decision()])
    for sought in (
        AccessFilter(),
        AccessFilter(reference="x"),
        AccessFilter(app_id="x", since=1, before=2),
        AccessFilter(registration_id="x", since=1),
        AccessFilter(user_email="x"),
        AccessFilter(allowed=True, before=2),
        AccessFilter(allowed=False, before=2),
    ):
        records.access_log.read(1, sought, AccessPlace(10, 10), 10)
        records.access_log.read_upwards(1, sought, 10, skip=10)


def test_every_statement_finds_its_rows_by_an_index(storage: SqlStorage, executed: Executed, writer: Engine) -> None:
    """Neither a walk through a table nor a sort, but for the few accounts."""
    with storage.writing() as records:
        _use_every_port(records)
    assert len(executed) > 30
    with writer.connect() as connection:
        plans = {
            statement: " / ".join(
                row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            )
            for statement, parameters in list(executed.items())
        }
    slow = {statement for statement, plan in plans.items() if "SCAN" in plan or "TEMP B-TREE" in plan}
    assert {"SELECT count(*) AS count_1 \nFROM accounts"} == slow


def test_what_follows_foreign_keys_finds_its_rows_by_an_index(writer: Engine) -> None:
    """Removing a row asks who names it; each such question has an index that begins with its columns."""
    with writer.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'").scalars().all()
        for table in tables:
            keys: dict[int, list[str]] = {}
            for row in connection.exec_driver_sql(f"PRAGMA foreign_key_list({table})"):
                keys.setdefault(row[0], []).append(row[3])
            indexes = [
                [column[2] for column in connection.exec_driver_sql(f"PRAGMA index_info({index[1]})")]
                for index in connection.exec_driver_sql(f"PRAGMA index_list({table})").all()
            ]
            assert [] == [key for key in keys.values() if not any(index[: len(key)] == key for index in indexes)], table
