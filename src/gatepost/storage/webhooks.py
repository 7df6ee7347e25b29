"""How far webhooks were told, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import PrimaryKeyConstraint, Table, bindparam, delete, insert, select, update

from gatepost.controlplane.ports import Told
from gatepost.storage.chain_tables import log_heads
from gatepost.storage.tables import account_column, integer, metadata, words

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

webhooks = Table(
    "webhooks",
    metadata,
    account_column(),
    words("public_id"),
    integer("position"),
    integer("failures"),
    integer("next_at"),
    integer("leased_until"),
    words("problem"),
    PrimaryKeyConstraint("account", "public_id"),
)

_SELECT = select(
    webhooks.c.account,
    webhooks.c.public_id,
    webhooks.c.position,
    webhooks.c.failures,
    webhooks.c.next_at,
    webhooks.c.leased_until,
    webhooks.c.problem,
)
_ALL = _SELECT.where(webhooks.c.account == bindparam("of_account"))
# There are few: as many as an account may have, in few accounts.
_DUE = _SELECT.join(log_heads, log_heads.c.account == webhooks.c.account).where(
    log_heads.c.position > webhooks.c.position,
    webhooks.c.next_at <= bindparam("now"),
    webhooks.c.leased_until <= bindparam("now"),
)
_THIS: Final = (webhooks.c.account == bindparam("of_account"), webhooks.c.public_id == bindparam("of_id"))
_LEASE = (
    update(webhooks)
    .where(
        *_THIS,
        webhooks.c.leased_until == bindparam("was_leased_until"),
        webhooks.c.position == bindparam("was_at"),
    )
    .values(leased_until=bindparam("until"))
)
_SETTLE = (
    update(webhooks)
    .where(*_THIS)
    .values({name: bindparam(f"to_{name}") for name in ("position", "failures", "next_at", "leased_until", "problem")})
)


class SqlWebhooks:
    """`ports.Webhooks` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, told: Told) -> None:
        """Begin with one."""
        values = msgspec.structs.asdict(told)
        values["public_id"] = values.pop("id")
        self._connection.execute(insert(webhooks), values)

    def all(self, account: int) -> dict[str, Told]:
        """Return those of an account, by id."""
        return {item.id: item for item in self._read(_ALL, of_account=account)}

    def due(self, now: int) -> tuple[Told, ...]:
        """Return those that may be tried now and whose account's logs went on, those that failed last of all last."""
        return tuple(sorted(self._read(_DUE, now=now), key=lambda item: item.failures))

    def lease(self, told: Told, until: int) -> bool:
        """Keep others from telling it; False where another was faster."""
        values = {
            "of_account": told.account,
            "of_id": told.id,
            "was_leased_until": told.leased_until,
            "was_at": told.position,
            "until": until,
        }
        return self._connection.execute(_LEASE, values).rowcount == 1

    def settle(self, told: Told) -> None:
        """Write down how far it is, and let go of it."""
        changed = {f"to_{name}": value for name, value in msgspec.structs.asdict(told).items()}
        self._connection.execute(_SETTLE, {**changed, "of_account": told.account, "of_id": told.id})

    def remove(self, account: int, webhook_id: str) -> None:
        """Forget one."""
        self._connection.execute(delete(webhooks).where(*_THIS), {"of_account": account, "of_id": webhook_id})

    def _read(self, query: Select[Any], **values: object) -> list[Told]:
        return [
            Told(
                account=row[0],
                id=row[1],
                position=row[2],
                failures=row[3],
                next_at=row[4],
                leased_until=row[5],
                problem=row[6],
            )
            for row in self._connection.execute(query, values)
        ]
