"""The chain of an account's logs: its head, signed checkpoints, and the certificates that lines name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from gatepost.core.chain import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class LogHead(msgspec.Struct, frozen=True):
    """How far a chain has come, and up to which position its lines were dropped."""

    place: Place
    dropped: int


class ChainedLine(msgspec.Struct, frozen=True):
    """A line as the chain has it: ``line`` is its JSON text."""

    position: int
    log: str
    digest: bytes | None
    line: bytes


class StoredCheckpoint(msgspec.Struct, frozen=True):
    """A head that the account's key signed: compact JWS (`wire.log_file.Checkpoint`)."""

    position: int
    made_at: int
    document: str


class LogChain(Protocol):
    """The chain of an account's logs. Lines are put at its end by the logs themselves."""

    def head(self, account: int) -> LogHead:
        """Return how far an account's chain has come, and up to where its lines were dropped."""
        ...

    def confirm(self, account: int, checkpoint: StoredCheckpoint) -> None:
        """Store a checkpoint; one of the same position stays as it is."""
        ...

    def checkpoints(self, account: int, after: int, limit: int) -> tuple[StoredCheckpoint, ...]:
        """Return checkpoints of positions above ``after``, in order, at most ``limit``."""
        ...

    def newest_checkpoint(self, account: int, until: int) -> StoredCheckpoint | None:
        """Return the last checkpoint that was made until then (ms)."""
        ...

    def drop(self, account: int, position: int, limit: int) -> int:
        """Drop lines up to a position that has a checkpoint, the oldest first, at most ``limit``; return how many went."""
        ...

    def has_lines(self, account: int, position: int) -> bool:
        """Tell whether a line of this position or a lower one is there."""
        ...

    def keep_certificates(self, account: int, certificates: Mapping[bytes, bytes]) -> None:
        """Keep certificates (DER by SHA-256) that lines name; those that are there already stay."""
        ...

    def certificates(self, account: int, wanted: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return those of the certificates that are kept, DER by SHA-256."""
        ...
