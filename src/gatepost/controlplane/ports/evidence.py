"""Evidence: what the newest report of each device held for each check, kept so that a changed check can be asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class StoredEvidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One device and check. ``facts`` is MessagePack (`core.replay.EvidenceFacts`), ``status`` that of the result.

    An empty status: something else than the certificates decided, such as a denial, and no draft changes that.
    """

    check: int
    registration: int
    check_version: int
    status: str
    measured_at: int
    ends_at: int | None
    facts: bytes


class KeptEvidence(Protocol):
    """Evidence of all devices, in the order of (check, registration)."""

    def put(self, account: int, evidence: StoredEvidence, claim: bytes) -> None:
        """Write what the newest report of a pair held: as facts, and word for word."""
        ...

    def renew(self, account: int, evidence: StoredEvidence) -> None:
        """Write version, status and times of a pair anew, where the newest report held the same as the one before."""
        ...

    def claim(self, account: int, registration: int, check: int) -> bytes | None:
        """Return word for word what the newest report held for a check."""
        ...

    def claims(self, account: int, numbers: Iterable[int]) -> tuple[tuple[int, bytes], ...]:
        """Return what the newest reports of registrations held, word for word: a registration's number and one claim each."""
        ...

    def scan(self, account: int, check: int, after: int, limit: int) -> tuple[StoredEvidence, ...]:
        """Return the evidence for a check of registrations with a number above ``after``, in order, at most ``limit``.

        Of registrations that count: who was revoked or deleted, or waits to be accepted, is no part of the fleet.
        """
        ...

    def forget(self, account: int, check: int) -> None:
        """Forget all evidence for a check."""
        ...
