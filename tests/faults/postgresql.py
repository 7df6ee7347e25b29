"""PostgreSQL that is stopped, cut off, locked or lost while reports are taken: nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import psycopg

from tests.faults.campaign import Campaign, Tally, count
from tests.faults.standby import Standby
from tests.faults.standing import KEPT, Standing, finish, reporting
from tests.postgres import Cluster, programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEVICES = 40
INTERVAL = 0.1
LOCKED, LOCKED_A_MOMENT = 30.0, 2.0
_FEW = 2
STUCK = "no report was acknowledged within a minute after it"


class _Database:
    """A durable server of PostgreSQL, and how each fault is brought about and ended."""

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise LookupError("PostgreSQL is not installed (Debian's package postgresql)")
        self._bin = found
        self.primary: Cluster = Cluster(found, quick=False)
        self.url = self.primary.create()
        self.name = self.url.rsplit("/", 1)[1]
        self._standby: Standby | None = None

    def remove(self) -> None:
        for cluster in (self.primary, self._standby):
            if cluster is not None:
                cluster.remove()

    def stop(self) -> None:
        self.primary.stop("immediate")
        time.sleep(0.5)
        self.primary.start()

    def cut(self) -> None:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        self.primary.execute(self.name, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 - ours.

    def lock(self, seconds: float) -> None:
        with psycopg.connect(self.primary.url(self.name)) as connection:
            connection.execute("LOCK TABLE registrations, results, posture_log IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)

    def follow(self) -> str:
        """Begin with a standby; return the URL that names both."""
        self._standby = Standby(self.primary, self._bin)
        return self._both(self.primary.port, self._standby.port)

    def _both(self, *ports: int) -> str:
        hosts = ",".join("127.0.0.1" for _ in ports)
        listed = ",".join(map(str, ports))
        return f"postgresql://gatepost@/{self.name}?host={hosts}&port={listed}&target_session_attrs=read-write"

    def lose(self) -> None:
        """Lose the primary for good, and promote the standby."""
        standby = self._standby
        if standby is None:
            raise LookupError("there is no standby")
        lost, self.primary, self._standby = self.primary, standby, None
        lost.remove()
        standby.promote()


async def _campaign(standing: Standing, rounds: int, bring_about: Callable[[], None]) -> list[str]:
    fleet = standing.fleet(86_400, INTERVAL, connections=DEVICES)
    outcomes = []
    with standing.serve():
        await standing.synchronise()
        task = await reporting(fleet, standing.agents)
        for _ in range(rounds):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(bring_about)
            outcomes.append(await _after(standing, fleet.tally.acknowledged, lambda: fleet.tally.acknowledged))
        await finish(fleet, task)
    outcomes[-1] = next((word for word in (outcomes[-1], standing.kept(), standing.verified()) if word != KEPT), KEPT)
    return outcomes


async def _after(standing: Standing, before: int, acknowledged: Callable[[], int]) -> str:
    """Wait until reports are acknowledged again, then look for all of them."""
    end = time.monotonic() + 60
    while acknowledged() <= before:
        if time.monotonic() > end:
            return STUCK
        await asyncio.sleep(0.05)
    known = {item.registration_id: item.acknowledged for item in standing.agents}
    recorded = await asyncio.to_thread(standing.recorded)
    lost = [name for name, number in known.items() if recorded.get(name, 0) < number]
    return f"acknowledged reports of {len(lost)} devices are not there" if lost else KEPT


def _run(folder: Path, rounds: int, fault: Callable[[_Database], None]) -> Tally:
    database = _Database()
    try:
        standing = Standing(folder, DEVICES, database=database.url)
        return count(asyncio.run(_campaign(standing, rounds, lambda: fault(database))), frozenset({KEPT}))
    finally:
        database.remove()


def _stopped(folder: Path, rounds: int) -> Tally:
    return _run(folder, rounds, _Database.stop)


def _cut(folder: Path, rounds: int) -> Tally:
    return _run(folder, rounds, _Database.cut)


def _locked(folder: Path, rounds: int) -> Tally:
    return _run(folder, rounds, lambda database: database.lock(LOCKED if rounds > _FEW else LOCKED_A_MOMENT))


def _lost(folder: Path, rounds: int) -> Tally:
    """Each round is a primary of its own: what stands behind it becomes one, and is not followed itself."""
    outcomes: list[str] = []
    for number in range(rounds):
        database = _Database()
        try:
            inside = folder / str(number)
            inside.mkdir()
            standing = Standing(inside, DEVICES, database=database.url)
            standing.rebase(database.follow())
            outcomes += asyncio.run(_campaign(standing, 1, database.lose))
        finally:
            database.remove()
    return count(outcomes, frozenset({KEPT}))


_REPORTING = f"while {DEVICES} devices report ten times a second; reports are acknowledged again, and none is lost"
CAMPAIGNS = (
    Campaign(
        name="PostgreSQL stopped as by a power failure",
        what=f"`pg_ctl stop -m immediate` and a start half a second later, {_REPORTING}",
        rounds=20,
        few=2,
        run=_stopped,
    ),
    Campaign(
        name="all connections to PostgreSQL cut",
        what=f"`pg_terminate_backend` on each of the server's, {_REPORTING}",
        rounds=50,
        few=3,
        run=_cut,
    ),
    Campaign(
        name="the tables of reports locked for 30 s",
        what=f"Another session holds `ACCESS EXCLUSIVE` locks ({LOCKED_A_MOMENT:g} s in the tests), {_REPORTING}",
        rounds=3,
        few=1,
        run=_locked,
    ),
    Campaign(
        name="primary lost, standby promoted",
        what=(
            "The primary is killed and its folder removed, a streaming standby with `synchronous_standby_names` is "
            f"promoted, and the server's URL names both, {_REPORTING}"
        ),
        rounds=10,
        few=1,
        run=_lost,
    ),
)
