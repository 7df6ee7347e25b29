"""Which registrations proved the keys of which certificates, as rows; how long a proof counts stands with the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.storage.endings import ignore
from gatepost.storage.states import COUNTS
from gatepost.storage.tables import integer, metadata, octets, proved_keys, registrations

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

proved_certificates = Table(
    "proved_certificates",
    metadata,
    integer("account"),
    octets("sha256"),
    integer("registration_number"),
    octets("key_digest"),
    PrimaryKeyConstraint("account", "sha256", "registration_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    Index(None, "account", "registration_number"),
)

_STATEMENTS: Final = {
    "sqlite": sqlite.insert(proved_certificates).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(proved_certificates).on_conflict_do_nothing(),
}
_THIS = (proved_certificates.c.account == bindparam("account"), proved_certificates.c.sha256 == bindparam("sha256"))
_MOST: Final = 1_000
"""Registrations of one key: more are one incident."""
_HOLDERS = (
    select(proved_keys.c.registration_number, proved_keys.c.ends_at)
    .join(registrations, registrations.c.number == proved_keys.c.registration_number)
    .where(
        proved_keys.c.account == bindparam("account"),
        registrations.c.state == COUNTS,
        proved_keys.c.key_digest.in_(select(proved_certificates.c.key_digest).where(*_THIS)),
    )
    .order_by(proved_keys.c.registration_number)
    .limit(_MOST)
)
_PROVED_IT = select(proved_certificates.c.registration_number).where(*_THIS)


class SqlProvedCertificates:
    """`ports.ProvedCertificates` within one transaction."""

    def __init__(self, connection: Connection, ended: Callable[[int], None] = ignore) -> None:
        """Take what is called with the account where a certificate is proved by whom it was not."""
        self._connection = connection
        self._ended = ended

    def put(self, account: int, sha256: bytes, key_digest: bytes, registration: int) -> None:
        """Note that a registration proved the key of this certificate."""
        values = {"account": account, "sha256": sha256, "key_digest": key_digest, "registration_number": registration}
        self._ended(account)
        self._connection.execute(_STATEMENTS[self._connection.dialect.name], values)

    def holders(self, account: int, sha256: bytes, now: int) -> tuple[tuple[int, int], ...]:
        """Return the live registrations that proved this certificate's key: their numbers, in order, and when that ends."""
        asked = {"account": account, "sha256": sha256}
        ever = tuple((row[0], row[1]) for row in self._connection.execute(_HOLDERS, asked))
        holders = tuple(item for item in ever if item[1] > now) or ever
        if len(holders) != 1:
            return holders
        proved_it = self._connection.scalars(_PROVED_IT, asked)
        return holders if holders[0][0] in set(proved_it) else ()
