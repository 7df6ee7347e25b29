"""Certificates and keys in PEM files: all the paths of one check are one place, and the order in them is free.

A key belongs to a certificate by its public key and by nothing else. Private keys are parsed only when a check asks for
them, for as long as that takes, and no part of one ever stands in a message. Nothing is written, no password is asked.
Sources: RFC 7468; ``docs/reference/semantics.md``, sections 5 and 6.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.pem import Block, scan_pem
from gatepost.core.reason import Reason
from gatepost.core.signature import ecdsa_digest, verify_signature
from gatepost.stores.interface import Unsigned
from gatepost.stores.safe_open import MAXIMUM_PEM_FILE, Obstacle, read_file, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gatepost.core.certificate import PublicKey
    from gatepost.stores.interface import Query
    from gatepost.stores.safe_open import Access

    _Password = Callable[[str], bytes | None]

_CERTIFICATES: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_PLAIN_KEYS: Final = frozenset({"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
_ENCRYPTED_KEY: Final = "ENCRYPTED PRIVATE KEY"
_ENCRYPTED_HEADER: Final = "Proc-Type: 4,ENCRYPTED"
"""Marks an encrypted key of the older form (RFC 1421, 4.6.1.1), which bears the label of a plain one."""
_MAXIMUM_PASSWORD: Final = 4_096
_SCANNED_BLOCKS: Final = 2_000
"""Where the scanner of PEM stops: with so many blocks there may be more, which nobody has seen."""


class _File(msgspec.Struct, frozen=True):
    """One file that could be read: its path as it was given, and its blocks."""

    path: str
    blocks: tuple[Block, ...]


class _Key(msgspec.Struct, frozen=True):
    """A private key, while it is in use (None: it cannot be read), and its public half as SubjectPublicKeyInfo."""

    path: str
    private: PrivateKeyTypes | None
    public: bytes


class _Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The private keys of a place, without the keys: the public halves of those that can be read; where others lie."""

    public: frozenset[bytes]
    encrypted: str
    """The path of a file with an encrypted key, or empty."""
    unreadable: str
    """The path of a file with something that calls itself a key and cannot be read, or empty."""


class PemFiles:
    """The PEM files under absolute ``paths``, together one place."""

    def __init__(
        self, paths: tuple[str, ...], access: Access, passwords: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Take the paths as the check names them, and the device's own settings.

        ``passwords`` names, for a file with an encrypted key, the file with its password; both are read as safely.
        """
        self._paths = paths
        self._access = access
        self._passwords = passwords

    @property
    def watched(self) -> tuple[str, ...]:
        """The files themselves."""
        return self._paths

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show the file's certificates by OpenSSL, several of them one after another."""
        path = candidate.location.path
        return ("openssl", "storeutl", "-noout", "-text", "-certs", path)

    def read(self, query: Query) -> Findings:
        """Find the candidates in all files; each file that could not be read is a fault beside them."""
        files, faults = self._open()
        found: dict[bytes, tuple[str, Certificate | Malformed]] = {}
        for path, item in _certificates(files):
            found.setdefault(item.sha256, (path, item))
        matching = [(path, item) for path, item in found.values() if _matches(item, query.issuers)]
        keys = _survey(files, self._password) if query.asks_key and matching else None
        return Findings(
            candidates=tuple(_candidate(path, item, keys) for path, item in matching[: query.limit]),
            others=len(found) - len(matching),
            faults=tuple(faults),
            too_many=len(matching) > query.limit,
        )

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Sign ``statement`` with the key of ``candidate``, which is read anew and forgotten again."""
        certificate = candidate.certificate
        if isinstance(certificate, Malformed):
            return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
        files, faults = self._open()
        wanted = _normal_form(certificate.public_key)
        for key in _keys(files, self._password):
            if key.public == wanted and key.private is not None:
                return _sign(key.private, statement, certificate.public_key, key.path)
        state, detail = _key_state(certificate, _survey(files, self._password))
        return Unsigned("; ".join((detail, *(fault.detail for fault in faults))), state)

    def _password(self, path: str) -> bytes | None:
        """Return the password for the keys in the file at ``path``; None where the settings name none, or it cannot be read."""
        named = self._passwords.get(path)
        content = read_file(named, self._access, _MAXIMUM_PASSWORD) if named else None
        return content.rstrip(b"\r\n") if isinstance(content, bytes) else None

    def _open(self) -> tuple[list[_File], list[Fault]]:
        files, faults = [], []
        for path in self._paths:
            match self._scan(path):
                case Obstacle(reason, detail):
                    faults.append(Fault(location=_location(path), reason=reason, detail=detail))
                case blocks:
                    files.append(_File(path, blocks))
        return files, faults

    def _scan(self, path: str) -> tuple[Block, ...] | Obstacle:
        content = read_file(path, self._access, MAXIMUM_PEM_FILE)
        if isinstance(content, Obstacle):
            return content
        # Comments may be in any encoding; editors put a byte order mark in front.
        blocks = scan_pem(content.decode("utf-8-sig", "replace"))
        if not blocks:
            what = "has no PEM block in it" if content else "is empty"
            return Obstacle(Reason.STORE_CORRUPT, f"{shown(path)} {what}, so it is no PEM file")
        if len(blocks) >= _SCANNED_BLOCKS:
            return Obstacle(Reason.STORE_UNREADABLE, f"{shown(path)} has {_SCANNED_BLOCKS} PEM blocks or more")
        return blocks


def _location(path: str) -> Location:
    return Location(store=StoreKind.PEM_FILE, path=path)


def _certificates(files: list[_File]) -> Iterator[tuple[str, Certificate | Malformed]]:
    """Yield every certificate with its file's path."""
    for file in files:
        for block in file.blocks:
            if block.label in _CERTIFICATES:
                yield file.path, _certificate(block)


def _certificate(block: Block) -> Certificate | Malformed:
    if block.content is not None:
        return parse_certificate(block.content)
    text = block.text.encode()
    return Malformed(text, hashlib.sha256(text).digest(), "a PEM block that is not closed, or not base64")


def _matches(item: Certificate | Malformed, issuers: frozenset[bytes]) -> bool:
    """Tell whether something is a candidate. What cannot be read is one: nobody knows who issued it."""
    return isinstance(item, Malformed) or item.issuer.canonical in issuers


def _candidate(path: str, item: Certificate | Malformed, keys: _Keys | None) -> Candidate:
    state, detail = KeyState.NOT_ASKED, ""
    if keys is not None and isinstance(item, Certificate):
        state, detail = _key_state(item, keys)
    return Candidate(certificate=item, location=_location(path), key=state, key_detail=detail)


def _survey(files: list[_File], password: _Password) -> _Keys:
    """Learn which keys a place holds."""
    plain = list(_keys(files, password))
    opened = {key.path for key in plain if key.private is not None}
    return _Keys(
        public=frozenset(key.public for key in plain if key.private is not None),
        encrypted=next(
            (
                file.path
                for file in files
                for block in file.blocks
                if _is_encrypted(block) and (password(file.path) is None or file.path not in opened)
            ),
            "",
        ),
        unreadable=next((key.path for key in plain if key.private is None), ""),
    )


def _key_state(certificate: Certificate, keys: _Keys) -> tuple[KeyState, str]:
    """Say what is known of a certificate's key, and for the administrator where it was looked for."""
    if _normal_form(certificate.public_key) in keys.public:
        return KeyState.PRESENT, ""
    if keys.encrypted:
        # Whose key it is cannot be seen without its password.
        return KeyState.LOCKED, f"the private key in {shown(keys.encrypted)} is encrypted"
    if keys.public:
        return KeyState.MISMATCH, "the private keys in these files belong to other certificates"
    if keys.unreadable:
        return KeyState.MISSING, f"the private key in {shown(keys.unreadable)} cannot be read"
    return KeyState.MISSING, "there is no private key in these files"


def _is_encrypted(block: Block) -> bool:
    return block.label == _ENCRYPTED_KEY or (block.label in _PLAIN_KEYS and _ENCRYPTED_HEADER in block.text)


def _keys(files: list[_File], password: _Password) -> Iterator[_Key]:
    """Yield the private keys that are not encrypted, or whose password the settings name; broken ones too."""
    for file in files:
        for block in file.blocks:
            if _is_encrypted(block):
                secret = password(file.path)
                if secret is not None:
                    yield _decrypt(file.path, block, secret)
            elif block.label in _PLAIN_KEYS:
                yield _load(file.path, block.content or b"")


def _decrypt(path: str, block: Block, password: bytes) -> _Key:
    """Load an encrypted private key, of the older form too, whose cipher stands in headers."""
    try:
        private = load_pem_private_key(block.text.encode(), password, unsafe_skip_rsa_key_validation=True)
        return _Key(path, private, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _Key(path, None, b"")


def _load(path: str, encoded: bytes) -> _Key:
    """Load a private key. Its primes are not tested, which takes seconds for a large key: what it signs is verified."""
    try:
        private = load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
        return _Key(path, private, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _Key(path, None, b"")


def _normal_form(key: PublicKey) -> bytes:
    """Encode a certificate's public key as `_load` does: a certificate may hold it compressed, or without a NULL."""
    try:
        return load_der_public_key(key.encoded).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return key.encoded


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
