"""What every use case of an administrator is given: the database, the clock, randomness, and the server's settings."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from gatepost.controlplane.ports import Storage


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Put together once, by ``cli``. ``now`` gives ms since 1970, UTC; ``random`` so many random bytes."""

    storage: Storage
    now: Callable[[], int]
    random: Callable[[int], bytes]
    results_expire: bool = True
    """Whether results end by themselves where a rule gives no ``expiration``; False is ``default_expiration = "never"``."""

    def new_id(self) -> str:
        """Make a UUID."""
        return str(UUID(bytes=self.random(16), version=4))
