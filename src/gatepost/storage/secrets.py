"""Secrets, as rows of wrapped bytes; `keybox` opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.errors import ConflictError
from gatepost.storage.tables import secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.storage.keybox import Keybox

_GET = select(secrets.c.wrapped).where(secrets.c.account == bindparam("account"), secrets.c.name == bindparam("name"))
_PUT = insert(secrets)
_REPLACE = (
    update(secrets)
    .where(secrets.c.account == bindparam("in_account"), secrets.c.name == bindparam("with_name"))
    .values(wrapped=bindparam("wrapped"), created_at=bindparam("created_at"))
)


class SqlSecrets:
    """`ports.Secrets` within one transaction. Account 0 stands for the server as a whole."""

    def __init__(self, connection: Connection, keybox: Keybox) -> None:
        self._connection = connection
        self._keybox = keybox

    def get(self, account: int, name: str) -> bytes | None:
        """Return a secret, unwrapped; raises StorageError when the master key is another one."""
        wrapped = self._connection.scalar(_GET, {"account": account, "name": name})
        return None if wrapped is None else self._keybox.unwrap(account, name, wrapped)

    def put(self, account: int, name: str, value: bytes, now: int) -> None:
        """Store a secret, wrapped. The first one stands: raises ConflictError where the name is taken."""
        wrapped = self._keybox.wrap(account, name, value)
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    _PUT, {"account": account, "name": name, "wrapped": wrapped, "created_at": now}
                )
        except IntegrityError as error:
            raise ConflictError("secret", f"{name!r} is there already") from error

    def replace(self, account: int, name: str, value: bytes, now: int) -> None:
        """Store another secret in the place of one that is there, wrapped."""
        values = {"in_account": account, "with_name": name, "created_at": now}
        self._connection.execute(_REPLACE, {**values, "wrapped": self._keybox.wrap(account, name, value)})

    def remove(self, account: int, name: str) -> None:
        """Forget one."""
        this = (secrets.c.account == account, secrets.c.name == name)
        self._connection.execute(delete(secrets).where(*this))
