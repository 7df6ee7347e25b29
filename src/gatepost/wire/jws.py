"""JSON Web Signatures (RFC 7515), as little of them as Gatepost speaks: compact form, ES256, an own ``typ``, no key in the header.

Split by hand because a report's signature is on the hottest path of the server; the tests hold it against joserfc. Whatever
names a key or an address (``jwk``, ``jku``, ``x5c``, ``x5u``) or asks for something critical (``crit``) is refused by being
unknown: the header has three fields and no more.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gatepost.errors import InputError

PrivateKey = ec.EllipticCurvePrivateKey
_HALF: Final = 32
POINT_LENGTH: Final = 65
"""Bytes of an uncompressed P-256 point: 04, x, y."""
_THUMBPRINT_LENGTH: Final = 32
_MAXIMUM_HEADER: Final = 512
"""Characters of an encoded header; ours have 140. Headers are remembered, so that long ones would fill the memory."""
_URL_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_STANDARD_ONLY: Final = (b"+", b"/", b"=")
_SHA256: Final = ec.ECDSA(hashes.SHA256())


class Kind(StrEnum):
    """The documents that are signed, by the ``typ`` of their header: one can never be taken for another."""

    ENROLLMENT = "gatepost-enrollment+jwt"
    CHALLENGE = "gatepost-challenge+jwt"
    PROOF = "gatepost-proof+jwt"
    SYNC = "gatepost-sync+jwt"
    REPORT = "gatepost-report+jwt"
    WAIT = "gatepost-wait+jwt"
    VOUCH = "gatepost-vouch+jwt"
    TOKEN = "gatepost-token+jwt"  # noqa: S105 - the name of a document that asks for one.
    CHECKS = "gatepost-checks+jwt"
    CHECKPOINT = "gatepost-checkpoint+jwt"


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    alg: str
    typ: str
    kid: str


class Signed(msgspec.Struct, frozen=True, gc=False):
    """A split document whose signature is not yet verified: who says to have signed it, what, and the signature."""

    thumbprint: bytes
    payload: bytes
    signing_input: bytes
    signature: bytes


class JsonWebKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A P-256 public key as RFC 7517 writes it; ``x`` and ``y`` are base64url of 32 bytes."""

    x: str
    y: str
    kty: str = "EC"
    crv: str = "P-256"


def encode_base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(data: bytes, field: str) -> bytes:
    """Decode without padding, strictly: one text for one value; `InputError` names ``field``."""
    problem = InputError(field, "is not base64url without padding")
    if any(character in data for character in _STANDARD_ONLY):
        raise problem
    try:
        decoded = a2b_base64(data.translate(_URL_TO_STANDARD) + b"=" * (-len(data) % 4), strict_mode=True)
    except BinasciiError:
        raise problem from None
    # Unused bits of the last character must be zero, or one signature has several texts.
    rest = len(data) % 4
    if rest and urlsafe_b64encode(decoded[-(len(decoded) % 3) :]).rstrip(b"=") != data[-rest:]:
        raise problem
    return decoded


def thumbprint(point: bytes) -> bytes:
    """Return the RFC 7638 SHA-256 thumbprint of a P-256 key, given as an uncompressed point of 65 bytes."""
    key = to_jwk(point)
    return hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{key.x}","y":"{key.y}"}}'.encode()).digest()


def to_jwk(point: bytes) -> JsonWebKey:
    """Write an uncompressed point as a JSON Web Key."""
    return JsonWebKey(x=encode_base64url(point[1 : 1 + _HALF]), y=encode_base64url(point[1 + _HALF :]))


def from_jwk(key: JsonWebKey, field: str) -> bytes:
    """Read a JSON Web Key as an uncompressed point on the curve; `InputError` names ``field``."""
    x, y = decode_base64url(key.x.encode(), f"{field}/x"), decode_base64url(key.y.encode(), f"{field}/y")
    point = b"\x04" + x + y
    if key.kty != "EC" or key.crv != "P-256" or len(x) != _HALF or len(y) != _HALF or _load(point) is None:
        raise InputError(field, "is not a P-256 public key", "a JSON Web Key with kty EC and crv P-256")
    return point


def sign(kind: Kind, payload: bytes, key: ec.EllipticCurvePrivateKey, key_thumbprint: bytes) -> bytes:
    """Sign ``payload`` and return the compact form."""
    return sign_compact(_header(kind, encode_base64url(key_thumbprint)), payload, key)


def sign_compact(header: bytes, payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Sign ``payload`` under an encoded header, and return the compact form."""
    signing_input = header + b"." + encode_base64url(payload).encode()
    r, s = decode_dss_signature(key.sign(signing_input, _SHA256))
    signature = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    return signing_input + b"." + encode_base64url(signature).encode()


def split(kind: Kind, document: bytes) -> Signed:
    """Take the compact form apart; raises `InputError`. Nothing in it may be believed before `verify`."""
    header, payload, signing_input, signature = split_compact(document)
    return Signed(_thumbprint_in(kind, header), payload, signing_input, signature)


def split_compact(document: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Take any compact form apart: the encoded header, the payload, what is signed, and the signature; raises `InputError`."""
    parts = document.split(b".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature.
        raise InputError("body", "is not a compact JWS", "three base64url parts with dots between")
    header, payload, signature = parts
    if len(header) > _MAXIMUM_HEADER:
        raise InputError("header", f"has {len(header)} characters", f"at most {_MAXIMUM_HEADER}")
    decoded = decode_base64url(signature, "signature")
    if len(decoded) != 2 * _HALF:
        raise InputError("signature", f"has {len(decoded)} bytes", "64, as ES256 makes them")
    return header, decode_base64url(payload, "payload"), header + b"." + payload, decoded


def verify(signed: Signed, point: bytes) -> bool:
    """Tell whether the holder of the key at ``point`` signed it."""
    key = _load(point)
    if key is None:
        return False
    r, s = (int.from_bytes(signed.signature[i : i + _HALF], "big") for i in (0, _HALF))
    try:
        key.verify(encode_dss_signature(r, s), signed.signing_input, _SHA256)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=64)
def _header(kind: Kind, kid: str) -> bytes:
    return encode_base64url(msgspec.json.encode(_Header(alg="ES256", typ=kind, kid=kid))).encode()


@lru_cache(maxsize=16_384)
def _thumbprint_in(kind: Kind, header: bytes) -> bytes:
    try:
        decoded = msgspec.json.decode(decode_base64url(header, "header"), type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError("header", f"is not one of ours ({error})", "alg, typ and kid, and nothing else") from error
    if decoded.alg != "ES256":
        raise InputError("header/alg", f"is {decoded.alg!r}", "ES256")
    if decoded.typ != kind:
        raise InputError("header/typ", f"is {decoded.typ!r}", kind)
    name = decode_base64url(decoded.kid.encode(), "header/kid")
    if len(name) != _THUMBPRINT_LENGTH:
        raise InputError("header/kid", f"has {len(name)} bytes", "the 32 of an RFC 7638 thumbprint")
    return name


@lru_cache(maxsize=16_384)
def _load(point: bytes) -> ec.EllipticCurvePublicKey | None:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return None
