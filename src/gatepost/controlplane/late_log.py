"""The posture log of a group of reports: its lines are written last, so that whoever waits to write theirs waits shortly.

A line's number is given when it is written, and until that is committed no other process gets the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.ports import EVERY_LINE
from gatepost.core.log import PostureEntry

if TYPE_CHECKING:
    from gatepost.controlplane.ports import LogFilter, PostureLine, PostureLog


class _Line(msgspec.Struct, frozen=True):
    account: int
    registration: int
    check: int
    entry: PostureEntry


class LateLog:
    """`ports.PostureLog` in the place of another, which it writes to when `write` is called."""

    def __init__(self, log: PostureLog) -> None:
        self._log = log
        self._lines: list[_Line] = []

    def append(self, account: int, registration: int, check: int, entry: PostureEntry) -> None:
        """Keep one line for later."""
        self._lines.append(_Line(account, registration, check, entry))

    def read(
        self, account: int, before: int | None, limit: int, wanted: LogFilter = EVERY_LINE
    ) -> tuple[PostureLine, ...]:
        """Return lines that are written, as the log itself does."""
        return self._log.read(account, before, limit, wanted)

    def write(self) -> None:
        """Write what was kept, account by account in one order; raises NotFoundError as the log itself does."""
        for line in sorted(self._lines, key=lambda line: line.account):
            self._log.append(line.account, line.registration, line.check, line.entry)
        self._lines.clear()
