"""People: whom devices are enrolled to."""

from __future__ import annotations

from typing import Protocol

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person, known by an e-mail address in lower case."""

    number: int
    id: str
    account: int
    email: str
    name: str
    created_at: int
    updated_at: int


class UserFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which people are wanted: all that is given must hold, in whatever case. ``search`` is part of an address or a name."""

    email: str | None = None
    name: str | None = None
    search: str | None = None


class Users(Protocol):
    """People."""

    def ensure(self, user: User) -> User:
        """Store a person, or return the one who has this e-mail address already; the given number is ignored."""
        ...

    def find(self, account: int, user_id: str) -> User | None:
        """Return one."""
        ...

    def by_email(self, account: int, email: str) -> User | None:
        """Return the one with this e-mail address, in whatever case it is given."""
        ...

    def search(self, account: int, wanted: UserFilter, offset: int, limit: int) -> tuple[User, ...]:
        """Return people in the order of their addresses, from ``offset`` on, at most ``limit``."""
        ...

    def count(self, account: int, wanted: UserFilter) -> int:
        """Return how many there are."""
        ...

    def all(self, account: int, after: int, limit: int) -> tuple[User, ...]:
        """Return people with a number above ``after``, in order, at most ``limit``."""
        ...
