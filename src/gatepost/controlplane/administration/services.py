"""What every use case of an administrator is given: the database, the clock, randomness, and the server's settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

import msgspec

from gatepost.controlplane.ports import Account, Actor, ActorKind, Storage
from gatepost.controlplane.previewing import Previewing
from gatepost.controlplane.rejudging import ChangedCheck, judge_check_again
from gatepost.wire.management.scopes import Scope


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and how far that reaches: the account that a credential opens, its name for the audit log, and its scopes."""

    account: Account
    actor: Actor
    scopes: tuple[Scope, ...]
    expires_at: int | None = None
    """When the credential ends, in ms; None: not by itself."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Put together once, by ``cli``. ``now`` gives ms since 1970, UTC; ``random`` so many random bytes."""

    storage: Storage
    now: Callable[[], int]
    random: Callable[[int], bytes]
    results_expire: bool = True
    """Whether results end by themselves where a rule gives no ``expiration``; False is ``default_expiration = "never"``."""

    judge_again: Callable[[ChangedCheck], None] | None = None
    """Where a changed check is handed over to be judged again; None: this is done before the change is answered."""
    start_preview: Callable[[int, str], None] | None = None
    """Where a preview (its account's number, its id) is handed over to be run; None: it is run before it is answered."""
    preview_room: Callable[[], AbstractContextManager[None]] = nullcontext
    """What keeps a place for a preview while it is written down and started; it raises `OverloadedError` where there is none."""
    actor: Actor = Actor(kind=ActorKind.CONSOLE)
    """For whom this acts: whose name the audit log has."""
    scopes: tuple[Scope, ...] = (Scope.ALL,)
    """How far they reach: what they make may reach no further."""
    expires_at: int | None = None
    """When their own credential ends, in ms; what they make ends no later."""

    def acting_for(self, caller: Caller) -> Services:
        """Return the same services, in somebody's name."""
        return msgspec.structs.replace(self, actor=caller.actor, scopes=caller.scopes, expires_at=caller.expires_at)

    def changed(self, check: ChangedCheck) -> None:
        """Have a check that changed judged again."""
        if self.judge_again is None:
            judge_check_again(self.storage, self.now, check)
        else:
            self.judge_again(check)

    def preview(self, account: int, preview_id: str) -> None:
        """Have a preview run."""
        if self.start_preview is None:
            Previewing(self.storage, self.now, account, results_expire=self.results_expire).run(preview_id)
        else:
            self.start_preview(account, preview_id)

    def new_id(self) -> str:
        """Make a UUID."""
        return str(UUID(bytes=self.random(16), version=4))
