"""The posture log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from gatepost.core.device import DeviceFacts
from gatepost.core.log import PostureEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.controlplane.ports.log_chain import ChainedLine


class PostureLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the posture log as it is read back, newest first, with what it says of device and check at that time."""

    number: int
    registration_id: str
    device_id: str
    device_name: str
    device_details: bytes
    facts: DeviceFacts
    user_email: str | None
    check_id: str
    check_name: str
    check_type: str
    entry: PostureEntry


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted: each field that is given must be equal. Ids are public ones, whose bearers may be gone."""

    registration_id: str | None = None
    check_id: str | None = None


EVERY_LINE = LogFilter()


class PostureLog(Protocol):
    """The posture log: lines are only ever added."""

    def expect(self, account: int, registrations: Iterable[int]) -> None:
        """Say of which devices lines will be written: what those say of them is read at once."""
        ...

    def append(self, account: int, registration: int, check: int, entry: PostureEntry) -> None:
        """Add one line; it is written with the transaction's others.

        Device and check are copied as they are now, so that the line outlives them.

        Raises NotFoundError when either is not there: a line is never lost in silence.
        """
        ...

    def read(
        self, account: int, before: int | None, limit: int, wanted: LogFilter = EVERY_LINE
    ) -> tuple[PostureLine, ...]:
        """Return lines with a number below ``before`` (None: the newest), newest first, at most ``limit``."""
        ...

    def chained(self, account: int, after: int, limit: int) -> tuple[ChainedLine, ...]:
        """Return lines with a position above ``after`` as the chain has them, in order, at most ``limit``."""
        ...
