"""Previews in processes of their own, so that no report and no decision waits while a fleet is gone through.

The server hands a task to this module, run as a program: settings come in on its input, since a process's arguments can be
seen by everybody; progress and outlook go into the database, where every server process finds them.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.cli.words import explain_error
from gatepost.errors import GatepostError, OverloadedError, StorageError
from gatepost.processes import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.storage.database import SqlStorage

_AT_ONCE: Final = 2
"""Previews that run at once; the others wait."""
_SQLITE: Final = "sqlite:///"
MAXIMUM_WAITING: Final = 16
"""Previews that run or wait in one server process; for more there is no room now."""
_RETRY_AFTER: Final = 30
_WORDS: Final = 4_096


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One preview to run. ``preview_id`` with an account's number; the rest as the server has it."""

    database: str
    master_key: str
    results_expire: bool
    account: int = 0
    preview_id: str = ""


class PreviewProcesses:
    """Starts a process for each preview. ``task`` has the server's settings."""

    def __init__(self, task: Task, storage: SqlStorage) -> None:
        self._task = task
        self._storage = storage
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="preview")
        self._places = threading.Lock()
        self._taken = 0

    @contextmanager
    def room(self) -> Iterator[None]:
        """Keep a place for a preview that is about to be started; raises `OverloadedError` where there is none."""
        with self._places:
            if self._taken >= MAXIMUM_WAITING:
                raise OverloadedError(_RETRY_AFTER)
            self._taken += 1
        try:
            yield
        finally:
            self._leave()

    def start(self, account: int, preview_id: str) -> None:
        """Have a preview run; returns at once. Whoever calls this has a `room` for it."""
        task = msgspec.structs.replace(self._task, account=account, preview_id=preview_id)
        with self._places:
            self._taken += 1
        self._threads.submit(self._run, task).add_done_callback(lambda _: self._leave())

    def stop(self) -> None:
        """Begin no other; those that run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _leave(self) -> None:
        with self._places:
            self._taken -= 1

    def _run(self, task: Task) -> None:
        from gatepost.controlplane.previewing import LONGEST_RUN, Previewing

        previewing = Previewing(self._storage, _now, task.account, results_expire=task.results_expire)
        command = [sys.executable, "-m", "gatepost.cli.preview_process"]
        try:
            if not previewing.wanted(task.preview_id):
                return
            answer = ask(
                command, msgspec.json.encode(task), timeout=LONGEST_RUN, limit=_WORDS, environment=dict(os.environ)
            )
            words = answer.output.decode("utf-8", "replace").strip() or f"it ended with {answer.status}"
            if answer.status == 0:
                return
        except GatepostError as error:
            words = explain_error(error)[1]
        try:
            previewing.fail(task.preview_id, f"the process that goes through the fleet failed: {words}")
        except StorageError:
            return


def absolute_url(database: str) -> str:
    """Return a database's URL as it is meant in every folder: the process runs in another one than the server."""
    if not database.startswith(_SQLITE):
        return database
    return f"{_SQLITE}{Path(database.removeprefix(_SQLITE)).absolute()}"


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Run the preview that the input names; words on the output say what went wrong."""
    from gatepost.controlplane.previewing import Previewing
    from gatepost.storage.database import open_storage
    from gatepost.storage.keybox import read_or_create_master_key

    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    try:
        key = read_or_create_master_key(Path(task.master_key), secrets.token_bytes)
        storage = open_storage(task.database, key, secrets.token_bytes)
        try:
            Previewing(storage, _now, task.account, results_expire=task.results_expire).run(task.preview_id)
        finally:
            storage.close()
    except GatepostError as error:
        sys.stdout.write(explain_error(error)[1])
        sys.exit(3)


if __name__ == "__main__":
    main()
