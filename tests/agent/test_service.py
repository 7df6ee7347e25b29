"""The agent as a service, hour after hour: its clocks and its bell are doubles that move when somebody waits for them."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from gatepost.agent.service import SLICE, Clocks, Service
from gatepost.agent.wake import Bell, Cause
from gatepost.errors import GatepostError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3_600.0
DAY = 24 * HOUR
SCHEDULE = 300
LONGEST_RETRY = 300.0


class Day(Bell):
    """A double of the bell and of both clocks: whoever waits is told at once, and the time has passed.

    ``at`` says what happens when: a function that is called as soon as its second has come.
    """

    def __init__(self) -> None:
        """Begin at nought, awake."""
        super().__init__()
        self.time = 0.0
        self.asleep = 0.0
        self.longest_wait = 0.0
        self.events: list[tuple[float, Callable[[], object]]] = []

    def at(self, second: float, event: Callable[[], object]) -> None:
        """Let something happen."""
        self.events.append((second, event))

    def running(self) -> float:
        """Return the clock that stands still while the machine sleeps."""
        return self.time

    def elapsed(self) -> float:
        """Return the one that does not."""
        return self.time + self.asleep

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep."""
        self.asleep += seconds

    def wait(self, seconds: float) -> tuple[Cause, ...]:
        """Let the time pass until something happens, or all of it."""
        assert seconds > 0, "a wait for nothing would go on for ever"
        self.longest_wait = max(self.longest_wait, seconds)
        due = [item for item in self.events if item[0] <= self.time + seconds]
        if not due:
            self.time += seconds
            return super().wait(0)
        first = min(due, key=lambda item: item[0])
        self.events.remove(first)
        self.time = max(self.time, first[0])
        first[1]()
        return super().wait(0)


class Fleet:
    """What one agent does in a day: when each cycle began and why, and each failure with its pause."""

    def __init__(self, day: Day, seed: int = 1) -> None:
        """Take the day on which it runs."""
        self.day = day
        self.cycles: list[tuple[float, Cause]] = []
        self.pauses: list[float] = []
        self.alive: list[float] = []
        self.away = False
        self.next_in = SCHEDULE
        self._random = random.Random(seed)  # noqa: S311 - spreads load, keeps no secret.

    def cycle(self, cause: Cause) -> int:
        """Do one, or fail."""
        self.cycles.append((self.day.time, cause))
        if self.away:
            raise TransportError("https://gatepost.example", "cannot be reached")
        return self.next_in

    def tell(self, error: GatepostError, pause: float) -> None:
        """Hear a failure."""
        assert isinstance(error, TransportError)
        self.pauses.append(pause)

    def run(self, until: float) -> None:
        """Run until then."""
        self.day.at(until, self.day.stop)
        clocks = Clocks(running=self.day.running, elapsed=self.day.elapsed)
        alive = lambda: self.alive.append(self.day.time)  # noqa: E731 - one line of a double.
        Service(self.cycle, self.day, clocks, self._random.uniform, self.tell, alive).run()

    @property
    def gaps(self) -> list[float]:
        """The seconds between the beginnings of cycles."""
        times = [time for time, _ in self.cycles]
        return [later - earlier for earlier, later in pairwise(times)]

    def come_back(self) -> None:
        """Let the server be there again."""
        self.away = False


@pytest.fixture
def day() -> Day:
    """Give a day."""
    return Day()


def test_cycles_come_on_schedule_a_little_early_and_never_together(day: Day) -> None:
    """Up to a tenth earlier, at random, so that a fleet that was started at once spreads out."""
    agent = Fleet(day)
    agent.run(6 * HOUR)
    assert {Cause.SCHEDULE} == {cause for _, cause in agent.cycles}
    assert all(0.9 * SCHEDULE <= gap <= SCHEDULE for gap in agent.gaps)
    assert len(agent.gaps) == len(set(agent.gaps)) > 70


def test_a_server_that_was_away_for_a_day_has_a_report_within_one_interval(day: Day) -> None:
    """Of each of a hundred agents, whatever their chance: bounded pauses, full jitter, and then the schedule as ever."""
    firsts = []
    for seed in range(100):
        away = Day()
        agent = Fleet(away, seed)
        agent.away = True
        away.at(DAY, agent.come_back)
        agent.run(DAY + HOUR)
        ceilings = [min(LONGEST_RETRY, 2.0 * 2**number) for number in range(1, len(agent.pauses) + 1)]
        assert all(2.0 <= pause <= most for pause, most in zip(agent.pauses, ceilings, strict=True))
        reported = [time for time, _ in agent.cycles if time >= DAY]
        firsts.append(reported[0] - DAY)
        assert [Cause.RETRY, Cause.SCHEDULE] == [cause for time, cause in agent.cycles if time >= DAY][:2]
        assert DAY / LONGEST_RETRY < len(agent.pauses) < 2.5 * DAY / LONGEST_RETRY
    assert max(firsts) <= LONGEST_RETRY
    # Full jitter: they come back all over the interval, and no tenth of it has a third of them.
    tenths = [int(first * 10 / LONGEST_RETRY) for first in firsts]
    assert len(set(tenths)) >= 6
    assert max(map(tenths.count, tenths)) < 34
    del day


def test_a_server_that_is_away_for_weeks_does_not_end_the_agent(day: Day) -> None:
    """However often it has failed: a pause that doubles without end would be no number any more."""
    agent = Fleet(day)
    agent.away = True
    agent.run(21 * DAY)
    assert len(agent.pauses) > 10_000
    assert max(agent.pauses) <= LONGEST_RETRY


def test_one_success_ends_the_patience(day: Day) -> None:
    """The next failure is tried again soon."""
    agent = Fleet(day)
    agent.away = True
    day.at(HOUR, agent.come_back)
    day.at(2 * HOUR, lambda: setattr(agent, "away", True))
    agent.run(2 * HOUR + SCHEDULE + 1)
    failed_at = next(time for time, _ in agent.cycles if time >= 2 * HOUR)
    assert agent.gaps[[time for time, _ in agent.cycles].index(failed_at)] <= 4.0


@pytest.mark.parametrize("cause", [Cause.STORE_CHANGED, Cause.CALLED, Cause.NETWORK_BACK])
def test_what_rings_is_answered_in_a_moment(day: Day, cause: Cause) -> None:
    """A tenth of a second later, since a store is written in several steps; what rings meanwhile is answered by the same cycle."""
    agent = Fleet(day)
    day.at(100.0, lambda: day.ring(cause))
    day.at(100.05, lambda: day.ring(Cause.STORE_CHANGED))
    agent.run(150.0)
    assert [(0.0, Cause.SCHEDULE), (pytest.approx(100.1), cause)] == agent.cycles


def test_whoever_rings_without_end_does_not_have_the_agent_work_without_end(day: Day) -> None:
    """One cycle a second at the most."""
    agent = Fleet(day)
    for number in range(1_000):
        day.at(10 + number / 100, lambda: day.ring(Cause.STORE_CHANGED))
    agent.run(30.0)
    assert min(agent.gaps) >= 1.0
    assert 10 <= len(agent.cycles) <= 13


def test_a_bell_in_an_absence_has_the_agent_try_at_once(day: Day) -> None:
    """The network is back: the pause is not waited for."""
    agent = Fleet(day)
    agent.away = True
    day.at(HOUR, agent.come_back)
    day.at(HOUR, lambda: day.ring(Cause.NETWORK_BACK))
    agent.run(HOUR + 30)
    assert [Cause.NETWORK_BACK] == [cause for time, cause in agent.cycles if time >= HOUR]


def test_a_machine_that_slept_reports_when_it_wakes(day: Day) -> None:
    """Within the seconds between two looks at the clocks; a nap of a second is none."""
    agent = Fleet(day)
    day.at(50.0, lambda: day.sleep(1.0))
    day.at(100.0, lambda: day.sleep(8 * HOUR))
    agent.run(150.0)
    (_, first), (woken, second) = agent.cycles
    assert (Cause.SCHEDULE, Cause.RESUMED) == (first, second)
    assert 100.0 <= woken <= 100.0 + SLICE


def test_the_watchdog_has_a_sign_of_life_whatever_the_pause(day: Day) -> None:
    """Also where a report is due in a year."""
    agent = Fleet(day)
    agent.next_in = 366 * 86_400
    agent.run(HOUR)
    assert all(later - earlier <= SLICE for earlier, later in pairwise(agent.alive))
    assert day.longest_wait <= SLICE
    assert [Cause.SCHEDULE] == [cause for _, cause in agent.cycles]


def test_a_stop_ends_it_wherever_it_is(day: Day) -> None:
    """In its pause, and while a change settles."""
    agent = Fleet(day)
    agent.run(12.0)
    assert (12.0, 1) == (day.time, len(agent.cycles))
    settling = Day()
    other = Fleet(settling)
    settling.at(10.0, lambda: settling.ring(Cause.CALLED))
    other.run(10.05)
    assert [Cause.SCHEDULE] == [cause for _, cause in other.cycles]
