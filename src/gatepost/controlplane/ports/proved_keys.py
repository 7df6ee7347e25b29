"""Which certificates' keys were proved by which registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class KeyHolder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A live registration that proved a certificate's key, until when (ms) that counts, and whether it is the named owner."""

    key_digest: bytes
    """SHA-256 of the certificate's SubjectPublicKeyInfo."""
    registration: int
    registration_id: str
    device_name: str
    ends_at: int
    owner: bool


class ProvedKeys(Protocol):
    """Which certificates' keys were proved by which registrations."""

    def hold(self, keys: Iterable[tuple[int, bytes]]) -> None:
        """Keep other processes from proving these keys, each of an account, until the transaction ends.

        Asked for once in a transaction that is not alone, before anything in it is written.
        """
        ...

    def expect(self, account: int, keys: Iterable[bytes]) -> None:
        """Say which keys the transaction will ask for: their holders are read at once, and the ends of proofs written late."""
        ...

    def prove(self, account: int, key_digest: bytes, registration: int, ends_at: int) -> None:
        """Note that a registration proved a key, until ``ends_at`` (ms); an earlier proof that counts longer goes on counting."""
        ...

    def holders(self, account: int, key_digest: bytes, now: int) -> tuple[KeyHolder, ...]:
        """Return the live registrations whose proof of this key has not ended, in the order of their numbers."""
        ...

    def ever(self, account: int, key_digest: bytes) -> tuple[int, ...]:
        """Return the numbers of all registrations that ever proved this key, at most 1,000."""
        ...

    def of(self, account: int, registration: int) -> tuple[bytes, ...]:
        """Return the keys that a registration ever proved, at most 1,000."""
        ...

    def shared(self, account: int, now: int, limit: int) -> tuple[KeyHolder, ...]:
        """Return the holders of every key that more than one live registration proves, ordered by key, at most ``limit``."""
        ...

    def name_owner(self, account: int, key_digest: bytes, registration: int | None) -> bool:
        """Make one registration the key's owner, or nobody (None); False when that registration never proved the key."""
        ...
