"""Admission: whether a device that has shown a token or a certificate may enrol, and what becomes of it beside its twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.denying import ground_of, hardware_digests
from gatepost.controlplane.duplicates import colliding_facts, proves_all, replace_twins
from gatepost.controlplane.events import note_event
from gatepost.controlplane.ports import DenialKind, Device, Registration
from gatepost.core.certificate import Certificate
from gatepost.core.denial import key_digest
from gatepost.core.device import DeviceFacts, fact_key
from gatepost.core.reason import Reason
from gatepost.errors import ConflictError, InputError, ReportRefusedError
from gatepost.wire.management.enrollment import Duplicates

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records
    from gatepost.wire.management.enrollment import EnrollmentSettings


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """A device that wants to enrol: its key, what it says of itself, whose it is, and the certificate that it proved, if any."""

    point: bytes
    thumbprint: bytes
    name: str
    facts: DeviceFacts
    details: bytes
    device_type: str
    user_email: str | None = None
    certificate: Certificate | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The public ids that a device and its registration get if they are admitted, in which account, and when (ms)."""

    account: int
    device_id: str
    registration_id: str
    now: int


def admit(records: Records, applicant: Applicant, identity: Identity, settings: EnrollmentSettings) -> Registration:
    """Register a device.

    Raises `ReportRefusedError` for what was revoked or denied, `InputError` for a serial number that is not on the account's
    list, and `ConflictError` for a key that is known, or for a duplicate where those are refused.
    """
    _refuse_denied(records, identity.account, applicant)
    if settings.require_listed_serial_number:
        _refuse_unlisted(records, identity.account, applicant.facts)
    device = _device(applicant, identity)
    twins = records.fleet.twins(identity.account, device)
    pending = colliding_facts(device, twins)
    if pending is not None and settings.duplicates is Duplicates.REFUSE:
        facts = pending.replace(",", " and ")
        raise ConflictError(
            "device", f"has the {facts} of one that is enrolled already", "revoke or delete that one first"
        )
    registration = records.devices.register(
        Registration(
            number=0,
            id=identity.registration_id,
            account=identity.account,
            device=records.devices.add(device),
            public_key=applicant.point,
            thumbprint=applicant.thumbprint,
            user_email=applicant.user_email,
            created_at=identity.now,
            last_seen_at=identity.now,
            pending=pending,
        )
    )
    if applicant.certificate is not None:
        _note_proof(records, registration, applicant.certificate, twins)
    return registration


def _note_proof(
    records: Records, registration: Registration, certificate: Certificate, twins: tuple[Registration, ...]
) -> None:
    """Keep which key enrolled the device, for a revocation to find; whoever proves what the live one proved replaces it."""
    account, now, key = registration.account, registration.created_at, key_digest(certificate)
    if proves_all(records, account, key, twins):
        replace_twins(records, registration, twins, now)
        note_event(records, registration, "replace", now, after={"replaced": [twin.id for twin in twins]})
    records.proved_keys.prove(account, key, registration.number, now)


def _device(applicant: Applicant, identity: Identity) -> Device:
    return Device(
        number=0,
        id=identity.device_id,
        account=identity.account,
        name=applicant.name,
        facts=applicant.facts,
        details=applicant.details,
        device_type=applicant.device_type,
        created_at=identity.now,
        updated_at=identity.now,
    )


def _refuse_denied(records: Records, account: int, applicant: Applicant) -> None:
    """Refuse a device key, hardware or a certificate's key that was revoked with a device, and what is on the deny-list."""
    denials = records.denials
    hardware = denials.among(account, DenialKind.HARDWARE, hardware_digests(applicant.facts))
    if hardware or denials.among(account, DenialKind.DEVICE_KEY, (applicant.thumbprint,)):
        raise ReportRefusedError(Reason.DEVICE_REVOKED, "an administrator revoked this device")
    if applicant.certificate is None:
        return
    ground = ground_of(applicant.certificate)
    if denials.among(account, DenialKind.ENROLLMENT_KEY, (ground.key,)):
        raise ReportRefusedError(Reason.DEVICE_REVOKED, "an administrator revoked the device that had this certificate")
    listed = denials.among(account, DenialKind.KEY, (ground.key,)) or denials.among(
        account, DenialKind.CERTIFICATE, (ground.certificate,)
    )
    if listed:
        raise ReportRefusedError(Reason(next(iter(listed.values()))), "the certificate is on the deny-list")


def _refuse_unlisted(records: Records, account: int, facts: DeviceFacts) -> None:
    key = fact_key(facts.serial_number)
    if key is None or not records.serial_numbers.holds(account, key):
        problem = f"is {facts.serial_number!r}, which is not on the account's list of serial numbers"
        raise InputError("/facts/serial_number", problem, "an administrator can add it")
