"""What every store offers: it reads and it signs, it says which files to watch, and by which command a person sees the same.

A reader never writes, never asks a person, never waits longer than its bound, and never raises for what a store may hold:
whatever it could not look into comes back as a `Fault` beside what it found. Readers do not know each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from gatepost.core.check import MAXIMUM_CANDIDATES
from gatepost.core.finding import KeyState

if TYPE_CHECKING:
    from gatepost.core.finding import Candidate, Findings


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: certificates whose issuer's canonical name is in ``issuers``, and (``asks_key``) their private keys.

    ``limit`` is for one place: a store of several, such as one of each user, may find as many in each.
    """

    issuers: frozenset[bytes]
    asks_key: bool = False
    limit: int = MAXIMUM_CANDIDATES


class Unsigned(msgspec.Struct, frozen=True):
    """A key that did not sign: ``state`` says what is the matter with it, ``detail`` names the provider and its code."""

    detail: str
    state: KeyState = KeyState.UNUSABLE


class Store(Protocol):
    """One place where certificates lie."""

    @property
    def watched(self) -> tuple[str, ...]:
        """The absolute paths of the files that it consists of, there or not: a change of one may change what is read."""
        ...

    def read(self, query: Query) -> Findings:
        """Find the candidates and count the others. Never raises for what the store holds."""
        ...

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned | None:
        """Sign ``statement`` with the key of a candidate that this store found (forms: `core.possession.verify_signature`).

        None where this kind of store cannot sign at all, so that the evidence stays ``key_present``.
        """
        ...

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the words of a command by which a person sees this candidate in its store; nothing of ours runs it."""
        ...
