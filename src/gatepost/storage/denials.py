"""The deny-list, as rows. A report asks here once a transaction whether there is anything at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import Denial, DenialKind
from gatepost.storage.bounds import page
from gatepost.storage.denial_tables import denials
from gatepost.storage.endings import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_SAME: Final = ("account", "kind", "value", "source")
_ADD = {
    "sqlite": sqlite.insert(denials).on_conflict_do_nothing(index_elements=_SAME),
    "postgresql": postgresql.insert(denials).on_conflict_do_nothing(index_elements=_SAME),
}
"""How a denial is added that may be there already, by dialect."""
_GROUP: Final = 500
"""Values asked for in one statement, far below SQLite's limit of parameters."""
_SELECT = select(
    denials.c.number,
    denials.c.public_id,
    denials.c.account,
    denials.c.kind,
    denials.c.value,
    denials.c.reason,
    denials.c.source,
    denials.c.note,
    denials.c.created_at,
)
_IN_ACCOUNT = denials.c.account == bindparam("of_account")
_FIND = _SELECT.where(_IN_ACCOUNT, denials.c.public_id == bindparam("public_id"))
_SAME_ONE = _SELECT.where(*(denials.c[name] == bindparam(f"of_{name}") for name in _SAME))
_PAGE = (
    _SELECT.where(_IN_ACCOUNT, denials.c.number > bindparam("after"))
    .order_by(denials.c.number)
    .limit(bindparam("limit"))
)
_ANY = select(denials.c.number).where(_IN_ACCOUNT).limit(1)
_AMONG = select(denials.c.value, denials.c.reason, denials.c.number).where(
    _IN_ACCOUNT,
    denials.c.kind == bindparam("of_kind"),
    denials.c.value.in_(bindparam("values", expanding=True)),
)
_REMOVE = delete(denials).where(_IN_ACCOUNT, denials.c.public_id == bindparam("of_id"))
_LIFT = delete(denials).where(_IN_ACCOUNT, denials.c.source == bindparam("of_source"))


def _denial(row: AnyRow) -> Denial:
    return Denial(
        number=row[0],
        id=row[1],
        account=row[2],
        kind=DenialKind(row[3]),
        value=row[4],
        reason=row[5],
        source=row[6],
        note=row[7],
        created_at=row[8],
    )


class SqlDenials:
    """`ports.Denials` within one transaction."""

    def __init__(self, connection: Connection, ended: Callable[[int], None] = ignore) -> None:
        """Take what is called with the account where something is denied."""
        self._connection = connection
        self._ended = ended
        self._add = _ADD[connection.dialect.name]
        self._some: dict[int, bool] = {}
        self._expected: dict[tuple[int, DenialKind], dict[bytes, str | None]] = {}

    def add(self, denial: Denial) -> Denial:
        """Store it, and return it with its number, or the one that says the same from the same source already."""
        values = msgspec.structs.asdict(denial) | {"kind": denial.kind.value}
        values["public_id"] = values.pop("id")
        del values["number"]
        self._connection.execute(self._add, values)
        self._some[denial.account] = True
        self._ended(denial.account)
        self._expected.clear()
        same = {f"of_{name}": values[name] for name in _SAME}
        return _denial(self._connection.execute(_SAME_ONE, same).one())

    def find(self, account: int, denial_id: str) -> Denial | None:
        """Return one."""
        row = self._connection.execute(_FIND, {"of_account": account, "public_id": denial_id}).one_or_none()
        return _denial(row) if row else None

    def page(self, account: int, after: int, limit: int) -> tuple[Denial, ...]:
        """Return those with a number above ``after``, in order, at most ``limit``."""
        rows = self._connection.execute(_PAGE, {"of_account": account, "after": after, "limit": page(limit)})
        return tuple(map(_denial, rows))

    def expect(self, account: int, kind: DenialKind, values: Iterable[bytes]) -> None:
        """Look for all of these values at once."""
        if self.any(account):
            wanted = tuple(set(values))
            found = self._ask(account, kind, wanted)
            self._expected.setdefault((account, kind), {}).update((value, found.get(value)) for value in wanted)

    def among(self, account: int, kind: DenialKind, values: tuple[bytes, ...]) -> dict[bytes, str]:
        """Return those of ``values`` that are denied, with the reason of the oldest cause."""
        if not self.any(account):
            return {}
        expected = self._expected.get((account, kind))
        if expected is not None and all(value in expected for value in values):
            return {value: reason for value in values if (reason := expected[value]) is not None}
        return self._ask(account, kind, values)

    def _ask(self, account: int, kind: DenialKind, values: tuple[bytes, ...]) -> dict[bytes, str]:
        found: dict[bytes, tuple[int, str]] = {}
        for start in range(0, len(values), _GROUP):
            asked = {"of_account": account, "of_kind": kind.value, "values": values[start : start + _GROUP]}
            for value, reason, number in self._connection.execute(_AMONG, asked):
                found[value] = min(found.get(value, (number, reason)), (number, reason))
        return {value: reason for value, (_, reason) in found.items()}

    def remove(self, account: int, denial_id: str) -> bool:
        """Lift one; False when there is none."""
        self._expected.clear()
        return self._connection.execute(_REMOVE, {"of_account": account, "of_id": denial_id}).rowcount == 1

    def lift(self, account: int, source: str) -> int:
        """Lift all that came from one source; return how many that were."""
        self._expected.clear()
        return self._connection.execute(_LIFT, {"of_account": account, "of_source": source}).rowcount

    def any(self, account: int) -> bool:
        """Tell whether anything may be denied; most accounts never deny anything, and each report asks."""
        known = self._some.get(account)
        if known is None:
            known = self._connection.execute(_ANY, {"of_account": account}).one_or_none() is not None
            self._some[account] = known
        return known
