"""Programs: which device a program runs on, by a token of the device and a proof of the device's key for this very request."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.access.sealing import DeviceToken, unseal
from gatepost.errors import InputError
from gatepost.wire import jws
from gatepost.wire.device_token import hash_token, read_proof

if TYPE_CHECKING:
    from gatepost.controlplane.access.answers import Question
    from gatepost.controlplane.access.view import AccessView

PROOF_FOR: Final = 60_000
"""Ms by which the clocks of a device and of the server may be apart when a proof is judged."""


class Program(msgspec.Struct, frozen=True):
    """A program's device; ``proof`` names the proof, which counts once and is to be remembered until ``ends_at`` (ms)."""

    registration_id: str
    proof: bytes
    ends_at: int


def find_program(view: AccessView, question: Question, now: int) -> Program | None:
    """Return the device that a question's token and proof are of; None where either is not right, or not for this request."""
    token = unseal(view.seal_secret, question.token, DeviceToken, now)
    if token is None:
        return None
    try:
        proof, point = read_proof(question.proof)
    except InputError:
        return None
    is_for_this = (
        jws.thumbprint(point).hex() == token.thumbprint
        and proof.ath == hash_token(question.token)
        and proof.htm == question.method
        and proof.htu == address_of(question)
        and abs(now - proof.iat * 1000) <= PROOF_FOR
    )
    if not is_for_this:
        return None
    named = hashlib.sha256(f"{token.thumbprint} {proof.jti}".encode()).digest()
    return Program(token.registration_id, named, now + 2 * PROOF_FOR)


def address_of(question: Question) -> str:
    """Return the address that a request asks for, as a proof has it: without query, and without a port that goes without saying."""
    host = question.host.lower().removesuffix(":443")
    return f"https://{host}{question.target.partition('?')[0]}"
