"""The access log: what was decided for proxies, on whom, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from gatepost.core.log import AccessDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatepost.controlplane.ports.log_chain import ChainedLine


class AccessPlace(msgspec.Struct, frozen=True, order=True):
    """Where a line stands among others: by its time (ms), and by its number among those of one time."""

    at: int
    number: int


class AccessLine(msgspec.Struct, frozen=True):
    """A line as it is read back."""

    place: AccessPlace
    document: AccessDocument


class AccessFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted: each field that is given must be equal, and ``since`` ≤ ``at`` < ``before``."""

    reference: str | None = None
    app_id: str | None = None
    registration_id: str | None = None
    user_email: str | None = None
    allowed: bool | None = None
    since: int | None = None
    before: int | None = None


class AccessLog(Protocol):
    """The access log: lines are only ever added."""

    def append(self, account: int, documents: Sequence[AccessDocument]) -> None:
        """Write lines."""
        ...

    def read(
        self, account: int, wanted: AccessFilter, below: AccessPlace | None, limit: int, *, skip: int = 0
    ) -> tuple[AccessLine, ...]:
        """Return lines that stand before ``below`` (None: the newest), newest first, at most ``limit`` behind ``skip``."""
        ...

    def read_upwards(self, account: int, wanted: AccessFilter, limit: int, *, skip: int) -> tuple[AccessLine, ...]:
        """Return lines, oldest first, at most ``limit`` behind ``skip``."""
        ...

    def chained(self, account: int, after: int, limit: int) -> tuple[ChainedLine, ...]:
        """Return lines with a position above ``after`` as the chain has them, in order, at most ``limit``."""
        ...
