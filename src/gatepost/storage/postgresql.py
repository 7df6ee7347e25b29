"""All that is PostgreSQL's own: what a URL may say, how connections are opened, and how long anything waits there.

``synchronous_commit`` stays as the server has it (on, unless somebody changed it): what was acknowledged is on its disk.
Writing transactions are READ COMMITTED, so that each statement sees what was committed while they waited for a lock; `locks`
says which. Reading ones are REPEATABLE READ and READ ONLY. Sources: postgresql.org/docs (Client Connection Defaults; Libpq).
"""

from __future__ import annotations

import difflib
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from psycopg import IsolationLevel
from sqlalchemy import create_engine, event, make_url

from gatepost.errors import InputError
from gatepost.storage.bounds import PATIENCE
from gatepost.storage.translation import refuse_value

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection
    from sqlalchemy import URL, Engine

READERS: Final = 4
"""Connections for reading that a process keeps open. A server of PostgreSQL has 100 in all, unless it is told otherwise."""

BURST: Final = 12
"""Connections for reading that are opened beyond those while many threads read at once, and closed afterwards."""

_STATEMENT: Final = 30
"""Seconds that one statement may take; none of ours takes one."""

_STANDSTILL: Final = 60
"""Seconds after which PostgreSQL ends a transaction whose process says nothing: its locks must not outlive it."""

_CONNECT: Final = 10
"""Seconds in which a connection must have come about."""

_UNANSWERED: Final = 30
"""Seconds after which a connection counts as lost when the other side's system says nothing at all."""

_DRIVER: Final = "postgresql+psycopg"
_ALLOWED: Final = "postgresql://USER@HOST:PORT/NAME"
_OPTIONS: Final = (
    "application_name",
    "channel_binding",
    "host",
    "passfile",
    "port",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
)
"""What may stand behind the question mark: libpq's words for where the server is and how it is believed.

``password`` is none of them: it would be shown wherever the URL is. Those that would undo our time-outs are none either.
"""


class PostgresqlDatabase:
    """`databases.Database` on a server of PostgreSQL. Any number of our processes may work on it at once."""

    def __init__(self, url: str) -> None:
        self._url = _checked(make_url(url))
        self.name = self._url.set(drivername="postgresql").render_as_string(hide_password=True)
        self.lock_file: Path | None = None

    def make(self) -> None:
        """Do nothing: who may make databases on a server is its administrator's business."""

    def refuse_missing(self) -> None:
        """Do nothing: only a connection can tell."""

    def open_writer(self) -> Engine:
        """Open the one connection of this process that writes."""
        return self._open(IsolationLevel.READ_COMMITTED, (1, 0), read_only=False)

    def open_readers(self) -> Engine:
        """Open connections that can only read; each transaction sees the database as it was at its first statement."""
        return self._open(IsolationLevel.REPEATABLE_READ, (READERS, BURST), read_only=True)

    def open_migrator(self) -> Engine:
        """Open a connection for changing the schema, whose statements may take as long as there are rows."""
        return self._open(IsolationLevel.READ_COMMITTED, (1, 0), read_only=False, statement=0)

    def _open(
        self, isolation: IsolationLevel, size: tuple[int, int], *, read_only: bool, statement: int = _STATEMENT
    ) -> Engine:
        engine = create_engine(
            self._url,
            connect_args={
                "connect_timeout": _CONNECT,
                "keepalives_idle": _UNANSWERED // 3,
                "keepalives_interval": _UNANSWERED // 3,
                "keepalives_count": 2,
                "tcp_user_timeout": _UNANSWERED * 1000,
            },
            # A statement's parameters are nobody's business in an operator's log.
            hide_parameters=True,
            pool_size=size[0],
            max_overflow=size[1],
            pool_timeout=PATIENCE,
            # A connection that PostgreSQL ended meanwhile is replaced before it is used.
            pool_pre_ping=True,
        )

        def prepare(connection: Connection, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own record, unused.
            connection.autocommit = True
            for name, seconds in (
                ("lock_timeout", PATIENCE),
                ("statement_timeout", statement),
                ("idle_in_transaction_session_timeout", _STANDSTILL),
            ):
                connection.execute("SELECT set_config(%s, %s, false)", (name, f"{seconds}s"))
            connection.autocommit = False
            connection.isolation_level = isolation
            connection.read_only = read_only

        event.listen(engine, "connect", prepare)
        event.listen(engine, "handle_error", refuse_value)
        return engine


def _checked(url: URL) -> URL:
    """Return ``url`` with our driver; raises InputError for what it must not say, without repeating what may be secret."""
    if url.drivername not in {"postgresql", _DRIVER}:
        raise InputError("database", f"{url.drivername} cannot be used", _ALLOWED)
    if not url.database:
        raise InputError("database", "names no database", _ALLOWED)
    for name in url.query:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputError("database", f"has the unknown option {name!r}", f"{hint}known are {', '.join(_OPTIONS)}")
    if "sslmode" not in url.query and not all(map(_is_here, _hosts(url))):
        problem = "names a host that is not this machine, and does not say how to be sure of it"
        raise InputError("database", problem, "?sslmode=verify-full&sslrootcert=FILE, or another sslmode of libpq's")
    return url.set(drivername=_DRIVER)


def _hosts(url: URL) -> list[str]:
    """Return every host that the URL names, without ports."""
    given = url.query.get("host", ())
    several = (given,) if isinstance(given, str) else given
    listed = [part.strip() for host in several for part in host.split(",")]
    return [*([url.host] if url.host else []), *(_without_port(host) for host in listed)]


def _without_port(host: str) -> str:
    return host if host.startswith("/") or host.count(":") != 1 else host.partition(":")[0]


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine: nothing, a folder of sockets, or loopback."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
