"""Posture rules, as rows, and the number that rises when any of an account's changes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.controlplane.ports import StoredCheck
from gatepost.errors import NotFoundError
from gatepost.storage.bounds import MAXIMUM_CHECKS, refuse_more
from gatepost.storage.tables import accounts, checks
from gatepost.storage.translation import is_missing_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_SELECT = select(
    checks.c.number,
    checks.c.public_id,
    checks.c.account,
    checks.c.type,
    checks.c.document,
    checks.c.options,
    checks.c.version,
    checks.c.created_at,
    checks.c.updated_at,
    checks.c.certificate_id,
    checks.c.minimum_version,
    checks.c.trial,
)
_ADD = insert(checks).returning(checks.c.number)
_FIND = _SELECT.where(checks.c.account == bindparam("account"), checks.c.public_id == bindparam("public_id"))
_ALL = _SELECT.where(checks.c.account == bindparam("account")).order_by(checks.c.number)
_CHANGED: Final = ("type", "name", "document", "options", "version", "updated_at", "certificate_id", "minimum_version")
_THIS = (checks.c.account == bindparam("in_account"), checks.c.number == bindparam("with_number"))
_REPLACE = update(checks).where(*_THIS).values({name: bindparam(name) for name in _CHANGED})
_REMOVE = delete(checks).where(*_THIS)
_VERSION = select(accounts.c.checks_version).where(accounts.c.number == bindparam("account"))
_TOUCH = (
    update(accounts)
    .where(accounts.c.number == bindparam("in_account"))
    .values(checks_version=accounts.c.checks_version + 1)
)


class _Named(msgspec.Struct):
    """What the log says of a check beside its type."""

    name: str = ""


def _check(row: AnyRow) -> StoredCheck:
    return StoredCheck(
        number=row[0],
        id=row[1],
        account=row[2],
        type=row[3],
        document=row[4],
        options=row[5],
        version=row[6],
        created_at=row[7],
        updated_at=row[8],
        certificate_id=row[9],
        minimum_version=row[10],
        trial=row[11],
    )


def _values(check: StoredCheck) -> dict[str, Any]:
    """Return the columns of a check; its name is copied out of the document, since the log shows it."""
    values = msgspec.structs.asdict(check)
    del values["number"]
    values["public_id"] = values.pop("id")
    try:
        values["name"] = msgspec.json.decode(check.document, type=_Named).name
    except msgspec.MsgspecError:
        values["name"] = ""
    return values


def raise_version(connection: Connection, account: int) -> None:
    """Raise the number that tells agents and snapshots that the account's checks or uploads have changed."""
    connection.execute(_TOUCH, {"in_account": account})


class SqlChecks:
    """`ports.Checks` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, check: StoredCheck) -> StoredCheck:
        """Store it and return it with its number; raises NotFoundError when it names an upload that is not there."""
        refuse_more(self._connection, checks, "posture rule", MAXIMUM_CHECKS, account=check.account)
        with self._refusing_an_unknown_upload(check):
            number = self._connection.scalars(_ADD, _values(check)).one()
        raise_version(self._connection, check.account)
        return msgspec.structs.replace(check, number=number)

    def find(self, account: int, check_id: str) -> StoredCheck | None:
        """Return one."""
        row = self._connection.execute(_FIND, {"account": account, "public_id": check_id}).one_or_none()
        return _check(row) if row else None

    def all(self, account: int) -> tuple[StoredCheck, ...]:
        """Return the account's checks, oldest first."""
        return tuple(_check(row) for row in self._connection.execute(_ALL, {"account": account}))

    def replace(self, check: StoredCheck) -> None:
        """Write document, options, version, type, certificate_id and updated_at anew; raises NotFoundError as `add`."""
        values = _values(check)
        changed = {name: values[name] for name in _CHANGED}
        changed |= {"in_account": check.account, "with_number": check.number}
        with self._refusing_an_unknown_upload(check):
            written = self._connection.execute(_REPLACE, changed).rowcount
        if written != 1:
            raise NotFoundError("posture rule", check.id)
        raise_version(self._connection, check.account)

    def remove(self, account: int, number: int) -> None:
        """Forget one and its results; the log keeps its lines."""
        self._connection.execute(_REMOVE, {"in_account": account, "with_number": number})
        raise_version(self._connection, account)

    def version(self, account: int) -> int:
        """Return a number that rises with every change of the account's checks or uploads (0 at first)."""
        return self._connection.scalar(_VERSION, {"account": account}) or 0

    def touch(self, account: int) -> None:
        """Raise that number."""
        raise_version(self._connection, account)

    @contextmanager
    def _refusing_an_unknown_upload(self, check: StoredCheck) -> Iterator[None]:
        try:
            with self._connection.begin_nested():
                yield
        except IntegrityError as error:
            if is_missing_reference(error):
                raise NotFoundError("certificate", check.certificate_id or "") from error
            raise
