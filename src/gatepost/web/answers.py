"""Answers from another thread, for requests that wait in an event loop: a group of them wakes the loop once.

`asyncio.wrap_future` wakes it for each, by a write to a pipe, and keeps three objects a request; of a report that was a tenth.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_T = TypeVar("_T")


class Answers(Generic[_T]):
    """The answers that one event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._given: deque[Callable[[], None]] = deque()
        self._woken = False

    def expect(self) -> LoopAnswer[_T]:
        """Return what an answer is given to, and what a request waits for; asked for within the loop."""
        return LoopAnswer(self, self._loop.create_future())

    def give(self, deliver: Callable[[], None]) -> None:
        """Call ``deliver`` within the loop, soon; any thread may ask for it."""
        self._given.append(deliver)
        # Whoever finds it woken has given before the loop begins to take: nothing is left behind.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._woken = False
        while self._given:
            self._given.popleft()()


class LoopAnswer(Generic[_T]):
    """`controlplane.intake.Answer` for one request: ``future`` is awaited within the loop, the rest is another thread's."""

    __slots__ = ("_answers", "_ended", "future")

    def __init__(self, answers: Answers[_T], future: asyncio.Future[_T]) -> None:
        self.future = future
        self._answers = answers
        self._ended = False

    def set_running_or_notify_cancel(self) -> bool:
        """Tell whether the request still waits."""
        return not self.future.cancelled()

    def done(self) -> bool:
        """Tell whether the answer was given."""
        return self._ended

    def set_result(self, result: _T, /) -> None:
        """Give it."""
        self._ended = True
        self._answers.give(lambda: None if self.future.done() else self.future.set_result(result))

    def set_exception(self, exception: Exception, /) -> None:
        """Say why there is none."""
        self._ended = True
        self._answers.give(lambda: None if self.future.done() else self.future.set_exception(exception))
