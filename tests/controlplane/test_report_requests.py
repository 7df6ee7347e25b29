"""Requests that devices report now: for as long as no report answered them, and for an hour at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.administration.devices import ask_for_reports
from gatepost.controlplane.housekeeping import Housekeeper
from gatepost.controlplane.ports import AuditFilter
from gatepost.errors import NotFoundError
from tests.controlplane.house import HOUR, House, Member, open_house
from tests.kinds import KINDS, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=KINDS)
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Give a house of one account."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        opened.ask()
        yield opened


def asked(house: House) -> dict[int, int]:
    """Give what stands in the database."""
    with house.storage.reading() as records:
        return records.report_requests.open((house.account,))


def ask(house: House, *members: Member) -> None:
    """Ask members to report now."""
    ask_for_reports(house.services, house.account, tuple(item.registration.id for item in members))


def report(member: Member) -> None:
    """Report that nothing was found."""
    member.synchronise()
    member.send(member.compose())


def test_a_request_is_forgotten_once_it_is_answered(house: House) -> None:
    """By the sequence of the report, whatever the clocks of the processes say."""
    one, other = house.admit(), house.admit()
    keeper = Housekeeper(house.storage, house.clock, None)
    report(one)
    ask(house, one, other)
    assert asked(house) == {one.registration.number: 1, other.registration.number: 0}
    house.clock.time -= HOUR
    report(one)
    keeper.keep()
    assert asked(house) == {other.registration.number: 0}
    ask(house, one)
    assert asked(house) == {one.registration.number: 2, other.registration.number: 0}


def test_a_request_is_forgotten_after_an_hour(house: House) -> None:
    """A device that was away reports of its own accord when it comes back."""
    member = house.admit()
    keeper = Housekeeper(house.storage, house.clock, None)
    ask(house, member)
    house.clock.time += HOUR
    keeper.keep()
    assert asked(house)
    house.clock.time += 1
    keeper.keep()
    assert {} == asked(house)
    keeper.keep()


def test_all_or_none_are_asked(house: House) -> None:
    """And who asked whom stands in the audit log."""
    member = house.admit()
    with pytest.raises(NotFoundError):
        ask_for_reports(house.services, house.account, (member.registration.id, "0" * 32))
    assert {} == asked(house)
    ask(house, member)
    lines, _ = read_audit_log(house.services, house.account, AuditFilter(kind="registration"), None, 10)
    assert [("report-now", member.registration.id)] == [(line.action, line.reference) for line in lines]
