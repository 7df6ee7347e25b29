"""What counts once, and was counted: challenges and codes of logins, by their digests."""

from __future__ import annotations

from typing import Protocol


class SpentOnce(Protocol):
    """What was spent, in every process."""

    def spend(self, digest: bytes, ends_at: int) -> bool:
        """Spend what has this SHA-256 and would end at ``ends_at`` (ms); False: it was spent before."""
        ...

    def has_any(self, before: int) -> bool:
        """Tell whether there is anything that ended before an instant (ms)."""
        ...

    def forget(self, before: int) -> None:
        """Forget what ended before an instant (ms): it counts no more anyway."""
        ...
