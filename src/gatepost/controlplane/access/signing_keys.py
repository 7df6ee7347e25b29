"""Keys that sign what applications are told: one that signs, the next one, and the last one; all of them are published.

The next key is published for as long as the one before signs, so that an application that has read the keys once knows it when
it begins to sign; the last one for as long again, so that what it signed can be verified. They lie wrapped in the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.keys import new_private_key
from gatepost.errors import ConflictError

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records

_NAME: Final = "assertion-keys"
ROTATED_EVERY: Final = 30 * 24 * 60 * 60 * 1000
"""Ms for which one key signs."""


class SigningKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Private keys (PKCS#8, DER) by their place: ``current`` signs since ``since`` (ms)."""

    current: bytes
    following: bytes
    last: bytes | None = None
    since: int

    @property
    def all(self) -> tuple[bytes, ...]:
        """All that are published, the current one first."""
        return (self.current, self.following, *([self.last] if self.last else ()))

    def is_due(self, now: int) -> bool:
        """Tell whether the next key is to take over."""
        return now >= self.since + ROTATED_EVERY


def read_signing_keys(records: Records, account: int) -> SigningKeys | None:
    """Return an account's keys; None: it has none yet. Raises StorageError where another master key wrapped them."""
    stored = records.secrets.get(account, _NAME)
    return None if stored is None else msgspec.json.decode(stored, type=SigningKeys)


def provide_signing_keys(records: Records, account: int, now: int) -> SigningKeys:
    """Make an account's keys where it has none, and let the next one take over where that is due."""
    known = read_signing_keys(records, account)
    if known is None:
        made = SigningKeys(current=new_private_key(), following=new_private_key(), since=now)
        try:
            records.secrets.put(account, _NAME, msgspec.json.encode(made), now)
        except ConflictError:
            # Another process was faster.
            return read_signing_keys(records, account) or made
        return made
    if not known.is_due(now):
        return known
    rotated = SigningKeys(current=known.following, following=new_private_key(), last=known.current, since=now)
    records.secrets.replace(account, _NAME, msgspec.json.encode(rotated), now)
    return rotated
