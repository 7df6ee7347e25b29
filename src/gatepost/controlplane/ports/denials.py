"""What is denied: certificates and keys by the deny-list, device keys and hardware by revocations."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class DenialKind(StrEnum):
    """What a denial names. Each value is 32 bytes."""

    KEY = "public-key"
    """SHA-256 of a SubjectPublicKeyInfo: every certificate with this key."""
    CERTIFICATE = "certificate"
    """`core.denial.certificate_digest`: one issuer's name and one serial number."""
    ENROLLMENT_KEY = "enrollment-key"
    """SHA-256 of a SubjectPublicKeyInfo that enrols nothing any more."""
    DEVICE_KEY = "device-key"
    """A device key's RFC 7638 thumbprint."""
    HARDWARE = "hardware"
    """`controlplane.revocation.hardware_digest`: a serial number or a hardware id."""


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """One thing denied for one cause. ``source``: what put it there; it is lifted with all that came from there."""

    number: int
    id: str
    account: int
    kind: DenialKind
    value: bytes
    reason: str
    source: str
    note: str = ""
    created_at: int


class Denials(Protocol):
    """The deny-list. One thing may be denied for several causes, and each is lifted by itself."""

    def add(self, denial: Denial) -> Denial:
        """Store it, and return it with its number, or the one that says the same from the same source already."""
        ...

    def find(self, account: int, denial_id: str) -> Denial | None:
        """Return one."""
        ...

    def page(self, account: int, after: int, limit: int) -> tuple[Denial, ...]:
        """Return those with a number above ``after``, in order, at most ``limit``."""
        ...

    def any(self, account: int) -> bool:
        """Tell whether anything at all may be denied."""
        ...

    def expect(self, account: int, kind: DenialKind, values: Iterable[bytes]) -> None:
        """Say of which values the transaction will ask: all of them are looked for at once."""
        ...

    def among(self, account: int, kind: DenialKind, values: tuple[bytes, ...]) -> dict[bytes, str]:
        """Return those of ``values`` that are denied, with the reason of the oldest cause."""
        ...

    def remove(self, account: int, denial_id: str) -> bool:
        """Lift one; False when there is none."""
        ...

    def lift(self, account: int, source: str) -> int:
        """Lift all that came from one source; return how many that were."""
        ...
