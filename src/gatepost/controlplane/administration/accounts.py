"""Accounts: made with their secrets and the first administrator's token, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.administration.tokens import add_token
from gatepost.controlplane.keys import make_keys
from gatepost.errors import InputError
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.strict import convert_strictly
from gatepost.wire.management.tokens import TokenBody, TokenKind

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Account


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account just made: its id, and the text of the first administrator's token, shown this once."""

    account_id: str
    token: str


def _administrator(name: str, user_email: str | None) -> TokenBody:
    """Ask for a token that reaches everything; raises `InputError` for what is no e-mail address."""
    wanted = {"kind": TokenKind.ADMINISTRATOR, "name": name, "user_email": user_email, "scopes": (Scope.ALL,)}
    try:
        return convert_strictly(wanted, TokenBody, "")
    except InputError:
        raise InputError("--email", f"is no e-mail address: {user_email!r}", "such as admin@example.com") from None


def reset_administrator(
    services: Services, account: Account, user_email: str | None, *, revoke_others: bool
) -> tuple[NewAccount, int]:
    """Make an administrator's token that reaches everything; returns it, and how many others were revoked."""
    wanted = _administrator("administrator, reset", user_email)
    with services.storage.writing() as records:
        tokens = records.tokens.all(account.number, TokenKind.ADMINISTRATOR) if revoke_others else ()
        others = [item for item in tokens if item.revoked_at is None]
        for item in others:
            records.tokens.revoke(account.number, item.id, services.now())
            change = Change(action="revoke", kind="token", reference=item.id)
            record_change(services, records, account.number, change)
        made = add_token(services, records, account.number, wanted)
    return NewAccount(account_id=account.public_id, token=made.token), len(others)


def create_account(services: Services, user_email: str | None = None) -> NewAccount:
    """Make an account; ``user_email`` is its first administrator's."""
    wanted = _administrator("first administrator", user_email)
    with services.storage.writing() as records:
        account = records.accounts.add(services.random(16).hex(), services.now())
        make_keys(records, account, services.random, services.now())
        record_change(
            services, records, account.number, Change(action="create", kind="account", reference=account.public_id)
        )
        token = add_token(services, records, account.number, wanted)
    return NewAccount(account_id=account.public_id, token=token.token)
