"""The chain of an account's logs, as rows: its head, its checkpoints and the certificates that its lines name.

Whoever writes a line moves the head, last of all in its transaction: the head's row is what keeps apart who would write into
one account's logs at once, and what makes a reader who has seen a line have seen all before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import LogHead, StoredCheckpoint
from gatepost.core.chain import Place, digest_line, extend
from gatepost.storage.access_tables import access_log
from gatepost.storage.bounds import page
from gatepost.storage.chain_tables import log_certificates, log_checkpoints, log_heads
from gatepost.storage.many import SelectMany
from gatepost.storage.tables import audit_log, posture_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from gatepost.core.chain import Log

_FIND = select(log_heads.c.position, log_heads.c.head, log_heads.c.dropped).where(
    log_heads.c.account == bindparam("of_account")
)
_HOLD = _FIND.with_for_update()
_BEGIN = {
    kind: dialect.insert(log_heads).on_conflict_do_nothing(index_elements=["account"])
    for kind, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_MOVE = (
    update(log_heads)
    .where(log_heads.c.account == bindparam("of_account"))
    .values(position=bindparam("to_position"), head=bindparam("to_head"))
)
_DROP = update(log_heads).where(log_heads.c.account == bindparam("of_account")).values(dropped=bindparam("up_to"))
_CHECKPOINTS = (
    select(log_checkpoints.c.position, log_checkpoints.c.made_at, log_checkpoints.c.document)
    .where(log_checkpoints.c.account == bindparam("of_account"), log_checkpoints.c.position > bindparam("after"))
    .order_by(log_checkpoints.c.position)
    .limit(bindparam("limit"))
)
_NEWEST = (
    select(log_checkpoints.c.position, log_checkpoints.c.made_at, log_checkpoints.c.document)
    .where(log_checkpoints.c.account == bindparam("of_account"), log_checkpoints.c.made_at <= bindparam("until"))
    .order_by(log_checkpoints.c.position.desc())
    .limit(1)
)
_CONFIRM, _KEEP = (
    {
        kind: dialect.insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key.columns.keys()))
        for kind, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
    }
    for table in (log_checkpoints, log_certificates)
)
_CERTIFICATES = SelectMany(
    select(log_certificates.c.sha256, log_certificates.c.content), log_certificates, ("account",), "sha256"
)
_FIRST: Final = Place()
_LOGS: Final = (posture_log, audit_log, access_log)


def move_head(connection: Connection, account: int, log: Log, lines: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Put lines (JSON text) at the end of an account's chain; return the position and the digest of each.

    Nobody else writes into the account's logs until the transaction ends.
    """
    row = connection.execute(_HOLD, {"of_account": account}).one_or_none()
    if row is None:
        first = {"account": account, "position": _FIRST.position, "head": _FIRST.head, "dropped": 0}
        connection.execute(_BEGIN[connection.dialect.name], first)
        row = connection.execute(_HOLD, {"of_account": account}).one()
    place = Place(row[0], row[1])
    placed = []
    for line in lines:
        digest = digest_line(log, line)
        place = extend(place, digest)
        placed.append((place.position, digest))
    connection.execute(_MOVE, {"of_account": account, "to_position": place.position, "to_head": place.head})
    return placed


class SqlLogChain:
    """`ports.LogChain` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def head(self, account: int) -> LogHead:
        """Return how far an account's chain has come, and up to where its lines were dropped."""
        row = self._connection.execute(_FIND, {"of_account": account}).one_or_none()
        return LogHead(Place(row[0], row[1]), row[2]) if row else LogHead(_FIRST, 0)

    def confirm(self, account: int, checkpoint: StoredCheckpoint) -> None:
        """Store a checkpoint; one of the same position stays as it is."""
        values = {
            "account": account,
            "position": checkpoint.position,
            "made_at": checkpoint.made_at,
            "document": checkpoint.document,
        }
        self._connection.execute(_CONFIRM[self._connection.dialect.name], values)

    def checkpoints(self, account: int, after: int, limit: int) -> tuple[StoredCheckpoint, ...]:
        """Return checkpoints of positions above ``after``, in order, at most ``limit``."""
        values = {"of_account": account, "after": after, "limit": page(limit)}
        return tuple(StoredCheckpoint(*row) for row in self._connection.execute(_CHECKPOINTS, values))

    def newest_checkpoint(self, account: int, until: int) -> StoredCheckpoint | None:
        """Return the last checkpoint that was made until then (ms)."""
        row = self._connection.execute(_NEWEST, {"of_account": account, "until": until}).one_or_none()
        return StoredCheckpoint(*row) if row else None

    def drop(self, account: int, position: int, limit: int) -> int:
        """Drop lines up to a position that has a checkpoint, the oldest first, at most ``limit``; return how many went."""
        row = self._connection.execute(_HOLD, {"of_account": account}).one_or_none()
        if row is None:
            return 0
        up_to = max(position, row[2])
        if up_to != row[2]:
            self._connection.execute(_DROP, {"of_account": account, "up_to": up_to})
        dropped = 0
        for table in _LOGS:
            oldest = (
                select(table.c.number)
                .where(table.c.account == account, table.c.position > 0, table.c.position <= up_to)
                .order_by(table.c.position)
                .limit(limit - dropped)
            )
            dropped += self._connection.execute(delete(table).where(table.c.number.in_(oldest))).rowcount
        return dropped

    def has_lines(self, account: int, position: int) -> bool:
        """Tell whether a line of this position or a lower one is there."""
        return any(
            self._connection.execute(
                select(table.c.number)
                .where(table.c.account == account, table.c.position > 0, table.c.position <= position)
                .limit(1)
            ).first()
            for table in _LOGS
        )

    def keep_certificates(self, account: int, certificates: Mapping[bytes, bytes]) -> None:
        """Keep certificates (DER by SHA-256) that lines name; those that are there already stay."""
        rows = [{"account": account, "sha256": sha256, "content": content} for sha256, content in certificates.items()]
        if rows:
            self._connection.execute(_KEEP[self._connection.dialect.name], rows)

    def certificates(self, account: int, wanted: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return those of the certificates that are kept, DER by SHA-256."""
        return {row[0]: row[1] for row in _CERTIFICATES.run(self._connection, (account,), wanted)}
