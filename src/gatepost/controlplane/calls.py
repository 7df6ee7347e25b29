"""Calls: agents that wait to hear that a report is wanted, or that their checks changed, and how they are reached.

An agent holds one request open (a long poll). It is answered within half a second when an administrator asks for a report or
the checks of its account change, and otherwise when its time is over. Waiting costs memory, so only so many may; the others
are told when to ask again, later the more there are of them. Both are read from the database, so that they are seen whichever
process was told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.errors import StorageError
from gatepost.wire.device import Called

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Registration, Storage

_LONGEST_WAIT: Final = 50.0
"""Seconds: proxies and firewalls commonly end a silent connection after a minute."""
_GLANCE: Final = 0.5
"""Seconds between two looks at the versions of the accounts whose agents wait, and at what is asked of them."""
_AGAIN_WHEN_FULL: Final = 30
"""Seconds after which an agent asks again that found no room to wait, where there are few of them."""
_ASKING_A_SECOND: Final = 100
"""As many of those come a second at most, however many they are: each asks some 0.4 ms of processor time."""
_LATEST_WHEN_FULL: Final = 600
"""Seconds after which it asks again in any case; by then it has reported, and heard in the answer whether its checks changed."""
_AGAIN_WHEN_REPLACED: Final = 30
"""Seconds for an agent whose wait a newer one ended: two with one state would otherwise end each other's without a pause."""

_AGAIN_WHEN_LEAVING: Final = 1
"""Seconds for an agent that asks while this process ends: the next one has taken its place by then."""


class _Waiting(msgspec.Struct, eq=False):
    account: int
    version: int
    sequence: int
    answer: asyncio.Future[bool]


class Calls:
    """The agents that wait at this process. Only its event loop may touch it."""

    def __init__(self, storage: Storage, room: int, longest: float = _LONGEST_WAIT) -> None:
        self._storage = storage
        self._room = room
        self._longest = longest
        self._waiting: dict[tuple[int, int], _Waiting] = {}
        self._next = 0.0
        self._open = True
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many agents wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to look for changes; called in the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._look())

    def stop(self) -> None:
        """Let all that wait go home, and nobody wait any more."""
        self._open = False
        if self._task is not None:
            self._task.cancel()
        for waiting in self._waiting.values():
            _answer(waiting, report_now=False)

    async def wait(self, registration: Registration, checks_version: int, current: int) -> Called:
        """Wait until there is something to say; ``current`` is the version of the account's checks as just read."""
        if checks_version != current:
            return Called(report_now=True, again_in=0)
        if not self._open:
            return Called(report_now=False, again_in=_AGAIN_WHEN_LEAVING)
        if len(self._waiting) >= self._room:
            return Called(report_now=False, again_in=self._turn_away())
        waiting = _Waiting(
            account=registration.account,
            version=current,
            sequence=registration.last_sequence,
            answer=asyncio.get_running_loop().create_future(),
        )
        # One wait a device: a newer one ends the older, whose connection may be long dead.
        key = registration.account, registration.number
        older = self._waiting.pop(key, None)
        if older is not None:
            _answer(older, report_now=False)
        self._waiting[key] = waiting
        try:
            report_now = await asyncio.wait_for(waiting.answer, self._longest)
        except TimeoutError:
            report_now = False
        finally:
            replaced = self._waiting.get(key) is not waiting
            if not replaced:
                del self._waiting[key]
        return Called(report_now=report_now, again_in=_AGAIN_WHEN_REPLACED if replaced else 0)

    def _turn_away(self) -> int:
        """Return in how many seconds an agent that found no room is to ask again: each of them has a turn of its own."""
        now = asyncio.get_running_loop().time()
        self._next = min(max(self._next + 1 / _ASKING_A_SECOND, now + _AGAIN_WHEN_FULL), now + _LATEST_WHEN_FULL)
        return round(self._next - now)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_GLANCE)
            accounts = {item.account for item in self._waiting.values()}
            if accounts:
                try:
                    versions, asked = await asyncio.to_thread(self._news, accounts)
                except StorageError:
                    continue
                for (_, number), item in list(self._waiting.items()):
                    changed = versions.get(item.account, item.version) != item.version
                    if changed or item.sequence <= asked.get(number, -1):
                        _answer(item, report_now=True)

    def _news(self, accounts: set[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Read the accounts' versions, and of which registrations a report is asked (above which sequence)."""
        with self._storage.reading() as records:
            versions = {account: records.checks.version(account) for account in accounts}
            return versions, records.report_requests.open(accounts)


def _answer(waiting: _Waiting, *, report_now: bool) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(report_now)
