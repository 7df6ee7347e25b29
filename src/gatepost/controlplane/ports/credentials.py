"""Accounts, and the credentials that open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation. ``public_id`` is 32 hex digits, ``number`` its key in every hot table."""

    number: int
    public_id: str
    created_at: int


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A credential, stored as the SHA-256 of its text. ``kind``: ``administrator``, ``enrollment`` or ``proxy``."""

    id: str
    account: int
    kind: str
    name: str
    digest: bytes
    scopes: tuple[str, ...] = ()
    """How far it reaches; of a proxy the ids of the applications that it may ask for."""
    created_at: int
    expires_at: int | None = None
    uses_left: int | None = None
    """How many times an enrolment token may still be used; None: any number."""
    user_email: str | None = None
    revoked_at: int | None = None
    created_by: str | None = None
    """The id of the token that made it; None: the console did."""


class Grounds(msgspec.Struct, frozen=True):
    """How far an account's grounds of decisions have come: each number rises with what changes them, and none ever falls.

    ``endings`` rises with every change of devices, results, proofs, tokens and denials by which somebody who was let in may
    be so no longer. A report that says the same as the one before raises nothing.
    """

    resources: int
    checks: int
    endings: int

    def reaches(self, other: Grounds) -> bool:
        """Tell whether what was read with these is as new as ``other``."""
        return self.resources >= other.resources and self.checks >= other.checks and self.endings >= other.endings


class Accounts(Protocol):
    """Accounts."""

    def add(self, public_id: str, now: int) -> Account:
        """Make an account."""
        ...

    def all(self) -> tuple[Account, ...]:
        """Return every account, oldest first."""
        ...

    def find(self, public_id: str) -> Account | None:
        """Return the account with this public id."""
        ...

    def grounds(self, numbers: Iterable[int]) -> dict[int, Grounds]:
        """Return how far the grounds of decisions have come in these accounts, by number."""
        ...


class Tokens(Protocol):
    """Credentials of administrators and for enrolment."""

    def add(self, token: Token) -> None:
        """Store it."""
        ...

    def find(self, digest: bytes) -> Token | None:
        """Return the token whose text has this SHA-256, whatever its state."""
        ...

    def all(self, account: int, kind: str) -> tuple[Token, ...]:
        """Return the account's tokens of one kind, oldest first."""
        ...

    def spend(self, token: Token) -> bool:
        """Take one use from a counted token, in the database itself; False when none is left, or it was revoked."""
        ...

    def revoke(self, account: int, token_id: str, now: int) -> bool:
        """Mark it revoked; False when there is no such token."""
        ...
