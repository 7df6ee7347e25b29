"""The newest result of each registration and check, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import EVERY_RESULT, StoredResult
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import page
from gatepost.storage.endings import ignore
from gatepost.storage.evidence_tables import claims, evidence
from gatepost.storage.many import SelectMany, UpdateMany
from gatepost.storage.tables import checks, registrations, results
from gatepost.storage.verdicts import COLUMNS, result_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from gatepost.controlplane.ports import ResultFilter
    from gatepost.storage.tables import AnyRow

_KEY: Final = ("account", "registration_number", "check_number")
_REST: Final = (
    *COLUMNS,
    "expected",
    "received",
    "logged_at",
    "repeats",
    "key_digest",
    "claim_digest",
    "traced",
    "appraised_at",
    "appraised_until",
    "valid_until",
)
_TIMES: Final = ("measured_at", "judged_at", "ends_at", "logged_at", "repeats")
"""What a report that says the same as the one before changes."""


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
_READ_MANY = SelectMany(_SELECT, results, ("account",), "registration_number")
_HOLD_MANY = SelectMany(
    _SELECT,
    results,
    ("account",),
    "registration_number",
    lock=" ORDER BY results.registration_number, results.check_number FOR UPDATE",
)
_RENEW_MANY = UpdateMany(results, _KEY, _TIMES)
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
_STILL_COUNT = (
    select(func.count())
    .select_from(results)
    .where(results.c.account == bindparam("in_account"))
    .where(or_(results.c.ends_at.is_(None), results.c.ends_at > bindparam("now")))
)
# Long ago, so that no clock that jumps back finds itself before that end.
_END_ALL = update(results).where(results.c.account == bindparam("in_account")).values(ends_at=0)
_FORGET = (
    *(delete(table).where(table.c.account == bindparam("in_account")) for table in (evidence, claims)),
    # What is gone is kept anew with the next report, also where that says the same, and judged anew.
    update(results).where(results.c.account == bindparam("in_account")).values(claim_digest=None, appraised_until=0),
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
        traced=bool(row[16]),
        appraised_at=row[17],
        appraised_until=row[18],
        valid_until=row[19],
    )


def _is_renewal(known: StoredResult, result: StoredResult) -> bool:
    """Tell whether nothing but its times changed, and those to later ones."""
    old, new = known.result, result.result
    return (
        (old.ends_at is None) is (new.ends_at is None)
        and (old.ends_at or 0) <= (new.ends_at or 0)
        and old.status is new.status
        and old.reasons == new.reasons
        and old.evidence is new.evidence
        and old.check_version == new.check_version
        and old.certificate == new.certificate
        and known.received == result.received
        and known.expected == result.expected
        and known.key_digest == result.key_digest
        and known.claim_digest == result.claim_digest
        and known.traced == result.traced
        and known.appraised_at == result.appraised_at
        and known.appraised_until == result.appraised_until
        and known.valid_until == result.valid_until
    )


class SqlResults:
    """`ports.Results` within one transaction."""

    def __init__(self, connection: Connection, *, writing: bool, ended: Callable[[int], None] = ignore) -> None:
        """Take what is called with the account where a result says something else than before, or ends earlier."""
        self._connection = connection
        self._ended = ended
        self._find = _FIND_TO_WRITE if writing else _FIND
        self._find_many = _HOLD_MANY if writing else _READ_MANY
        self._put = STATEMENTS[connection.dialect.name]
        self._expected: dict[tuple[int, int], dict[int, StoredResult]] = {}
        self._renewed: dict[tuple[int, int, int], StoredResult] = {}

    def expect(self, account: int, registrations: Iterable[int]) -> None:
        """Read the results of these registrations at once, and hold them where the transaction writes."""
        wanted = [number for number in registrations if (account, number) not in self._expected]
        self._expected.update(((account, number), {}) for number in wanted)
        for row in self._find_many.run(self._connection, (account,), wanted):
            self._expected[account, row[0]][row[1]] = _stored_result(row)

    def write_late(self) -> None:
        """Write the times that were put off."""
        rows = [
            (
                item.result.measured_at,
                item.result.judged_at,
                item.result.ends_at,
                item.logged_at,
                item.repeats,
                *key,
            )
            for key, item in self._renewed.items()
        ]
        self._renewed.clear()
        _RENEW_MANY.run(self._connection, rows)

    def find(self, account: int, registration: int) -> tuple[StoredResult, ...]:
        """Return a registration's results."""
        expected = self._expected.get((account, registration))
        if expected is not None:
            return tuple(expected[check] for check in sorted(expected))
        rows = self._connection.execute(self._find, {"account": account, "registration": registration})
        return tuple(_stored_result(row) for row in rows)

    def find_one(self, account: int, registration: int, check: int) -> StoredResult | None:
        """Return one."""
        expected = self._expected.get((account, registration))
        if expected is not None:
            return expected.get(check)
        values = {"account": account, "registration": registration, "check": check}
        row = self._connection.execute(_FIND_ONE, values).one_or_none()
        return _stored_result(row) if row else None

    def put(self, account: int, result: StoredResult) -> None:
        """Write the newest result of its pair; raises NotFoundError when registration or check is not there."""
        expected = self._expected.get((account, result.registration))
        known = expected.get(result.check) if expected is not None else None
        if expected is not None:
            expected[result.check] = result
        pair = (account, result.registration, result.check)
        if known is not None and _is_renewal(known, result):
            self._renewed[pair] = result
            return
        self._renewed.pop(pair, None)
        self._ended(account)
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
            "appraised_at": result.appraised_at,
            "appraised_until": result.appraised_until,
            "valid_until": result.valid_until,
            **values_of(result.result),
        }
        if self._connection.execute(self._put, values).rowcount != 1:
            raise NotFoundError("registration or posture rule", f"{result.registration}, {result.check}")

    def all(
        self, account: int, after: tuple[int, int], limit: int, wanted: ResultFilter = EVERY_RESULT
    ) -> tuple[StoredResult, ...]:
        """Return results in the order of (registration, check) above ``after``, at most ``limit``."""
        self.write_late()
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
        self.write_late()
        self._expected.clear()
        self._ended(account)
        for forget in _FORGET:
            self._connection.execute(forget, {"in_account": account})
        counted = self._connection.scalars(_STILL_COUNT, {"in_account": account, "now": now}).one()
        self._connection.execute(_END_ALL, {"in_account": account})
        return counted
