"""People, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import User
from gatepost.storage.bounds import page
from gatepost.storage.tables import users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from gatepost.controlplane.ports import UserFilter
    from gatepost.storage.tables import AnyRow

_ADD = {
    "sqlite": sqlite.insert(users).on_conflict_do_nothing(index_elements=("account", "email")),
    "postgresql": postgresql.insert(users).on_conflict_do_nothing(index_elements=("account", "email")),
}
"""How a person is added who may be there already, by dialect."""
_SELECT = select(
    users.c.number,
    users.c.public_id,
    users.c.account,
    users.c.email,
    users.c.name,
    users.c.created_at,
    users.c.updated_at,
)
_IN_ACCOUNT = users.c.account == bindparam("account")
_FIND = _SELECT.where(_IN_ACCOUNT, users.c.public_id == bindparam("public_id"))
_BY_EMAIL = _SELECT.where(_IN_ACCOUNT, users.c.email == bindparam("email"))
_ALL = (
    _SELECT.where(_IN_ACCOUNT, users.c.number > bindparam("after")).order_by(users.c.number).limit(bindparam("limit"))
)


def _wanted(account: int, wanted: UserFilter) -> list[ColumnElement[bool]]:
    conditions = [users.c.account == account]
    if wanted.email is not None:
        conditions.append(users.c.email == wanted.email.lower())
    if wanted.name is not None:
        conditions.append(users.c.name.icontains(wanted.name, autoescape=True))
    if wanted.search is not None:
        either = (column.icontains(wanted.search, autoescape=True) for column in (users.c.email, users.c.name))
        conditions.append(or_(*either))
    return conditions


def _user(row: AnyRow) -> User:
    return User(
        number=row[0],
        id=row[1],
        account=row[2],
        email=row[3],
        name=row[4],
        created_at=row[5],
        updated_at=row[6],
    )


class SqlUsers:
    """`ports.Users` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._add = _ADD[connection.dialect.name]

    def ensure(self, user: User) -> User:
        """Store a person, or return the one who has this e-mail address already."""
        values = msgspec.structs.asdict(user)
        values |= {"public_id": values.pop("id"), "email": user.email.lower()}
        del values["number"]
        self._connection.execute(self._add, values)
        found = {"account": user.account, "email": user.email.lower()}
        return _user(self._connection.execute(_BY_EMAIL, found).one())

    def find(self, account: int, user_id: str) -> User | None:
        """Return one."""
        row = self._connection.execute(_FIND, {"account": account, "public_id": user_id}).one_or_none()
        return _user(row) if row else None

    def by_email(self, account: int, email: str) -> User | None:
        """Return the one with this e-mail address, in whatever case it is given."""
        row = self._connection.execute(_BY_EMAIL, {"account": account, "email": email.lower()}).one_or_none()
        return _user(row) if row else None

    def search(self, account: int, wanted: UserFilter, offset: int, limit: int) -> tuple[User, ...]:
        """Return people in the order of their addresses, from ``offset`` on, at most ``limit``."""
        query = _SELECT.where(*_wanted(account, wanted)).order_by(users.c.email).offset(offset).limit(page(limit))
        return tuple(map(_user, self._connection.execute(query)))

    def count(self, account: int, wanted: UserFilter) -> int:
        """Return how many there are."""
        query = select(func.count()).select_from(users).where(*_wanted(account, wanted))
        return self._connection.scalars(query).one()

    def all(self, account: int, after: int, limit: int) -> tuple[User, ...]:
        """Return people with a number above ``after``, in order, at most ``limit``."""
        rows = self._connection.execute(_ALL, {"account": account, "after": after, "limit": page(limit)})
        return tuple(map(_user, rows))
