"""The seconds of a cycle: a user who stops the children that read their store takes their own time, and not everybody's."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatepost.core.reason import Reason
from gatepost.stores.accounts import NOBODY, Person
from gatepost.stores.allowance import EACH, EVERYBODY, Allowance
from gatepost.stores.deputy import PATIENCE, Deputy
from gatepost.stores.safe_open import Obstacle
from gatepost.stores.user_nssdbs import MAXIMUM_PEOPLE, UserDatabases
from tests.stores.strangers import needs_root

if TYPE_CHECKING:
    from gatepost.core.finding import Findings
    from tests.stores.conftest import Database

STOPPED = (sys.executable, "-I", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
"""A child that its user stops: it neither answers nor ends, and only SIGKILL is left."""
ANNA, BOB = 4_261, 4_262
ALL_USED = "the 100 s that a cycle has for the stores of all users are used up; it is looked into again in the next one"
OWN_USED = "the 10 s that a cycle has for the stores of one user are used up; it is looked into again in the next one"


class Clock:
    """A clock in seconds that the test sets."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.time = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


def use(allowance: Allowance, clock: Clock, uid: int, seconds: float) -> None:
    """Let a child of a user take its time."""
    with allowance.spending(uid):
        clock.time += seconds


def test_each_user_has_seconds_of_their_own(clock: Clock) -> None:
    """Whoever has used them up is asked nothing more; the next user is."""
    allowance = Allowance(clock, everybody=100, each=10)
    assert (10.0, 10.0) == (allowance.left(ANNA), allowance.left(BOB))
    use(allowance, clock, ANNA, 4)
    assert (6.0, 10.0) == (allowance.left(ANNA), allowance.left(BOB))
    use(allowance, clock, ANNA, 6)
    assert Obstacle(Reason.STORE_BUSY, OWN_USED) == allowance.left(ANNA)
    assert allowance.left(BOB) == 10.0


def test_all_users_together_have_no_more_than_a_cycle_can_bear(clock: Clock) -> None:
    """The last one gets what is left, and then nobody gets anything."""
    allowance = Allowance(clock, everybody=100, each=10)
    for uid in range(9):
        use(allowance, clock, uid, 10.5)
    assert allowance.left(ANNA) == 5.5
    use(allowance, clock, ANNA, 5.5)
    assert Obstacle(Reason.STORE_BUSY, ALL_USED) == allowance.left(BOB)


def test_a_child_that_could_not_be_started_has_taken_time_too(clock: Clock) -> None:
    """Whatever happens within, the clock has gone on."""
    allowance = Allowance(clock, everybody=100, each=10)

    def fail() -> None:
        with allowance.spending(ANNA):
            clock.time += 3
            raise OSError("no such program")

    with pytest.raises(OSError, match="no such program"):
        fail()
    assert allowance.left(ANNA) == 7.0


def test_a_new_cycle_begins_with_all_of_it(clock: Clock) -> None:
    """What was busy is looked into again."""
    allowance = Allowance(clock, everybody=100, each=10)
    use(allowance, clock, ANNA, 100)
    allowance.begin()
    assert allowance.left(ANNA) == 10.0


def test_the_bounds_of_a_cycle_are_far_below_what_every_child_might_take() -> None:
    """Twice 64 children of five seconds would be more than ten minutes for each check."""
    assert EACH == 4 * PATIENCE
    assert EVERYBODY < MAXIMUM_PEOPLE * PATIENCE / 2


def reasons(findings: Findings) -> list[Reason]:
    """Return the reason of each fault, in order."""
    return [item.reason for item in findings.faults]


def children() -> str:
    """Return the children of this process, stopped ones among them."""
    return Path("/proc/thread-self/children").read_text(encoding="ascii")


@needs_root
def test_a_machine_whose_users_all_stop_their_children_is_done_in_time(database: Database) -> None:
    """Really stopped children: the first cost their seconds, the rest are said to be busy, and no child is left behind."""
    people = tuple(Person(f"user{uid}", uid, NOBODY, f"/home/user{uid}") for uid in range(4_270, 4_290))
    allowance = Allowance(time.monotonic, everybody=1.0, each=0.4)
    store = UserDatabases(lambda: Deputy(STOPPED, 0.3, allowance=allowance), lambda: people)
    before = children()
    first = reasons(store.read(database.query))
    asked = first.index(Reason.STORE_BUSY)
    # A child takes its 0.3 s at the least, and the last one what is left.
    assert 1 <= asked <= 4
    assert [Reason.STORE_UNREADABLE] * asked + [Reason.STORE_BUSY] * (20 - asked) == first
    again = store.read(database.query)
    assert [Reason.STORE_BUSY] * 20 == reasons(again)
    assert [person.name for person in people] == [item.location.user for item in again.faults]
    assert again.faults[0].detail.startswith("the 1 s that a cycle has for the stores of all users are used up")
    assert () == store.watched
    allowance.begin()
    assert reasons(store.read(database.query))[0] is Reason.STORE_UNREADABLE
    assert before == children()


def test_our_own_child_has_its_time_whatever_others_have_used(clock: Clock, database: Database) -> None:
    """Nobody but us can stop it; so keys in the system's database sign also beside users who stop theirs."""
    allowance = Allowance(clock, everybody=100, each=10)
    use(allowance, clock, os.geteuid(), 1_000)
    me = Person("me", os.geteuid(), os.getegid(), "/x")
    failing = Deputy(("/nowhere",), allowance=allowance)
    ((fault,),) = (item.faults for item in failing.read_home(me, database.query))
    assert fault.reason is Reason.STORE_UNREADABLE
