"""Enrolment: a device brings a token and a key that it made itself, and becomes a registration of the token's account."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.ports import Device, Registration
from gatepost.errors import CredentialError, InputError
from gatepost.wire import jws
from gatepost.wire.device import Enrolled, Enrollment, decode, facts_to_core

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Account, Records, Storage, Token

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
        """Make a registration; raises `CredentialError`, `InputError`, or `ConflictError` for a key that is known already."""
        signed = jws.split(jws.Kind.ENROLLMENT, document)
        request = decode(signed.payload, Enrollment)
        check_audience(request.aud, self._public_urls)
        point = jws.from_jwk(request.key, "/key")
        if jws.thumbprint(point) != signed.thumbprint or not jws.verify(signed, point):
            raise InputError("signature", "is not made by the key that enrols", "sign with the key in the document")
        with self._storage.writing() as records:
            account = self._admit(records, token)
            registration = self._register(records, account, request, point, signed.thumbprint)
            keys = load_keys(records, account.account)
            found = _account(records, account.account)
        return Enrolled(
            account_id=found.public_id,
            registration_id=registration.id,
            device_id=registration.device.id,
            account_key=jws.to_jwk(keys.point),
        )

    def _admit(self, records: Records, text: str) -> Token:
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

    def _register(
        self, records: Records, token: Token, request: Enrollment, point: bytes, thumbprint: bytes
    ) -> Registration:
        now, facts = self._now(), request.facts
        device = records.devices.add(
            Device(
                number=0,
                id=self._uuid(),
                account=token.account,
                name=facts.name or facts.hostname or "unnamed",
                facts=facts_to_core(facts),
                # Whole, defaults included: pages and logs read single fields of it.
                details=msgspec.json.encode(msgspec.structs.asdict(facts)),
                device_type=facts.device_type,
                created_at=now,
                updated_at=now,
            )
        )
        return records.devices.register(
            Registration(
                number=0,
                id=self._uuid(),
                account=token.account,
                device=device,
                public_key=point,
                thumbprint=thumbprint,
                user_email=token.user_email,
                created_at=now,
                last_seen_at=now,
            )
        )

    def _uuid(self) -> str:
        return str(UUID(bytes=self._random(16), version=4))


def _account(records: Records, number: int) -> Account:
    return next(item for item in records.accounts.all() if item.number == number)


def check_audience(audience: str, allowed: tuple[str, ...]) -> None:
    """Refuse a document that was meant for another server; raises `InputError`."""
    if audience not in allowed:
        raise InputError("/aud", f"is {audience!r}", f"this server is {' or '.join(allowed)} (its --public-url)")
