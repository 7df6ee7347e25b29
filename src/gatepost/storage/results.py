"""The newest result of each registration and check, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from gatepost.controlplane.ports import EVERY_RESULT, StoredResult
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import page
from gatepost.storage.tables import results
from gatepost.storage.translation import is_missing_reference
from gatepost.storage.verdicts import COLUMNS, result_of, values_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.controlplane.ports import ResultFilter
    from gatepost.storage.tables import AnyRow

_KEY: Final = ("account", "registration_number", "check_number")
_REST: Final = (*COLUMNS, "expected", "received", "logged_at", "repeats", "key_digest", "claim_digest", "traced")


def _put(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Return the one statement that each dialect spells by itself: insert, or else update."""
    changes = {name: insert.excluded[name] for name in _REST}
    return insert.on_conflict_do_update(index_elements=_KEY, set_=changes)


STATEMENTS: Final = {"sqlite": _put(sqlite.insert(results)), "postgresql": _put(postgresql.insert(results))}
"""How the newest result is written, by dialect."""

_SELECT = select(results.c.registration_number, results.c.check_number, *(results.c[name] for name in _REST))
_IN_ACCOUNT = results.c.account == bindparam("account")
_ORDER = (results.c.registration_number, results.c.check_number)
_FIND = _SELECT.where(_IN_ACCOUNT, results.c.registration_number == bindparam("registration")).order_by(*_ORDER)
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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._put = STATEMENTS[connection.dialect.name]

    def find(self, account: int, registration: int) -> tuple[StoredResult, ...]:
        """Return a registration's results."""
        rows = self._connection.execute(_FIND, {"account": account, "registration": registration})
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
        try:
            self._connection.execute(self._put, values)
        except IntegrityError as error:
            if is_missing_reference(error):
                reference = f"{result.registration}, {result.check}"
                raise NotFoundError("registration or posture rule", reference) from error
            raise

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
