"""Posture rules."""

from __future__ import annotations

from typing import Protocol

import msgspec


class StoredCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One posture rule: its ``document`` (JSON, as it is read back) beside our own ``options`` (JSON).

    ``version`` rises whenever document or options change what is judged. ``number`` is its key in hot tables.
    """

    number: int
    id: str
    account: int
    type: str
    document: bytes
    options: bytes
    version: int
    created_at: int
    updated_at: int
    certificate_id: str | None = None
    """The upload that it names, so that this can refuse to go."""
    minimum_version: int = 0
    """Results of older versions do not count any more: the change was to take effect at once."""
    trial: bool = False
    """A draft that devices answer so that its effect can be told: it has no results, and no client sees it."""


class Checks(Protocol):
    """Posture rules."""

    def add(self, check: StoredCheck) -> StoredCheck:
        """Store it and return it with its number (the given number is ignored).

        Raises NotFoundError when it names an upload that the account does not have.
        """
        ...

    def find(self, account: int, check_id: str) -> StoredCheck | None:
        """Return one."""
        ...

    def all(self, account: int) -> tuple[StoredCheck, ...]:
        """Return the account's checks, oldest first."""
        ...

    def replace(self, check: StoredCheck) -> None:
        """Write document, options, version, type, certificate_id and updated_at anew.

        Raises NotFoundError when there is no such check, or no such upload.
        """
        ...

    def remove(self, account: int, number: int) -> None:
        """Forget one and its results; the log keeps its lines."""
        ...

    def version(self, account: int) -> int:
        """Return a number that rises with every change of the account's checks or uploads (0 at first)."""
        ...

    def touch(self, account: int) -> None:
        """Raise that number."""
        ...
