"""Credentials, as rows: the database knows their digests alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from gatepost.controlplane.ports import Token
from gatepost.storage.bounds import MAXIMUM_TOKENS, refuse_more
from gatepost.storage.endings import ignore
from gatepost.storage.tables import tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_SELECT = select(
    tokens.c.public_id,
    tokens.c.account,
    tokens.c.kind,
    tokens.c.name,
    tokens.c.digest,
    tokens.c.scopes,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.uses_left,
    tokens.c.user_email,
    tokens.c.revoked_at,
    tokens.c.created_by,
)
_ADD = insert(tokens)
_FIND = _SELECT.where(tokens.c.digest == bindparam("digest"))
_ALL = _SELECT.where(tokens.c.account == bindparam("account"), tokens.c.kind == bindparam("kind")).order_by(
    tokens.c.number
)
_THIS = (tokens.c.account == bindparam("in_account"), tokens.c.public_id == bindparam("with_id"))
_SPEND = (
    update(tokens)
    .where(*_THIS, tokens.c.uses_left > 0, tokens.c.revoked_at.is_(None))
    .values(uses_left=tokens.c.uses_left - 1)
)
_REVOKE = update(tokens).where(*_THIS).values(revoked_at=func.coalesce(tokens.c.revoked_at, bindparam("now")))


def _token(row: AnyRow) -> Token:
    return Token(
        id=row[0],
        account=row[1],
        kind=row[2],
        name=row[3],
        digest=row[4],
        scopes=msgspec.json.decode(row[5], type=tuple[str, ...]),
        created_at=row[6],
        expires_at=row[7],
        uses_left=row[8],
        user_email=row[9],
        revoked_at=row[10],
        created_by=row[11],
    )


class SqlTokens:
    """`ports.Tokens` within one transaction."""

    def __init__(self, connection: Connection, ended: Callable[[int], None] = ignore) -> None:
        """Take what is called with the account where one ceases to count."""
        self._connection = connection
        self._ended = ended

    def add(self, token: Token) -> None:
        """Store it."""
        refuse_more(self._connection, tokens, "token", MAXIMUM_TOKENS, account=token.account, kind=token.kind)
        values = msgspec.structs.asdict(token)
        values["public_id"] = values.pop("id")
        values["scopes"] = msgspec.json.encode(token.scopes).decode()
        self._connection.execute(_ADD, values)

    def find(self, digest: bytes) -> Token | None:
        """Return the token whose text has this SHA-256, whatever its state."""
        row = self._connection.execute(_FIND, {"digest": digest}).one_or_none()
        return _token(row) if row else None

    def all(self, account: int, kind: str) -> tuple[Token, ...]:
        """Return the account's tokens of one kind, oldest first."""
        rows = self._connection.execute(_ALL, {"account": account, "kind": kind})
        return tuple(_token(row) for row in rows)

    def spend(self, token: Token) -> bool:
        """Take one use from a counted token, in the database itself; False when none is left, or it was revoked."""
        if token.uses_left is None:
            return True
        return self._connection.execute(_SPEND, {"in_account": token.account, "with_id": token.id}).rowcount == 1

    def revoke(self, account: int, token_id: str, now: int) -> bool:
        """Mark it revoked, from the first time on; False when there is no such token."""
        self._ended(account)
        values = {"in_account": account, "with_id": token_id, "now": now}
        return self._connection.execute(_REVOKE, values).rowcount == 1
