"""How far each webhook was told, and who tells it now."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How far a webhook was told: up to a position of the account's logs. Instants are ms."""

    account: int
    id: str
    position: int
    failures: int = 0
    next_at: int = 0
    leased_until: int = 0
    """Until then one process tells it, and no other."""
    problem: str = ""


class Webhooks(Protocol):
    """How far webhooks were told."""

    def add(self, told: Told) -> None:
        """Begin with one."""
        ...

    def all(self, account: int) -> dict[str, Told]:
        """Return those of an account, by id."""
        ...

    def due(self, now: int) -> tuple[Told, ...]:
        """Return those that may be tried now and whose account's logs went on, those that failed last of all last."""
        ...

    def lease(self, told: Told, until: int) -> bool:
        """Keep others from telling it; False where another was faster."""
        ...

    def settle(self, told: Told) -> None:
        """Write down how far it is, and let go of it."""
        ...

    def remove(self, account: int, webhook_id: str) -> None:
        """Forget one."""
        ...
