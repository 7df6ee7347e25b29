"""Enrolment by a certificate: its key signs a nonce of the server for the device's new key, and no token is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.agent.cycle import facts_of, keep_enrollment
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import MAXIMUM_CANDIDATES
from gatepost.core.pem import scan_pem
from gatepost.core.possession import build_enrollment_statement
from gatepost.errors import InputError
from gatepost.stores.interface import Query, Store, Unsigned
from gatepost.wire import jws
from gatepost.wire.device import CertifiedEnrollment, Challenge

if TYPE_CHECKING:
    from gatepost.agent.host import Host
    from gatepost.client.identity import DeviceKey, EnrolledAs, StateFolder
    from gatepost.client.transport import Server
    from gatepost.wire.device import Enrolled

_FIELD: Final = "--certificate"


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """What vouches for this device: a certificate, the store that holds it with its key, and the account that it enrols in."""

    account_id: str
    certificate: Certificate
    store: Store


def first_certificate(text: str) -> Certificate:
    """Return the first certificate of a PEM text; raises `InputError`."""
    blocks = [block for block in scan_pem(text) if block.label == "CERTIFICATE"]
    found = parse_certificate(blocks[0].content or b"") if blocks else None
    if not isinstance(found, Certificate):
        raise InputError(_FIELD, "holds no certificate that can be read", "a PEM file, the device's certificate first")
    return found


def enroll_by_certificate(
    state: StateFolder, server: Server, witness: Witness, host: Host, authorities: str | None
) -> EnrolledAs:
    """Enrol this device by a certificate; raises `InputError` where its key does not sign. Nothing is kept of a refusal."""

    def introduce(key: DeviceKey) -> Enrolled:
        audience = f"{server.url}/{witness.account_id}"
        public = jws.to_jwk(key.point)
        challenge = Challenge(aud=audience, key=public)
        nonce = server.challenge(key.sign(jws.Kind.CHALLENGE, challenge)).nonce
        statement = build_enrollment_statement(audience, key.thumbprint, nonce, witness.certificate.sha256)
        document = CertifiedEnrollment(
            aud=audience,
            key=public,
            facts=facts_of(host),
            nonce=nonce,
            certificate=witness.certificate.der,
            signature=_sign(witness, statement),
        )
        return server.prove(key.sign(jws.Kind.PROOF, document))

    return keep_enrollment(state, server, introduce, authorities)


def _sign(witness: Witness, statement: bytes) -> bytes:
    query = Query(issuers=frozenset({witness.certificate.issuer.canonical}), asks_key=True, limit=MAXIMUM_CANDIDATES)
    findings = witness.store.read(query)
    for candidate in findings.candidates:
        if candidate.certificate.sha256 == witness.certificate.sha256:
            signature = witness.store.sign(candidate, statement)
            if isinstance(signature, bytes):
                return signature
            detail = signature.detail if isinstance(signature, Unsigned) else "its store cannot sign"
            raise InputError("--key", f"does not sign for the certificate: {detail}", "the file with its private key")
    problems = "; ".join(fault.detail for fault in findings.faults) or "it is not there any more"
    raise InputError(_FIELD, f"cannot be read: {problems}", "a PEM file that only its owner can write")
