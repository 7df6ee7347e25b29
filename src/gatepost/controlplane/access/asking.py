"""Asking: a device whose newest result is too old to decide by is asked to report now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Registration, Storage

MENDED_BY_A_REPORT: Final = frozenset(
    {Reason.REPORT_MISSING, Reason.RESULT_EXPIRED, Reason.CHECK_CHANGED, Reason.EVIDENCE_TOO_OLD}
)
"""Reasons for which a new report is likely to be all that is missing."""
_PAUSE: Final = 10_000
"""Ms in which one device is asked once, however often its user asks for a page."""
_REMEMBERED: Final = 10_000


class Asking:
    """Asks devices to report; safe to use from many threads."""

    def __init__(self, storage: Storage, now: Callable[[], int]) -> None:
        """Take the database, and a clock in ms."""
        self._storage = storage
        self._now = now
        self._asked: dict[tuple[int, int], int] = {}

    def ask(self, registration: Registration) -> None:
        """Ask one device to report now, if it was not asked just before. Raises StorageError."""
        key, now = (registration.account, registration.number), self._now()
        before = self._asked.get(key)
        if before is not None and before <= now < before + _PAUSE:
            return
        if len(self._asked) >= _REMEMBERED:
            self._asked = {key: at for key, at in self._asked.copy().items() if at <= now < at + _PAUSE}
        self._asked[key] = now
        with self._storage.writing() as records:
            records.report_requests.ask(registration.account, [(registration.number, registration.last_sequence)], now)
