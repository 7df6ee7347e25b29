"""The ports of the control plane: what the use cases need from storage, and the records that cross.

A record is a row as a value: integers are ms UTC or keys, documents are JSON as it was sent. Public ids (UUIDs, 32 hex digits)
are what the API shows; numbers are keys inside the database and begin every hot table with the account's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from gatepost.core.device import DeviceFacts
from gatepost.core.log import PostureEntry
from gatepost.core.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation. ``public_id`` is 32 hex digits, ``number`` its key in every hot table."""

    number: int
    public_id: str
    created_at: int


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A credential, stored as the SHA-256 of its text. ``kind``: ``administrator`` or ``enrollment``; more kinds will come."""

    id: str
    account: int
    kind: str
    name: str
    digest: bytes
    scopes: tuple[str, ...] = ()
    created_at: int
    expires_at: int | None = None
    uses_left: int | None = None
    """How many times an enrolment token may still be used; None: any number."""
    user_email: str | None = None
    revoked_at: int | None = None


class UploadedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One upload: the PEM text as it was sent (one certificate or several), and whether it was sent as a CA."""

    id: str
    account: int
    name: str | None
    certificates: str
    ca: bool
    uploaded_at: int


class StoredCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One posture rule: its ``document`` (JSON, as it is read back) beside our own ``options`` (JSON).

    ``version`` rises whenever document or options change what is judged. ``number`` is its key in hot tables.
    """

    number: int
    id: str
    account: int
    type: str
    document: bytes
    options: bytes
    version: int
    created_at: int
    updated_at: int
    certificate_id: str | None = None
    """The upload that it names, so that this can refuse to go."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A physical device, as recorded at enrolment."""

    number: int
    id: str
    account: int
    name: str
    facts: DeviceFacts
    details: bytes
    """JSON object: ``client_version, device_type, manufacturer, model, os_version``… as the agent gave them."""
    created_at: int
    updated_at: int


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolment of a device: its key (``public_key``: uncompressed P-256 point, 65 bytes) and how far its reports came."""

    number: int
    id: str
    account: int
    device: Device
    public_key: bytes
    thumbprint: bytes
    """RFC 7638 thumbprint of the device key, 32 bytes; unique."""
    user_email: str | None = None
    created_at: int
    last_seen_at: int
    last_sequence: int = 0
    last_digest: bytes = b""
    revoked_at: int | None = None


class StoredResult(msgspec.Struct, frozen=True, kw_only=True):
    """The newest result of one registration and one check, with what the log and the pages show of it."""

    registration: int
    check: int
    result: Result
    expected: str
    received: str
    """JSON texts: what was asked for; every certificate with what each criterion expected and found, and the faults."""
    logged_at: int
    """When the last log line of this pair was written."""
    repeats: int
    """How many reports said the same since that line."""
    key_digest: bytes | None = None
    """SHA-256 of the SubjectPublicKeyInfo of the key that was proved; None where none was."""


class PostureLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the posture log as it is read back, newest first, with what it says of device and check at that time."""

    number: int
    registration_id: str
    device_id: str
    device_name: str
    device_details: bytes
    facts: DeviceFacts
    user_email: str | None
    check_id: str
    check_name: str
    check_type: str
    entry: PostureEntry


class KeyHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A live registration that proved a certificate's key, until when (ms) that counts, and whether it is the named owner."""

    key_digest: bytes
    """SHA-256 of the certificate's SubjectPublicKeyInfo."""
    registration: int
    registration_id: str
    device_name: str
    ends_at: int
    owner: bool


class Accounts(Protocol):
    """Accounts."""

    def add(self, public_id: str, now: int) -> Account:
        """Make an account."""
        ...

    def all(self) -> tuple[Account, ...]:
        """Return every account, oldest first."""
        ...

    def find(self, public_id: str) -> Account | None:
        """Return the account with this public id."""
        ...


class Tokens(Protocol):
    """Credentials of administrators and for enrolment."""

    def add(self, token: Token) -> None:
        """Store it."""
        ...

    def find(self, digest: bytes) -> Token | None:
        """Return the token whose text has this SHA-256, whatever its state."""
        ...

    def all(self, account: int, kind: str) -> tuple[Token, ...]:
        """Return the account's tokens of one kind, oldest first."""
        ...

    def spend(self, token: Token) -> bool:
        """Take one use from a counted token, in the database itself; False when none is left, or it was revoked."""
        ...

    def revoke(self, account: int, token_id: str, now: int) -> bool:
        """Mark it revoked; False when there is no such token."""
        ...


class Certificates(Protocol):
    """Uploaded certificates."""

    def add(self, certificate: UploadedCertificate) -> None:
        """Store it."""
        ...

    def find(self, account: int, certificate_id: str) -> UploadedCertificate | None:
        """Return one."""
        ...

    def all(self, account: int) -> tuple[UploadedCertificate, ...]:
        """Return the account's uploads, oldest first."""
        ...

    def remove(self, account: int, certificate_id: str) -> None:
        """Forget one. Raises ConflictError while a check names it."""
        ...


class Checks(Protocol):
    """Posture rules."""

    def add(self, check: StoredCheck) -> StoredCheck:
        """Store it and return it with its number (the given number is ignored).

        Raises NotFoundError when it names an upload that the account does not have.
        """
        ...

    def find(self, account: int, check_id: str) -> StoredCheck | None:
        """Return one."""
        ...

    def all(self, account: int) -> tuple[StoredCheck, ...]:
        """Return the account's checks, oldest first."""
        ...

    def replace(self, check: StoredCheck) -> None:
        """Write document, options, version, type, certificate_id and updated_at anew.

        Raises NotFoundError when there is no such check, or no such upload.
        """
        ...

    def remove(self, account: int, number: int) -> None:
        """Forget one and its results; the log keeps its lines."""
        ...

    def version(self, account: int) -> int:
        """Return a number that rises with every change of the account's checks or uploads (0 at first)."""
        ...

    def touch(self, account: int) -> None:
        """Raise that number."""
        ...


class Devices(Protocol):
    """Devices and their registrations."""

    def add(self, device: Device) -> Device:
        """Store a device and return it with its number."""
        ...

    def register(self, registration: Registration) -> Registration:
        """Store a registration of a stored device and return it with its number. Raises ConflictError for a known key."""
        ...

    def find(self, account: int, registration_id: str) -> Registration | None:
        """Return one registration with its device."""
        ...

    def find_many(self, account: int, registration_ids: tuple[str, ...]) -> dict[str, Registration]:
        """Return those that exist, by id: a group of reports asks once."""
        ...

    def by_thumbprint(self, thumbprint: bytes) -> Registration | None:
        """Return the registration that holds this device key, in whatever account."""
        ...

    def all(self, account: int, after: int, limit: int) -> tuple[Registration, ...]:
        """Return registrations with a number above ``after``, in order, at most ``limit``."""
        ...

    def advance(self, account: int, registration: int, sequence: int, digest: bytes, now: int) -> bool:
        """Take a report's sequence (``UPDATE … WHERE last_sequence < :sequence``).

        False when it is not newer, or when the registration was revoked.
        """
        ...

    def revoke(self, account: int, registration: int, now: int) -> None:
        """Mark the registration revoked."""
        ...


class Results(Protocol):
    """The newest result of each registration and check."""

    def find(self, account: int, registration: int) -> tuple[StoredResult, ...]:
        """Return a registration's results."""
        ...

    def put(self, account: int, result: StoredResult) -> None:
        """Write the newest result of its pair.

        Raises NotFoundError when registration or check is not there (an administrator may just have removed the check).
        """
        ...

    def all(self, account: int, after: tuple[int, int], limit: int) -> tuple[StoredResult, ...]:
        """Return results in the order of (registration, check) above ``after``, at most ``limit``."""
        ...


class ProvedKeys(Protocol):
    """Which certificates' keys were proved by which registrations."""

    def hold(self, keys: Iterable[tuple[int, bytes]]) -> None:
        """Keep other processes from proving these keys, each of an account, until the transaction ends.

        Asked for once in a transaction that is not alone, before anything in it is written.
        """
        ...

    def prove(self, account: int, key_digest: bytes, registration: int, ends_at: int) -> None:
        """Note that a registration proved a key, until ``ends_at`` (ms)."""
        ...

    def holders(self, account: int, key_digest: bytes, now: int) -> tuple[KeyHolder, ...]:
        """Return the live registrations whose proof of this key has not ended, in the order of their numbers."""
        ...

    def shared(self, account: int, now: int, limit: int) -> tuple[KeyHolder, ...]:
        """Return the holders of every key that more than one live registration proves, ordered by key, at most ``limit``."""
        ...

    def name_owner(self, account: int, key_digest: bytes, registration: int | None) -> bool:
        """Make one registration the key's owner, or nobody (None); False when that registration never proved the key."""
        ...


class PostureLog(Protocol):
    """The posture log: lines are only ever added."""

    def append(self, account: int, registration: int, check: int, entry: PostureEntry) -> None:
        """Write one line; device and check are copied as they are now, so that the line outlives them.

        Raises NotFoundError when either is not there: a line is never lost in silence.
        """
        ...

    def read(self, account: int, before: int | None, limit: int) -> tuple[PostureLine, ...]:
        """Return lines with a number below ``before`` (None: the newest), newest first, at most ``limit``."""
        ...


class Secrets(Protocol):
    """Secrets that all server processes share, wrapped by the master key that lies outside the database."""

    def get(self, account: int, name: str) -> bytes | None:
        """Return a secret, unwrapped."""
        ...

    def put(self, account: int, name: str, value: bytes, now: int) -> None:
        """Store a secret, wrapped. The first one stands: raises ConflictError where the name is taken."""
        ...


class Records(Protocol):
    """All of storage within one transaction."""

    accounts: Accounts
    tokens: Tokens
    certificates: Certificates
    checks: Checks
    devices: Devices
    results: Results
    proved_keys: ProvedKeys
    posture_log: PostureLog
    secrets: Secrets


class Storage(Protocol):
    """The database. Both raise StorageError when it cannot be used; an exception inside ``writing`` undoes everything."""

    def reading(self) -> AbstractContextManager[Records]:
        """Open a transaction that only reads."""
        ...

    def writing(self, *, alone: bool = True) -> AbstractContextManager[Records]:
        """Open a transaction that writes; it is durable when the block ends.

        It sees no other writer between its first statement and its end. ``alone`` False asks for less: others that ask the
        same may write at once, in other processes. Whoever asks so takes keys, registrations and the log in this order.
        """
        ...
