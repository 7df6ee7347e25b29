"""Evidence, as rows: facts clustered by check for whoever asks a whole fleet, and claims for whoever judges again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import StoredEvidence
from gatepost.storage.bounds import page
from gatepost.storage.evidence_tables import claims, evidence
from gatepost.storage.many import SelectMany, UpdateMany
from gatepost.storage.states import COUNTS
from gatepost.storage.tables import registrations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_REST: Final = ("check_version", "status", "measured_at", "ends_at", "facts")


def _put(insert: postgresql.Insert | sqlite.Insert, *columns: str) -> postgresql.Insert | sqlite.Insert:
    """Return the one statement that each dialect spells by itself: insert, or else update."""
    key = ("account", "check_number", "registration_number")
    return insert.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in columns})


def _keep(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    key = ("account", "registration_number", "check_number")
    return insert.on_conflict_do_update(index_elements=key, set_={"claim": insert.excluded.claim})


_PUT: Final = {
    "sqlite": (_put(sqlite.insert(evidence), *_REST), _keep(sqlite.insert(claims))),
    "postgresql": (_put(postgresql.insert(evidence), *_REST), _keep(postgresql.insert(claims))),
}
"""How evidence and claim are written, by dialect."""
_RENEW_MANY: Final = UpdateMany(
    evidence,
    ("account", "check_number", "registration_number"),
    ("check_version", "status", "measured_at", "ends_at"),
)
_CLAIM = select(claims.c.claim).where(
    claims.c.account == bindparam("account"),
    claims.c.registration_number == bindparam("registration"),
    claims.c.check_number == bindparam("check"),
)
_CLAIMS_OF_MANY: Final = SelectMany(
    select(claims.c.registration_number, claims.c.claim), claims, ("account",), "registration_number"
)
_SCAN = (
    select(evidence.c.check_number, evidence.c.registration_number, *(evidence.c[name] for name in _REST))
    .join(
        registrations,
        (registrations.c.account == evidence.c.account) & (registrations.c.number == evidence.c.registration_number),
    )
    .where(
        evidence.c.account == bindparam("account"),
        evidence.c.check_number == bindparam("check"),
        evidence.c.registration_number > bindparam("after"),
        # Said of both, or PostgreSQL walks through one of them from its beginning for every page.
        registrations.c.number > bindparam("after"),
        registrations.c.state == COUNTS,
        registrations.c.pending.is_(None),
    )
    .order_by(evidence.c.registration_number)
    .limit(bindparam("limit"))
)
_FORGET = tuple(
    delete(table).where(table.c.account == bindparam("account"), table.c.check_number == bindparam("check"))
    for table in (evidence, claims)
)


def _evidence(row: AnyRow) -> StoredEvidence:
    return StoredEvidence(
        check=row[0],
        registration=row[1],
        check_version=row[2],
        status=row[3],
        measured_at=row[4],
        ends_at=row[5],
        facts=row[6],
    )


class SqlEvidence:
    """`ports.KeptEvidence` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._put, self._keep = _PUT[connection.dialect.name]
        self._renewed: dict[tuple[int, int, int], tuple[int, str, int, int | None]] = {}

    def write_late(self) -> None:
        """Write the renewals that were put off until something else is asked, or the transaction ends."""
        rows = [(*values, *key) for key, values in self._renewed.items()]
        self._renewed.clear()
        _RENEW_MANY.run(self._connection, rows)

    def put(self, account: int, evidence: StoredEvidence, claim: bytes) -> None:
        """Write what the newest report of a pair held: as facts, and word for word."""
        self._renewed.pop((account, evidence.check, evidence.registration), None)
        key = {"account": account, "check_number": evidence.check, "registration_number": evidence.registration}
        rest = {name: getattr(evidence, name) for name in _REST}
        self._connection.execute(self._put, key | rest)
        self._connection.execute(self._keep, key | {"claim": claim})

    def renew(self, account: int, evidence: StoredEvidence) -> None:
        """Write version, status and times of a pair anew."""
        key = account, evidence.check, evidence.registration
        self._renewed[key] = evidence.check_version, evidence.status, evidence.measured_at, evidence.ends_at

    def claim(self, account: int, registration: int, check: int) -> bytes | None:
        """Return word for word what the newest report held for a check."""
        values = {"account": account, "registration": registration, "check": check}
        found: bytes | None = self._connection.scalar(_CLAIM, values)
        return found

    def claims(self, account: int, numbers: Iterable[int]) -> tuple[tuple[int, bytes], ...]:
        """Return what the newest reports of these registrations held, word for word, for each check."""
        rows = _CLAIMS_OF_MANY.run(self._connection, (account,), numbers)
        return tuple((row[0], row[1]) for row in rows)

    def scan(self, account: int, check: int, after: int, limit: int) -> tuple[StoredEvidence, ...]:
        """Return the evidence for a check of live registrations with a number above ``after``, in order."""
        self.write_late()
        values = {"account": account, "check": check, "after": after, "limit": page(limit)}
        return tuple(map(_evidence, self._connection.execute(_SCAN, values)))

    def forget(self, account: int, check: int) -> None:
        """Forget all evidence for a check."""
        self.write_late()
        for statement in _FORGET:
            self._connection.execute(statement, {"account": account, "check": check})
