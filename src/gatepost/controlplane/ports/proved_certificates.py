"""By which certificates devices can be told from one another at a proxy."""

from __future__ import annotations

from typing import Protocol


class ProvedCertificates(Protocol):
    """Which registrations proved the keys of which certificates, by the SHA-256 of the whole certificate."""

    def put(self, account: int, sha256: bytes, key_digest: bytes, registration: int) -> None:
        """Note that a registration proved the key of this certificate, whose SubjectPublicKeyInfo has this SHA-256."""
        ...

    def holders(self, account: int, sha256: bytes, now: int) -> tuple[tuple[int, int], ...]:
        """Return the live registrations that proved this certificate's key: their numbers, in order, and when (ms) that ends.

        Those alone whose proof has not ended, where there are any. Registrations that proved the same key with another
        certificate are among them: a fingerprint can be changed without the key. But where the only one proved another
        certificate, or nobody this very one, there is none.
        """
        ...
