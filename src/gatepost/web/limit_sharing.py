"""The limits of attempts, shared by all server processes on one database.

Twice a second a process writes down what it counted and takes in what others did. So a limit holds for all processes together,
but for what happens within half a second; no request waits for that, and nobody outside can make the database work harder than
that. While the database cannot be used, each process counts for itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gatepost.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Attempts, Storage
    from gatepost.web.limits import Limits

_EVERY: Final = 0.5
"""Seconds between two exchanges."""
_OVERLAP: Final = 1_000
"""Entries that are looked at again: another process may have drawn a lower number and committed later."""


class LimitSharing:
    """One process's part in it. ``process``: bytes that no other process has; only the event loop may start and stop it."""

    def __init__(self, storage: Storage, limits: Limits, process: bytes, now: Callable[[], int]) -> None:
        """Take what is shared, and a clock in ms."""
        self._storage = storage
        self._limits = limits
        self._process = process
        self._now = now
        self._newest: int | None = None
        self._seen: set[int] = set()
        self._untold: tuple[Attempts, ...] = ()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to exchange; called in the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    def stop(self) -> None:
        """Exchange no more."""
        if self._task is not None:
            self._task.cancel()

    async def exchange(self) -> None:
        """Tell what was counted here, and take in what others did. What cannot be told now is told the next time."""
        self._untold = self._untold or self._limits.take_counted()
        try:
            learned = await asyncio.to_thread(self._exchange, self._untold)
        except StorageError:
            return
        self._untold = ()
        self._limits.learn(learned)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self.exchange()

    def _exchange(self, counted: tuple[Attempts, ...]) -> list[Attempts]:
        if counted:
            with self._storage.writing(alone=False) as records:
                records.attempts.add(self._process, counted, self._now())
        with self._storage.reading() as records:
            if self._newest is None:
                # What was before this process began is no affair of its.
                self._newest = records.attempts.newest()
                self._seen = set(range(self._newest - _OVERLAP, self._newest + 1))
                return []
            found = records.attempts.of_others(self._process, self._newest - _OVERLAP)
        new = [(number, item) for number, item in found if number not in self._seen]
        self._newest = max((self._newest, *(number for number, _ in new)))
        self._seen = {number for number in self._seen if number > self._newest - _OVERLAP} | {item[0] for item in new}
        return [item for _, item in new]
