"""The functions of Windows by which its certificate stores are read: constants, structures and C prototypes, once.

Nothing is decided here: a function of Windows is called as its documentation says, what it hands out is a context that
releases it, and what it refuses is a `Refused` with its code. The module can be imported on every system; on another one
than Windows there is nothing to load. Sources: wincrypt.h, winerror.h.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from ctypes import POINTER, wintypes
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_Function: TypeAlias = "Callable[..., Any]"

CURRENT_USER: Final = 1 << 16
LOCAL_MACHINE: Final = 2 << 16
"""CERT_SYSTEM_STORE_…: whose store it is."""

_PROVIDER_SYSTEM: Final = 10
"""CERT_STORE_PROV_SYSTEM_W: a store of the system, by its name."""
_EXISTING_AND_READ_ONLY: Final = 0x4000 | 0x8000
"""CERT_STORE_OPEN_EXISTING_FLAG, CERT_STORE_READONLY_FLAG: nothing is made, nothing can be changed."""
_FIND_SAME: Final = 13 << 16
"""CERT_FIND_EXISTING."""
_X509_ASN: Final = 1
_KEY_PROVIDER: Final = 2
"""CERT_KEY_PROV_INFO_PROP_ID."""
_FRIENDLY_NAME: Final = 11
"""CERT_FRIENDLY_NAME_PROP_ID."""
_ENDS: Final = frozenset({0, 18, 0x80092004})
"""How an enumeration ends: without a code, ERROR_NO_MORE_FILES, CRYPT_E_NOT_FOUND."""
_SEARCH_SYSTEM32: Final = 0x800
"""LOAD_LIBRARY_SEARCH_SYSTEM32: nobody's folder but the system's is looked into."""
_MAXIMUM_PROPERTY: Final = 64 * 1024
"""Bytes of a property: a friendly name and the name of a key have a few hundred."""


class Library(Protocol):
    """A loaded library: its functions by name. In the place of a real one, a test may give a double."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a function of C, whose types `declare` sets.
        """Return a function."""
        ...


if sys.platform == "win32":

    def load_library(name: str) -> Library:
        """Load a library of the system."""
        return ctypes.WinDLL(name, use_last_error=True, winmode=_SEARCH_SYSTEM32)

    def last_error() -> int:
        """Return the code that the last call on this thread left."""
        return ctypes.get_last_error() & 0xFFFFFFFF

    def forget_error() -> None:
        """Forget that code, before a call that may leave none."""
        ctypes.set_last_error(0)

else:  # pragma: no cover - where this is measured, the other branch runs.

    def load_library(name: str) -> Library:
        """Refuse."""
        raise OSError(f"{name} is a library of Windows")

    def last_error() -> int:
        """Return that there was none."""
        return 0

    def forget_error() -> None:
        """Forget nothing."""


def declare(library: Library, name: str, result: Any, *arguments: Any) -> _Function:  # noqa: ANN401 - types of C.
    """Return a function of a library with its C prototype."""
    function: Any = library[name]
    function.restype = result
    function.argtypes = arguments
    declared: _Function = function
    return declared


class Refused(msgspec.Struct, frozen=True):
    """What Windows would not do: the function's name and its code (GetLastError, or its own answer), unsigned."""

    function: str
    code: int

    def __str__(self) -> str:
        """Show both, as Microsoft's documentation can be searched for them."""
        return f"{self.function}: 0x{self.code:08X}"


class Blob(ctypes.Structure):
    """CRYPTOAPI_BLOB: so many bytes there."""

    _fields_ = (("count", wintypes.DWORD), ("address", wintypes.LPVOID))

    count: int
    address: int | None


class Algorithm(ctypes.Structure):
    """CRYPT_ALGORITHM_IDENTIFIER."""

    _fields_ = (("identifier", wintypes.LPVOID), ("parameters", Blob))


class _Information(ctypes.Structure):
    """The beginning of CERT_INFO, up to the issuer's name."""

    _fields_ = (
        ("version", wintypes.DWORD),
        ("serial_number", Blob),
        ("signature_algorithm", Algorithm),
        ("issuer", Blob),
    )

    issuer: Blob


class Context(ctypes.Structure):
    """CERT_CONTEXT: a certificate in a store. It and all that it points to live until it is released."""

    _fields_ = (
        ("encoding", wintypes.DWORD),
        ("encoded", wintypes.LPVOID),
        ("length", wintypes.DWORD),
        ("information", POINTER(_Information)),
        ("store", wintypes.HANDLE),
    )

    encoded: int
    length: int
    information: ctypes._Pointer[_Information]


ContextPointer: TypeAlias = "ctypes._Pointer[Context]"  # noqa: SLF001 - so the checker calls what POINTER makes.
"""A context as `CryptoApi.certificates` gives it."""


class _KeyProvider(ctypes.Structure):
    """CRYPT_KEY_PROV_INFO; its texts lie behind it in the same property."""

    _fields_ = (
        ("container", wintypes.LPVOID),
        ("provider", wintypes.LPVOID),
        ("provider_type", wintypes.DWORD),
        ("flags", wintypes.DWORD),
        ("parameter_count", wintypes.DWORD),
        ("parameters", wintypes.LPVOID),
        ("key_spec", wintypes.DWORD),
    )

    container: int | None
    provider: int | None
    provider_type: int
    flags: int
    key_spec: int


class KeyProvider(msgspec.Struct, frozen=True):
    """Where a certificate says that its key is: the provider and its type (0: one of CNG), in it the container and which key."""

    provider: str
    provider_type: int
    container: str
    flags: int
    key_spec: int


class StoreApi:
    """The functions for stores, loaded. Whatever one of them hands out is released when its block is left."""

    def __init__(self, load: Callable[[str], Library] = load_library) -> None:
        """Load the library; raises OSError on another system than Windows."""
        crypt32 = load("crypt32.dll")
        boolean, word, handle, pointer = wintypes.BOOL, wintypes.DWORD, wintypes.HANDLE, wintypes.LPVOID
        context = POINTER(Context)
        opening = pointer, word, pointer, word, wintypes.LPCWSTR
        self._open_store = declare(crypt32, "CertOpenStore", handle, *opening)
        self._close_store = declare(crypt32, "CertCloseStore", boolean, handle, word)
        self._enumerate = declare(crypt32, "CertEnumCertificatesInStore", context, handle, context)
        finding = handle, word, word, word, pointer, context
        self._find = declare(crypt32, "CertFindCertificateInStore", context, *finding)
        self._free = declare(crypt32, "CertFreeCertificateContext", boolean, context)
        reading = context, word, pointer, POINTER(word)
        self._property = declare(crypt32, "CertGetCertificateContextProperty", boolean, *reading)

    @contextmanager
    def open_store(self, owner: int, name: str) -> Iterator[int | Refused]:
        """Open a store of the system for reading: its handle."""
        store = self._open_store(_PROVIDER_SYSTEM, 0, None, owner | _EXISTING_AND_READ_ONLY, name)
        if not store:
            yield Refused("CertOpenStore", last_error())
            return
        try:
            yield store
        finally:
            self._close_store(store, 0)

    def certificates(self, store: int) -> Generator[ContextPointer | Refused, None, None]:
        """Yield the certificates of a store; each lives until the next is asked for, the last until this is closed.

        Close it (`contextlib.closing`) where it is left early. What Windows could not read to its end, ends as `Refused`.
        """
        context: ContextPointer | None = None
        try:
            forget_error()
            while context := self._enumerate(store, context):
                yield context
                forget_error()
            if last_error() not in _ENDS:
                yield Refused("CertEnumCertificatesInStore", last_error())
        finally:
            if context:
                self._free(context)

    def contains(self, store: int, context: ContextPointer) -> bool:
        """Tell whether a store has the same certificate."""
        found = self._find(store, _X509_ASN, 0, _FIND_SAME, context, None)
        if found:
            self._free(found)
        return bool(found)

    def friendly_name(self, context: ContextPointer) -> str | None:
        """Return the name that somebody gave to a certificate."""
        value = self._read_property(context, _FRIENDLY_NAME)
        return None if value is None else text_at(value, 0) or None

    def key_provider(self, context: ContextPointer) -> KeyProvider | None:
        """Return where the certificate says that its key is. That it says so does not mean that the key is there."""
        value = self._read_property(context, _KEY_PROVIDER)
        if value is None:
            return None
        found = _KeyProvider.from_buffer(value)
        start = ctypes.addressof(value)
        texts = (found.provider, found.container)
        provider, container = ("" if address is None else text_at(value, address - start) for address in texts)
        return KeyProvider(provider, found.provider_type, container, found.flags, found.key_spec)

    def _read_property(self, context: ContextPointer, identifier: int) -> ctypes.Array[ctypes.c_char] | None:
        """Return a property, in a room as large as one may be; None where there is none, or a larger one."""
        value = ctypes.create_string_buffer(_MAXIMUM_PROPERTY)
        size = wintypes.DWORD(_MAXIMUM_PROPERTY)
        return value if self._property(context, identifier, value, size) else None


def bytes_at(address: int | None, count: int) -> bytes:
    """Copy bytes that Windows points to."""
    return ctypes.string_at(address, count) if address else b""


def text_at(value: ctypes.Array[ctypes.c_char], offset: int) -> str:
    """Read a text within a property, from ``offset`` up to its NUL or the property's end."""
    raw = value.raw[offset:] if 0 <= offset < len(value) else b""
    text = raw[: len(raw) & ~1].decode("utf-16-le", "replace")
    return text.partition("\0")[0]
