"""Deadlines that many requests have and nearly none meets: one timer for all of them.

`asyncio.timeout` puts a timer into the loop's heap for each request and takes it out again; here a request is noted at the end
of a queue, in which all have the same time to go, and somebody looks at its head now and then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK: Final = 4
"""How often in the length of a deadline somebody looks: it is met by a quarter of itself late, at most."""


class _Pending:
    """A task that must be done by ``due``; ``late``: it was not, and is cancelled."""

    __slots__ = ("due", "late", "task")

    def __init__(self, due: float, task: asyncio.Task[Any] | None) -> None:
        self.due = due
        self.task = task
        self.late = False


class Deadlines:
    """Deadlines of ``seconds`` in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._pending: deque[_Pending] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Raise TimeoutError within the block when it takes longer; used by a task of this loop."""
        pending = self.begin()
        try:
            yield
        except asyncio.CancelledError:
            if self.end(pending):
                raise TimeoutError from None
            raise
        finally:
            self.end(pending)

    def begin(self) -> _Pending:
        """Note the running task."""
        pending = _Pending(self._loop.time() + self._seconds, asyncio.current_task(self._loop))
        self._pending.append(pending)
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds / _LOOK, self._look)
        return pending

    def end(self, pending: _Pending) -> bool:
        """Take the task from the list; tell whether it was late, and so was cancelled by nobody else."""
        task, pending.task = pending.task, None
        return pending.late and task is not None and task.uncancel() == 0

    def _look(self) -> None:
        now = self._loop.time()
        while self._pending and self._pending[0].due <= now:
            pending = self._pending.popleft()
            if pending.task is not None:
                pending.late = True
                pending.task.cancel()
        while self._pending and self._pending[0].task is None:
            self._pending.popleft()
        self._timer = self._loop.call_later(self._seconds / _LOOK, self._look) if self._pending else None
