"""Tokens: making, listing and revoking them, and telling whose a presented one is.

A token's text is a prefix and 32 random bytes; the database has its SHA-256 alone, and a presented one is looked up by it,
so that nothing is compared character by character.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.administration.access.proxies import find_apps
from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.administration.services import Caller
from gatepost.controlplane.ports import Actor, ActorKind, Token
from gatepost.errors import CredentialError, ForbiddenError, InputError, NotFoundError
from gatepost.wire.management.durations import parse_duration
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.scopes import Scope, reaches
from gatepost.wire.management.tokens import DEFAULT_ENROLLMENT_LIFE, NewToken, TokenBody, TokenKind, TokenObject

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Account, Records

_FORM: Final = re.compile(r"[0-9A-Za-z_-]{40,80}", re.ASCII)
_ACCOUNT_ID: Final = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_SCOPE: Final = "the management API of this account"


class Credential(msgspec.Struct, frozen=True):
    """What a request presented: the token's text, and the e-mail that came beside it (None: a bearer token)."""

    text: str
    email: str | None = None


def create_token(services: Services, account: int, wanted: TokenBody) -> NewToken:
    """Make a token; its text is in the answer, and nowhere else."""
    with services.storage.writing() as records:
        return add_token(services, records, account, wanted)


def add_token(services: Services, records: Records, account: int, wanted: TokenBody) -> NewToken:
    """Make a token within a transaction that has begun; it reaches no further than whoever asks, and ends no later."""
    text = wanted.kind.prefix + base64.urlsafe_b64encode(services.random(32)).rstrip(b"=").decode()
    now = services.now()
    token = Token(
        id=services.new_id(),
        account=account,
        kind=wanted.kind,
        name=wanted.name,
        digest=_digest(text),
        scopes=_reach(services, records, account, wanted),
        created_at=now,
        expires_at=_end(services, wanted, now),
        uses_left=wanted.uses,
        user_email=None if wanted.user_email is None else wanted.user_email.lower(),
        created_by=services.actor.id or None,
    )
    records.tokens.add(token)
    change = Change(action="create", kind="token", reference=token.id, after=show_token(token))
    record_change(services, records, account, change)
    return NewToken(**msgspec.structs.asdict(show_token(token)), token=text)


def _reach(services: Services, records: Records, account: int, wanted: TokenBody) -> tuple[str, ...]:
    """Return how far a token reaches: its scopes, or a proxy's applications. Raises `InputError` or `ForbiddenError`."""
    if wanted.kind is not TokenKind.PROXY:
        return tuple(map(str, _scopes(services, wanted)))
    if not reaches(services.scopes, Scope.TOKENS_WRITE):
        raise ForbiddenError(Scope.TOKENS_WRITE)
    return find_apps(records, account, wanted.apps or ())


def _scopes(services: Services, wanted: TokenBody) -> tuple[Scope, ...]:
    """Return the scopes of a token; raises `InputError` for one that whoever asks does not have."""
    if wanted.kind is not TokenKind.ADMINISTRATOR:
        if not reaches(services.scopes, Scope.ENROLLMENT_WRITE):
            raise ForbiddenError(Scope.ENROLLMENT_WRITE)
        return ()
    if not reaches(services.scopes, Scope.TOKENS_WRITE):
        raise ForbiddenError(Scope.TOKENS_WRITE)
    if wanted.scopes is None:
        return services.scopes
    for index, scope in enumerate(wanted.scopes):
        if not reaches(services.scopes, scope):
            allowed = ", ".join(item for item in Scope if reaches(services.scopes, item))
            problem = f"is {scope}, which your own token does not have: no token makes a wider one"
            raise InputError(f"/scopes/{index}", problem, f"yours are {allowed}")
    return tuple(dict.fromkeys(wanted.scopes))


def _end(services: Services, wanted: TokenBody, now: int) -> int | None:
    """Return when a token ends; raises `InputError` where that is later than the end of whoever makes an administrator's."""
    life = _life(wanted)
    end = None if life is None else now + life * 1000
    limit = services.expires_at
    if wanted.kind is not TokenKind.ADMINISTRATOR or limit is None:
        return end
    if wanted.expires_in == "":
        return limit
    if end is None or end > limit:
        raise InputError("/expires_in", "is later than your own token's end", f"it ends at {instant(limit)}")
    return end


def _life(wanted: TokenBody) -> int | None:
    if wanted.expires_in:
        return parse_duration(wanted.expires_in, "/expires_in")
    given = wanted.expires_in is None
    return None if given or wanted.kind is not TokenKind.ENROLLMENT else DEFAULT_ENROLLMENT_LIFE


def list_tokens(services: Services, account: int, kind: TokenKind | None) -> tuple[TokenObject, ...]:
    """Return the account's tokens of one kind, or all, oldest first."""
    kinds = tuple(TokenKind) if kind is None else (kind,)
    with services.storage.reading() as records:
        found = [token for each in kinds for token in records.tokens.all(account, each)]
    return tuple(show_token(token) for token in sorted(found, key=lambda token: (token.created_at, token.id)))


def revoke_token(services: Services, account: int, token_id: str) -> None:
    """Revoke a token; raises `NotFoundError`."""
    with services.storage.writing() as records:
        if not records.tokens.revoke(account, token_id, services.now()):
            raise NotFoundError("token", token_id)
        record_change(services, records, account, Change(action="revoke", kind="token", reference=token_id))


def show_token(token: Token) -> TokenObject:
    """Show a token, without anything that its text could be found from."""
    proxy = token.kind == TokenKind.PROXY
    return TokenObject(
        id=token.id,
        kind=TokenKind(token.kind),
        name=token.name,
        created_at=instant(token.created_at),
        expires_at=_maybe(token.expires_at),
        uses_left=token.uses_left,
        user_email=token.user_email,
        scopes=() if proxy else tuple(map(Scope, token.scopes)),
        apps=token.scopes if proxy else (),
        created_by=token.created_by,
        revoked_at=_maybe(token.revoked_at),
    )


def authenticate(services: Services, credential: Credential, account_id: str | None) -> Caller:
    """Return whose an administrator's credential is, and the account that it opens; ``account_id`` None: whichever that is.

    Raises `CredentialError` when the token does not count, `ForbiddenError` when it is of another kind or account:
    an account that does not exist and one that is somebody else's are not told apart.
    """
    with services.storage.reading() as records:
        token = _read_token(services, records, credential)
        account = _find_account(records, token, account_id)
    if token.kind != TokenKind.ADMINISTRATOR or account is None or account.number != token.account:
        raise ForbiddenError(_SCOPE)
    actor = Actor(kind=ActorKind.TOKEN, id=token.id, name=token.name, email=token.user_email)
    return Caller(account=account, actor=actor, scopes=tuple(map(Scope, token.scopes)), expires_at=token.expires_at)


def _find_account(records: Records, token: Token, account_id: str | None) -> Account | None:
    if account_id is None:
        return next(item for item in records.accounts.all() if item.number == token.account)
    return records.accounts.find(account_id.lower()) if _ACCOUNT_ID.fullmatch(account_id) else None


def _read_token(services: Services, records: Records, credential: Credential) -> Token:
    """Return the token that a credential is the text of; raises `CredentialError` when it does not count."""
    if not _FORM.fullmatch(credential.text):
        raise CredentialError("the token has not the form of one")
    token = records.tokens.find(_digest(credential.text))
    if token is None or not _owns(token, credential.email):
        raise CredentialError("the token is not known here")
    if token.revoked_at is not None:
        raise CredentialError("the token was revoked")
    if token.expires_at is not None and token.expires_at <= services.now():
        raise CredentialError("the token has expired")
    return token


def _owns(token: Token, email: str | None) -> bool:
    """Tell whether the e-mail beside the key is its owner's; a token without an owner goes with any."""
    if email is None or token.user_email is None:
        return True
    return email.strip().lower() == token.user_email.lower()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _maybe(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else instant(milliseconds)
