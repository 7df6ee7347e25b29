"""The files of a certificate authority: written whole, never over another; and the index of what was issued.

    ca.pem        its certificate
    ca.key        its private key, PKCS#8, for the owner alone
    issued.jsonl  one line for each certificate issued or revoked and each revocation list made; only ever appended to
    ca.crl        the newest revocation list, once one was made

No certificate is made or read here.
"""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.errors import InputError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFICATE: Final = "ca.pem"
KEY: Final = "ca.key"
INDEX: Final = "issued.jsonl"
REVOCATION_LIST: Final = "ca.crl"

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644

MAXIMUM_FILE_LENGTH: Final = 64 * 1024
"""Bytes of a certificate, key, request or password file: many times what any of them needs."""

MAXIMUM_INDEX_LENGTH: Final = 256 * 1024 * 1024
"""Bytes of the index: some 800,000 certificates, all of which are read to make a revocation list."""


class Issuance(msgspec.Struct, frozen=True, kw_only=True, tag="issued", tag_field="event"):
    """A certificate was issued; ``serial`` is upper-case hexadecimal, as OpenSSL prints it."""

    serial: str
    subject: str
    sha256: str
    not_after: datetime
    at: datetime


class Revocation(msgspec.Struct, frozen=True, kw_only=True, tag="revoked", tag_field="event"):
    """A certificate was revoked, for ``reason`` (RFC 5280 5.3.1)."""

    serial: str
    reason: str
    at: datetime


class ListMade(msgspec.Struct, frozen=True, kw_only=True, tag="crl", tag_field="event"):
    """The revocation list ``number`` was made."""

    number: int
    at: datetime


Entry = Issuance | Revocation | ListMade

_DECODER: Final[msgspec.json.Decoder[Entry]] = msgspec.json.Decoder(Entry)
_ENCODER: Final = msgspec.json.Encoder()


def read_bounded(path: Path, field: str) -> bytes:
    """Read a file that a person named; an `InputError` under ``field`` when that cannot be or it is too long."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_FILE_LENGTH + 1)
    except OSError as error:
        raise InputError(field, f"{path} cannot be read: {error.strerror}", "a readable file") from error
    if len(content) > MAXIMUM_FILE_LENGTH:
        raise InputError(field, f"{path} is longer than {MAXIMUM_FILE_LENGTH} bytes", "a shorter file")
    return content


def read_key_file(path: Path, field: str) -> bytes:
    """Read an authority's key; `StateError` when others than its owner may."""
    content = read_bounded(path, field)
    # Windows has no such bits: its folders' access lists say who may read.
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise StateError(str(path), f"can be read by others than its owner; run: chmod 600 {path}")
    return content


class NewFile(msgspec.Struct, frozen=True):
    """A file to be written: where, what, and with which permissions."""

    path: Path
    content: bytes
    mode: int = PUBLIC


def refuse_existing(paths: list[Path], field: str) -> None:
    """Raise `InputError` under ``field`` when one of ``paths`` exists: nothing is begun that cannot be finished."""
    for path in paths:
        if os.path.lexists(path):
            raise InputError(field, f"{path} exists already", "a name that is free; nothing is ever overwritten")


def write_new(files: list[NewFile], nonce: str, field: str) -> None:
    """Write ``files`` in their order, each of them whole, none over another; if one fails, none of them stays.

    ``nonce`` makes the names of the unfinished files unlike those of anybody else.
    """
    refuse_existing([file.path for file in files], field)
    written: list[Path] = []
    try:
        for file in files:
            with _refused(file.path, field), _unfinished(file, nonce) as unfinished:
                # A link, unlike a renaming, fails where the name is taken: also by one who was quicker by a moment.
                os.link(unfinished, file.path)
            written.append(file.path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def replace(file: NewFile, nonce: str, field: str) -> None:
    """Write ``file`` in the place of the one before it: readers see the old one or the new one, whole."""
    with _refused(file.path, field), _unfinished(file, nonce) as unfinished:
        unfinished.replace(file.path)


@contextlib.contextmanager
def _unfinished(file: NewFile, nonce: str) -> Iterator[Path]:
    """Write the content beside its place, onto the disk; the unfinished file is gone afterwards."""
    path = file.path.with_name(f".{file.path.name}.{nonce}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(file.content)
            stream.flush()
            os.fsync(stream.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _refused(path: Path, field: str) -> Iterator[None]:
    """Translate the system's refusals: those that another name would cure are `InputError`, the others `StateError`."""
    try:
        yield
    except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError) as error:
        raise InputError(
            field, f"{path} cannot be written: {error.strerror}", "a writable place that is free"
        ) from error
    except OSError as error:
        raise StateError(str(path), f"cannot be written: {error.strerror}") from error


def make_folder(path: Path, field: str, mode: int = 0o777) -> None:
    """Make the folder with those above it, unless it is there; ``mode`` is what the caller's umask takes from."""
    with _refused(path, field):
        path.mkdir(mode=mode, parents=True, exist_ok=True)


def make_private_folder(path: Path, field: str) -> None:
    """Make the folder for its owner alone; one that is there must be empty, and becomes the owner's alone."""
    make_folder(path, field, 0o700)
    with _refused(path, field):
        if any(path.iterdir()):
            raise InputError(field, f"{path} is not empty", "a folder that is new or empty")
        path.chmod(0o700)


def append(folder: Path, entry: Entry) -> None:
    """Append one line to the index, onto the disk."""
    path = folder / INDEX
    with _refused(path, "--ca"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(_ENCODER.encode(entry) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def read_index(folder: Path) -> list[Entry]:
    """Read the whole index; `StateError` when it is missing, too long, or has a line that is no entry."""
    path = folder / INDEX
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAXIMUM_INDEX_LENGTH:
                raise StateError(str(path), f"is longer than {MAXIMUM_INDEX_LENGTH} bytes")
            content = file.read(MAXIMUM_INDEX_LENGTH)
    except OSError as error:
        raise StateError(str(path), f"cannot be read: {error.strerror}") from error
    return [_parse_entry(path, number, line) for number, line in enumerate(content.splitlines(), 1)]


def _parse_entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StateError(str(path), f"line {number} is no entry: {error}") from error
