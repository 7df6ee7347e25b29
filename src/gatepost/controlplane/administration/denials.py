"""The deny-list: adding to it, which fails the results that stand on what is denied, reading it, and lifting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.checks import parse_authorities
from gatepost.controlplane.denying import refuse_resting
from gatepost.controlplane.ports import Denial, DenialKind
from gatepost.core.denial import certificate_digest, key_digest
from gatepost.core.reason import Reason
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.denials import Basis, Cause, DenialBody, DenialObject, read_certificate
from gatepost.wire.management.envelope import instant

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.core.name import DistinguishedName

_SOURCES: Final = {Cause.DENIED: "administrator", Cause.REVOKED: "authority"}
_KIND: Final = "denial"


def deny(services: Services, account: int, body: DenialBody) -> DenialObject:
    """Deny a certificate or a key: from now on no report passes by it, and no result that stands on it counts.

    What is denied already stays as it is, and is answered. Raises `InputError`, and `NotFoundError` for an unknown upload.
    """
    kind, value, note = _named(services, account, body)
    with services.storage.writing() as records:
        denial = records.denials.add(
            Denial(
                number=0,
                id=services.new_id(),
                account=account,
                kind=kind,
                value=value,
                reason=body.reason.value,
                source=_SOURCES[body.reason],
                note=body.note or note,
                created_at=services.now(),
            )
        )
        shown = show_denial(denial)
        record_change(services, records, account, Change(action="create", kind=_KIND, reference=denial.id, after=shown))
    refuse_everywhere(services, account, (value, Reason(denial.reason)))
    return shown


def refuse_everywhere(services: Services, account: int, denied: tuple[bytes, Reason]) -> None:
    """Fail all results that stand on a digest, in as many transactions as that takes."""
    after: tuple[int, int] | None = (0, 0)
    while after is not None:
        with services.storage.writing() as records:
            after = refuse_resting(records, account, denied, after, services.now())


def list_denials(
    services: Services, account: int, after: int, limit: int
) -> tuple[tuple[DenialObject, ...], int | None]:
    """Return what is denied, oldest first, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found = records.denials.page(account, after, limit)
    return tuple(map(show_denial, found)), found[-1].number if len(found) == limit else None


def lift(services: Services, account: int, denial_id: str) -> DenialObject:
    """Lift one denial; what was refused by it passes with its next report. Raises `NotFoundError`."""
    with services.storage.writing() as records:
        denial = records.denials.find(account, denial_id)
        if denial is None:
            raise NotFoundError(_KIND, denial_id)
        records.denials.remove(account, denial_id)
        shown = show_denial(denial)
        record_change(
            services, records, account, Change(action="delete", kind=_KIND, reference=denial_id, before=shown)
        )
    return shown


def show_denial(denial: Denial) -> DenialObject:
    """Show what is denied, and why."""
    return DenialObject(
        id=denial.id,
        kind=denial.kind.value,
        value=denial.value.hex(),
        reason=Reason(denial.reason),
        source=denial.source,
        note=denial.note,
        created_at=instant(denial.created_at),
    )


def _named(services: Services, account: int, body: DenialBody) -> tuple[DenialKind, bytes, str]:
    """Return the kind and the digest of what a body names, and words for people."""
    if body.public_key is not None:
        return DenialKind.KEY, bytes.fromhex(body.public_key), ""
    if body.certificate is not None:
        certificate = read_certificate(body.certificate)
        note = f"{certificate.subject.text}, serial number {certificate.serial_number}"
        if body.by is Basis.PUBLIC_KEY:
            return DenialKind.KEY, key_digest(certificate), note
        value = certificate_digest(certificate.issuer, certificate.serial_number)
        return DenialKind.CERTIFICATE, value, note
    issuer = _issuer(services, account, body)
    number = int(body.serial_number or "0")
    return DenialKind.CERTIFICATE, certificate_digest(issuer, number), f"{issuer.text}, serial number {number}"


def _issuer(services: Services, account: int, body: DenialBody) -> DistinguishedName:
    """Return whose serial number a body names."""
    if body.issuer is not None:
        return read_certificate(body.issuer, "/issuer").subject
    with services.storage.reading() as records:
        upload = records.certificates.find(account, body.certificate_id or "")
    if upload is None:
        raise NotFoundError("certificate", body.certificate_id or "")
    subjects = [item.subject for item in parse_authorities(upload.certificates)] if upload.ca else []
    names = {item.canonical: item for item in subjects}
    if len(names) != 1:
        problem = f"holds {len(names)} names of certificate authorities, so that it does not say whose number it is"
        raise InputError("/certificate_id", problem, "an upload with one, or the certificate itself")
    return subjects[0]
