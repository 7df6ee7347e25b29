"""On which certificates passing results rest, where a denial finds them."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Footing(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate under one result: the digest of its key, and that of its issuer and number."""

    registration: int
    check: int
    key_digest: bytes
    certificate_digest: bytes


class Footings(Protocol):
    """Which results rest on which certificates."""

    def put(self, account: int, footing: Footing) -> None:
        """Write it in the place of the older one of its pair; the result must be stored already."""
        ...

    def resting_on(
        self, account: int, digest: bytes, after: tuple[int, int], limit: int
    ) -> tuple[tuple[int, int], ...]:
        """Return (registration, check) above ``after`` of results that rest on a key, or on an issuer and number."""
        ...
