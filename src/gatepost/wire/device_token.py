"""Tokens of devices for their programs, and the proofs that go with them (DPoP, RFC 9449).

A device asks for a token with a document that its key signs, and gets a text that it need not read. With each request of a
program goes a proof of its own: a JWT under the device's key, over the method, the address and the token.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec

from gatepost.errors import InputError
from gatepost.wire import jws
from gatepost.wire.device import Text

TOKEN_HEADER: Final = "Gatepost-Token"  # noqa: S105 - the name of a header.
PROOF_HEADER: Final = "Gatepost-DPoP"
"""Headers of their own: Authorization and DPoP are the application's."""
MAXIMUM_PROOF: Final = 8_192
"""Characters of a proof."""


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device: asks for a token for its programs."""

    v: Literal[1] = 1
    aud: Text


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: a token, when it was issued (ms, by the server's clock), and for how many seconds it is good."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4_096)]
    issued_at: Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=300)]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a proof (RFC 9449, 4.2). ``htu`` has neither query nor fragment; ``iat``: seconds."""

    jti: Annotated[str, msgspec.Meta(min_length=16, max_length=64)]
    htm: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    htu: Annotated[str, msgspec.Meta(min_length=1, max_length=4_096)]
    iat: Annotated[int, msgspec.Meta(ge=0)]
    ath: str


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    typ: Literal["dpop+jwt"]
    alg: Literal["ES256"]
    jwk: jws.JsonWebKey


def hash_token(token: str) -> str:
    """Return the ``ath`` of a token: its SHA-256, in base64url."""
    return jws.encode_base64url(hashlib.sha256(token.encode()).digest())


def sign_proof(proof: Proof, key: jws.PrivateKey, point: bytes) -> str:
    """Sign a proof with the device's key, whose public half is at ``point``."""
    return jws.sign_compact(_header(point), msgspec.json.encode(proof), key).decode()


def read_proof(text: str) -> tuple[Proof, bytes]:
    """Read a proof and verify its signature; return it, and the point of the key that made it. Raises `InputError`."""
    if len(text) > MAXIMUM_PROOF or not text.isascii():
        raise InputError(PROOF_HEADER, "is too long, or no ASCII", f"at most {MAXIMUM_PROOF} characters")
    encoded, payload, signing_input, signature = jws.split_compact(text.encode())
    try:
        header = msgspec.json.decode(jws.decode_base64url(encoded, "header"), type=_Header)
        proof = msgspec.json.decode(payload, type=Proof)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(PROOF_HEADER, f"is no DPoP proof of ours ({error})") from error
    point = jws.from_jwk(header.jwk, "jwk")
    if not jws.verify(jws.Signed(jws.thumbprint(point), payload, signing_input, signature), point):
        raise InputError(PROOF_HEADER, "is not signed by the key that it names")
    return proof, point


@lru_cache(maxsize=64)
def _header(point: bytes) -> bytes:
    header = _Header(typ="dpop+jwt", alg="ES256", jwk=jws.to_jwk(point))
    return jws.encode_base64url(msgspec.json.encode(header)).encode()
