"""The newest result of each registration and check, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import EVERY_RESULT, StoredResult
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import page
from gatepost.storage.evidence_tables import claims, evidence
from gatepost.storage.tables import checks, registrations, results
from gatepost.storage.verdicts import COLUMNS, result_of, values_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.controlplane.ports import ResultFilter
    from gatepost.storage.tables import AnyRow

_KEY: Final = ("account", "registration_number", "check_number")
_REST: Final = (*COLUMNS, "expected", "received", "logged_at", "repeats", "key_digest", "claim_digest", "traced")


def _put(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Return the one statement that each dialect spells by itself: insert, or else update; nothing where a pair is missing.

    A foreign key would say so too, but on PostgreSQL at the price of the transaction.
    """
    names = (*_KEY, *_REST)
    row = (
        select(*(bindparam(name, type_=results.c[name].type) for name in names))
        .join_from(registrations, checks, checks.c.account == registrations.c.account)
        .where(registrations.c.account == bindparam("account"))
        .where(registrations.c.number == bindparam("registration_number"))
        .where(checks.c.number == bindparam("check_number"))
    )
    insert = insert.from_select(names, row, include_defaults=False)
    changes = {name: insert.excluded[name] for name in _REST}
    # How many rows were written is the answer to whether the pair is there; of an insertion it is not kept by itself.
    return insert.on_conflict_do_update(index_elements=_KEY, set_=changes).execution_options(preserve_rowcount=True)


STATEMENTS: Final = {"sqlite": _put(sqlite.insert(results)), "postgresql": _put(postgresql.insert(results))}
"""How the newest result is written, by dialect."""

_SELECT = select(results.c.registration_number, results.c.check_number, *(results.c[name] for name in _REST))
_IN_ACCOUNT = results.c.account == bindparam("account")
_ORDER = (results.c.registration_number, results.c.check_number)
_FIND = _SELECT.where(_IN_ACCOUNT, results.c.registration_number == bindparam("registration")).order_by(*_ORDER)
# A result that is read in order to be written anew stays as it was read until then.
_FIND_TO_WRITE = _FIND.with_for_update()
_FIND_ONE = _SELECT.where(
    _IN_ACCOUNT,
    results.c.registration_number == bindparam("registration"),
    results.c.check_number == bindparam("check"),
)
_OF_ONE = _SELECT.where(
    _IN_ACCOUNT,
    results.c.registration_number == bindparam("registration"),
    results.c.check_number > bindparam("check"),
)
_ABOVE = _SELECT.where(_IN_ACCOUNT, tuple_(*_ORDER) > tuple_(bindparam("registration"), bindparam("check")))
_END_ALL = (
    update(results)
    .where(results.c.account == bindparam("in_account"))
    .where(or_(results.c.ends_at.is_(None), results.c.ends_at > bindparam("now")))
    .values(ends_at=bindparam("now"))
)
_FORGET = (
    *(delete(table).where(table.c.account == bindparam("in_account")) for table in (evidence, claims)),
    # What is gone is kept anew with the next report, also where that says the same.
    update(results).where(results.c.account == bindparam("in_account")).values(claim_digest=None),
)


def _stored_result(row: AnyRow) -> StoredResult:
    return StoredResult(
        registration=row[0],
        check=row[1],
        result=result_of(row, 2),
        expected=row[10],
        received=row[11],
        logged_at=row[12],
        repeats=row[13],
        key_digest=row[14],
        claim_digest=row[15],
        traced=row[16],
    )


class SqlResults:
    """`ports.Results` within one transaction."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._find = _FIND_TO_WRITE if writing else _FIND
        self._put = STATEMENTS[connection.dialect.name]

    def find(self, account: int, registration: int) -> tuple[StoredResult, ...]:
        """Return a registration's results."""
        rows = self._connection.execute(self._find, {"account": account, "registration": registration})
        return tuple(_stored_result(row) for row in rows)

    def find_one(self, account: int, registration: int, check: int) -> StoredResult | None:
        """Return one."""
        values = {"account": account, "registration": registration, "check": check}
        row = self._connection.execute(_FIND_ONE, values).one_or_none()
        return _stored_result(row) if row else None

    def put(self, account: int, result: StoredResult) -> None:
        """Write the newest result of its pair; raises NotFoundError when registration or check is not there."""
        values = {
            "account": account,
            "registration_number": result.registration,
            "check_number": result.check,
            "expected": result.expected,
            "received": result.received,
            "logged_at": result.logged_at,
            "repeats": result.repeats,
            "key_digest": result.key_digest,
            "traced": result.traced,
            "claim_digest": result.claim_digest,
            **values_of(result.result),
        }
        if self._connection.execute(self._put, values).rowcount != 1:
            raise NotFoundError("registration or posture rule", f"{result.registration}, {result.check}")

    def all(
        self, account: int, after: tuple[int, int], limit: int, wanted: ResultFilter = EVERY_RESULT
    ) -> tuple[StoredResult, ...]:
        """Return results in the order of (registration, check) above ``after``, at most ``limit``."""
        values = {"account": account, "registration": after[0], "check": after[1]}
        query = _ABOVE
        if wanted.registration is not None:
            # One registration's results are in the order of their checks; said so, the database need not sort.
            query, reached = _OF_ONE, after[0] - wanted.registration
            values = {"account": account, "registration": wanted.registration, "check": after[1] if reached == 0 else 0}
            if reached > 0:
                return ()
        if wanted.check is not None:
            query = query.where(results.c.check_number == wanted.check)
        if wanted.status is not None:
            query = query.where(results.c.status == wanted.status)
        rows = self._connection.execute(query.order_by(*_ORDER).limit(page(limit)), values)
        return tuple(_stored_result(row) for row in rows)

    def end_all(self, account: int, now: int) -> int:
        """Let no result of the account count any more, nor what could be judged again; return how many still did."""
        for forget in _FORGET:
            self._connection.execute(forget, {"in_account": account})
        return self._connection.execute(_END_ALL, {"in_account": account, "now": now}).rowcount
