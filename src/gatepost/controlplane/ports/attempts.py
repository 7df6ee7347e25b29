"""Attempts that one server process counted and the others have to know of."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class AttemptKind(IntEnum):
    """What was attempted; the numbers stand in the database."""

    ENROLLMENT = 1
    REFUSAL = 2
    """A credential that did not count."""
    CREDENTIAL = 3
    """A credential that did."""


class Attempts(msgspec.Struct, frozen=True):
    """So many ``count`` attempts; ``subject`` is an address, or of a credential that counted its SHA-256 in hex."""

    kind: AttemptKind
    subject: str
    count: int


class SharedAttempts(Protocol):
    """What processes tell each other. ``process`` names one: bytes that no other has."""

    def newest(self) -> int:
        """Return the number of the newest entry; 0 where there is none."""
        ...

    def add(self, process: bytes, attempts: Iterable[Attempts], at: int) -> None:
        """Add what a process counted; ``at``: ms."""
        ...

    def of_others(self, process: bytes, after: int) -> list[tuple[int, Attempts]]:
        """Return the entries of other processes whose number is above ``after``, each with its number, oldest first."""
        ...

    def has_any(self, before: int) -> bool:
        """Tell whether there is an entry from before an instant (ms)."""
        ...

    def forget(self, before: int) -> None:
        """Forget entries from before an instant (ms)."""
        ...
