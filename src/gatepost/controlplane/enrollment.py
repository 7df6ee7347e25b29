"""Enrolment: a device brings a key that it made itself, and a token or the proof of a certificate, and becomes a registration.

A certificate enrols a device when it validates against one that an administrator named for that, in one step as a check
does it, and its key signs a nonce of ours for this very device key.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from gatepost.controlplane.admission import Applicant, Identity, admit
from gatepost.controlplane.checks import parse_authorities
from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.ports import User
from gatepost.controlplane.settings import load_enrollment_settings
from gatepost.core.certificate import Certificate, examine_issuance, parse_certificate
from gatepost.core.possession import (
    MAXIMUM_NONCE_AGE,
    build_enrollment_statement,
    enrollment_nonce_issued_at,
    issue_enrollment_nonce,
    nonce_is_fresh,
)
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.errors import CredentialError, InputError, ReportRefusedError
from gatepost.wire import jws
from gatepost.wire.device import (
    CertifiedEnrollment,
    Challenge,
    Challenged,
    Enrolled,
    Enrollment,
    Facts,
    decode,
    facts_to_core,
    instant,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Account, Records, Storage, Token
    from gatepost.wire.jws import JsonWebKey, Signed
    from gatepost.wire.management.enrollment import EnrollmentSettings

ENROLLMENT_KIND: Final = "enrollment"


class Enroller:
    """Enrols devices. ``public_urls``: the addresses by which agents may know this server, without a slash at the end."""

    def __init__(
        self, storage: Storage, now: Callable[[], int], random: Callable[[int], bytes], public_urls: tuple[str, ...]
    ) -> None:
        self._storage = storage
        self._now = now
        self._random = random
        self._public_urls = public_urls

    def enroll(self, token: str, document: bytes) -> Enrolled:
        """Make a registration; raises `CredentialError`, and whatever `admission.admit` does."""
        signed = jws.split(jws.Kind.ENROLLMENT, document)
        request = decode(signed.payload, Enrollment)
        check_audience(request.aud, self._public_urls)
        point = _own_key(signed, request.key)
        with self._storage.writing() as records:
            spent = self._spend(records, token)
            account = _account(records, spent.account)
            applicant = _applicant(request.facts, point, signed)
            applicant = msgspec.structs.replace(applicant, user_email=self._user(records, spent))
            return self._admit(records, account, applicant, load_enrollment_settings(records, account.number))

    def challenge(self, document: bytes) -> Challenged:
        """Issue a nonce to a device that wants to enrol by a certificate; nothing is stored. Raises `InputError`."""
        signed = jws.split(jws.Kind.CHALLENGE, document)
        request = decode(signed.payload, Challenge)
        _own_key(signed, request.key)
        with self._storage.reading() as records:
            account = self._named(records, request.aud)
            secret = load_keys(records, account.number).nonce_secret
        identifier = UUID(account.public_id).bytes
        return Challenged(nonce=issue_enrollment_nonce(secret, identifier, signed.thumbprint, self._now()))

    def enroll_by_certificate(self, document: bytes) -> Enrolled:
        """Make a registration for the holder of a certificate's key; raises as `enroll` does, and for a nonce that is too old."""
        signed = jws.split(jws.Kind.PROOF, document)
        request = decode(signed.payload, CertifiedEnrollment)
        point = _own_key(signed, request.key)
        with self._storage.writing() as records:
            account = self._named(records, request.aud)
            settings = load_enrollment_settings(records, account.number)
            self._insist_on_nonce(records, account, signed.thumbprint, request.nonce)
            certificate = self._insist_on_proof(records, account, settings, request, signed.thumbprint)
            applicant = _applicant(request.facts, point, signed)
            return self._admit(records, account, msgspec.structs.replace(applicant, certificate=certificate), settings)

    def _admit(
        self, records: Records, account: Account, applicant: Applicant, settings: EnrollmentSettings
    ) -> Enrolled:
        identity = Identity(
            account=account.number, device_id=self._uuid(), registration_id=self._uuid(), now=self._now()
        )
        registration = admit(records, applicant, identity, settings)
        return Enrolled(
            account_id=account.public_id,
            registration_id=registration.id,
            device_id=registration.device.id,
            account_key=jws.to_jwk(load_keys(records, account.number).point),
        )

    def _spend(self, records: Records, text: str) -> Token:
        token = records.tokens.find(hashlib.sha256(text.encode()).digest())
        if token is None or token.kind != ENROLLMENT_KIND:
            raise CredentialError("the enrolment token is not known here")
        if token.revoked_at is not None:
            raise CredentialError("the enrolment token was revoked")
        if token.expires_at is not None and token.expires_at <= self._now():
            raise CredentialError("the enrolment token has expired")
        if not records.tokens.spend(token):
            raise CredentialError("the enrolment token has no uses left")
        return token

    def _user(self, records: Records, token: Token) -> str | None:
        """Find the person whom a token enrols devices for, or make them known."""
        if token.user_email is None:
            return None
        now = self._now()
        person = User(
            number=0,
            id=self._uuid(),
            account=token.account,
            email=token.user_email,
            name="",
            created_at=now,
            updated_at=now,
        )
        return records.users.ensure(person).email

    def _named(self, records: Records, audience: str) -> Account:
        """Return the account that an audience names, on this server; raises `InputError`."""
        url, _, account_id = audience.rpartition("/")
        check_audience(url, self._public_urls)
        account = records.accounts.find(account_id)
        if account is None:
            raise InputError("/aud", f"names no account of this server: {account_id[:64]!r}", "its id, 32 hex digits")
        return account

    def _insist_on_nonce(self, records: Records, account: Account, thumbprint: bytes, nonce: bytes) -> None:
        secret, identifier = load_keys(records, account.number).nonce_secret, UUID(account.public_id).bytes
        issued = enrollment_nonce_issued_at(secret, identifier, thumbprint, nonce)
        if issued is None or not nonce_is_fresh(issued, self._now(), MAXIMUM_NONCE_AGE):
            fresh = issue_enrollment_nonce(secret, identifier, thumbprint, self._now())
            detail = "the enrolment answers a nonce that is too old or not this server's"
            raise ReportRefusedError(Reason.NONCE_EXPIRED, detail, fresh)

    def _insist_on_proof(
        self,
        records: Records,
        account: Account,
        settings: EnrollmentSettings,
        request: CertifiedEnrollment,
        thumbprint: bytes,
    ) -> Certificate:
        """Return the certificate, whose key signed and which one of the named ones issued; raises `ReportRefusedError`."""
        certificate = parse_certificate(request.certificate)
        if not isinstance(certificate, Certificate):
            raise ReportRefusedError(
                Reason.MALFORMED_CERTIFICATE, f"the certificate cannot be read: {certificate.detail}"
            )
        reason = self._why_not_issued(records, account, settings, certificate)
        if reason is not None:
            raise ReportRefusedError(reason, "no certificate that enrols devices of this account vouches for this one")
        statement = build_enrollment_statement(request.aud, thumbprint, request.nonce, certificate.sha256)
        if not verify_signature(certificate.public_key, request.signature, statement):
            raise ReportRefusedError(Reason.POSSESSION_UNPROVEN, "the signature is not the certificate's key's")
        return certificate

    def _why_not_issued(
        self, records: Records, account: Account, settings: EnrollmentSettings, certificate: Certificate
    ) -> Reason | None:
        uploads = (records.certificates.find(account.number, item) for item in settings.certificate_ids)
        authorities = [item for upload in uploads if upload for item in parse_authorities(upload.certificates)]
        now = instant(self._now())
        refusals = [examine_issuance(certificate, authority, now, signs=True) for authority in authorities]
        if None in refusals:
            return None
        furthest = max((item for item in refusals if item is not None), key=lambda item: item.step, default=None)
        return Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE if furthest is None else furthest.reason

    def _uuid(self) -> str:
        return str(UUID(bytes=self._random(16), version=4))


def _own_key(signed: Signed, key: JsonWebKey) -> bytes:
    """Return the key that enrols, which must have signed the document itself; raises `InputError`."""
    point = jws.from_jwk(key, "/key")
    if jws.thumbprint(point) != signed.thumbprint or not jws.verify(signed, point):
        raise InputError("signature", "is not made by the key that enrols", "sign with the key in the document")
    return point


def _applicant(facts: Facts, point: bytes, signed: Signed) -> Applicant:
    return Applicant(
        point=point,
        thumbprint=signed.thumbprint,
        name=facts.name or facts.hostname or "unnamed",
        facts=facts_to_core(facts),
        # Whole, defaults included: pages and logs read single fields of it.
        details=msgspec.json.encode(msgspec.structs.asdict(facts)),
        device_type=facts.device_type,
    )


def _account(records: Records, number: int) -> Account:
    return next(item for item in records.accounts.all() if item.number == number)


def check_audience(audience: str, allowed: tuple[str, ...]) -> None:
    """Refuse a document that was meant for another server; raises `InputError`."""
    if audience not in allowed:
        raise InputError("/aud", f"is {audience!r}", f"this server is {' or '.join(allowed)} (its --public-url)")
