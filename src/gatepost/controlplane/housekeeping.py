"""Housekeeping: what a server does now and then without being asked, one process at a time.

Checkpoints of the logs' chains are made, old lines dropped, and requests for reports, counts of attempts, and what counted once
forgotten. Each piece is a short transaction of its own, so that reports do not wait; whichever process comes first does it, the
others find nothing to do.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from gatepost.controlplane.log_keeping import drop_segments, make_checkpoint, needs_checkpoint
from gatepost.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Account, SharedStorage

_EVERY: Final = 60.0
"""Seconds between two rounds."""
_DROPPED_AT_ONCE: Final = 2_000
"""Lines that one transaction drops: some tens of ms."""
_ASKED_FOR: Final = 60 * 60 * 1000
"""How long, in ms, a device is asked to report now: one that comes back later reports of its own accord."""
_ATTEMPTS_FOR: Final = 60 * 1000
"""How long, in ms, it stands in the database what processes tell each other of attempts: they look twice a second."""
_SPENT_FOR: Final = 60 * 1000
"""How long, in ms, it is remembered after its end what counted once: clocks of processes may be apart."""
_DAY: Final = 24 * 60 * 60 * 1000


class Housekeeper:
    """Keeps house in a thread of its own. ``retention``: days for which lines of the logs are kept; None: for ever."""

    def __init__(
        self,
        storage: SharedStorage,
        now: Callable[[], int],
        retention: int | None,
        *,
        tell: Callable[[str], None] = lambda _: None,
        every: float = _EVERY,
    ) -> None:
        """Take the storage, and whom to ``tell`` in words what went wrong; it is tried again ``every`` so many seconds."""
        self._storage = storage
        self._now = now
        self._retention = retention
        self._tell = tell
        self._every = every
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the transaction at hand, then end."""
        self._ending.set()
        self._thread.join()

    def keep(self) -> None:
        """Do what is due, once; raises StorageError."""
        with self._storage.reading() as records:
            accounts = records.accounts.all()
            asked = records.report_requests.open(account.number for account in accounts)
            old = records.attempts.has_any(self._now() - _ATTEMPTS_FOR) or records.spent.has_any(
                self._now() - _SPENT_FOR
            )
        for account in accounts:
            self._confirm(account)
            while self._drop(account) == _DROPPED_AT_ONCE and not self._ending.is_set():
                pass
        if not asked and not old:
            return
        with self._storage.keeping_house() as records:
            if records is not None:
                records.report_requests.forget(self._now() - _ASKED_FOR)
                records.attempts.forget(self._now() - _ATTEMPTS_FOR)
                records.spent.forget(self._now() - _SPENT_FOR)

    def _work(self) -> None:
        while not self._ending.wait(self._every):
            try:
                self.keep()
            except StorageError as error:
                self._tell(error.detail)
            except Exception as error:  # noqa: BLE001 - the thread must live on, and somebody must hear of it.
                self._tell(type(error).__name__)

    def _confirm(self, account: Account) -> None:
        with self._storage.reading() as records:
            due = needs_checkpoint(records, account.number, self._now())
        if not due:
            return
        with self._storage.keeping_house() as records:
            if records is not None and needs_checkpoint(records, account.number, self._now()):
                make_checkpoint(records, account, self._now())

    def _drop(self, account: Account) -> int:
        if self._retention is None:
            return 0
        older_than = self._now() - self._retention * _DAY
        with self._storage.reading() as records:
            newest = records.log_chain.newest_checkpoint(account.number, older_than)
            if newest is None or not records.log_chain.has_lines(account.number, newest.position):
                return 0
        with self._storage.keeping_house() as records:
            return 0 if records is None else drop_segments(records, account.number, older_than, _DROPPED_AT_ONCE)
