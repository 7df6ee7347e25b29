"""Limits of attempts over several processes on one database, on both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from gatepost.controlplane.housekeeping import Housekeeper
from gatepost.controlplane.ports import AttemptKind
from gatepost.errors import StorageError
from gatepost.storage.attempts import attempts
from gatepost.web.limit_sharing import LimitSharing
from gatepost.web.limits import Limits, LimitSettings, Rate
from tests.controlplane.house import House, open_house
from tests.kinds import KINDS, new_database
from tests.services import Ticks
from tests.web.test_limits import scope, wait_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEW = LimitSettings(
    enrollments=Rate(3, 0.5), all_enrollments=Rate(5, 1), refusals=Rate(2, 0.25), all_refusals=Rate(9, 2)
)


@pytest.fixture(params=KINDS)
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Give a house of one account."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        yield opened


class Process:
    """What one process has."""

    def __init__(self, house: House, name: bytes) -> None:
        """Make limits of its own, and its part in the sharing."""
        self.limits = Limits(FEW, Ticks())
        self.sharing = LimitSharing(house.storage, self.limits, name, house.clock)


@pytest.fixture
async def processes(house: House) -> tuple[Process, Process]:
    """Give two that know each other."""
    both = Process(house, b"one"), Process(house, b"other")
    await exchange(*both)
    return both


async def exchange(*processes: Process) -> None:
    """Let each tell, and then each hear."""
    for process in processes * 2:
        await process.sharing.exchange()


async def test_enrolments_at_one_process_are_attempts_at_the_other(processes: tuple[Process, Process]) -> None:
    """Of that address, and of all together."""
    one, other = processes
    for _ in range(3):
        one.limits.enroll(scope("192.0.2.1"))
    assert 0 == wait_of(lambda: other.limits.enroll(scope("192.0.2.1")))
    await exchange(*processes)
    assert 2 == wait_of(lambda: other.limits.enroll(scope("192.0.2.1")))
    assert 2 == wait_of(lambda: one.limits.enroll(scope("192.0.2.1")))
    assert [0, 1] == [wait_of(lambda: one.limits.enroll(scope("192.0.2.2"))) for _ in range(2)]


async def test_refusals_are_shared_and_who_counted_anywhere_is_let_through(processes: tuple[Process, Process]) -> None:
    """So that sharing shuts nobody out who has a credential."""
    one, other = processes
    one.limits.counted("good")
    for _ in range(2):
        one.limits.refused(scope("192.0.2.1"), "bad")
    await exchange(*processes)
    assert 4 == wait_of(lambda: other.limits.admit(scope("192.0.2.1"), "another"))
    assert 0 == wait_of(lambda: other.limits.admit(scope("192.0.2.1"), "good"))


async def test_each_attempt_is_taken_in_once(processes: tuple[Process, Process]) -> None:
    """However often they exchange."""
    one, other = processes
    one.limits.enroll(scope("192.0.2.1"))
    for _ in range(3):
        await exchange(*processes)
    assert [0, 0, 2] == [wait_of(lambda: other.limits.enroll(scope("192.0.2.1"))) for _ in range(3)]


async def test_an_entry_with_a_lower_number_that_comes_later_is_not_missed(
    house: House, processes: tuple[Process, Process]
) -> None:
    """As when two processes write at once, and the first is committed last."""
    _, other = processes
    row = {"process": b"one", "kind": AttemptKind.ENROLLMENT, "subject": "192.0.2.1", "times": 1, "at": house.clock()}
    engine = create_engine(house.database)
    for number in (1_500, 1_400):
        with engine.begin() as connection:
            connection.execute(attempts.insert(), row | {"number": number})
        await other.sharing.exchange()
    engine.dispose()
    assert [0, 2] == [wait_of(lambda: other.limits.enroll(scope("192.0.2.1"))) for _ in range(2)]


async def test_a_process_that_starts_begins_anew(house: House, processes: tuple[Process, Process]) -> None:
    """It takes in what happens from then on."""
    one, _ = processes
    for _ in range(3):
        one.limits.enroll(scope("192.0.2.1"))
    await exchange(*processes)
    late = Process(house, b"late")
    await late.sharing.exchange()
    assert 0 == wait_of(lambda: late.limits.enroll(scope("192.0.2.1")))


async def test_what_cannot_be_told_is_told_later(
    house: House, processes: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile each counts for itself."""
    one, other = processes
    for _ in range(3):
        one.limits.enroll(scope("192.0.2.1"))

    def refuse(*, alone: bool = True) -> None:
        raise StorageError(f"nothing is to be had, alone: {alone}")

    with monkeypatch.context() as patch:
        patch.setattr(house.storage, "writing", refuse)
        await exchange(*processes)
    assert 0 == wait_of(lambda: other.limits.enroll(scope("192.0.2.1")))
    await exchange(*processes)
    assert 2 == wait_of(lambda: other.limits.enroll(scope("192.0.2.1")))


async def test_what_was_told_is_forgotten_after_a_minute(house: House, processes: tuple[Process, Process]) -> None:
    """By housekeeping."""
    one, _ = processes
    one.limits.enroll(scope("192.0.2.1"))
    await exchange(*processes)
    keeper = Housekeeper(house.storage, house.clock, None)
    assert [False, True, True, False] == [*_kept(house, keeper, 60_000), *_kept(house, keeper, 1)]


def _kept(house: House, keeper: Housekeeper, ms: int) -> Iterator[bool]:
    """Let time go on; tell whether there is something to forget, before the housekeeping and, where there is, after it."""
    house.clock.time += ms
    with house.storage.reading() as records:
        yield records.attempts.has_any(house.clock() - 60_000)
    keeper.keep()
    with house.storage.reading() as records:
        yield records.attempts.newest() > 0


def test_what_nobody_fetches_does_not_grow_without_bound() -> None:
    """Where the database is away, say."""
    limits = Limits(LimitSettings(), Ticks())
    for number in range(3_000):
        limits.refused(scope(f"10.0.{number // 250}.{number % 250}"), "bad")
    assert 2_000 == len(limits.take_counted())
