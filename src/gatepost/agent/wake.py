"""What wakes the agent before its time: one bell, which any thread may ring, and why it was rung."""

from __future__ import annotations

import threading
from enum import StrEnum


class Cause(StrEnum):
    """Why a cycle begins."""

    SCHEDULE = "schedule"
    STORE_CHANGED = "store-changed"
    CALLED = "called"
    NETWORK_BACK = "network-back"
    RESUMED = "resumed"
    RETRY = "retry"


class Bell:
    """Rung by watchers, heard by the service. `stop` rings it for the last time."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._causes: list[Cause] = []
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the agent is to end."""
        return self._stopped

    def ring(self, cause: Cause) -> None:
        """Ask for a cycle soon."""
        with self._condition:
            if cause not in self._causes:
                self._causes.append(cause)
            self._condition.notify_all()

    def stop(self) -> None:
        """Ask the agent to end."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def wait(self, seconds: float) -> tuple[Cause, ...]:
        """Wait at most so long; return why it was rung since the last time, in order (empty: it was not)."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or bool(self._causes), max(seconds, 0.0))
            causes, self._causes = tuple(self._causes), []
            return causes
