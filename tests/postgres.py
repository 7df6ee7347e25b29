"""A real server of PostgreSQL for the tests: started in a temporary folder, reached over loopback, ended with the run.

It refuses to run as root, so root starts it as Debian's account ``postgres``. What is in it is thrown away, so it does not
wait for the disk unless a test asks for that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from tests.running import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT: Final = "postgres"
USER: Final = "gatepost"
_INITDB: Final = ("--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
_QUICK: Final = (
    "-c",
    "fsync=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "deadlock_timeout=100ms",
)
_PATIENCE: Final = "60"

STRANGER: Final = "stranger"
"""A user who needs a password, ``right``, and owns nothing."""
OUTSIDER: Final = "outsider"
"""A user who is let in from nowhere."""
_RULES: Final = f"host all {STRANGER} all scram-sha-256\nhost all {OUTSIDER} all reject\n"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's own programs, the newest release's where there are several."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


class Cluster:
    """One server with any number of databases."""

    def __init__(self, bin_folder: Path, *, quick: bool = True) -> None:
        """Make it, with an administrator who needs no password, and start it."""
        self._bin = bin_folder
        self._numbers = count(1)
        self._folder = Path(tempfile.mkdtemp(prefix="gatepost-postgresql-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, ACCOUNT)
        self.port = free_port()
        self._options: tuple[str, ...] = (
            "-p",
            str(self.port),
            "-k",
            str(self._folder),
            "-c",
            "listen_addresses=127.0.0.1",
        )
        self._options += _QUICK if quick else ()
        self.data = self._folder / "data"
        self.run("initdb", "--pgdata", self.data, *_INITDB)
        rules = self.data / "pg_hba.conf"
        rules.write_text(_RULES + rules.read_text())
        self.start()
        self.execute("postgres", f"CREATE ROLE {STRANGER} LOGIN PASSWORD 'right'")

    def run(self, program: str, *words: object) -> str:
        """Run one of PostgreSQL's programs as whoever may; return what it printed."""
        become = ("runuser", "-u", ACCOUNT, "--") if os.geteuid() == 0 else ()
        command = [*become, str(self._bin / program), *map(str, words)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self._folder)
        assert 0 == ended.returncode, (command, ended.stderr)
        return ended.stdout

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._control("start", "-l", self._folder / "log", "-o", " ".join(self._options))

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends every connection, ``immediate`` is what a power failure leaves."""
        self._control("stop", "-m", mode)

    def _control(self, act: str, *words: object) -> None:
        # Its output goes nowhere: the server would keep a pipe open for as long as it lives.
        become = ("runuser", "-u", ACCOUNT, "--") if os.geteuid() == 0 else ()
        command = [*become, str(self._bin / "pg_ctl"), act, "-D", str(self.data), "-w", "-t", _PATIENCE]
        nothing = subprocess.DEVNULL
        done = subprocess.run([*command, *map(str, words)], stdout=nothing, stderr=nothing, check=False, cwd="/")
        assert 0 == done.returncode, act

    def url(self, database: str, user: str = USER) -> str:
        """Return the URL of a database, as an administrator writes it."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """Make an empty database and return its URL."""
        name = f"gatepost_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, database: str, *statements: str) -> list[tuple[object, ...]]:
        """Run statements by another way than ours, each for itself, and return the last one's rows."""
        rows: list[tuple[object, ...]] = []
        url = database if "://" in database else self.url(database)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def remove(self) -> None:
        """Stop it for good, and remove its folder."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)


def cluster_of_the_run() -> Iterator[Cluster | None]:
    """Give a cluster for as long as tests run; None where PostgreSQL is not installed."""
    found = programs()
    if found is None:
        yield None
        return
    cluster = Cluster(found)
    yield cluster
    cluster.remove()
