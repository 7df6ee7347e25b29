"""Uploaded certificates, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from gatepost.controlplane.ports import UploadedCertificate
from gatepost.errors import ConflictError
from gatepost.storage.bounds import MAXIMUM_CERTIFICATES, refuse_more
from gatepost.storage.checks import raise_version
from gatepost.storage.tables import certificates
from gatepost.storage.translation import is_missing_reference

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_THIS = (certificates.c.account == bindparam("account"), certificates.c.public_id == bindparam("public_id"))
_SELECT = select(
    certificates.c.public_id,
    certificates.c.account,
    certificates.c.name,
    certificates.c.certificates,
    certificates.c.ca,
    certificates.c.uploaded_at,
)
_ADD = insert(certificates)
_FIND = _SELECT.where(*_THIS)
_ALL = _SELECT.where(certificates.c.account == bindparam("account")).order_by(certificates.c.number)
_REMOVE = delete(certificates).where(*_THIS)


def _certificate(row: AnyRow) -> UploadedCertificate:
    return UploadedCertificate(
        id=row[0], account=row[1], name=row[2], certificates=row[3], ca=row[4], uploaded_at=row[5]
    )


class SqlCertificates:
    """`ports.Certificates` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, certificate: UploadedCertificate) -> None:
        """Store it."""
        refuse_more(self._connection, certificates, "certificate", MAXIMUM_CERTIFICATES, account=certificate.account)
        values = msgspec.structs.asdict(certificate)
        values["public_id"] = values.pop("id")
        self._connection.execute(_ADD, values)
        raise_version(self._connection, certificate.account)

    def find(self, account: int, certificate_id: str) -> UploadedCertificate | None:
        """Return one."""
        row = self._connection.execute(_FIND, {"account": account, "public_id": certificate_id}).one_or_none()
        return _certificate(row) if row else None

    def all(self, account: int) -> tuple[UploadedCertificate, ...]:
        """Return the account's uploads, oldest first."""
        return tuple(_certificate(row) for row in self._connection.execute(_ALL, {"account": account}))

    def remove(self, account: int, certificate_id: str) -> None:
        """Forget one; raises ConflictError while a check names it."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(_REMOVE, {"account": account, "public_id": certificate_id})
        except IntegrityError as error:
            if is_missing_reference(error):
                raise ConflictError(
                    "certificate", "a posture rule names it", "change or delete the rule first"
                ) from error
            raise
        raise_version(self._connection, account)
