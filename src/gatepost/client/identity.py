"""The device's identity: its key, its registration, and the counter of its reports, in a folder that only its owner can read.

Files: ``device.key`` (PKCS #8, PEM), ``registration.json`` (written once, at enrolment), ``progress.json`` (sequence and
checks, replaced at each cycle). Each is 0600 in a folder 0700, written beside its place and renamed into it, so that a
crash leaves the old one whole.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.errors import StateError
from gatepost.wire import jws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEY: Final = "device.key"
_REGISTRATION: Final = "registration.json"
_PROGRESS: Final = "progress.json"
_LOCK: Final = "agent.lock"
LAST_REPORT: Final = "last-report.json"
"""The report that was sent last, for the person whose device it is."""
ABSENCE: Final = "absence.json"
"""What the agent saw while its server was away."""
_MAXIMUM_FILE: Final = 4 * 1024 * 1024
"""Nothing of ours is larger: 64 checks with a few signing certificates each."""

_T = TypeVar("_T")


class DeviceKey(msgspec.Struct, frozen=True):
    """The device's own key pair, P-256, made on the device. ``point`` is the public half, uncompressed."""

    private: ec.EllipticCurvePrivateKey
    point: bytes

    @property
    def thumbprint(self) -> bytes:
        """RFC 7638 thumbprint of the public half, 32 bytes."""
        return jws.thumbprint(self.point)

    def sign(self, kind: jws.Kind, document: msgspec.Struct) -> bytes:
        """Sign a document for the server."""
        return jws.sign(kind, msgspec.json.encode(document), self.private, self.thumbprint)


class EnrolledAs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where this device is enrolled and as whom. ``server`` has no slash at its end; ``server_ca`` is PEM text."""

    server: str
    server_ca: str | None = None
    account_id: str
    registration_id: str
    device_id: str
    account_key: jws.JsonWebKey

    @property
    def audience(self) -> str:
        """What every document of this device is meant for, and nobody else."""
        return f"{self.server}/{self.account_id}"


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the reports came. ``checks`` is the payload that the account's key signed, verified when it came."""

    sequence: int = 0
    checks_version: int = -1
    checks: bytes = b""


class StateFolder:
    """The agent's folder. Every method raises `StateError` with the path where it cannot do its work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._folder

    @property
    def enrolled(self) -> bool:
        """Whether a registration lies in it."""
        return self._holds(_REGISTRATION)

    def create(self) -> None:
        """Make the folder 0700, or insist that it is so and ours."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(str(self._folder), f"cannot be made: {error.strerror}") from error
        self.check()

    def check(self) -> None:
        """Insist that nobody else can read or write the folder."""
        try:
            status = self._folder.stat()
        except OSError as error:
            raise StateError(str(self._folder), f"cannot be looked at: {error.strerror}") from error
        if not stat.S_ISDIR(status.st_mode):
            raise StateError(str(self._folder), "is not a folder")
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            detail = f"must be yours alone: chown to uid {os.geteuid()} and chmod 700 it"
            raise StateError(str(self._folder), detail)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only agent on this folder for a block; two would take each other's sequence."""
        self.check()
        descriptor = self._take_lock(self._folder / _LOCK)
        try:
            yield
        finally:
            os.close(descriptor)

    def _take_lock(self, path: Path) -> int:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(str(path), f"cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            detail = "is held by another agent that runs on this folder"
            if not isinstance(error, BlockingIOError):
                detail = f"cannot be locked: {error.strerror}"
            raise StateError(str(path), detail) from error
        return descriptor

    def make_key(self) -> DeviceKey:
        """Make the device's key, in the place of one that an unfinished enrolment left: a server may know that one."""
        private = ec.generate_private_key(ec.SECP256R1())
        encoded = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._write(_KEY, encoded)
        return _device_key(private)

    def load_key(self) -> DeviceKey:
        """Return the device's key."""
        path = self._folder / _KEY
        try:
            private = serialization.load_pem_private_key(self._read(_KEY), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StateError(str(path), "holds no usable key; enrol anew after removing it") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise StateError(str(path), "holds a key of another kind than P-256")
        return _device_key(private)

    def save_registration(self, registration: EnrolledAs) -> None:
        """Write who this device is."""
        self._write(_REGISTRATION, msgspec.json.encode(registration))

    def load_registration(self) -> EnrolledAs:
        """Return who this device is."""
        return self._decode(_REGISTRATION, EnrolledAs)

    def save_progress(self, progress: Progress) -> None:
        """Write how far the reports came; durable when this returns."""
        self._write(_PROGRESS, msgspec.json.encode(progress))

    def load_progress(self) -> Progress:
        """Return how far the reports came; it is written at enrolment, so that a missing file is a lost one."""
        return self._decode(_PROGRESS, Progress)

    def save(self, name: str, content: bytes) -> None:
        """Write another small file, as carefully."""
        self._write(name, content)

    def load(self, name: str) -> bytes | None:
        """Return another small file; None where there is none."""
        return self._read(name) if self._holds(name) else None

    def forget(self) -> None:
        """Remove everything that says who this device is, and what it told; the registration first, which all else rests on."""
        for name in (_REGISTRATION, _PROGRESS, _KEY, LAST_REPORT, ABSENCE):
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise StateError(str(self._folder / name), f"cannot be removed: {error.strerror}") from error

    def _holds(self, name: str) -> bool:
        path = self._folder / name
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StateError(str(path), f"cannot be looked at: {error.strerror}") from error
        return True

    def _decode(self, name: str, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(self._read(name), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StateError(str(self._folder / name), f"is damaged ({error}); enrol this device anew") from error

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(file.fileno())
                if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                    raise StateError(str(path), f"must be yours alone: chown to uid {os.geteuid()} and chmod 600 it")
                return file.read(_MAXIMUM_FILE)
        except OSError as error:
            raise StateError(str(path), f"cannot be read: {error.strerror}") from error

    def _write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        beside = self._folder / f".{name}.new"
        try:
            beside.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
            _sync_folder(self._folder)
        except OSError as error:
            raise StateError(str(path), f"cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the folder is what holds the name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_device_key() -> DeviceKey:
    """Make a device's key that is kept nowhere."""
    return _device_key(ec.generate_private_key(ec.SECP256R1()))


def _device_key(private: ec.EllipticCurvePrivateKey) -> DeviceKey:
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return DeviceKey(private, point)
