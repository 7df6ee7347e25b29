"""Resources: what administrators keep as documents, such as applications, policies and groups."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One document: as it is read back, beside our own ``options`` (JSON), which no client of the reference sees."""

    number: int
    id: str
    account: int
    kind: str
    name: str
    parent_id: str | None = None
    """What it belongs to, such as a policy's application."""
    document: bytes
    options: bytes = b"{}"
    created_at: int
    updated_at: int


class Resources(Protocol):
    """Documents of every kind. What they mean, and how many there may be, is not decided here."""

    def add(self, resource: Resource) -> Resource:
        """Store it and return it with its number (the given number is ignored)."""
        ...

    def find(self, account: int, kind: str, resource_id: str) -> Resource | None:
        """Return one."""
        ...

    def all(self, account: int, kind: str, parent_id: str | None = None) -> tuple[Resource, ...]:
        """Return all of one kind, oldest first; with ``parent_id`` those that belong to it."""
        ...

    def replace(self, resource: Resource) -> None:
        """Write name, parent, document, options and updated_at anew. Raises NotFoundError when there is no such resource."""
        ...

    def version(self, account: int) -> int:
        """Return a number that rises with every change of the account's resources (0 at first)."""
        ...

    def remove(self, account: int, kind: str, resource_id: str) -> bool:
        """Forget one; False when there is none."""
        ...
