"""What one PEM file holds, and signing with a key in it: the part of `pem_files` that the owner's own process can do.

Private keys are parsed only when they are asked for, for as long as that takes, and no part of one ever stands in a message or
in a `Content`. Nothing is written, no password is asked. Source: RFC 7468.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from gatepost.core.finding import KeyState
from gatepost.core.pem import Block, scan_pem
from gatepost.core.reason import Reason
from gatepost.core.signature import ecdsa_digest, verify_signature
from gatepost.stores.interface import Unsigned
from gatepost.stores.safe_open import MAXIMUM_PEM_FILE, Obstacle, read_file, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.core.public_key import PublicKey
    from gatepost.stores.safe_open import Access

_CERTIFICATES: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_PLAIN_KEYS: Final = frozenset({"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
_ENCRYPTED_KEY: Final = "ENCRYPTED PRIVATE KEY"
_ENCRYPTED_HEADER: Final = "Proc-Type: 4,ENCRYPTED"
"""Marks an encrypted key of the older form (RFC 1421, 4.6.1.1), which bears the label of a plain one."""
_SCANNED_BLOCKS: Final = 2_000
"""Where the scanner of PEM stops: with so many blocks there may be more, which nobody has seen."""

_Encoded = Annotated[bytes, msgspec.Meta(max_length=MAXIMUM_PEM_FILE)]


class Piece(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One certificate of a file: its DER, or (not ``whole``) the text of a block that is not closed or not base64."""

    encoded: _Encoded
    whole: bool = True


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """What a file holds: the certificates, and of the keys what a certificate is matched by, never a key."""

    certificates: Annotated[tuple[Piece, ...], msgspec.Meta(max_length=_SCANNED_BLOCKS)] = ()
    keys: Annotated[tuple[_Encoded, ...], msgspec.Meta(max_length=_SCANNED_BLOCKS)] = ()
    """The public halves of the private keys that can be read, as SubjectPublicKeyInfo."""
    locked: bool = False
    """Whether a key in it is encrypted, and could not be opened."""
    broken: bool = False
    """Whether something in it calls itself a key and cannot be read."""


class PemFile(msgspec.Struct, frozen=True):
    """A file that could be read: its path as it was given, its blocks, and the password of the keys in it, if there is one."""

    path: str
    blocks: tuple[Block, ...]
    password: bytes | None = None


def open_pem_file(path: str, access: Access, password: bytes | None = None) -> PemFile | Obstacle:
    """Read the blocks of the file at ``path``, or say why not."""
    content = read_file(path, access, MAXIMUM_PEM_FILE)
    if isinstance(content, Obstacle):
        return content
    # Comments may be in any encoding; editors put a byte order mark in front.
    blocks = scan_pem(content.decode("utf-8-sig", "replace"))
    if not blocks:
        what = "has no PEM block in it" if content else "is empty"
        return Obstacle(Reason.STORE_CORRUPT, f"{shown(path)} {what}, so it is no PEM file")
    if len(blocks) >= _SCANNED_BLOCKS:
        return Obstacle(Reason.STORE_UNREADABLE, f"{shown(path)} has {_SCANNED_BLOCKS} PEM blocks or more")
    return PemFile(path, blocks, password)


def survey(file: PemFile, *, asks_key: bool) -> Content:
    """Say what a file holds, and whose keys where that is asked."""
    keys = list(_keys(file)) if asks_key else []
    readable = tuple(key.public for key in keys if key.private is not None)
    return Content(
        certificates=tuple(_piece(block) for block in file.blocks if block.label in _CERTIFICATES),
        keys=readable,
        locked=asks_key
        and any(_is_encrypted(block) for block in file.blocks)
        and (file.password is None or not readable),
        broken=any(key.private is None for key in keys),
    )


def sign_with(file: PemFile, public: PublicKey, statement: bytes) -> bytes | Unsigned:
    """Sign ``statement`` with the private key of ``public``, which a survey has found in the file."""
    wanted = normal_form(public)
    for key in _keys(file):
        if key.public == wanted and key.private is not None:
            return _sign(key.private, statement, public, file.path)
    return Unsigned(f"{shown(file.path)} does not have the key any more", KeyState.MISSING)


def normal_form(key: PublicKey) -> bytes:
    """Encode a certificate's public key as those of private keys: a certificate may hold it compressed, or without a NULL."""
    try:
        return load_der_public_key(key.encoded).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return key.encoded


class _Key(msgspec.Struct, frozen=True):
    """A private key, while it is in use (None: it cannot be read), and its public half as SubjectPublicKeyInfo."""

    private: PrivateKeyTypes | None
    public: bytes


def _piece(block: Block) -> Piece:
    if block.content is not None:
        return Piece(encoded=block.content)
    return Piece(encoded=block.text.encode(), whole=False)


def _is_encrypted(block: Block) -> bool:
    return block.label == _ENCRYPTED_KEY or (block.label in _PLAIN_KEYS and _ENCRYPTED_HEADER in block.text)


def _keys(file: PemFile) -> Iterator[_Key]:
    """Yield the private keys that are not encrypted, or whose password is given; broken ones too."""
    for block in file.blocks:
        if _is_encrypted(block):
            if file.password is not None:
                yield _decrypt(block, file.password)
        elif block.label in _PLAIN_KEYS:
            yield _load(block.content or b"")


def _decrypt(block: Block, password: bytes) -> _Key:
    """Load an encrypted private key, of the older form too, whose cipher stands in headers."""
    try:
        private = load_pem_private_key(block.text.encode(), password, unsafe_skip_rsa_key_validation=True)
        return _Key(private, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _Key(None, b"")


def _load(encoded: bytes) -> _Key:
    """Load a private key. Its primes are not tested, which takes seconds for a large key: what it signs is verified."""
    try:
        private = load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
        return _Key(private, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _Key(None, b"")


def _sign(key: PrivateKeyTypes, statement: bytes, public: PublicKey, path: str) -> bytes | Unsigned:
    try:
        signature = _signature(key, statement)
    except (ValueError, UnsupportedAlgorithm) as error:
        return Unsigned(f"the private key in {shown(path)} does not sign: {type(error).__name__}")
    if signature is None or public.kind is None:
        return Unsigned(f"the private key in {shown(path)} is of a kind that does not sign")
    # A damaged key signs wrongly, and a wrong RSA signature can give the key away.
    if not verify_signature(public, signature, statement):
        return Unsigned(f"the private key in {shown(path)} signs wrongly")
    return signature


def _signature(key: PrivateKeyTypes, statement: bytes) -> bytes | None:
    """Sign in the form that `verify_signature` takes; None for a kind of key that it does not know."""
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(statement, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.sign(statement, ec.ECDSA(ecdsa_digest(key.key_size))))
            size = (key.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case ed25519.Ed25519PrivateKey():
            return key.sign(statement)
        case _:
            return None
