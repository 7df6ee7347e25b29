"""Secrets under lock: what lies in the database is opened only by a master key that lies outside it.

AES-256-GCM (NIST SP 800-38D). A secret is bound to its account and name, so that one cannot be put in another's place.
No SQL may enter.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatepost.errors import StateError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY_LENGTH: Final = 32
"""Bytes of a master key."""

_NONCE_LENGTH: Final = 12
_FORM: Final = b"\x01"
"""The first byte of what is stored; another algorithm would be another number."""


class Keybox:
    """Wraps and unwraps secrets under one master key; ``random`` returns as many random bytes as it is asked for."""

    def __init__(self, master_key: bytes, random: Callable[[int], bytes]) -> None:
        if len(master_key) != KEY_LENGTH:
            raise StorageError(f"the master key has {len(master_key)} bytes, not {KEY_LENGTH}")
        self._cipher = AESGCM(master_key)
        self._random = random

    def wrap(self, account: int, name: str, value: bytes) -> bytes:
        """Return ``value`` encrypted: a form byte, a nonce of 12 bytes, the text with its tag of 16."""
        nonce = self._random(_NONCE_LENGTH)
        return _FORM + nonce + self._cipher.encrypt(nonce, value, _context(account, name))

    def unwrap(self, account: int, name: str, wrapped: bytes) -> bytes:
        """Return what was wrapped for this account and name; raises StorageError for another key or a changed text."""
        nonce, text = wrapped[1 : 1 + _NONCE_LENGTH], wrapped[1 + _NONCE_LENGTH :]
        if wrapped[:1] == _FORM and len(nonce) == _NONCE_LENGTH:
            with contextlib.suppress(InvalidTag):
                return self._cipher.decrypt(nonce, text, _context(account, name))
        raise StorageError(f"the secret {name!r} cannot be opened: it belongs to another master key, or was changed")


def _context(account: int, name: str) -> bytes:
    return b"gatepost secret\x00" + account.to_bytes(8, "big") + name.encode()


def read_or_create_master_key(path: Path, random: Callable[[int], bytes]) -> bytes:
    """Return the 32 bytes in ``path``, made there with permissions 0600 when there is no such file.

    Raises StateError for a file that others can read, that is no regular file, or that holds anything else.
    """
    try:
        if not path.exists():
            _create(path, random)
        return _read(path)
    except OSError as error:
        raise StateError(str(path), f"the master key cannot be read or made: {error.strerror}") from error


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StateError(str(path), "the master key is no regular file")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise StateError(str(path), f"others may read the master key (mode {mode:04o}); give it mode 0600")
        key = file.read(KEY_LENGTH + 1)
    if len(key) != KEY_LENGTH:
        raise StateError(str(path), f"this is no master key: it does not have exactly {KEY_LENGTH} bytes")
    return key


def _create(path: Path, random: Callable[[int], bytes]) -> None:
    """Write a key beside ``path`` and link it there: it appears whole, and never in place of another process's key."""
    draft = path.with_name(f".{path.name}.{random(8).hex()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(random(KEY_LENGTH))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _make_durable(path.parent)


def _make_durable(folder: Path) -> None:
    """Make the names in ``folder`` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
