"""Uploaded certificates: adding, showing and removing them. A private key that comes along is checked, and thrown away."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import UploadedCertificate
from gatepost.controlplane.settings import load_enrollment_settings
from gatepost.core.signature import public_key_of
from gatepost.errors import ConflictError, InputError, NotFoundError
from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import Remark, instant, remark
from gatepost.wire.management.mtls_certificates import (
    Association,
    CertificateObject,
    Shown,
    UploadBody,
    parse_upload,
    read_first,
    to_object,
)

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records, StoredCheck
    from gatepost.core.certificate import Certificate

MAXIMUM_UPLOADS: Final = 500
"""As many uploads as an account may have: the list is not paged."""
_KIND: Final = "certificate"


class Uploaded(msgspec.Struct, frozen=True):
    """An upload as it is shown, and what there is to say of it."""

    shown: CertificateObject
    remarks: tuple[Remark, ...]


def add_upload(services: Services, account: int, body: UploadBody) -> Uploaded:
    """Keep an upload; raises `InputError` for what is refused, and then nothing is kept."""
    certificates = parse_upload(body.certificates, ca=body.ca)
    remarks = [] if not body.private_key else [_check_key(body.private_key, certificates[0])]
    upload = UploadedCertificate(
        id=services.new_id(),
        account=account,
        name=body.name,
        certificates=body.certificates,
        ca=body.ca,
        uploaded_at=services.now(),
    )
    with services.storage.writing() as records:
        others = records.certificates.all(account)
        if len(others) >= MAXIMUM_UPLOADS:
            raise ConflictError("certificates", f"are {len(others)} already", "remove one that no check uses")
        records.certificates.add(upload)
        change = Change(action="create", kind="certificate", reference=upload.id, after=show_upload(upload))
        record_change(services, records, account, change)
    if body.name and any(other.name == body.name for other in others):
        remarks.append(remark(Code.NAME_NOT_UNIQUE, f"another certificate has the name {body.name!r}", "/name"))
    return Uploaded(show_upload(upload, created=True), tuple(remarks))


def _check_key(private_key: str, first: Certificate) -> Remark:
    public_key = public_key_of(private_key.encode())
    if public_key is None:
        raise InputError("/private_key", "is no private key that can be read", "unencrypted PEM; or leave it out")
    if public_key != first.public_key.encoded:
        raise InputError("/private_key", "is not the key of the first certificate", "its own key; or leave it out")
    words = "the private key belongs to the certificate; it was not stored, since nothing here uses it yet"
    return remark(Code.PRIVATE_KEY_DISCARDED, words, "/private_key")


def list_uploads(services: Services, account: int) -> tuple[CertificateObject, ...]:
    """Return the account's uploads, oldest first."""
    with services.storage.reading() as records:
        uploads = records.certificates.all(account)
    return tuple(show_upload(upload) for upload in uploads)


def find_upload(services: Services, account: int, certificate_id: str) -> CertificateObject:
    """Return one upload; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return show_upload(_find(records, account, certificate_id))


def remove_upload(services: Services, account: int, certificate_id: str) -> CertificateObject:
    """Remove an upload and return what it was; raises `ConflictError` while a check uses it."""
    with services.storage.writing() as records:
        upload = _find(records, account, certificate_id)
        users = _users(records, account, certificate_id)
        if users:
            problem = f"is used by {len(users)} posture rule(s), such as {users[0].id}"
            raise ConflictError(_KIND, problem, "remove them first, or let them name another certificate")
        if certificate_id in load_enrollment_settings(records, account).certificate_ids:
            raise ConflictError(_KIND, "enrols devices, as the enrolment settings say", "change these first")
        records.certificates.remove(account, certificate_id)
        shown = show_upload(upload)
        change = Change(action="delete", kind="certificate", reference=certificate_id, before=shown)
        record_change(services, records, account, change)
    return shown


def list_associations(services: Services, account: int, certificate_id: str) -> tuple[Association, ...]:
    """Return what uses an upload; raises `NotFoundError`."""
    with services.storage.reading() as records:
        _find(records, account, certificate_id)
        users = _users(records, account, certificate_id)
        enrols = certificate_id in load_enrollment_settings(records, account).certificate_ids
    enrolment = (Association(service="device enrolment", status="active"),) if enrols else ()
    return enrolment + tuple(Association(service=f"device posture rule {check.id}", status="active") for check in users)


def show_upload(upload: UploadedCertificate, *, created: bool = False) -> CertificateObject:
    """Show an upload; ``created`` for the answer that makes it."""
    shown = Shown(
        id=upload.id,
        ca=upload.ca,
        certificates=upload.certificates,
        name=upload.name or "",
        uploaded_on=instant(upload.uploaded_at),
    )
    return to_object(shown, _first(upload.certificates), created=created)


@lru_cache(maxsize=1024)
def _first(certificates: str) -> Certificate:
    """Read an upload's first certificate. The cache is bounded; a list is asked for again and again."""
    return read_first(certificates)


def _find(records: Records, account: int, certificate_id: str) -> UploadedCertificate:
    upload = records.certificates.find(account, certificate_id)
    if upload is None:
        raise NotFoundError(_KIND, certificate_id)
    return upload


def _users(records: Records, account: int, certificate_id: str) -> list[StoredCheck]:
    return [check for check in records.checks.all(account) if check.certificate_id == certificate_id]
