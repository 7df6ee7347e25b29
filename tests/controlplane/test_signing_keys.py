"""Keys that sign assertions: made once, by whichever process comes first, and taking turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.access.signing_keys import ROTATED_EVERY, provide_signing_keys, read_signing_keys
from gatepost.errors import ConflictError
from tests.controlplane.house import House, open_house
from tests.kinds import KINDS, new_database
from tests.services import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=KINDS)
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Give a house."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        yield opened


def test_keys_are_made_once_and_take_turns(house: House) -> None:
    """The next one is known for as long as the one before signs."""
    with house.storage.writing() as records:
        assert read_signing_keys(records, house.account) is None
        first = provide_signing_keys(records, house.account, START)
        assert first == provide_signing_keys(records, house.account, START + ROTATED_EVERY - 1)
        second = provide_signing_keys(records, house.account, START + ROTATED_EVERY)
    assert (first.following, first.current) == (second.current, second.last)
    assert 3 == len({*second.all})
    with house.storage.reading() as records:
        assert second == read_signing_keys(records, house.account)


def test_whoever_was_slower_takes_the_keys_of_whoever_was_faster(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes may find that there are none at the same time."""
    with house.storage.writing() as records:
        faster = provide_signing_keys(records, house.account, START)
        reads = iter([None, faster])
        monkeypatch.setattr("gatepost.controlplane.access.signing_keys.read_signing_keys", lambda *_: next(reads))
        assert faster == provide_signing_keys(records, house.account, START)
        with pytest.raises(ConflictError):
            records.secrets.put(house.account, "assertion-keys", b"", START)
