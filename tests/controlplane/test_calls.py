"""Agents that wait to be called, when two of them are one device."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.devices import ask_for_reports
from gatepost.controlplane.calls import Calls
from gatepost.wire.device import Called
from tests.controlplane.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house of one account."""
    with open_house(tmp_path) as opened:
        yield opened


async def test_a_wait_that_a_newer_one_ends_is_not_asked_for_again_at_once(house: House) -> None:
    """Two machines made from one image would end each other's waits as fast as their network allows."""
    registration = house.admit().registration
    calls = Calls(house.services.storage, 10)
    first = asyncio.create_task(calls.wait(registration, 1, 1))
    await asyncio.sleep(0)
    second = asyncio.create_task(calls.wait(registration, 1, 1))
    assert Called(report_now=False, again_in=30) == await first
    calls.stop()
    assert Called(report_now=False, again_in=0) == await second


async def test_a_wait_whose_time_is_over_is_asked_for_again_at_once(house: House) -> None:
    """Nobody else is there."""
    calls = Calls(house.services.storage, 10, longest=0.01)
    assert Called(report_now=False, again_in=0) == await calls.wait(house.admit().registration, 1, 1)


async def test_nobody_waits_at_a_process_that_ends(house: House) -> None:
    """Who waits is sent home, who comes later is told to come back in a moment, when another has taken over."""
    calls = Calls(house.services.storage, 10)
    member = house.admit()
    registration = member.registration
    waiting = asyncio.create_task(calls.wait(registration, 1, 1))
    await asyncio.sleep(0)
    assert 1 == calls.waiting
    calls.stop()
    assert (False, 0) == _told(await waiting)
    assert (False, 1) == _told(await calls.wait(registration, 1, 1))
    assert (True, 0) == _told(await calls.wait(registration, 1, 2))


async def test_whoever_finds_no_room_is_told_later_the_more_there_are(house: House) -> None:
    """So that not more than a hundred of them come back in a second; none is told more than ten minutes."""
    calls = Calls(house.services.storage, 0)
    registration = house.admit().registration
    told = [(await calls.wait(registration, 1, 1)).again_in for _ in range(70_000)]
    assert [30, 31] == [told[0], told[120]]
    busiest = max(told.count(second) for second in range(31, 600))
    assert busiest <= 110
    assert 600 == max(told) == told[-1]


def _told(called: Called) -> tuple[bool, int]:
    return called.report_now, called.again_in


async def test_a_device_that_waits_elsewhere_hears_that_a_report_is_asked_for(house: House) -> None:
    """Whichever process was told: what is asked stands in the database, and whoever is not asked waits on."""
    with house.storage.reading() as records:
        now = records.checks.version(house.account)
    calls = Calls(house.services.storage, 10, longest=5)
    calls.start()
    one, other = house.admit().registration, house.admit().registration
    waits = [asyncio.create_task(calls.wait(item, now, now)) for item in (one, other)]
    await asyncio.sleep(0)
    ask_for_reports(house.services, one.account, (one.id,))
    assert (True, 0) == _told(await asyncio.wait_for(waits[0], 2))
    assert not waits[1].done()
    # It did not report yet, so that it is still asked; a report of a later number answers.
    assert (True, 0) == _told(await asyncio.wait_for(calls.wait(one, now, now), 2))
    reported = msgspec.structs.replace(one, last_sequence=one.last_sequence + 1)
    waits.append(asyncio.create_task(calls.wait(reported, now, now)))
    await asyncio.sleep(1.2)
    assert not waits[2].done()
    calls.stop()
    await asyncio.gather(*waits)
