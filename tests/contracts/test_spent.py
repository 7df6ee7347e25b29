"""What counts once, on each kind of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.housekeeping import Housekeeper
from gatepost.storage.database import SqlStorage, open_storage
from gatepost.storage.migration import migrate
from tests.kinds import KINDS, new_database
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> Iterator[SqlStorage]:
    """Open an empty database."""
    url = new_database(request)
    migrate(url)
    opened = open_storage(url, samples.MASTER_KEY, bytes)
    yield opened
    opened.close()


def _spend(storage: SqlStorage, digest: bytes, ends_at: int) -> bool:
    with storage.writing(alone=False) as records:
        return records.spent.spend(digest, ends_at)


def test_it_counts_once(storage: SqlStorage) -> None:
    """Another is another."""
    assert [True, False, True] == [_spend(storage, digest, 1_000) for digest in (b"1", b"1", b"2")]


@pytest.mark.postgresql
def test_it_counts_once_for_many_at_once(request: pytest.FixtureRequest) -> None:
    """In several processes, each with what it has opened itself."""
    cluster = request.getfixturevalue("cluster")
    url = cluster.create()
    migrate(url)
    opened = [open_storage(url, samples.MASTER_KEY, bytes) for _ in range(4)]
    together = Barrier(4)

    def spend(number: int) -> list[bool]:
        together.wait()
        return [_spend(opened[number], b"%d" % item, 1_000) for item in range(50)]

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(spend, range(4)))
    assert [1] * 50 == [sum(column) for column in zip(*told, strict=True)]
    for storage in opened:
        storage.close()


def test_what_is_undone_was_not_spent(storage: SqlStorage) -> None:
    """Whoever could not finish may come again."""

    def fail() -> None:
        with storage.writing() as records:
            records.spent.spend(b"1", 1_000)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _spend(storage, b"1", 1_000)


def test_what_ended_is_forgotten_a_minute_later(storage: SqlStorage) -> None:
    """By housekeeping; what has not stays."""
    _spend(storage, b"ended", 1_000)
    _spend(storage, b"to end", 2_000)
    Housekeeper(storage, lambda: 61_001, None).keep()
    assert [False, True] == [_spend(storage, digest, 90_000) for digest in (b"to end", b"ended")]
