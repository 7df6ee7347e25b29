"""Doubles of libraries of Windows: a few functions played by Python, called as C functions, beside the real ones.

Wine has no keys of CNG, and no system fails when a test wants it to. A double is reached through a C function pointer with
prototypes of its own, so that what the code under test declares is held against what is declared here. What a double says
is no proof of what Windows does.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import POINTER, wintypes
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.core.public_key import parse_public_key
from gatepost.stores.windows_api import Library, load_library

KEY_HANDLE = 0x6A7E_0001_0000_0042
"""The handle of the double's one key: larger than 32 bits, so that one cut short would be seen."""
CNG_KEY = 0xFFFFFFFF

NTE_SILENT_CONTEXT = 0x80090022
NTE_BAD_SIGNATURE = 0x80090006

Loader = Callable[[str], Library]
_pointer, _word, _text, _boolean = ctypes.c_void_p, wintypes.DWORD, wintypes.LPCWSTR, wintypes.BOOL


def leave_error(code: int) -> None:
    """Leave the code that GetLastError returns to the caller of a function that is played."""
    if sys.platform == "win32":
        ctypes.set_last_error(ctypes.c_int(code).value)


class Played(msgspec.Struct, frozen=True):
    """A function that a double plays: its C types, result first, and the Python that is called."""

    types: tuple[Any, ...]
    function: Callable[..., int]


class LibraryDouble:
    """A library: the functions that are played, and the real ones for the rest."""

    def __init__(self, real: Library, played: dict[str, Played]) -> None:
        self._real = real
        # ctypes does not keep what C may call alive; this does.
        self._callbacks = {
            name: ctypes.CFUNCTYPE(*each.types, use_last_error=True)(each.function) for name, each in played.items()
        }

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as the code under test takes it.
        """Return a function as a real library does: an address, without types."""
        if name not in self._callbacks:
            return self._real[name]
        address = ctypes.cast(self._callbacks[name], ctypes.c_void_p).value
        function = ctypes.CFUNCTYPE(ctypes.c_int, use_last_error=True)(address or 0)
        function.played_by = self  # type: ignore[attr-defined]  # it must live as long as this address is called
        return function


def with_doubles(**played: dict[str, Played]) -> Loader:
    """Return what loads the libraries, some functions of which are played; keywords are their names without ``.dll``."""

    def load(name: str) -> Library:
        return LibraryDouble(load_library(name), played.get(name.partition(".")[0], {}))

    return load


def failing(code: int, *types: Any) -> Played:  # noqa: ANN401 - types of C.
    """Play a function that does nothing but fail with a code."""

    def fail(*_arguments: object) -> int:
        leave_error(code)
        return 0

    return Played(types, fail)


class _PublicKey(ctypes.Structure):
    """CERT_PUBLIC_KEY_INFO."""

    _fields_ = (
        ("identifier", ctypes.c_char_p),
        ("parameter_count", wintypes.DWORD),
        ("parameters", ctypes.c_void_p),
        ("count", wintypes.DWORD),
        ("address", ctypes.c_void_p),
        ("unused_bits", wintypes.DWORD),
    )


class CngDouble:
    """One key of CNG: crypt32 gives it for every certificate, ncrypt signs with it. ``calls`` is what was asked of it."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, group: str | None = None) -> None:
        self._key = key
        self._group = group or ("RSA" if isinstance(key, rsa.RSAPrivateKey) else "ECDSA")
        self.refusal = 0
        self.keeps_public_key = False
        self.signs_wrongly = False
        self.ours = True
        encoded = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        half = parse_public_key(encoded).material
        self._half = ctypes.create_string_buffer(half, len(half))
        self.calls: list[tuple[object, ...]] = []

    def load(self, name: str) -> Library:
        """Load a library with this key behind it."""
        out, size = POINTER(_pointer), POINTER(_word)
        acquire = Played((_boolean, _pointer, _word, _pointer, out, size, POINTER(_boolean)), self._acquire)
        sign_types = (_word, _pointer, _pointer, _pointer, _word, _pointer, _word, size, _word)
        property_types = (_word, _pointer, _text, _pointer, _word, size, _word)
        export = Played((_boolean, _pointer, _word, _word, _pointer, size), self._export)
        loader = with_doubles(
            crypt32={"CryptAcquireCertificatePrivateKey": acquire, "CryptExportPublicKeyInfo": export},
            ncrypt={
                "NCryptSignHash": Played(sign_types, self._sign),
                "NCryptGetProperty": Played(property_types, self._property),
                "NCryptFreeObject": Played((_word, _pointer), self._free),
            },
        )
        return loader(name)

    def _acquire(self, *arguments: Any) -> int:  # noqa: ANN401 - pointers of C.
        _context, flags, parameters, handle, key_spec, is_ours = arguments
        self.calls.append(("acquire", flags, parameters))
        handle[0], key_spec[0], is_ours[0] = KEY_HANDLE, CNG_KEY, int(self.ours)
        return 1

    def _export(self, *arguments: Any) -> int:  # noqa: ANN401 - pointers of C.
        handle, _key_spec, encoding, value, size = arguments
        self.calls.append(("export", handle, encoding))
        if self.keeps_public_key or size[0] < ctypes.sizeof(_PublicKey):
            leave_error(NTE_SILENT_CONTEXT)
            return 0
        found = _PublicKey(address=ctypes.addressof(self._half), count=len(self._half))
        ctypes.memmove(value, ctypes.byref(found), ctypes.sizeof(found))
        return 1

    def _property(self, *arguments: Any) -> int:  # noqa: ANN401 - pointers of C.
        handle, name, value, room, size, _flags = arguments
        content = self._group.encode("utf-16-le") + b"\0\0"
        self.calls.append(("property", handle, name))
        if room < len(content):
            return NTE_BAD_SIGNATURE
        ctypes.memmove(value, content, len(content))
        size[0] = len(content)
        return 0

    def _sign(self, *arguments: Any) -> int:  # noqa: ANN401 - pointers of C.
        handle, information, digest, length, signature, room, size, flags = arguments
        algorithm = ctypes.cast(information, POINTER(_text))[0] if information else None
        self.calls.append(("sign", handle, algorithm, length, flags))
        if self.refusal:
            return self.refusal
        made = self._signature(bytes(length) if self.signs_wrongly else ctypes.string_at(digest, length))
        if len(made) > room:
            return NTE_BAD_SIGNATURE
        ctypes.memmove(signature, made, len(made))
        size[0] = len(made)
        return 0

    def _signature(self, digest: bytes) -> bytes:
        hashing = Prehashed(SHA256() if len(digest) == 32 else SHA384())
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(digest, padding.PKCS1v15(), hashing)
        r, s = decode_dss_signature(self._key.sign(digest, ec.ECDSA(hashing)))
        width = (self._key.key_size + 7) // 8
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")

    def _free(self, handle: int) -> int:
        self.calls.append(("free", handle))
        return 0
