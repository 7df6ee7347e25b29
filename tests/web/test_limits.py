"""How often somebody may try: by address and all together, with bounded memory, and whose address it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatepost.errors import TooManyAttemptsError
from gatepost.web import limits as subject
from gatepost.web.limits import Limits, LimitSettings, Rate
from tests.services import Ticks

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = LimitSettings(
    enrollments=Rate(3, 0.5), all_enrollments=Rate(5, 1), refusals=Rate(2, 0.25), all_refusals=Rate(4, 2)
)


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    """Give a request of a peer, with lines of X-Forwarded-For."""
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded]}


def wait_of(attempt: Callable[[], None]) -> int:
    """Make an attempt, and return the seconds that it is told to wait; 0: it was let through."""
    try:
        attempt()
    except TooManyAttemptsError as error:
        return error.retry_after
    return 0


@pytest.fixture
def ticks() -> Ticks:
    """Give a clock."""
    return Ticks()


@pytest.fixture
def limits(ticks: Ticks) -> Limits:
    """Give small limits."""
    return Limits(FEW, ticks)


def test_an_address_has_its_burst_and_then_its_rate(limits: Limits, ticks: Ticks) -> None:
    """What is told as the time to wait is enough."""
    waits = [wait_of(lambda: limits.enroll(scope("192.0.2.1"))) for _ in range(4)]
    assert [0, 0, 0, 2] == waits
    ticks.time += 1
    assert 1 == wait_of(lambda: limits.enroll(scope("192.0.2.1")))
    ticks.time += 1
    assert [0, 2] == [wait_of(lambda: limits.enroll(scope("192.0.2.1"))) for _ in range(2)]


def test_an_address_that_is_silent_gets_its_burst_back_and_no_more(limits: Limits, ticks: Ticks) -> None:
    """However long it was silent."""
    for _ in range(3):
        limits.enroll(scope("192.0.2.1"))
    ticks.time += 1_000_000
    assert [0, 0, 0, 2] == [wait_of(lambda: limits.enroll(scope("192.0.2.1"))) for _ in range(4)]


def test_another_address_is_not_touched(limits: Limits) -> None:
    """Until all together are too many."""
    for _ in range(3):
        limits.enroll(scope("192.0.2.1"))
    assert [0, 0, 1] == [wait_of(lambda: limits.enroll(scope("192.0.2.2"))) for _ in range(3)]


def test_a_credential_that_counts_costs_nothing(limits: Limits) -> None:
    """Only those that do not count take attempts."""
    for _ in range(20):
        limits.admit(scope("192.0.2.1"), "good")
        limits.counted("good")


def test_who_guesses_is_turned_away_and_who_has_a_credential_is_not(limits: Limits, ticks: Ticks) -> None:
    """Also at the same address: what counted within the hour is looked at."""
    limits.counted("good")
    for _ in range(2):
        limits.admit(scope("192.0.2.1"), "bad")
        limits.refused(scope("192.0.2.1"), "bad")
    assert 4 == wait_of(lambda: limits.admit(scope("192.0.2.1"), "worse"))
    assert 0 == wait_of(lambda: limits.admit(scope("192.0.2.1"), "good"))
    ticks.time += 3
    assert 1 == wait_of(lambda: limits.admit(scope("192.0.2.1"), "never seen"))
    ticks.time += 1
    assert 0 == wait_of(lambda: limits.admit(scope("192.0.2.1"), "never seen"))


def test_a_credential_that_counted_long_ago_or_no_longer_waits_as_others_do(limits: Limits, ticks: Ticks) -> None:
    """An hour, or until it is refused."""
    limits.counted("revoked")
    limits.refused(scope("192.0.2.1"), "revoked")
    limits.counted("old")
    ticks.time += 3_601
    for _ in range(2):
        limits.refused(scope("192.0.2.1"), "bad")
    assert [4, 4] == [wait_of(lambda text=text: limits.admit(scope("192.0.2.1"), text)) for text in ("revoked", "old")]  # type: ignore[misc]  # bound now


def test_many_addresses_that_guess_are_too_many_together(limits: Limits, ticks: Ticks) -> None:
    """Nobody has to come from one place; the wait is short."""
    for number in range(4):
        limits.refused(scope(f"192.0.2.{number}"), "bad")
    assert 1 == wait_of(lambda: limits.admit(scope("198.51.100.1"), "bad"))
    ticks.time += 1
    assert 0 == wait_of(lambda: limits.admit(scope("198.51.100.1"), "bad"))


def test_memory_is_bounded(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of addresses and of credentials, those seen last are remembered."""
    monkeypatch.setattr(subject, "_REMEMBERED", 2)
    monkeypatch.setattr(subject, "_CREDENTIALS", 2)
    limits = Limits(LimitSettings(refusals=Rate(1, 0.5)), ticks)
    for number in range(3):
        limits.refused(scope(f"192.0.2.{number}"), "bad")
        limits.counted(f"good {number}")
    waits = [wait_of(lambda number=number: limits.admit(scope(f"192.0.2.{number}"), "x")) for number in (1, 2, 0)]  # type: ignore[misc]  # bound now
    assert [2, 2, 0] == waits
    waits = [wait_of(lambda number=number: limits.admit(scope("192.0.2.2"), f"good {number}")) for number in range(3)]  # type: ignore[misc]  # bound now
    assert [0, 0, 0] == [waits[1], waits[2], wait_of(lambda: limits.admit(scope("192.0.2.2"), "good 2"))]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.1, 10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", ("198.51.100.1, junk",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1, junk, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("198.51.100.1," + "10.0.0.2," * 40 + "10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("\xff",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.1:1234",), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1:1234, 10.0.0.2:99",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8:1:2:3::4]:99",), "2001:db8:1:2::/64"),
        ("10.0.0.1", ("[2001:db8:1:2:3::4]",), "2001:db8:1:2::/64"),
        ("10.0.0.1", ("[::ffff:198.51.100.1]:99",), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1:",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1:123456",), "10.0.0.1"),
        ("10.0.0.1", ("[198.51.100.1:99",), "10.0.0.1"),
        ("::ffff:192.0.2.1", (), "192.0.2.1"),
        ("::ffff:10.0.0.1", ("2001:db8:1:2:3::4",), "2001:db8:1:2::/64"),
        ("2001:db8::1", (), "2001:db8::/64"),
        ("", (), ""),
    ],
)
def test_an_address_is_the_peers_or_what_trusted_proxies_say(
    ticks: Ticks, peer: str, forwarded: tuple[str, ...], address: str
) -> None:
    """The last hop that no proxy of ours is; what a client wrote before it counts for nothing."""
    limits = Limits(LimitSettings(trusted_proxies=("10.0.0.0/8",)), ticks)
    assert address == limits.address(scope(peer, *forwarded))


def test_without_trusted_proxies_nobodys_word_is_taken(limits: Limits) -> None:
    """Not even from loopback."""
    assert "127.0.0.1" == limits.address(scope("127.0.0.1", "198.51.100.1"))
    assert "" == limits.address({"client": None, "headers": []})
