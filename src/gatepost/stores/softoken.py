"""Signing with a key in an NSS database, by NSS's own key store: ``libsoftokn3``, a PKCS#11 module that needs to be told where.

It is called by ctypes, in a child process alone: it can open one database in the life of a process, and it is a hundred
thousand lines of C that read a file. It is opened for reading, writes nothing, and is asked for nothing but a signature. Of
NSS this is the only part: no module that ``pkcs11.txt`` names is loaded, since that file is read by another part. A folder
that others than its reader can write is refused before the library sees it. No password is ever tried.
Sources: PKCS#11 2.40; NSS's ``pkcs11t.h``, ``pkcs11n.h``.
"""

from __future__ import annotations

import ctypes
import hashlib
from contextlib import suppress
from ctypes import POINTER, Structure, byref, c_char_p, c_ubyte, c_ulong, c_void_p
from typing import TYPE_CHECKING, Final, NamedTuple

from gatepost.core.finding import KeyState
from gatepost.core.public_key import KeyKind
from gatepost.core.signature import ecdsa_digest, verify_signature
from gatepost.stores.interface import Unsigned
from gatepost.stores.nssdb import NssDatabase, key_material
from gatepost.stores.safe_open import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.core.certificate import Certificate
    from gatepost.core.public_key import PublicKey
    from gatepost.stores.safe_open import Access

LIBRARY: Final = "libsoftokn3.so"
FOLDERS: Final = (
    "",  # where the system's linker looks
    "/usr/lib/x86_64-linux-gnu/nss/",  # Debian's until 12, where the package is libnss3
    "/usr/lib/aarch64-linux-gnu/nss/",
    "/usr/lib64/",  # Fedora and its kin, where it is nss-softokn
    "/usr/lib64/nss/",
    "/usr/lib/nss/",
    "/usr/lib/",
)
_SPECIAL: Final = frozenset("'\"\\")
"""Characters that mean something in NSS's parameters."""

_OK: Final = 0
_OS_LOCKING: Final = 2
_SERIAL_SESSION: Final = 4
_LOGIN_REQUIRED: Final = 4
_CLASS: Final = 0x0
_PRIVATE_KEY: Final = 3
_ID: Final = 0x102
_MODULUS: Final = 0x120
_NSS_PUBLIC: Final = 0xD5A0DB00
"""CKA_NSS_DB: the public half of a private key, an EC key's point among them."""
_RSA_SHA256: Final = 0x40
_ECDSA: Final = 0x1041
_CURVE_BITS: Final = {KeyKind.P256: 256, KeyKind.P384: 384, KeyKind.P521: 521}
_MAXIMUM_SLOTS: Final = 8
_MAXIMUM_KEYS: Final = 8
_MAXIMUM_SIGNATURE: Final = 1_024


class _InitializeArguments(Structure):
    """CK_C_INITIALIZE_ARGS, with NSS's own ``LibraryParameters``."""

    _fields_ = (
        ("mutexes", c_void_p * 4),
        ("flags", c_ulong),
        ("parameters", c_char_p),
        ("reserved", c_void_p),
    )


class _Mechanism(Structure):
    _fields_ = (("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class _Attribute(Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class _TokenInfo(Structure):
    _fields_ = (
        ("texts", c_ubyte * 96),
        ("flags", c_ulong),
        ("counts", c_ulong * 10),
        ("versions", c_ubyte * 4),
        ("time", c_ubyte * 16),
    )


class _FunctionList(Structure):
    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * 68))


# Where a function stands in CK_FUNCTION_LIST, and what it takes; each returns a CK_RV. Pointers are of whatever kind.
_FUNCTIONS: Final[dict[str, tuple[int, tuple[type, ...]]]] = {
    "C_Initialize": (0, (c_void_p,)),
    "C_Finalize": (1, (c_void_p,)),
    "C_GetSlotList": (4, (c_ubyte, c_void_p, c_void_p)),
    "C_GetTokenInfo": (6, (c_ulong, c_void_p)),
    "C_OpenSession": (12, (c_ulong, c_ulong, c_void_p, c_void_p, c_void_p)),
    "C_FindObjectsInit": (26, (c_ulong, c_void_p, c_ulong)),
    "C_FindObjects": (27, (c_ulong, c_void_p, c_ulong, c_void_p)),
    "C_FindObjectsFinal": (28, (c_ulong,)),
    "C_SignInit": (42, (c_ulong, c_void_p, c_ulong)),
    "C_Sign": (43, (c_ulong, c_void_p, c_ulong, c_void_p, c_void_p)),
}


class _TokenError(Exception):
    """A call that did not succeed; its text names function and code."""


class _Session(NamedTuple):
    """A session with one slot, and whether the keys there lie behind a password."""

    handle: int
    locked: bool


class _Token:
    """The module, initialised on one database; raises `_TokenError`."""

    def __init__(self, library: ctypes.CDLL, directory: str) -> None:
        library.C_GetFunctionList.argtypes = [c_void_p]
        library.C_GetFunctionList.restype = c_ulong
        self._table = POINTER(_FunctionList)()
        _insist("C_GetFunctionList", library.C_GetFunctionList(byref(self._table)))
        where = f"configdir='sql:{directory}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=readOnly,noRootInit"
        arguments = _InitializeArguments(flags=_OS_LOCKING, parameters=where.encode())
        self._call("C_Initialize", byref(arguments))

    def sessions(self) -> Iterator[_Session]:
        """Open a session with each slot."""
        slots, count = (c_ulong * _MAXIMUM_SLOTS)(), c_ulong(_MAXIMUM_SLOTS)
        self._call("C_GetSlotList", 1, slots, byref(count))
        for slot in slots[: count.value]:
            info, handle = _TokenInfo(), c_ulong()
            self._call("C_GetTokenInfo", slot, byref(info))
            self._call("C_OpenSession", slot, _SERIAL_SESSION, None, None, byref(handle))
            yield _Session(handle.value, bool(info.flags & _LOGIN_REQUIRED))

    def find(self, session: int, attribute: int, value: bytes) -> list[int]:
        """Return the private keys that have ``value`` for an attribute."""
        kind, content = c_ulong(_PRIVATE_KEY), ctypes.create_string_buffer(value, len(value))
        template = (_Attribute * 2)(
            _Attribute(_CLASS, ctypes.addressof(kind), ctypes.sizeof(kind)),
            _Attribute(attribute, ctypes.addressof(content), len(value)),
        )
        found, count = (c_ulong * _MAXIMUM_KEYS)(), c_ulong()
        self._call("C_FindObjectsInit", session, template, len(template))
        self._call("C_FindObjects", session, found, _MAXIMUM_KEYS, byref(count))
        self._call("C_FindObjectsFinal", session)
        return found[: count.value]

    def sign(self, session: int, key: int, mechanism: int, message: bytes) -> bytes:
        """Sign with one key."""
        signature, length = ctypes.create_string_buffer(_MAXIMUM_SIGNATURE), c_ulong(_MAXIMUM_SIGNATURE)
        self._call("C_SignInit", session, byref(_Mechanism(mechanism, None, 0)), key)
        self._call("C_Sign", session, message, len(message), signature, byref(length))
        return signature.raw[: length.value]

    def close(self) -> None:
        """Close sessions and database."""
        self._call("C_Finalize", None)

    def _call(self, name: str, *arguments: object) -> None:
        number, kinds = _FUNCTIONS[name]
        function = ctypes.CFUNCTYPE(c_ulong, *kinds)(self._table.contents.functions[number])
        _insist(name, function(*arguments))


def sign_in_database(
    directory: str, access: Access, certificate: Certificate, statement: bytes, library: str = LIBRARY
) -> bytes | Unsigned:
    """Sign ``statement`` with the key of ``certificate`` in the database in ``directory``, or say why not."""
    obstacle = NssDatabase(directory, access).refusal()
    if obstacle is not None:
        return Unsigned(obstacle.detail)
    if not directory.isprintable() or not _SPECIAL.isdisjoint(directory):
        return Unsigned(
            f"NSS cannot be told of {shown(directory)}: a path with quotes, backslashes or control characters"
        )
    loaded = _load(library)
    if loaded is None:
        return Unsigned(f"{library} is not installed, without which no key in an NSS database signs (Debian: libnss3)")
    try:
        return _sign(_Token(loaded, directory), certificate.public_key, statement)
    except _TokenError as error:
        return Unsigned(f"NSS could not sign: {error}")


def _sign(token: _Token, public: PublicKey, statement: bytes) -> bytes | Unsigned:
    """Let the keys that may be the right one sign, until a signature holds."""
    mechanism, message = _input(public, statement)
    material = key_material(public)
    attributes = (
        (_ID, hashlib.sha1(material, usedforsecurity=False).digest()),
        (_MODULUS if public.kind is KeyKind.RSA else _NSS_PUBLIC, material),
    )
    locked = False
    try:
        for session in token.sessions():
            locked = locked or session.locked
            for key in (key for kind, value in attributes for key in token.find(session.handle, kind, value)):
                signature = token.sign(session.handle, key, mechanism, message)
                # A damaged key signs wrongly, and a wrong RSA signature can give the key away.
                if verify_signature(public, signature, statement):
                    return signature
    finally:
        token.close()
    if locked:
        return Unsigned("the database has a password, and nobody is there to type it")
    return Unsigned("NSS finds no key that signs for this certificate", KeyState.MISSING)


def _input(public: PublicKey, statement: bytes) -> tuple[int, bytes]:
    """Return the mechanism, and what it is given: ECDSA takes a digest."""
    bits = _CURVE_BITS.get(public.kind) if public.kind else None
    if bits is None:
        return _RSA_SHA256, statement
    return _ECDSA, hashlib.new(ecdsa_digest(bits).name, statement).digest()


def _load(library: str) -> ctypes.CDLL | None:
    for folder in FOLDERS:
        with suppress(OSError):
            return ctypes.CDLL(f"{folder}{library}")
    return None


def _insist(name: str, code: int) -> None:
    if code != _OK:
        raise _TokenError(f"{name} answered 0x{code:x}")
