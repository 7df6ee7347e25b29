"""Credentials: ``/accounts/{a}/gatepost/tokens``. The secret itself is in one answer only, the one that makes it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from gatepost.errors import InputError
from gatepost.wire.management.envelope import Instant
from gatepost.wire.management.scopes import Scope

DEFAULT_ENROLLMENT_LIFE = 7 * 24 * 3_600
"""Seconds that an enrolment token lives where nothing is said; an administrator's has no end of its own."""


AppName = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"^[^\x00]+$")]


class TokenKind(StrEnum):
    """What a token is for."""

    ADMINISTRATOR = "administrator"
    ENROLLMENT = "enrollment"
    PROXY = "proxy"

    @property
    def prefix(self) -> str:
        """What its text begins with, so that scanners for leaked secrets find it."""
        return _PREFIXES[self]


_PREFIXES = {TokenKind.ADMINISTRATOR: "gpa_", TokenKind.ENROLLMENT: "gpe_", TokenKind.PROXY: "gpx_"}


class TokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token that is asked for. ``uses`` counts enrolments; None is any number."""

    kind: TokenKind
    name: Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")] = ""
    expires_in: Annotated[str, msgspec.Meta(max_length=32, description="such as 24h; null for no end")] | None = ""
    uses: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    user_email: Annotated[str, msgspec.Meta(max_length=320, pattern=r"^[^\x00\s]+@[^\x00\s]+$")] | None = None
    """Whose it is: the e-mail that goes with the key, and for enrolment the user of the devices."""
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1, max_length=32)] | None = None
    """How far an administrator's token reaches; None: as far as the one that makes it."""

    apps: Annotated[tuple[AppName, ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    """The applications that a proxy may ask for, each by its id or one of its hosts."""

    def __post_init__(self) -> None:
        """Refuse to count what is not used up, and scopes where there is nothing to reach; raises `InputError`."""
        if (self.apps is not None) is not (self.kind is TokenKind.PROXY):
            problem = "do not go with the kind" if self.apps is not None else "are missing for the kind"
            raise InputError("/apps", f"{problem} {self.kind}", "a proxy's token names applications, and no other does")
        if self.uses is not None and self.kind is not TokenKind.ENROLLMENT:
            raise InputError("/uses", f"does not go with the kind {self.kind}", "only enrolment tokens are counted")
        if self.scopes is not None and self.kind is not TokenKind.ADMINISTRATOR:
            allowed = "only administrators' tokens have scopes"
            raise InputError("/scopes", f"do not go with the kind {self.kind}", allowed)


class TokenObject(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is shown. ``uses_left`` null: any number; ``expires_at`` null: no end of its own."""

    id: str
    kind: TokenKind
    name: str
    created_at: Instant
    expires_at: Instant | None
    uses_left: int | None
    user_email: str | None
    scopes: tuple[Scope, ...]
    apps: tuple[str, ...]
    """The ids of the applications that a proxy may ask for."""
    created_by: str | None
    """The id of the token that made it; null: the server's console."""
    revoked_at: Instant | None


class NewToken(TokenObject, frozen=True, kw_only=True):
    """A token just made: ``token`` is its text, shown this once."""

    token: str


class RemovedToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a token that was revoked."""

    id: str
