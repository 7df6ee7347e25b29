"""Several processes that write to one PostgreSQL at once: what must not meet does not, and what waits is told."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.enrollment import replace_settings
from gatepost.controlplane.administration.rules import replace_options, replace_rule
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.core.evaluation import Status
from gatepost.errors import OverloadedError, StorageError
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.wire import jws
from gatepost.wire.device import Facts
from gatepost.wire.management.check_options import CheckOptions, Sharing
from gatepost.wire.management.enrollment import EnrollmentSettings, FactRule
from tests.controlplane.house import PLACE, URL, open_house
from tests.services import MASTER_KEY, as_json, rule_of
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gatepost.controlplane.ports import Records
    from gatepost.storage.database import SqlStorage
    from tests.certificates import Issued
    from tests.controlplane.house import House, Member
    from tests.postgres import Cluster

pytestmark = pytest.mark.postgresql

_LOCKED = "is locked by another process"


@pytest.fixture
def processes(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SqlStorage, SqlStorage]]:
    """Give one database as two processes have it; the second one soon has enough of waiting."""
    url = cluster.create()
    migrate(url)
    first = open_storage(url, samples.MASTER_KEY, os.urandom)
    with first.writing() as records:
        samples.store_account(records)
        for number in (1, 2):
            samples.store_registration(records, 1, number)
        records.checks.add(samples.check(1))
    monkeypatch.setattr("gatepost.storage.postgresql.PATIENCE", 1)
    second = open_storage(url, samples.MASTER_KEY, os.urandom)
    yield first, second
    first.close()
    second.close()


def test_those_who_are_not_alone_write_at_once(processes: tuple[SqlStorage, SqlStorage]) -> None:
    """Each within the other's transaction, and neither sees what is not committed."""
    first, second = processes
    with first.writing(alone=False) as one, second.writing(alone=False) as other:
        assert one.devices.advance(1, 1, 99, b"one", 1)
        assert other.devices.advance(1, 2, 99, b"other", 1)
        assert 10 == next(item.last_sequence for item in other.devices.all(1, 0, 1))
    with first.reading() as records:
        assert [99, 99] == [item.last_sequence for item in records.devices.all(1, 0, 10)]


@pytest.mark.parametrize("alone", [True, False])
def test_who_is_alone_has_nobody_beside(processes: tuple[SqlStorage, SqlStorage], alone: bool) -> None:  # noqa: FBT001 - a case.
    """Neither another who is alone, nor a group of reports."""
    first, second = processes
    with first.writing(), pytest.raises(StorageError, match=_LOCKED), second.writing(alone=alone):
        pytest.fail("two write at once")
    with first.writing(alone=False), pytest.raises(StorageError, match=_LOCKED), second.writing():
        pytest.fail("two write at once")


def test_a_key_is_proved_by_one_process_at_a_time(processes: tuple[SqlStorage, SqlStorage]) -> None:
    """Another key of the same account is free meanwhile, and so is the same in another account."""
    first, second = processes
    with first.writing(alone=False) as one:
        one.proved_keys.hold([(1, b"k" * 32), (1, b"l" * 32)])
        with second.writing(alone=False) as other:
            other.proved_keys.hold([(1, b"m" * 32), (2, b"k" * 32)])
        with pytest.raises(StorageError, match=_LOCKED), second.writing(alone=False) as other:
            other.proved_keys.hold([(1, b"l" * 32)])


def test_no_line_of_the_log_gets_in_before_one_that_is_known(processes: tuple[SqlStorage, SqlStorage]) -> None:
    """Who has a number commits before the next is given: a reader who saw a line has seen all before it."""
    first, second = processes
    with first.writing(alone=False) as one:
        one.posture_log.append(1, 1, 1, samples.entry(reports=1))
        one.write_late()
        with pytest.raises(StorageError, match=_LOCKED), second.writing(alone=False) as other:
            other.posture_log.append(1, 2, 1, samples.entry(reports=2))
    with second.writing(alone=False) as other:
        other.posture_log.append(1, 2, 1, samples.entry(reports=3))
    with first.reading() as records:
        lines = records.posture_log.read(1, None, 10)
    assert [3, 1] == [line.entry.reports for line in lines]


def test_of_two_that_wait_for_each_other_one_is_undone(processes: tuple[SqlStorage, SqlStorage]) -> None:
    """PostgreSQL sees it, and the error says that the same may be tried again."""
    barrier = Barrier(2)

    def advance(storage: SqlStorage, registrations: tuple[int, int]) -> StorageError | None:
        try:
            with storage.writing(alone=False) as records:
                _advance(records, registrations, barrier.wait)
        except StorageError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(advance, processes, ((1, 2), (2, 1))))
    (error,) = (item for item in ended if item is not None)
    assert ("the database undid this: another process stood in its way (40P01)", True) == (error.detail, error.undone)


def _advance(records: Records, registrations: tuple[int, int], meet: Callable[[], object]) -> None:
    for registration in registrations:
        records.devices.advance(1, registration, 50, b"", 1)
        if registration == registrations[0]:
            meet()


# Two intakes.


@pytest.fixture
def house(cluster: Cluster, tmp_path: Path) -> Iterator[House]:
    """Open a house on PostgreSQL."""
    with open_house(tmp_path, database=cluster.create()) as opened:
        yield opened


@pytest.fixture
def beside(house: House) -> Iterator[Intake]:
    """Give the intake of another process on the same database."""
    storage = open_storage(house.database, MASTER_KEY, os.urandom)
    intake = Intake(storage, Posture(storage, house.clock, (URL,)), house.clock)
    intake.start()
    yield intake
    intake.stop()
    storage.close()


def _proof(member: Member, copied: Issued, facts: Facts | None = None) -> bytes:
    nonce = member.synchronise().nonce
    report = member.compose(member.found(copied, nonce), nonce=nonce, facts=facts or Facts())
    return member.sign(jws.Kind.REPORT, report)


def test_a_key_that_is_proved_at_two_processes_at_once_passes_nowhere(house: House, beside: Intake) -> None:
    """Whichever comes first, the other one sees it: twenty pairs, each device at another process."""
    check = house.ask(cn="", check_private_key=True)
    replace_options(house.services, house.account, check, CheckOptions(shared=Sharing.DENY))
    pairs = [(house.admit(), house.admit(), house.authority.issue(cn="copied")) for _ in range(20)]
    documents = [(_proof(one, copied), _proof(other, copied)) for one, other, copied in pairs]
    answers = []
    for here, there in documents:
        answers += [house.intake.submit(here), beside.submit(there)]
    assert [1] * 40 == [answer.result(timeout=60).acknowledged for answer in answers]
    statuses = {member.result().result.status for one, other, _ in pairs for member in (one, other)}
    assert {Status.FAIL} == statuses


def test_a_serial_number_that_is_taken_at_two_processes_at_once_is_one_device_s(house: House, beside: Intake) -> None:
    """By certificates that name it: twenty pairs, each device at another process; who comes second is to come again."""
    replace_settings(house.services, house.account, EnrollmentSettings(accept_facts=FactRule.CERTIFICATE))
    house.ask(cn="${serial_number}", check_private_key=True)
    pairs = [(house.admit(), house.admit()) for _ in range(20)]
    documents = [
        tuple(_proof(member, house.authority.issue(cn=f"N-{n}"), Facts(serial_number=f"N-{n}")) for member in pair)
        for n, pair in enumerate(pairs)
    ]
    answers = []
    for here, there in documents:
        answers += [house.intake.submit(here), beside.submit(there)]
    assert {type(None), OverloadedError} >= {type(answer.exception(timeout=60)) for answer in answers}
    for n, pair in enumerate(pairs):
        assert [f"N-{n}"] == [
            serial
            for member in pair
            if (serial := member.registration.device.facts.serial_number) and serial.startswith("N-")
        ]


def test_a_report_that_comes_to_two_processes_at_once_is_recorded_once(house: House, beside: Intake) -> None:
    """Both acknowledge it: it is the same."""
    house.ask(cn="", check_private_key=True)
    members = [house.admit() for _ in range(20)]
    documents = [_proof(member, house.authority.issue(cn="laptop-1")) for member in members]
    answers = []
    for document in documents:
        answers += [house.intake.submit(document), beside.submit(document)]
    assert [1] * 40 == [answer.result(timeout=60).acknowledged for answer in answers]
    assert 20 == len(house.log())


def test_two_administrators_never_give_one_version_to_two_questions(house: House) -> None:
    """Each change is read, decided and written without the other in between."""
    check, upload = house.ask(), house.upload()
    other = open_storage(house.database, MASTER_KEY, os.urandom)
    twin = msgspec.structs.replace(house.services, storage=other)

    def change(number: int) -> None:
        rule = rule_of(upload, cn=f"laptop-{number}", locations={"paths": [PLACE]})
        replace_rule((house.services, twin)[number % 2], house.account, check, as_json(rule))

    def version() -> int:
        with house.services.storage.reading() as records:
            found = records.checks.find(house.account, check)
        assert found is not None
        return found.version

    before = version()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(20)))
    other.close()
    assert version() == before + 20
