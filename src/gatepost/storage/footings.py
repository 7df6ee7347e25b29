"""On which certificates passing results rest, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.storage.bounds import page
from gatepost.storage.denial_tables import footings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.controlplane.ports import Footing

_KEY: Final = ("account", "registration_number", "check_number")


def _put(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Return the one statement that each dialect spells by itself: insert, or else update."""
    changes = {name: insert.excluded[name] for name in ("key_digest", "certificate_digest")}
    return insert.on_conflict_do_update(index_elements=_KEY, set_=changes)


STATEMENTS: Final = {"sqlite": _put(sqlite.insert(footings)), "postgresql": _put(postgresql.insert(footings))}
"""How a footing is written, by dialect."""
_ORDER = (footings.c.registration_number, footings.c.check_number)
_AFTER = tuple_(*_ORDER) > tuple_(bindparam("registration"), bindparam("check"))
_RESTING = tuple(
    select(*_ORDER)
    .where(footings.c.account == bindparam("account"), footings.c[column] == bindparam("digest"), _AFTER)
    .order_by(*_ORDER)
    .limit(bindparam("limit"))
    for column in ("key_digest", "certificate_digest")
)
"""One question an index."""


class SqlFootings:
    """`ports.Footings` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._put = STATEMENTS[connection.dialect.name]

    def put(self, account: int, footing: Footing) -> None:
        """Write it in the place of the older one of its pair."""
        values = {
            "account": account,
            "registration_number": footing.registration,
            "check_number": footing.check,
            "key_digest": footing.key_digest,
            "certificate_digest": footing.certificate_digest,
        }
        self._connection.execute(self._put, values)

    def resting_on(
        self, account: int, digest: bytes, after: tuple[int, int], limit: int
    ) -> tuple[tuple[int, int], ...]:
        """Return (registration, check) above ``after`` of results that rest on a key, or on an issuer and number."""
        values = {"account": account, "digest": digest, "registration": after[0], "check": after[1]}
        found = {
            (row[0], row[1])
            for statement in _RESTING
            for row in self._connection.execute(statement, {**values, "limit": page(limit)})
        }
        return tuple(sorted(found)[:limit])
