"""Uploaded certificates."""

from __future__ import annotations

from typing import Protocol

import msgspec


class UploadedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One upload: the PEM text as it was sent (one certificate or several), and whether it was sent as a CA."""

    id: str
    account: int
    name: str | None
    certificates: str
    ca: bool
    uploaded_at: int


class Certificates(Protocol):
    """Uploaded certificates."""

    def add(self, certificate: UploadedCertificate) -> None:
        """Store it."""
        ...

    def find(self, account: int, certificate_id: str) -> UploadedCertificate | None:
        """Return one."""
        ...

    def all(self, account: int) -> tuple[UploadedCertificate, ...]:
        """Return the account's uploads, oldest first."""
        ...

    def remove(self, account: int, certificate_id: str) -> None:
        """Forget one. Raises ConflictError while a check names it."""
        ...
