"""On one SQLite file exactly one server runs: it holds a lock beside the file for as long as it lives.

On PostgreSQL any number of servers may run, and no lock is held.

A command that opens the same database for a moment takes no such lock; the database serialises the two by itself.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from gatepost.errors import StorageError
from gatepost.storage.databases import database_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class ServerLock:
    """The lock, held until `close` or the end of the process; the empty file stays, since removing it would be a race.

    Without a file it locks nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._descriptor = -1
        if path is not None:
            self._take(path)

    def _take(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"the lock {path} cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise StorageError(f"another server holds {path}: one database has one server") from error
            raise StorageError(f"the lock {path} cannot be taken: {error.strerror}") from error

    def close(self) -> None:
        """Let another server have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Hold it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self.close()


def take_server_lock(url: str) -> ServerLock:
    """Lock ``FILE.lock`` beside a database's file; raises StorageError when another server has it."""
    return ServerLock(database_of(url).lock_file)
