"""Identifying: which device asks, which user, and which program, from what a proxy that is known hands on."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.denying import find_denied
from gatepost.controlplane.judgement import device_type
from gatepost.controlplane.ports import Registration
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status, evaluate
from gatepost.core.finding import Candidate, Findings, Location, StoreKind
from gatepost.core.matching import Standing
from gatepost.core.policy import Binding
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.controlplane.access.view import AccessView, Asked
    from gatepost.controlplane.ports import Records, StoredResult

_CONNECTION: Final = Location(store=StoreKind.PEM_FILE, path="the TLS connection")
_NO_FACTS: Final = DeviceFacts()


class Identified(msgspec.Struct, frozen=True):
    """The device that asks, or the reason why it is not known."""

    registration: Registration | None
    binding: Binding | None = None
    """How it is known; None where it is not."""
    absence: Reason = Reason.DEVICE_NOT_IDENTIFIED
    until: int | None = None
    """When (ms) the proof ends by which it is known alone; None: time changes nothing."""


def identify_device(records: Records, account: int, certificate: bytes | None, now: int) -> Identified:
    """Return the device whose certificate (its SHA-256) the TLS connection was made with.

    That is the one live registration that proved the certificate's key; where two proved it, neither is known by it.
    """
    if certificate is None:
        return Identified(None)
    holders = records.proved_certificates.holders(account, certificate, now)
    if len(holders) > 1:
        return Identified(None, absence=Reason.CERTIFICATE_SHARED)
    if not holders:
        return Identified(None)
    ((number, ends_at),) = holders
    found = records.devices.by_numbers(account, (number,)).get(number)
    counts = found is not None and found.counts
    if not counts:
        return Identified(None, until=ends_at if ends_at > now else None)
    return Identified(found, Binding.MUTUAL_TLS, until=ends_at if ends_at > now else None)


def identify_registration(records: Records, account: int, registration_id: str, binding: Binding) -> Identified:
    """Return a device that is known by its id, while it counts: its agent vouched, or signed for a program."""
    found = records.devices.find(account, registration_id)
    absence = why_it_does_not_count(found)
    return Identified(found, binding) if absence is None else Identified(None, absence=absence)


def why_it_does_not_count(found: Registration | None) -> Reason | None:
    """Return why a registration is no device's that counts; None: it is."""
    if found is None or found.deleted_at is not None:
        return Reason.DEVICE_NOT_ENROLLED
    if found.revoked_at is not None:
        return Reason.DEVICE_REVOKED
    return Reason.DEVICE_PENDING if found.pending is not None else None


def common_names(records: Records, view: AccessView, der: bytes | None, now: int) -> tuple[str, ...] | None:
    """Return the common names of a client certificate; None where it is none of the account's CAs, or not valid now.

    The proxy says that the client has its key, and nothing else of what it says counts.
    """
    certificate = None if der is None else parse_certificate(der)
    if view.client is None or not isinstance(certificate, Certificate):
        return None
    findings = Findings(candidates=(Candidate(certificate=certificate, location=_CONNECTION),))
    denied = find_denied(records, view.account, (certificate.der,))
    instant = datetime.fromtimestamp(now / 1000, UTC)
    if evaluate(view.client, _NO_FACTS, findings, instant, denied).status is not Status.PASS:
        return None
    return certificate.subject.common_names


def find_service_token(view: AccessView, client_id: str, secret: str, now: int) -> str | None:
    """Return the id of the service token that a client id and its secret are of; None where it does not count."""
    token = view.service_tokens.get(client_id)
    if token is None or not token.stored.enabled:
        return None
    kept = token.stored
    if kept.expires_at is not None and kept.expires_at <= now:
        return None
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if hmac.compare_digest(digest, kept.digest):
        return token.id
    previous = kept.previous_digest is not None and (kept.previous_ends_at or 0) > now
    return token.id if previous and hmac.compare_digest(digest, kept.previous_digest or "") else None


def standings_of(records: Records, view: AccessView, registration: Registration) -> dict[str, Standing]:
    """Return how a device stands with each of the account's checks."""
    results = {item.check: item for item in records.results.find(registration.account, registration.number)}
    system = device_type(registration)
    return {asked.id: _standing(asked, results.get(number), system) for number, asked in view.checks.items()}


def _standing(asked: Asked, stored: StoredResult | None, system: str) -> Standing:
    if asked.system is None:
        return Standing(reason=asked.absence)
    if asked.system != system:
        return Standing(reason=Reason.NOT_APPLICABLE)
    if stored is None:
        return Standing()
    if stored.result.check_version < asked.minimum_version:
        return Standing(reason=Reason.CHECK_CHANGED)
    return Standing(result=stored.result)
