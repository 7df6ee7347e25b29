"""The newest result of each registration and check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from gatepost.core.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterable


class StoredResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest result of one registration and one check, with what the log and the pages show of it."""

    registration: int
    check: int
    result: Result
    expected: str
    received: str
    """JSON texts: what was asked for; every certificate with what each criterion expected and found, and the faults."""
    logged_at: int
    """When the last log line of this pair was written."""
    repeats: int
    """How many reports said the same since that line."""
    key_digest: bytes | None = None
    """SHA-256 of the SubjectPublicKeyInfo of the key that was proved; None where none was."""
    traced: bool = False
    """Whether the certificate that it rests on is noted where a denial finds it (`Footings`)."""
    claim_digest: bytes | None = None
    """Of what the report held for this check, so that the same again need not be kept again."""
    appraised_at: int = 0
    appraised_until: int = 0
    """From when to when (ms, the second excluded) the same report comes to the same: no certificate in it begins or ends
    between. Zero and zero: the next one is judged anew, since something else than the report decided this result."""
    valid_until: int | None = None
    """When (ms) the certificates that a pass rests on have ended."""


class ResultFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which results are wanted: each field that is given must be equal. Numbers are keys of hot tables."""

    registration: int | None = None
    check: int | None = None
    status: str | None = None


EVERY_RESULT = ResultFilter()


class Results(Protocol):
    """The newest result of each registration and check."""

    def find(self, account: int, registration: int) -> tuple[StoredResult, ...]:
        """Return a registration's results."""
        ...

    def expect(self, account: int, registrations: Iterable[int]) -> None:
        """Say whose results the transaction will ask for: they are read at once, and changes of their times written late."""
        ...

    def find_one(self, account: int, registration: int, check: int) -> StoredResult | None:
        """Return one."""
        ...

    def put(self, account: int, result: StoredResult) -> None:
        """Write the newest result of its pair.

        Raises NotFoundError when registration or check is not there (an administrator may just have removed the check).
        """
        ...

    def all(
        self, account: int, after: tuple[int, int], limit: int, wanted: ResultFilter = EVERY_RESULT
    ) -> tuple[StoredResult, ...]:
        """Return results in the order of (registration, check) above ``after``, at most ``limit``."""
        ...

    def end_all(self, account: int, now: int) -> int:
        """Let no result of the account count any more, nor what could be judged again; return how many still did."""
        ...
