"""Recording: each decision has a line in the access log, written together with others a moment after the answer.

An answer does not wait for the disk. What is not written yet stands in memory, at most so many lines; a server that is ended
writes them first, one that is killed loses those of the last quarter of a second. Where the database takes nothing they wait,
and what finds no room is counted and told in the audit log as soon as that can be written.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.ports import Actor, ActorKind, AuditEntry
from gatepost.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Storage
    from gatepost.core.log import AccessDocument

ROOM: Final = 20_000
"""Lines that wait at most: some 30 MB."""
_EVERY: Final = 0.25
"""Seconds for which lines are gathered."""
_TOGETHER: Final = 1_000
"""Lines of one transaction: some tens of ms."""
_LAST_TRIES: Final = 3
"""How often a server that ends tries to write what it still has."""


class _Lost(msgspec.Struct):
    """Lines of an account that found no room: how many, and the times (ms) of the first and the last."""

    lines: int
    since: int
    until: int


class AccessRecorder:
    """Writes the access log in a thread of its own. ``sample``: of how many allowed requests one has a line; 1: each.

    Only those are sampled that were let in for no reason that needs one: a refusal, an exemption, and what was only
    reported always has its line.
    """

    def __init__(
        self,
        storage: Storage,
        now: Callable[[], int],
        *,
        sample: int = 1,
        room: int = ROOM,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the database, a clock in ms, and whom to ``tell`` in words that lines wait."""
        self._storage = storage
        self._now = now
        self._sample = sample
        self._room = room
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, AccessDocument]] = deque()
        self._passed = 0
        self._lost: dict[int, _Lost] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="access-log", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._ending.set()
        self._thread.join()

    def note(self, account: int, document: AccessDocument) -> None:
        """Take one decision's line; never waits for the database. Any thread may call this."""
        with self._lock:
            if self._sample > 1 and document.allowed and not document.reasons:
                self._passed += 1
                if self._passed % self._sample:
                    return
                document = msgspec.structs.replace(document, stands_for=self._sample)
            if len(self._waiting) < self._room:
                self._waiting.append((account, document))
                return
            lost = self._lost.setdefault(account, _Lost(0, document.at, document.at))
            lost.lines += document.stands_for
            lost.until = document.at

    def write(self) -> None:
        """Write what waits; raises StorageError, and then it waits on."""
        while True:
            with self._lock:
                lines = [self._waiting[index] for index in range(min(len(self._waiting), _TOGETHER))]
                lost = {account: msgspec.structs.replace(found) for account, found in self._lost.items()}
            if not lines and not lost:
                return
            self._commit(lines, lost)
            # Nobody else takes from the left.
            with self._lock:
                for _ in lines:
                    self._waiting.popleft()
                for account, told in lost.items():
                    self._forget(account, told)

    def _commit(self, lines: list[tuple[int, AccessDocument]], lost: dict[int, _Lost]) -> None:
        of_accounts: dict[int, list[AccessDocument]] = {}
        for account, document in lines:
            of_accounts.setdefault(account, []).append(document)
        with self._storage.writing(alone=False) as records:
            for account in sorted({*of_accounts, *lost}):
                if account in of_accounts:
                    records.access_log.append(account, of_accounts[account])
                if account in lost:
                    records.audit_log.append(account, _told(lost[account], self._now()))

    def _forget(self, account: int, told: _Lost) -> None:
        lost = self._lost[account]
        lost.lines -= told.lines
        lost.since = told.until
        if not lost.lines:
            del self._lost[account]

    def _work(self) -> None:
        while not self._ending.wait(_EVERY):
            self._try()
        for _ in range(_LAST_TRIES):
            if self._try():
                return

    def _try(self) -> bool:
        try:
            self.write()
        except StorageError as error:
            self._tell(error.detail)
        except Exception as error:  # noqa: BLE001 - the thread must live on, and somebody must hear of it.
            self._tell(type(error).__name__)
        else:
            return True
        return False


def _told(lost: _Lost, now: int) -> AuditEntry:
    """Say in the audit log that lines of the access log were lost."""
    return AuditEntry(
        at=now,
        actor=Actor(kind=ActorKind.SERVER),
        action="lose",
        kind="access-log",
        reference="",
        after=msgspec.json.encode({"decisions": lost.lines, "since": lost.since, "until": lost.until}).decode(),
    )
