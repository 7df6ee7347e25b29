"""Emergencies: one at a time, with a reason and an end, each in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration.access.emergencies import (
    declare_emergency,
    end_emergency,
    find_emergency,
)
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.ports import AuditFilter
from gatepost.errors import InputError
from gatepost.wire.management.emergencies import EmergencyBody
from gatepost.wire.management.envelope import instant
from tests.controlplane.house import HOUR, House, open_house
from tests.services import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO_HOURS = EmergencyBody(reason="the CA is down", expires_in="2h")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house."""
    with open_house(tmp_path) as opened:
        yield opened


def actions(house: House) -> list[tuple[str, str]]:
    """Give what the audit log has of emergencies, oldest first."""
    lines, _ = read_audit_log(house.services, house.account, AuditFilter(kind="emergency"), None, 100)
    return [(line.action, line.reference) for line in reversed(lines)]


def test_an_emergency_ends_by_itself(house: House) -> None:
    """To the millisecond."""
    made = declare_emergency(house.services, house.account, TWO_HOURS)
    assert ("the CA is down", instant(START + 2 * HOUR)) == (made.reason, made.expires_at)
    house.clock.time += 2 * HOUR - 1
    assert made == find_emergency(house.services, house.account)
    house.clock.time += 1
    assert find_emergency(house.services, house.account) is None
    assert end_emergency(house.services, house.account) is None
    assert [("create", made.id)] == actions(house)


def test_a_second_one_takes_the_place_of_the_first(house: House) -> None:
    """And one that is ended has ended."""
    first = declare_emergency(house.services, house.account, TWO_HOURS)
    second = declare_emergency(house.services, house.account, EmergencyBody(reason="still down", expires_in="1m"))
    assert second == find_emergency(house.services, house.account)
    assert second == end_emergency(house.services, house.account)
    assert find_emergency(house.services, house.account) is None
    assert [("create", first.id), ("create", second.id), ("delete", second.id)] == actions(house)


@pytest.mark.parametrize("expires_in", ["25h", "0m", "soon", ""])
def test_an_emergency_has_an_end_within_a_day(house: House, expires_in: str) -> None:
    """What lasts longer is a change of policy."""
    with pytest.raises(InputError) as raised:
        declare_emergency(house.services, house.account, EmergencyBody(reason="x", expires_in=expires_in))
    assert "/expires_in" == raised.value.field
