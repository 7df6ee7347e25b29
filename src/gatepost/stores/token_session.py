"""One token through its PKCS#11 module: found, opened, its certificates and keys looked at, a signature made.

Only the child (`gatepost.stores.token_child`) runs this: a module is somebody else's code, may take its time and may crash.
Nothing is written to a token, its PIN is tried at most once, and never where that try could be its last. Searches are read to
their end at once, because modules allow one at a time. Source: PKCS #11 3.1 (OASIS), the sections named below.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec
import pkcs11
from pkcs11.constants import Attribute, ObjectClass, TokenFlag
from pkcs11.exceptions import (
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    TokenNotPresent,
    TokenNotRecognised,
)
from pkcs11.mechanisms import Mechanism

from gatepost.core.finding import KeyState
from gatepost.core.public_key import KeyKind, rsa_modulus
from gatepost.core.reason import Reason
from gatepost.core.signature import ecdsa_digest
from gatepost.stores.safe_open import Obstacle, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pkcs11._pkcs11 import lib

    from gatepost.core.public_key import PublicKey
    from gatepost.core.token_uri import TokenUri

_MAXIMUM_OBJECTS: Final = 20_000
"""Objects of one class in a token; software tokens hold some thousands, cards a dozen."""
_LONGEST_HEADER: Final = 3
"""Bytes in front of an EC point that is wrapped as an OCTET STRING, which CKA_EC_POINT should be and not always is."""
_BITS: Final = {KeyKind.P256: 256, KeyKind.P384: 384, KeyKind.P521: 521}
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest in an RSA PKCS #1 v1.5 signature (RFC 8017, 9.2)."""

_REFUSALS: Final = (PinIncorrect, PinInvalid, PinLenRange, PinExpired, PinLocked)
_NEVER_TRIED: Final = {
    TokenFlag.PROTECTED_AUTHENTICATION_PATH: "it asks a person for its PIN, on a keypad of its own",
    TokenFlag.USER_PIN_LOCKED: "its PIN is locked",
    TokenFlag.USER_PIN_FINAL_TRY: "one try of its PIN is left, which is a person's to make",
}
_CLAIMS: Final = {
    Attribute.NEVER_EXTRACTABLE: "never extractable",
    Attribute.ALWAYS_SENSITIVE: "always sensitive",
    Attribute.LOCAL: "made in it",
    Attribute.EXTRACTABLE: "extractable",
}


class Entry(msgspec.Struct, frozen=True):
    """One certificate of a token: its bytes, its label (empty: none) and its CKA_ID."""

    encoded: bytes
    label: str
    id: bytes


class Key(msgspec.Struct, frozen=True):
    """A private key: its CKA_ID, and what is known of its public half (an RSA modulus, a point; nothing: not known)."""

    object: pkcs11.Object
    id: bytes
    halves: frozenset[bytes]


class Opened:
    """An open token, not logged in; ``pin`` is tried when `log_in` is called, once."""

    def __init__(self, token: pkcs11.Token, module: str, pin: str | None) -> None:
        """Take the token, the path of its module, and the PIN."""
        self.module = module
        self.pin_refused = False
        self.closed_because = ""
        """Why the private objects are not seen; empty: they are."""
        self._token = token
        self._pin = pin
        self._session = token.open()
        if token.flags & TokenFlag.LOGIN_REQUIRED:
            self.closed_because = "the token shows its private keys to whoever has its PIN"

    def certificates(self, uri: TokenUri) -> Iterator[Entry]:
        """Yield the certificates that ``uri`` names. What has no value of its own (a URL in its place) is none."""
        for item in self._find(ObjectClass.CERTIFICATE):
            encoded = _bytes(item, Attribute.VALUE)
            entry = Entry(encoded, _text(item, Attribute.LABEL), _bytes(item, Attribute.ID))
            if encoded and uri.label in {None, entry.label} and uri.id in {None, entry.id}:
                yield entry

    def keys(self) -> list[Key]:
        """Return the private keys that can be seen, each with its public half where one of the token's objects tells it."""
        halves: dict[bytes, set[bytes]] = {}
        for item in self._find(ObjectClass.PUBLIC_KEY):
            halves.setdefault(_bytes(item, Attribute.ID), set()).update(_halves(item))
        found = []
        for item in self._find(ObjectClass.PRIVATE_KEY):
            own, identifier = _halves(item), _bytes(item, Attribute.ID)
            found.append(Key(item, identifier, frozenset(own or halves.get(identifier, own))))
        return found

    def log_in(self) -> None:
        """Try the PIN, once; where that is not done, or not taken, ``closed_because`` says why."""
        flags = self._token.flags
        if not self.closed_because:
            return
        for flag, words in _NEVER_TRIED.items():
            if flags & flag:
                self.closed_because, self._pin = words, None
        pin, self._pin = self._pin, None
        if pin is None:
            return
        self.close()
        try:
            self._session = self._token.open(user_pin=pin)
            self.closed_because = ""
        except _REFUSALS as error:
            self.pin_refused = True
            self.closed_because = f"the token refused its PIN ({type(error).__name__})"
            self._session = self._token.open()

    def sign(self, key: Key, public: PublicKey, statement: bytes) -> bytes:
        """Sign; raises `PKCS11Error` where the token does not, and ValueError for a kind of key that is not known here."""
        mechanism, message = self._mechanism(public, statement)
        signature: bytes = key.object.sign(message, mechanism=mechanism)  # type: ignore[attr-defined]  # of keys alone.
        return signature

    def close(self) -> None:
        """Close the session; a token that is gone by now needs no closing."""
        with suppress(PKCS11Error):
            self._session.close()

    def _find(self, kind: ObjectClass) -> list[pkcs11.Object]:
        found = []
        for item in self._session.get_objects({Attribute.CLASS: kind}):
            found.append(item)
            if len(found) > _MAXIMUM_OBJECTS:
                raise OverflowError(f"more than {_MAXIMUM_OBJECTS} objects of one kind")
        return found

    def _mechanism(self, public: PublicKey, statement: bytes) -> tuple[Mechanism, bytes]:
        """Return how a key signs, and what of the statement it is given (sections 6.1, 6.3)."""
        match public.kind:
            case KeyKind.RSA if Mechanism.SHA256_RSA_PKCS in self._token.slot.get_mechanisms():
                return Mechanism.SHA256_RSA_PKCS, statement
            case KeyKind.RSA:
                return Mechanism.RSA_PKCS, _DIGEST_INFO + hashlib.sha256(statement).digest()
            case KeyKind.P256 | KeyKind.P384 | KeyKind.P521:
                digest = ecdsa_digest(_BITS[public.kind]).name
                return Mechanism.ECDSA, hashlib.new(digest, statement).digest()
            case KeyKind.ED25519:
                return Mechanism.EDDSA, statement
            case _:
                raise ValueError("its kind is not known")


@contextmanager
def open_token(modules: tuple[str, ...], uri: TokenUri, pin: str | None) -> Iterator[Opened | Obstacle]:
    """Open the one token that ``uri`` matches, or say why not; close it, and end all modules, at the end."""
    loaded: list[lib] = []
    try:
        found = _find_tokens(modules, uri, loaded)
        opened = found if isinstance(found, Obstacle) else _open(*found, pin)
        try:
            yield opened
        finally:
            if isinstance(opened, Opened):
                opened.close()
    finally:
        for library in loaded:
            with suppress(PKCS11Error):
                library.finalize()


def _open(token: pkcs11.Token, module: str, pin: str | None) -> Opened | Obstacle:
    try:
        return Opened(token, module, pin)
    except PKCS11Error as error:
        return Obstacle(Reason.STORE_UNREADABLE, f"the token does not open: {describe(error)}")


def match_key(keys: list[Key], public: PublicKey, identifier: bytes) -> tuple[KeyState, Key | None]:
    """Find the key of a certificate: by its public half, or by the certificate's CKA_ID where its half is not known."""
    wanted = rsa_modulus(public.material) if public.kind is KeyKind.RSA else public.material
    named = [key for key in keys if identifier and key.id == identifier]
    for key in (*named, *keys):
        if any(_is_half(half, wanted) for half in key.halves):
            return KeyState.PRESENT, key
    for key in named:
        if not key.halves:
            return KeyState.PRESENT, key
    return (KeyState.MISMATCH if named else KeyState.MISSING), None


def usability(key: Key) -> tuple[KeyState, str]:
    """Say whether a key signs unattended, and what its token claims of it, which is shown and never believed."""
    if _flag(key.object, Attribute.SIGN) is False:
        return KeyState.UNUSABLE, "its token does not let this key sign"
    if _flag(key.object, Attribute.ALWAYS_AUTHENTICATE):
        return KeyState.UNUSABLE, "its token asks for the PIN again at each signature, which is not done"
    claims = [words for attribute, words in _CLAIMS.items() if _flag(key.object, attribute)]
    return KeyState.PRESENT, f"the token claims: {', '.join(claims)}" if claims else ""


def _find_tokens(modules: tuple[str, ...], uri: TokenUri, loaded: list[lib]) -> tuple[pkcs11.Token, str] | Obstacle:
    """Look for the token in every module: a second one that matches must not go unseen."""
    obstacles: list[Obstacle] = []
    found: dict[tuple[object, ...], tuple[pkcs11.Token, str]] = {}
    for module in modules:
        try:
            library = pkcs11.lib(module)
            loaded.append(library)
            for token in _tokens(library):
                if _is_meant(token, uri):
                    # Modules that bring together those of others show the same token again.
                    identity = token.label, token.serial, token.model, token.manufacturer_id
                    found.setdefault(identity, (token, module))
        except PKCS11Error as error:
            obstacles.append(Obstacle(Reason.STORE_UNREADABLE, f"{shown(module)}: {describe(error)}"))
    if len(found) > 1:
        serials = ", ".join(shown(token.serial.decode("utf-8", "replace")) for token, _ in found.values())
        detail = f"{len(found)} tokens match (serial numbers {serials}): say which by serial="
        return Obstacle(Reason.STORE_UNREADABLE, detail)
    if found:
        return next(iter(found.values()))
    return obstacles[0] if obstacles else Obstacle(Reason.STORE_MISSING, "no token matches")


def _tokens(library: lib) -> Iterator[pkcs11.Token]:
    """Yield the tokens that are there and in use; free slots of software tokens are not."""
    for slot in library.get_slots(token_present=True):
        try:
            token = slot.get_token()
        except (TokenNotPresent, TokenNotRecognised):
            continue
        if token.flags & TokenFlag.TOKEN_INITIALIZED:
            yield token


def _is_meant(token: pkcs11.Token, uri: TokenUri) -> bool:
    asked_and_found = (
        (uri.token, token.label),
        (uri.serial, token.serial.decode("utf-8", "replace").rstrip("\0 ")),
        (uri.model, token.model),
        (uri.manufacturer, token.manufacturer_id),
        (uri.slot, token.slot.slot_id),
    )
    return all(asked in {None, found} for asked, found in asked_and_found)


def describe(error: Exception) -> str:
    """Return the words of a library's error: its own, or where it has none its kind."""
    return shown(str(error)) or type(error).__name__


def _halves(item: pkcs11.Object) -> set[bytes]:
    return {_bytes(item, Attribute.MODULUS), _bytes(item, Attribute.EC_POINT)} - {b""}


def _is_half(half: bytes, wanted: bytes) -> bool:
    """Compare a public half, which may be wrapped, or led by a zero."""
    return half.endswith(wanted) and len(half) - len(wanted) <= _LONGEST_HEADER


def _bytes(item: pkcs11.Object, attribute: Attribute) -> bytes:
    """Read an attribute that may not be there, or not be for us."""
    try:
        value = item[attribute]
    except PKCS11Error:
        return b""
    return value if isinstance(value, bytes) else b""


def _text(item: pkcs11.Object, attribute: Attribute) -> str:
    try:
        value = item[attribute]
    except (PKCS11Error, UnicodeDecodeError):
        return ""
    return value.rstrip("\0 ") if isinstance(value, str) else ""


def _flag(item: pkcs11.Object, attribute: Attribute) -> bool | None:
    try:
        return bool(item[attribute])
    except PKCS11Error:
        return None
