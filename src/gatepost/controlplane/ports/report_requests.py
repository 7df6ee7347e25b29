"""Requests of administrators that a device report now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class ReportRequests(Protocol):
    """Which devices are asked to report now: by the last report that each had sent when it was asked, not by any clock."""

    def ask(self, account: int, asked: Iterable[tuple[int, int]], at: int) -> None:
        """Ask registrations, each with the sequence of its last report; an older request of the same one is replaced."""
        ...

    def open(self, accounts: Iterable[int]) -> dict[int, int]:
        """Return what is asked of the accounts' registrations: by number, the sequence above which a report answers it."""
        ...

    def forget(self, before: int) -> None:
        """Forget what has been answered, and what was asked before an instant (ms)."""
        ...
