"""A device whose clock is wrong: the server's clock judges, and the agent's own decides nothing that could not be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.agent.cycle import Agent
from gatepost.core.reason import Reason
from gatepost.errors import TransportError
from tests.agent.direct import HOST, outcome
from tests.certificates import DAY, NOW
from tests.controlplane.house import HOUR

if TYPE_CHECKING:
    from tests.agent.direct import Laptop
    from tests.controlplane.house import House

YEAR = 365 * 24 * HOUR


def wrong(laptop: Laptop, by: int) -> Agent:
    """Start an agent whose clock is wrong by so many ms."""
    return Agent(laptop.state, laptop.server, laptop.stores, lambda: HOST, lambda: laptop.house.clock() + by)


@pytest.mark.parametrize("by", [-10 * YEAR, -HOUR, HOUR, 10 * YEAR])
def test_a_device_passes_whatever_its_clock_says(enrolled: Laptop, by: int) -> None:
    """Its own verdict may be that the certificate has expired or is not valid yet; it signs and reports all the same."""
    agent = wrong(enrolled, by)
    assert [("pass", ())] * 3 == [outcome(agent.run_once()) for _ in range(3)]


@pytest.mark.parametrize("by", [-10 * YEAR, 10 * YEAR])
def test_an_expired_certificate_fails_whatever_the_devices_clock_says(house: House, enrolled: Laptop, by: int) -> None:
    """Setting the clock back makes nothing valid again."""
    enrolled.install(house.authority.issue(cn="laptop-1", not_before=NOW - 9 * DAY, not_after=NOW - DAY))
    assert ("fail", (Reason.CERTIFICATE_EXPIRED,)) == outcome(wrong(enrolled, by).run_once())


@pytest.mark.parametrize("by", [-10 * YEAR, 10 * YEAR])
def test_new_checks_are_taken_whatever_the_devices_clock_says(enrolled: Laptop, by: int) -> None:
    """Their version and their end are held against those at hand, and not against the clock."""
    agent = wrong(enrolled, by)
    agent.run_once()
    enrolled.ask(cn="another")
    assert [("laptops", "fail"), ("laptops", "pass")] == sorted(
        (item.name, item.status.value) for item in agent.run_once().acknowledgement.verdicts
    )


def test_a_clock_that_is_set_right_again_is_no_trouble(enrolled: Laptop) -> None:
    """Nothing that was kept under the wrong clock is in the way."""
    wrong(enrolled, 10 * YEAR).run_once()
    wrong(enrolled, -10 * YEAR).run_once()
    assert ("pass", ()) == outcome(enrolled.agent().run_once())


def test_checks_at_their_end_that_a_server_does_not_renew_are_not_reported_on(enrolled: Laptop) -> None:
    """Whoever replays the nonce of an old server keeps an agent on old checks until these end, and no longer."""
    agent = enrolled.agent()
    agent.run_once()
    enrolled.house.clock.time += 13 * HOUR

    def no_checks(status: int, content: bytes) -> tuple[int, bytes]:
        return status, content.replace(content[content.index(b'"checks":"') + 10 : content.rindex(b'"')], b"")

    enrolled.server.answers["sync"] = no_checks
    enrolled.server.names()
    with pytest.raises(TransportError, match="end soon, and does not renew them"):
        agent.run_once()
    assert ["sync"] == enrolled.server.names()
