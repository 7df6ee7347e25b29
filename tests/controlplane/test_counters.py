"""What the use cases count, and that counting changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.counters import UNCOUNTED, CountedStorage, Counters, NoCounters
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import InputError, StorageError
from gatepost.wire import jws
from tests.controlplane.house import URL, House, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Tally(NoCounters):
    """A form of the port that writes down what it is told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.told: list[tuple[object, ...]] = []

    def acknowledged(self, *, again: bool) -> None:
        """Write it down."""
        self.told.append(("acknowledged", again))

    def committed(self, reports: int) -> None:
        """Write it down."""
        self.told.append(("committed", reports))

    def judged(self, status: Status, reason: Reason | None) -> None:
        """Write it down."""
        self.told.append(("judged", status, reason))

    def verified(self, *, valid: bool) -> None:
        """Write it down."""
        self.told.append(("verified", valid))

    def database_failed(self) -> None:
        """Write it down."""
        self.told.append(("database failed",))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house with one check."""
    with open_house(tmp_path) as opened:
        opened.ask(cn="laptop-1")
        yield opened


@pytest.fixture
def tally() -> Tally:
    """Give counters."""
    return Tally()


@pytest.fixture
def intake(house: House, tally: Tally) -> Iterator[Intake]:
    """Give an intake that counts."""
    storage = house.services.storage
    started = Intake(storage, Posture(storage, house.clock, (URL,), counters=tally), house.clock, tally)
    started.start()
    yield started
    started.stop()


def test_a_report_is_counted_with_its_signatures_its_group_and_its_verdicts(
    house: House, intake: Intake, tally: Tally
) -> None:
    """In the order in which it happens; a fail with its first reason."""
    member = house.admit()
    for name in ("laptop-1", "laptop-2"):
        nonce = member.synchronise().nonce
        found = member.found(house.authority.issue(cn=name), nonce)
        intake.submit(member.sign(jws.Kind.REPORT, member.compose(found, nonce=nonce))).result(30)
    both = [("verified", True), ("committed", 1), ("acknowledged", False)]
    passed, failed = ("judged", Status.PASS, None), ("judged", Status.FAIL, Reason.COMMON_NAME_MISMATCH)
    assert [*both, passed, *both, failed] == tally.told


def test_a_signature_that_is_none_is_counted_as_such(house: House, intake: Intake, tally: Tally) -> None:
    """It answers another nonce."""
    member = house.admit()
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(cn="laptop-1"), b"n" * len(nonce))
    intake.submit(member.sign(jws.Kind.REPORT, member.compose(found, nonce=nonce))).result(30)
    assert ("verified", False) == tally.told[0]


def test_a_report_that_comes_again_is_counted_once_as_that(house: House, intake: Intake, tally: Tally) -> None:
    """Its verdicts were counted before."""
    member = house.admit()
    nonce = member.synchronise().nonce
    document = member.sign(jws.Kind.REPORT, member.compose(nonce=nonce))
    intake.submit(document).result(30)
    before = len(tally.told)
    intake.submit(document).result(30)
    assert [("committed", 1), ("acknowledged", True)] == tally.told[before:]


def test_an_intake_says_whether_it_takes_reports(house: House) -> None:
    """Not before it was started, and not after it was stopped."""
    intake = Intake(house.services.storage, house.posture, house.clock)
    states = [intake.alive]
    intake.start()
    states.append(intake.alive)
    intake.stop()
    assert [False, True, False] == [*states, intake.alive]
    assert 0 == intake.waiting


def test_a_database_that_fails_is_counted_and_the_error_goes_on(house: House, tally: Tally) -> None:
    """Whether it only read or wrote; other errors are not the database's."""
    storage = CountedStorage(house.storage, tally)
    for begin in (storage.reading, storage.writing, storage.keeping_house):
        with pytest.raises(StorageError), begin():
            raise StorageError("the disk is full")
        with pytest.raises(InputError), begin():
            raise InputError("/x", "is wrong")
    assert [("database failed",)] * 3 == tally.told
    with storage.reading() as records:
        assert 1 == len(records.accounts.all())


def test_nobody_counts_without_harm() -> None:
    """Every method of the port is there."""
    nobody: Counters = UNCOUNTED
    nobody.acknowledged(again=True)
    nobody.refused("x")
    nobody.took(1)
    nobody.committed(1)
    nobody.judged(Status.PASS, None)
    nobody.verified(valid=True)
    nobody.enrolled("")
    nobody.answered(200)
    nobody.limited("x")
    nobody.database_failed()
