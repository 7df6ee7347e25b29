"""Migrations that are killed in the middle, and several at once: the database is of the old schema or of the new one, and whole."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gatepost.storage.tables import REVISIONS
from tests.faults.campaign import Campaign, Tally, count
from tests.postgres import Cluster, programs

if TYPE_CHECKING:
    from collections.abc import Callable

DUMPS = Path(__file__).parents[1] / "migrations"
DOUBLINGS = 12
"""The dump's one line of the posture log is doubled so often: 4,096 lines, which the migration puts into a chain."""
AT_ONCE = 3
OLD, NEW = "killed, and of the old schema", "killed too late, and of the new one"
BOTH = "all of them said that it is done, and it is"


class _Sqlite:
    """Copies of one old database, as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._old = folder / "old.db"
        with closing(sqlite3.connect(self._old)) as connection:
            connection.executescript((DUMPS / "0001.sqlite.sql").read_text(encoding="utf-8"))
            names = [row[1] for row in connection.execute("PRAGMA table_info(posture_log)") if row[1] != "number"]
            for _ in range(DOUBLINGS):
                connection.execute(_double(names))
            connection.commit()

    def make(self, number: int) -> str:
        path = self._folder / f"{number}.db"
        shutil.copy(self._old, path)
        return f"sqlite:///{path}"

    def look(self, url: str) -> tuple[str, int]:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
            assert sound == "ok", sound
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return revision, connection.execute("SELECT COUNT(*) FROM posture_log").fetchone()[0]

    def close(self) -> None:
        """Nothing to do: the folder goes with the campaign."""


class _PostgreSql:
    """The same on a server, whose databases are made from one as a template."""

    def __init__(self, _folder: Path) -> None:
        found = programs()
        if found is None:
            raise LookupError("PostgreSQL is not installed (Debian's package postgresql)")
        self._cluster = Cluster(found)
        self._old = self._cluster.create().rsplit("/", 1)[1]
        self._cluster.execute(self._old, (DUMPS / "0001.postgresql.sql").read_text(encoding="utf-8"))
        named = "SELECT column_name FROM information_schema.columns WHERE table_name = 'posture_log' AND column_name <> 'number'"
        names = [str(row[0]) for row in self._cluster.execute(self._old, named)]
        self._cluster.execute(self._old, *[_double(names)] * DOUBLINGS)

    def make(self, number: int) -> str:
        name = f"copy_{number}"
        self._cluster.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {self._old}")
        return self._cluster.url(name)

    def look(self, url: str) -> tuple[str, int]:
        ((revision,),) = self._cluster.execute(url, "SELECT version_num FROM alembic_version")
        ((lines,),) = self._cluster.execute(url, "SELECT COUNT(*) FROM posture_log")
        return str(revision), int(str(lines))

    def close(self) -> None:
        self._cluster.remove()


def _double(names: list[str]) -> str:
    columns = ", ".join(names)
    return f"INSERT INTO posture_log ({columns}) SELECT {columns} FROM posture_log"  # noqa: S608 - names of columns.


def _begin(url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gatepost", "server", "migrate", "--database", url]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _killed(databases: _Sqlite | _PostgreSql, number: int, seconds: float) -> str:
    url = databases.make(number)
    before = databases.look(url)
    with _begin(url) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.communicate()
    revision, lines = _settled(databases, url)
    if lines != before[1] or revision not in {before[0], REVISIONS[-1]}:
        return f"killed after {seconds:.2f} s: revision {revision}, {lines} lines"
    with _begin(url) as again:
        _, error = again.communicate()
    if again.returncode or databases.look(url) != (REVISIONS[-1], lines):
        return f"killed after {seconds:.2f} s, and then: {error.decode('utf-8', 'replace')[-300:]}"
    return NEW if revision == REVISIONS[-1] else OLD


def _settled(databases: _Sqlite | _PostgreSql, url: str) -> tuple[str, int]:
    """Look when the killed one's transaction is gone: PostgreSQL undoes it as soon as it notices."""
    return databases.look(url)


def _several(databases: _Sqlite | _PostgreSql, number: int) -> str:
    url = databases.make(number)
    lines = databases.look(url)[1]
    processes = [_begin(url) for _ in range(AT_ONCE)]
    errors = [process.communicate()[1] for process in processes]
    codes = [process.returncode for process in processes]
    if codes != [0] * AT_ONCE or databases.look(url) != (REVISIONS[-1], lines):
        return f"exit codes {codes}: {errors!r}"[:500]
    return BOTH


def _kill(make: Callable[[Path], _Sqlite | _PostgreSql]) -> Callable[[Path, int], Tally]:
    def run(folder: Path, rounds: int) -> Tally:
        chance = random.Random(rounds)  # noqa: S311 - the same moments again, should one be bad.
        databases = make(folder)
        try:
            began = time.monotonic()
            with _begin(databases.make(rounds)) as whole:
                whole.communicate()
            longest = (time.monotonic() - began) * 1.1
            outcomes = [_killed(databases, number, chance.uniform(0.3, 1) * longest) for number in range(rounds)]
        finally:
            databases.close()
        return count(outcomes, frozenset({OLD, NEW}))

    return run


def _at_once(make: Callable[[Path], _Sqlite | _PostgreSql]) -> Callable[[Path, int], Tally]:
    def run(folder: Path, rounds: int) -> Tally:
        databases = make(folder)
        try:
            outcomes = [_several(databases, number) for number in range(rounds)]
        finally:
            databases.close()
        return count(outcomes, frozenset({BOTH}))

    return run


_WHAT = "`gatepost server migrate` on a database of the first release with 4,096 lines in its log"
_KILLED = "is killed (SIGKILL) at a random moment; the lines are all there, and another run brings it to this release's schema"
_SEVERAL = f"is started {AT_ONCE} times at once"
CAMPAIGNS = tuple(
    Campaign(name=f"{name}, {kind}", what=f"{_WHAT} ({kind}) {what}", rounds=rounds, few=1, run=make(databases))
    for kind, databases in (("SQLite", _Sqlite), ("PostgreSQL", _PostgreSql))
    for name, what, rounds, make in (
        ("migration killed", _KILLED, 50, _kill),
        ("migrations at once", _SEVERAL, 20, _at_once),
    )
)
