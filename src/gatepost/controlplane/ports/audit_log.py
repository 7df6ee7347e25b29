"""The audit log: what was changed, by whom, from what to what."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from gatepost.controlplane.ports.log_chain import ChainedLine


class ActorKind(StrEnum):
    """Who changes things."""

    TOKEN = "token"  # noqa: S105 - a kind, not a secret.
    CONSOLE = "console"
    DEVICE = "device"
    SERVER = "server"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed something: ``id`` is the token's or registration's, ``name`` what people call it."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    email: str | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``before`` and ``after`` are JSON as the API shows the thing, without secrets; None: it was not there."""

    at: int
    actor: Actor
    action: str
    """``create``, ``update``, ``delete``, ``revoke``…"""
    kind: str
    """What was changed, such as ``posture-rule``."""
    reference: str
    """Its public id."""
    before: str | None = None
    after: str | None = None


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is read back, with its number."""

    number: int
    entry: AuditEntry


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted: each field that is given must be equal, and ``since`` ≤ ``at`` < ``before``."""

    kind: str | None = None
    reference: str | None = None
    action: str | None = None
    actor_id: str | None = None
    since: int | None = None
    before: int | None = None


class AuditLog(Protocol):
    """The audit log: lines are only ever added."""

    def append(self, account: int, entry: AuditEntry) -> None:
        """Write one line."""
        ...

    def read(self, account: int, wanted: AuditFilter, below: int | None, limit: int) -> tuple[AuditLine, ...]:
        """Return lines with a number below ``below`` (None: the newest), newest first, at most ``limit``."""
        ...

    def chained(self, account: int, after: int, limit: int) -> tuple[ChainedLine, ...]:
        """Return lines with a position above ``after`` as the chain has them, in order, at most ``limit``."""
        ...
