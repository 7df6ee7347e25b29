"""Scopes: how far an administrator's token reaches. What a token may write, it may read."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Scope(StrEnum):
    """One thing that a token may do in its account. ``*`` is all of them, those of later releases too."""

    ALL = "*"
    CERTIFICATES_READ = "certificates:read"
    CERTIFICATES_WRITE = "certificates:write"
    CHECKS_READ = "checks:read"
    CHECKS_WRITE = "checks:write"
    DEVICES_READ = "devices:read"
    DEVICES_WRITE = "devices:write"
    RESULTS_READ = "results:read"
    DENIALS_READ = "denials:read"
    DENIALS_WRITE = "denials:write"
    ACCESS_READ = "access:read"
    ACCESS_WRITE = "access:write"
    USERS_READ = "users:read"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    ENROLLMENT_WRITE = "enrollment:write"
    AUDIT_READ = "audit:read"


_IMPLIED: Final = {
    scope: Scope(f"{scope.removesuffix(':read')}:write")
    for scope in Scope
    if scope.endswith(":read") and f"{scope.removesuffix(':read')}:write" in set(Scope)
} | {Scope.ENROLLMENT_WRITE: Scope.TOKENS_WRITE}
"""By which other scope each is reached too: by the one that writes, and enrolment tokens by whoever may make any."""


def reaches(granted: Iterable[Scope], needed: Scope) -> bool:
    """Tell whether scopes that were granted reach what is needed."""
    held = frozenset(granted)
    return Scope.ALL in held or needed in held or _IMPLIED.get(needed) in held
