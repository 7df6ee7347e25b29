"""Documents of administrators, as rows: applications, policies, groups and their like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from gatepost.controlplane.ports import Resource
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import MAXIMUM_RESOURCES, refuse_more
from gatepost.storage.tables import accounts, resources

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_SELECT = select(
    resources.c.number,
    resources.c.public_id,
    resources.c.account,
    resources.c.kind,
    resources.c.name,
    resources.c.parent_id,
    resources.c.document,
    resources.c.options,
    resources.c.created_at,
    resources.c.updated_at,
)
_OF_KIND = (resources.c.account == bindparam("of_account"), resources.c.kind == bindparam("of_kind"))
_THIS = (*_OF_KIND, resources.c.public_id == bindparam("with_id"))
_ADD = insert(resources).returning(resources.c.number)
_FIND = _SELECT.where(*_THIS)
_ALL = _SELECT.where(*_OF_KIND).order_by(resources.c.number)
_CHILDREN = _SELECT.where(*_OF_KIND, resources.c.parent_id == bindparam("of_parent")).order_by(resources.c.number)
_CHANGED = ("name", "parent_id", "document", "options", "updated_at")
_REPLACE = update(resources).where(*_THIS).values({name: bindparam(name) for name in _CHANGED})
_REMOVE = delete(resources).where(*_THIS)
_OF_ACCOUNT = accounts.c.number == bindparam("of_account")
_VERSION = select(accounts.c.access_version).where(_OF_ACCOUNT)
_RAISE = update(accounts).where(_OF_ACCOUNT).values(access_version=accounts.c.access_version + 1)


def _resource(row: AnyRow) -> Resource:
    return Resource(
        number=row[0],
        id=row[1],
        account=row[2],
        kind=row[3],
        name=row[4],
        parent_id=row[5],
        document=row[6],
        options=row[7],
        created_at=row[8],
        updated_at=row[9],
    )


class SqlResources:
    """`ports.Resources` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, resource: Resource) -> Resource:
        """Store it and return it with its number."""
        equal = {"account": resource.account, "kind": resource.kind}
        refuse_more(self._connection, resources, resource.kind, MAXIMUM_RESOURCES, **equal)
        values = msgspec.structs.asdict(resource)
        values["public_id"] = values.pop("id")
        del values["number"]
        self._raise_version(resource.account)
        return msgspec.structs.replace(resource, number=self._connection.scalars(_ADD, values).one())

    def find(self, account: int, kind: str, resource_id: str) -> Resource | None:
        """Return one."""
        row = self._connection.execute(_FIND, _key(account, kind, resource_id)).one_or_none()
        return _resource(row) if row else None

    def all(self, account: int, kind: str, parent_id: str | None = None) -> tuple[Resource, ...]:
        """Return all of one kind, oldest first; with ``parent_id`` those that belong to it."""
        values = {"of_account": account, "of_kind": kind}
        if parent_id is None:
            return tuple(map(_resource, self._connection.execute(_ALL, values)))
        return tuple(map(_resource, self._connection.execute(_CHILDREN, {**values, "of_parent": parent_id})))

    def replace(self, resource: Resource) -> None:
        """Write name, parent, document, options and updated_at anew; raises NotFoundError when there is none."""
        changed = {name: getattr(resource, name) for name in _CHANGED}
        changed |= _key(resource.account, resource.kind, resource.id)
        if self._connection.execute(_REPLACE, changed).rowcount != 1:
            raise NotFoundError(resource.kind, resource.id)
        self._raise_version(resource.account)

    def remove(self, account: int, kind: str, resource_id: str) -> bool:
        """Forget one; False when there is none."""
        self._raise_version(account)
        return self._connection.execute(_REMOVE, _key(account, kind, resource_id)).rowcount == 1

    def version(self, account: int) -> int:
        """Return a number that rises with every change of the account's resources (0 at first)."""
        return self._connection.scalar(_VERSION, {"of_account": account}) or 0

    def _raise_version(self, account: int) -> None:
        self._connection.execute(_RAISE, {"of_account": account})


def _key(account: int, kind: str, resource_id: str) -> dict[str, object]:
    return {"of_account": account, "of_kind": kind, "with_id": resource_id}
