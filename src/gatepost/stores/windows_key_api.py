"""The functions of Windows by which private keys are opened and sign: those of the older providers (CSP) and those of CNG.

As `gatepost.stores.windows_api`: nothing is decided, everything is released. No key leaves its provider, and nobody is asked
anything. Sources: wincrypt.h, ncrypt.h, bcrypt.h.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from ctypes import POINTER, wintypes
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.stores.windows_api import (
    Algorithm,
    Context,
    Refused,
    bytes_at,
    declare,
    last_error,
    load_library,
    text_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.stores.windows_api import ContextPointer, KeyProvider, Library

NCRYPT_KEY: Final = 0xFFFFFFFF
"""CERT_NCRYPT_KEY_SPEC: the handle is one of CNG, not of a CSP."""
PROVIDER_RSA_AES: Final = 24
"""PROV_RSA_AES, the type of the providers that know SHA-256."""

_X509_ASN: Final = 1
_ACQUIRE_SILENTLY: Final = 0x40 | 0x10000
"""CRYPT_ACQUIRE_SILENT_FLAG, CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG: no window is shown, and keys of both kinds are given."""
_MACHINE_KEYS: Final = 0x20
"""CRYPT_MACHINE_KEYSET: the key is the machine's, not a user's."""
_SILENT: Final = 0x40
"""CRYPT_SILENT, and NCRYPT_SILENT_FLAG: fail where somebody would have to be asked."""
_SHA_256: Final = 0x800C
"""CALG_SHA_256."""
_PAD_PKCS1: Final = 2
"""BCRYPT_PAD_PKCS1."""
_MAXIMUM_SIGNATURE: Final = 1024
"""Bytes of a signature by RSA 8192, the largest key that a check accepts."""
_MAXIMUM_ALGORITHM: Final = 128
"""Bytes of an algorithm's name."""
_MAXIMUM_PUBLIC_KEY: Final = 16 * 1024
"""Bytes of a public key with the structure around it; one of RSA 8192 has 1,100."""


class _PublicKey(ctypes.Structure):
    """CERT_PUBLIC_KEY_INFO."""

    _fields_ = (
        ("algorithm", Algorithm),
        ("count", wintypes.DWORD),
        ("address", wintypes.LPVOID),
        ("unused_bits", wintypes.DWORD),
    )

    count: int
    address: int | None


class _Padding(ctypes.Structure):
    """BCRYPT_PKCS1_PADDING_INFO."""

    _fields_ = (("digest", wintypes.LPCWSTR),)


class Key(msgspec.Struct, frozen=True):
    """A private key in use: the handle of its provider, and which of the provider's keys it is (`NCRYPT_KEY`: CNG's)."""

    handle: int
    key_spec: int


class KeyApi:
    """The functions for keys, loaded. Whatever one of them hands out is released when its block is left."""

    def __init__(self, load: Callable[[str], Library] = load_library) -> None:
        """Load the libraries; raises OSError on another system than Windows."""
        crypt32, ncrypt = load("crypt32.dll"), load("ncrypt.dll")
        boolean, word, pointer = wintypes.BOOL, wintypes.DWORD, wintypes.LPVOID
        size = POINTER(word)
        acquiring = POINTER(Context), word, pointer, POINTER(pointer), size, POINTER(boolean)
        self._acquire = declare(crypt32, "CryptAcquireCertificatePrivateKey", boolean, *acquiring)
        self._export = declare(crypt32, "CryptExportPublicKeyInfo", boolean, pointer, word, word, pointer, size)
        signing = pointer, pointer, pointer, word, pointer, word, size, word
        self._cng_sign = declare(ncrypt, "NCryptSignHash", word, *signing)
        reading = pointer, wintypes.LPCWSTR, pointer, word, size, word
        self._cng_property = declare(ncrypt, "NCryptGetProperty", word, *reading)
        self._cng_free = declare(ncrypt, "NCryptFreeObject", word, pointer)
        self._declare_csp(load("advapi32.dll"))

    def _declare_csp(self, advapi32: Library) -> None:
        boolean, word, pointer, text = wintypes.BOOL, wintypes.DWORD, wintypes.LPVOID, wintypes.LPCWSTR
        out, size = POINTER(pointer), POINTER(word)
        self._acquire_context = declare(advapi32, "CryptAcquireContextW", boolean, out, text, text, word, word)
        self._release_context = declare(advapi32, "CryptReleaseContext", boolean, pointer, word)
        self._create_hash = declare(advapi32, "CryptCreateHash", boolean, pointer, word, pointer, word, out)
        self._hash_data = declare(advapi32, "CryptHashData", boolean, pointer, pointer, word, word)
        self._destroy_hash = declare(advapi32, "CryptDestroyHash", boolean, pointer)
        self._sign_hash = declare(advapi32, "CryptSignHashW", boolean, pointer, word, text, word, pointer, size)

    @contextmanager
    def acquire_key(self, context: ContextPointer) -> Iterator[Key | Refused]:
        """Open the private key that a certificate names, asking nobody."""
        handle, key_spec, is_ours = wintypes.LPVOID(), wintypes.DWORD(), wintypes.BOOL()
        if not self._acquire(context, _ACQUIRE_SILENTLY, None, handle, key_spec, is_ours):
            yield Refused("CryptAcquireCertificatePrivateKey", last_error())
            return
        try:
            yield Key(handle.value or 0, key_spec.value)
        finally:
            if is_ours.value and key_spec.value == NCRYPT_KEY:
                self._cng_free(handle)
            elif is_ours.value:
                self._release_context(handle, 0)

    @contextmanager
    def open_container(self, where: KeyProvider) -> Iterator[Key | Refused]:
        """Open a key in the container of a CSP, asking nobody."""
        handle = wintypes.LPVOID()
        flags = _SILENT | where.flags & _MACHINE_KEYS
        if not self._acquire_context(handle, where.container, where.provider, where.provider_type, flags):
            yield Refused("CryptAcquireContextW", last_error())
            return
        try:
            yield Key(handle.value or 0, where.key_spec)
        finally:
            self._release_context(handle, 0)

    def public_key(self, key: Key) -> bytes | Refused:
        """Return the public half of a key: the content of the bit string in a SubjectPublicKeyInfo."""
        value = ctypes.create_string_buffer(_MAXIMUM_PUBLIC_KEY)
        size = wintypes.DWORD(_MAXIMUM_PUBLIC_KEY)
        if not self._export(key.handle, key.key_spec, _X509_ASN, value, size):
            return Refused("CryptExportPublicKeyInfo", last_error())
        found = _PublicKey.from_buffer(value)
        return bytes_at(found.address, min(found.count, _MAXIMUM_PUBLIC_KEY))

    def sign_with_csp(self, key: Key, message: bytes) -> bytes | Refused:
        """Sign with RSA PKCS#1 v1.5 and SHA-256; the signature's first byte is its highest."""
        digest = wintypes.LPVOID()
        if not self._create_hash(key.handle, _SHA_256, None, 0, digest):
            return Refused("CryptCreateHash", last_error())
        try:
            if not self._hash_data(digest, message, len(message), 0):
                return Refused("CryptHashData", last_error())
            signature = ctypes.create_string_buffer(_MAXIMUM_SIGNATURE)
            size = wintypes.DWORD(_MAXIMUM_SIGNATURE)
            if not self._sign_hash(digest, key.key_spec, None, 0, signature, size):
                return Refused("CryptSignHashW", last_error())
            # A CSP writes the lowest byte first.
            return signature.raw[: size.value][::-1]
        finally:
            self._destroy_hash(digest)

    def cng_algorithm(self, key: Key) -> str:
        """Return the group of algorithms that a key of CNG belongs to (``RSA``, ``ECDSA``, ``ECDH``); empty: not known."""
        value = ctypes.create_string_buffer(_MAXIMUM_ALGORITHM)
        size = wintypes.DWORD(0)
        code = self._cng_property(key.handle, "Algorithm Group", value, _MAXIMUM_ALGORITHM, size, _SILENT)
        return "" if code else text_at(value, 0)

    def sign_with_cng(self, key: Key, digest: bytes, padding: str | None) -> bytes | Refused:
        """Sign a digest: with RSA PKCS#1 v1.5 where ``padding`` names the digest (``SHA256``), else with ECDSA (r || s)."""
        information = ctypes.byref(_Padding(padding)) if padding else None
        flags = _SILENT | (_PAD_PKCS1 if padding else 0)
        signature = ctypes.create_string_buffer(_MAXIMUM_SIGNATURE)
        size = wintypes.DWORD(0)
        code = self._cng_sign(key.handle, information, digest, len(digest), signature, _MAXIMUM_SIGNATURE, size, flags)
        return Refused("NCryptSignHash", code) if code else signature.raw[: size.value]
