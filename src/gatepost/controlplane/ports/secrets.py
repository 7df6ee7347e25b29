"""Secrets that all server processes share."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """Secrets that all server processes share, wrapped by the master key that lies outside the database."""

    def get(self, account: int, name: str) -> bytes | None:
        """Return a secret, unwrapped."""
        ...

    def put(self, account: int, name: str, value: bytes, now: int) -> None:
        """Store a secret, wrapped. The first one stands: raises ConflictError where the name is taken."""
        ...

    def replace(self, account: int, name: str, value: bytes, now: int) -> None:
        """Store another secret in the place of one that is there, wrapped."""
        ...

    def remove(self, account: int, name: str) -> None:
        """Forget one."""
        ...
