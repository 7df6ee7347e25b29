"""Certificates and keys put into the real stores of a Windows, and taken out again: what the tests here stand on.

Only what was put in is taken out, so that these tests harm no store of a person's. Written on the functions of Windows
alone, apart from the code under test.
"""

from __future__ import annotations

import ctypes
import struct
from contextlib import contextmanager
from ctypes import wintypes
from typing import TYPE_CHECKING

import msgspec

from gatepost.stores.windows_api import declare, last_error, load_library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric import rsa

    from tests.certificates import Issued

CURRENT_USER = 1 << 16
LOCAL_MACHINE = 2 << 16
MACHINE_KEYS = 0x20
AT_KEYEXCHANGE = 1
AT_SIGNATURE = 2
RSA_FULL = 1
RSA_AES = 24
ENHANCED = "Microsoft Enhanced Cryptographic Provider v1.0"
AES = "Microsoft Enhanced RSA and AES Cryptographic Provider"
PASSWORD = "staged"

_KEY_PROVIDER = 2
_FRIENDLY_NAME = 11
_NEW_CONTAINER = 0x08
_DELETE_CONTAINER = 0x10
_SILENT = 0x40
_EXPORTABLE = 1
_PKCS_ALGORITHMS = {AT_KEYEXCHANGE: 0xA400, AT_SIGNATURE: 0x2400}

_pointer, _word, _text, _boolean = ctypes.c_void_p, wintypes.DWORD, wintypes.LPCWSTR, wintypes.BOOL
_crypt32, _advapi32 = load_library("crypt32.dll"), load_library("advapi32.dll")
_open_store = declare(_crypt32, "CertOpenStore", _pointer, _pointer, _word, _pointer, _word, _text)
_close_store = declare(_crypt32, "CertCloseStore", _boolean, _pointer, _word)
_control_store = declare(_crypt32, "CertControlStore", _boolean, _pointer, _word, _word, _pointer)
_add_certificate = declare(
    _crypt32, "CertAddEncodedCertificateToStore", _boolean, _pointer, _word, ctypes.c_char_p, _word, _word, _pointer
)
_enumerate = declare(_crypt32, "CertEnumCertificatesInStore", _pointer, _pointer, _pointer)
_duplicate = declare(_crypt32, "CertDuplicateCertificateContext", _pointer, _pointer)
_delete_certificate = declare(_crypt32, "CertDeleteCertificateFromStore", _boolean, _pointer)
_free = declare(_crypt32, "CertFreeCertificateContext", _boolean, _pointer)
_set_property = declare(_crypt32, "CertSetCertificateContextProperty", _boolean, _pointer, _word, _word, _pointer)
_get_property = declare(_crypt32, "CertGetCertificateContextProperty", _boolean, _pointer, _word, _pointer, _pointer)
_serialize = declare(_crypt32, "CertSerializeCertificateStoreElement", _boolean, _pointer, _word, _pointer, _pointer)
_import_pkcs12 = declare(_crypt32, "PFXImportCertStore", _pointer, _pointer, _text, _word)
_acquire_context = declare(_advapi32, "CryptAcquireContextW", _boolean, _pointer, _text, _text, _word, _word)
_release_context = declare(_advapi32, "CryptReleaseContext", _boolean, _pointer, _word)
_import_key = declare(
    _advapi32, "CryptImportKey", _boolean, _pointer, ctypes.c_char_p, _word, _pointer, _word, _pointer
)
_destroy_key = declare(_advapi32, "CryptDestroyKey", _boolean, _pointer)


class _Blob(ctypes.Structure):
    _fields_ = (("count", wintypes.DWORD), ("address", ctypes.c_void_p))


class _KeyProvider(ctypes.Structure):
    _fields_ = (
        ("container", wintypes.LPWSTR),
        ("provider", wintypes.LPWSTR),
        ("provider_type", wintypes.DWORD),
        ("flags", wintypes.DWORD),
        ("parameter_count", wintypes.DWORD),
        ("parameters", ctypes.c_void_p),
        ("key_spec", wintypes.DWORD),
    )


class _Context(ctypes.Structure):
    _fields_ = (("encoding", wintypes.DWORD), ("encoded", ctypes.c_void_p), ("length", wintypes.DWORD))


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """Where a key lies, as a certificate's property says it."""

    name: str
    provider: str | None = AES
    provider_type: int = RSA_AES
    key_spec: int = AT_KEYEXCHANGE
    machine: bool = False

    @property
    def flags(self) -> int:
        """Say whether it is the machine's."""
        return MACHINE_KEYS if self.machine else 0


def _insist(done: object, what: str) -> None:
    assert done, f"{what}: 0x{last_error():08X}"


class Stage:
    """What one test puts in; `clear` takes it out."""

    def __init__(self) -> None:
        self._added: list[tuple[int, str, bytes]] = []
        self._containers: list[Container] = []

    def add(
        self,
        owner: int,
        issued: Issued,
        *,
        friendly_name: str | None = None,
        key: Container | None = None,
        store: str = "MY",
    ) -> None:
        """Put a certificate into a store, with the properties that are given; ``key`` need not exist."""
        with _open(owner, store) as opened:
            context = ctypes.c_void_p()
            added = _add_certificate(opened, 1, issued.der, len(issued.der), 3, ctypes.byref(context))
            _insist(added, "CertAddEncodedCertificateToStore")
            self._added.append((owner, store, issued.der))
            if friendly_name is not None:
                _name_certificate(context, friendly_name)
            if key is not None:
                _link_key(context, key)
            _free(context)

    def add_many(self, owner: int, many: list[Issued]) -> None:
        """Put certificates without keys into the personal store at once."""
        with _open(owner, "MY") as opened:
            for issued in many:
                added = _add_certificate(opened, 1, issued.der, len(issued.der), 3, None)
                _insist(added, "CertAddEncodedCertificateToStore")
                self._added.append((owner, "MY", issued.der))

    def make_key(self, container: Container, key: rsa.RSAPrivateKey) -> Container:
        """Put an RSA key into a new container."""
        provider = self._make(container)
        handle = ctypes.c_void_p()
        blob = _private_key_blob(key, container.key_spec)
        imported = _import_key(provider, blob, len(blob), None, _EXPORTABLE, ctypes.byref(handle))
        _insist(imported, "CryptImportKey")
        _destroy_key(handle)
        _release_context(provider, 0)
        return container

    def make_empty(self, container: Container) -> Container:
        """Make a container without a key."""
        _release_context(self._make(container), 0)
        return container

    def _make(self, container: Container) -> ctypes.c_void_p:
        # One of this name may be left from a run that was interrupted.
        _call_acquire(container, _DELETE_CONTAINER)
        self._containers.append(container)
        return _acquire(container, _NEW_CONTAINER)

    def remove(self, owner: int, issued: Issued) -> None:
        """Take one certificate out again."""
        with _open(owner, "MY") as opened:
            _delete(opened, {issued.der})
        self._added.remove((owner, "MY", issued.der))

    def drop_key(self, container: Container) -> None:
        """Take a key away again; a certificate that names it goes on naming it."""
        self._containers.remove(container)
        _acquire(container, _DELETE_CONTAINER)

    def import_pkcs12(self, pkcs12: bytes) -> Container:
        """Import a PKCS#12 file as a user does, and return where Windows put its key."""
        content = ctypes.create_string_buffer(pkcs12, len(pkcs12))
        blob = _Blob(len(pkcs12), ctypes.cast(content, ctypes.c_void_p))
        store = _import_pkcs12(ctypes.byref(blob), PASSWORD, _EXPORTABLE)
        _insist(store, "PFXImportCertStore")
        context = _enumerate(store, None)
        size = wintypes.DWORD(0)
        _get_property(context, _KEY_PROVIDER, None, ctypes.byref(size))
        value = ctypes.create_string_buffer(size.value)
        found = _get_property(context, _KEY_PROVIDER, value, ctypes.byref(size))
        _insist(found, "CertGetCertificateContextProperty")
        provider = _KeyProvider.from_buffer(value)
        container = Container(
            name=provider.container,
            provider=provider.provider,
            provider_type=provider.provider_type,
            # Wine writes 3 here, the sum of both kinds, and then finds no key.
            key_spec=min(provider.key_spec, AT_SIGNATURE) if provider.key_spec != 3 else AT_KEYEXCHANGE,
            machine=bool(provider.flags & MACHINE_KEYS),
        )
        self._containers.append(container)
        _free(context)
        _close_store(store, 0)
        return container

    def open_and_release(self, container: Container) -> None:
        """Open a key and let it go, as barely as it can be done."""
        _release_context(_acquire(container, 0), 0)

    def clear(self) -> None:
        """Take out what was put in."""
        for owner, store in {(owner, store) for owner, store, _ in self._added}:
            with _open(owner, store) as opened:
                _delete(opened, {der for place, name, der in self._added if (place, name) == (owner, store)})
        for container in self._containers:
            _acquire(container, _DELETE_CONTAINER)


@contextmanager
def _open(owner: int, name: str) -> Iterator[int]:
    store = _open_store(10, 0, None, owner, name)
    _insist(store, "CertOpenStore")
    yield store
    _insist(_control_store(store, 0, 3, None), "CertControlStore")
    # CERT_CLOSE_STORE_CHECK_FLAG: all contexts have been released.
    _insist(_close_store(store, 2), "CertCloseStore")


def snapshot(owner: int, name: str = "MY") -> list[bytes]:
    """Return all that a store holds: each certificate with its properties, as Windows writes both into a file."""
    with _open(owner, name) as opened:
        return sorted(_serialized(context) for context in _contexts(opened))


def certificates(owner: int) -> list[bytes]:
    """Return the certificates of a personal store."""
    with _open(owner, "MY") as opened:
        return [_encoded(context) for context in _contexts(opened)]


def _contexts(store: int) -> Iterator[int]:
    """Yield the contexts of a store; each lives until the next is asked for, and all are to be asked for."""
    context = _enumerate(store, None)
    while context:
        yield context
        context = _enumerate(store, context)


def _delete(store: int, unwanted: set[bytes]) -> None:
    # Who deletes while enumerating begins anew without end.
    found = [_duplicate(context) for context in _contexts(store) if _encoded(context) in unwanted]
    for context in found:
        # It releases the context, too.
        _delete_certificate(context)


def _encoded(context: int) -> bytes:
    content = ctypes.cast(context, ctypes.POINTER(_Context)).contents
    return ctypes.string_at(content.encoded, content.length)


def _serialized(context: int) -> bytes:
    size = wintypes.DWORD(0)
    _insist(_serialize(context, 0, None, ctypes.byref(size)), "CertSerializeCertificateStoreElement")
    value = ctypes.create_string_buffer(size.value)
    _insist(_serialize(context, 0, value, ctypes.byref(size)), "CertSerializeCertificateStoreElement")
    return value.raw


def _name_certificate(context: ctypes.c_void_p, name: str) -> None:
    text = name.encode("utf-16-le") + b"\0\0"
    content = ctypes.create_string_buffer(text, len(text))
    blob = _Blob(len(text), ctypes.cast(content, ctypes.c_void_p))
    named = _set_property(context, _FRIENDLY_NAME, 0, ctypes.byref(blob))
    _insist(named, "CertSetCertificateContextProperty")


def _link_key(context: ctypes.c_void_p, key: Container) -> None:
    provider = _KeyProvider(key.name, key.provider, key.provider_type, key.flags, 0, None, key.key_spec)
    linked = _set_property(context, _KEY_PROVIDER, 0, ctypes.byref(provider))
    _insist(linked, "CertSetCertificateContextProperty")


def _acquire(container: Container, flags: int) -> ctypes.c_void_p:
    acquired, provider = _call_acquire(container, flags)
    _insist(acquired, "CryptAcquireContextW")
    return provider


def _call_acquire(container: Container, flags: int) -> tuple[bool, ctypes.c_void_p]:
    provider = ctypes.c_void_p()
    flags |= _SILENT | container.flags
    name, provider_name, kind = container.name, container.provider, container.provider_type
    done = _acquire_context(ctypes.byref(provider), name, provider_name, kind, flags)
    return bool(done), provider


def _private_key_blob(key: rsa.RSAPrivateKey, key_spec: int) -> bytes:
    """Encode a key as PRIVATEKEYBLOB (wincrypt.h): everything with the lowest byte first."""
    numbers = key.private_numbers()
    size = key.key_size // 8
    public = numbers.public_numbers
    header = struct.pack("<BBHI4sII", 7, 2, 0, _PKCS_ALGORITHMS[key_spec], b"RSA2", key.key_size, public.e)
    halves = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    parts = [number.to_bytes(size // 2, "little") for number in halves]
    return header + public.n.to_bytes(size, "little") + b"".join(parts) + numbers.d.to_bytes(size, "little")
