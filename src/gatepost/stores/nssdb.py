"""NSS databases (``sql:``): certificates in ``cert9.db``, private keys in ``key4.db``, both SQLite files.

They are read beside their users, with SQLite's own locks and ``mode=ro``: never ``immutable``, never as mere bytes, because
under a writer that gives rows that are silently wrong. Nothing of NSS runs in this process, no password is needed, nothing is
left behind; what another user owns is read, and what is to be signed is signed, by a child. Columns are named ``a`` and the
attribute's number in hex (PKCS#11, and NSS's own ``pkcs11n.h``). Certificates are found through the index on their issuer, at
the same cost whether there are 100 or 100,000.
Source: ``docs/reference/semantics.md``, sections 1 and 6.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.name import parse_name
from gatepost.core.public_key import KeyKind, rsa_modulus
from gatepost.core.reason import Reason
from gatepost.stores.hot_journal import NOWHERE, UNDO_FIRST, ask_copy
from gatepost.stores.safe_open import MAXIMUM_DATABASE, Obstacle, open_file, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.core.public_key import PublicKey
    from gatepost.stores.deputy import Deputy
    from gatepost.stores.interface import Query, Unsigned
    from gatepost.stores.safe_open import Access, OpenFile

_T = TypeVar("_T")
_Question: TypeAlias = "Callable[[sqlite3.Connection, bytes], _T | Obstacle]"

_PATIENCE: Final = 2.0
"""Seconds to wait for a writer. NSS's own transactions take milliseconds."""
_MAXIMUM_VALUE: Final = 1 << 20
"""Bytes in one value or row: a file of 4 KB can otherwise unfold into 900 MB."""
_STEPS_AT_ONCE: Final = 1_000
_MAXIMUM_STEPS: Final = 20_000_000
"""Steps of SQLite's machine for one question: 0.2 to 1.4 s of work here, and 1,000 times what an ordinary one takes."""
_MAXIMUM_ISSUERS: Final = 10_000
"""Different issuers in one database; the names of so many are compared in a fifth of a second."""
_MAXIMUM_NAME: Final = 4_096
"""Bytes in an issuer's name that is compared at all."""

_HEADER_LENGTH: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_ROLLBACK_JOURNAL: Final = b"\1\1"
"""Bytes 18 and 19 of a database in the ordinary journal mode; 2 is WAL (SQLite's file format, 1.3.3)."""

_TABLE: Final = (
    "SELECT sql FROM sqlite_master WHERE name = ? AND type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE %'"
)
# One step down the index for each issuer, however many rows each has.
_ISSUERS: Final = (
    "WITH RECURSIVE issuer(name) AS (SELECT min(a81) FROM nssPublic UNION ALL"
    " SELECT (SELECT min(a81) FROM nssPublic WHERE a81 > name) FROM issuer WHERE name IS NOT NULL)"
    " SELECT name FROM issuer WHERE name IS NOT NULL LIMIT ?"
)
_CERTIFICATES: Final = "SELECT a11, a3, a82, a102 FROM nssPublic WHERE a81 = ? AND a0 = x'00000001' LIMIT ?"
_ANY_CERTIFICATE: Final = "SELECT 1 FROM nssPublic WHERE a81 = ? AND a0 = x'00000001' LIMIT 1"
# NSS's own trust objects (class CKO_NSS_TRUST): CKA_TRUST_CLIENT_AUTH is CKT_NSS_NOT_TRUSTED.
_DISTRUSTED: Final = (
    "SELECT a82 FROM nssPublic WHERE a81 = ? AND a0 = x'CE534353' AND ace536359 = x'CE53435A' AND a82 IS NOT NULL"
)
# The same in the objects of PKCS#11 3.2 (class CKO_TRUST), which releases of NSS from 2025 on write.
_NEWER_TRUST: Final = b"a62d"
_NEWER_DISTRUSTED: Final = (
    "SELECT a82 FROM nssPublic WHERE a81 = ? AND a0 = x'0000000B' AND a62d = x'00000003' AND a82 IS NOT NULL"
)
# ad5a0db00 (CKA_NSS_DB) has the modulus too, or the point of an EC key.
_KEYS_BY_ID: Final = "SELECT a120, ad5a0db00 FROM nssPrivate WHERE a102 = ? AND a0 = x'00000003'"
_ALL_KEYS: Final = "SELECT a120, ad5a0db00 FROM nssPrivate WHERE a0 = x'00000003'"
_ABSENT: Final = frozenset({None, b"", b"\xa5\x00\x5a"})
"""How an attribute is absent or empty; NSS writes the last."""

_REASONS: Final = {
    sqlite3.SQLITE_BUSY: (Reason.STORE_BUSY, "another program is writing to it"),
    sqlite3.SQLITE_LOCKED: (Reason.STORE_BUSY, "another program is writing to it"),
    sqlite3.SQLITE_CORRUPT: (Reason.STORE_CORRUPT, "it is damaged"),
    sqlite3.SQLITE_NOTADB: (Reason.STORE_CORRUPT, "it is no SQLite database"),
    sqlite3.SQLITE_ERROR: (Reason.STORE_CORRUPT, "its table is not one of NSS"),
    sqlite3.SQLITE_TOOBIG: (Reason.STORE_CORRUPT, f"a value in it has more than {_MAXIMUM_VALUE} bytes"),
    sqlite3.SQLITE_INTERRUPT: (Reason.STORE_UNREADABLE, f"an answer took more than {_MAXIMUM_STEPS} steps"),
}

_INTERRUPTED: Final = Obstacle(Reason.STORE_UNREADABLE, UNDO_FIRST)
"""The answer of a database that was left half written; a private copy is asked instead."""

_ONE_READER: Final = threading.Lock()
"""POSIX locks belong to the process: whoever closes a file loses the locks that another thread's SQLite has on it."""


class _Row(msgspec.Struct, frozen=True):
    """One certificate of a database; ``key_id`` is its CKA_ID, where it has one."""

    certificate: Certificate | Malformed
    label: str | None
    key_id: bytes
    distrusted: bool


class _Found(msgspec.Struct, frozen=True):
    """What ``cert9.db`` holds: the candidates, whether there are others (1 or 0), whether there are more than asked for."""

    rows: tuple[_Row, ...]
    others: int
    too_many: bool


class _Keys(msgspec.Struct, frozen=True):
    """What ``key4.db`` holds, by the material of certificates' public keys: keys that are there; others in their place."""

    present: frozenset[bytes] = frozenset()
    mismatched: frozenset[bytes] = frozenset()
    detail: str = "key4.db has no key of this certificate"


class NssDatabase:
    """The NSS database in the folder ``directory`` (absolute). ``scratch`` is where private copies are made for moments."""

    def __init__(
        self, directory: str, access: Access, scratch: str | None = None, deputize: Callable[[], Deputy] | None = None
    ) -> None:
        """Take the folder, the device's own settings, a folder for copies (None: the system's temporary one, `NOWHERE`: none).

        ``deputize`` gives a deputy once one is needed; without it nothing is read of another user's, and nothing signs.
        """
        self._directory = directory
        self._access = access
        self._scratch = scratch
        self._deputize = deputize

    @property
    def watched(self) -> tuple[str, ...]:
        """Both databases."""
        return f"{self._directory}/cert9.db", f"{self._directory}/key4.db"

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show the certificate by NSS's own tool; every one under the nickname is shown, if several share it."""
        label = candidate.location.label
        return ("certutil", "-L", "-d", f"sql:{self._directory}", *(("-n", label) if label else ()))

    def read(self, query: Query) -> Findings:
        """Find the candidates by the issuer index, and their keys by id; never asks for a password."""
        with _ONE_READER:
            findings = self._read(query)
        if self._deputize is None or all(fault.reason is not Reason.PATH_REFUSED for fault in findings.faults):
            return findings
        deputy = self._deputize()
        owner = deputy.find_owner(self._directory)
        return deputy.read_database(owner, self._directory, query) if owner else findings

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned | None:
        """Let NSS sign, in a process of its own."""
        if self._deputize is None:
            return None
        return self._deputize().sign_in_database(self._directory, candidate, statement)

    def refusal(self) -> Obstacle | None:
        """Say why NSS's own code may not open this database, where it may not: it minds nothing of what we mind."""
        with _ONE_READER:
            for name in ("cert9.db", "key4.db"):
                with open_file(f"{self._directory}/{name}", self._access, MAXIMUM_DATABASE) as file:
                    if isinstance(file, Obstacle):
                        return file
                    obstacle = _examine(file)
                    if obstacle is not None:
                        return _at(file.path, obstacle)
        return None

    def _read(self, query: Query) -> Findings:
        found = self._ask("cert9.db", "nssPublic", partial(_search, query=query))
        if isinstance(found, Obstacle):
            return Findings(faults=(self._fault(self._explain(found)),))
        faults: tuple[Fault, ...] = ()
        keys: _Keys | None = None
        if query.asks_key and found.rows:
            keys, faults = self._look_up(found.rows)
        candidates = tuple(self._candidate(row, keys) for row in found.rows)
        return Findings(candidates=candidates, others=found.others, faults=faults, too_many=found.too_many)

    def _look_up(self, rows: tuple[_Row, ...]) -> tuple[_Keys, tuple[Fault, ...]]:
        """Look for the rows' keys. A key database that is not there is no fault: then there are no keys."""
        wanted = {
            key_material(row.certificate.public_key): row.key_id
            for row in rows
            if isinstance(row.certificate, Certificate)
        }
        match self._ask("key4.db", "nssPrivate", partial(_find_keys, wanted=wanted)):
            case Obstacle(Reason.STORE_MISSING):
                return _Keys(detail="there is no key database (key4.db)"), ()
            case Obstacle() as obstacle:
                return _Keys(detail="the key database could not be read"), (self._fault(obstacle),)
            case keys:
                return keys, ()

    def _candidate(self, row: _Row, keys: _Keys | None) -> Candidate:
        state, detail = KeyState.NOT_ASKED, ""
        if keys is not None and isinstance(row.certificate, Certificate):
            state, detail = _key_state(row.certificate, keys)
        return Candidate(
            certificate=row.certificate,
            location=Location(store=StoreKind.NSSDB, path=self._directory, label=row.label),
            key=state,
            key_detail=detail,
            distrusted=row.distrusted,
        )

    def _fault(self, obstacle: Obstacle) -> Fault:
        location = Location(store=StoreKind.NSSDB, path=self._directory)
        return Fault(location=location, reason=obstacle.reason, detail=obstacle.detail)

    def _explain(self, obstacle: Obstacle) -> Obstacle:
        """Say so when what is missing is there in the older format alone; NSS wrote it until 2009, or with ``dbm:``."""
        if obstacle.reason is not Reason.STORE_MISSING:
            return obstacle
        path = f"{self._directory}/cert8.db"
        with open_file(path, self._access, MAXIMUM_DATABASE) as legacy:
            if isinstance(legacy, Obstacle) and legacy.reason is Reason.STORE_MISSING:
                return obstacle
        detail = f"{shown(path)} is in the legacy format (dbm); certutil --upgrade-merge makes a new database of it"
        return Obstacle(Reason.STORE_LEGACY_FORMAT, detail)

    def _ask(self, name: str, table: str, question: _Question[_T]) -> _T | Obstacle:
        """Put a question to one database file, once it is known that opening it does no harm."""
        with open_file(f"{self._directory}/{name}", self._access, MAXIMUM_DATABASE) as file:
            if isinstance(file, Obstacle):
                return file
            obstacle = _examine(file)
            if obstacle is not None:
                return _at(file.path, obstacle)
            answer = _query(file.path, mode="ro", table=table, question=question)
            if answer is _INTERRUPTED and self._scratch != NOWHERE:
                again = partial(_query, mode="rw", table=table, question=question)
                answer = ask_copy(file, self._access, self._scratch, again)
            return _at(file.path, answer) if isinstance(answer, Obstacle) else answer


def _examine(file: OpenFile) -> Obstacle | None:
    """Judge a database file before SQLite opens it by its path, and looks for others beside it."""
    if not file.private:
        return Obstacle(Reason.PATH_REFUSED, "other users can write there, and no database is read from such a folder")
    if not file.size:
        return Obstacle(Reason.STORE_CORRUPT, "it is empty")
    header = file.read(_HEADER_LENGTH)
    if isinstance(header, Obstacle):
        return header
    if not header.startswith(_MAGIC):
        return Obstacle(Reason.STORE_CORRUPT, "it is no SQLite database")
    if header[18:20] != _ROLLBACK_JOURNAL:
        return Obstacle(Reason.STORE_UNREADABLE, "it is in WAL mode, in which reading it would write beside it")
    return None


def _at(path: str, obstacle: Obstacle) -> Obstacle:
    return Obstacle(obstacle.reason, f"{shown(path)}: {obstacle.detail}")


def _query(path: str, *, mode: str, table: str, question: _Question[_T]) -> _T | Obstacle:
    """Open a database, for reading alone or (``rw``, a copy of ours) to undo an interrupted change, and put the question."""
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        with closing(_connect(f"file:{escaped}?mode={mode}")) as connection:
            row = connection.execute(_TABLE, (table,)).fetchone()
            if row is None:
                return Obstacle(Reason.STORE_CORRUPT, f"it has no table {table}")
            return question(connection, row[0])
    except UnicodeDecodeError:
        # What SQLite says of a damaged schema may quote it, and the module reads that as UTF-8.
        return Obstacle(Reason.STORE_CORRUPT, "what SQLite says of it is no text")
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code == sqlite3.SQLITE_READONLY_ROLLBACK:
            return _INTERRUPTED
        # The lowest byte is the primary code (SQLite's result codes).
        reason, words = _REASONS.get(code & 0xFF, (Reason.STORE_UNREADABLE, "SQLite could not read it"))
        return Obstacle(reason, f"{words} ({error})")


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
    # Nothing in a database is taken for text, so that nothing in it can be wrongly encoded.
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAXIMUM_VALUE)
    connection.set_progress_handler(_Budget(), _STEPS_AT_ONCE)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")
    return connection


class _Budget:
    """Counts SQLite's steps; asked after each thousand, it says when to stop."""

    def __init__(self) -> None:
        self._left = _MAXIMUM_STEPS // _STEPS_AT_ONCE

    def __call__(self) -> bool:
        self._left -= 1
        return self._left < 0


def _search(connection: sqlite3.Connection, table: bytes, *, query: Query) -> _Found | Obstacle:
    """Find the certificates of the issuers asked for, by name: one step down the index for each issuer in the database."""
    names = [name for (name,) in connection.execute(_ISSUERS, (_MAXIMUM_ISSUERS + 1,))]
    if len(names) > _MAXIMUM_ISSUERS:
        return Obstacle(Reason.STORE_UNREADABLE, f"it names more than {_MAXIMUM_ISSUERS} issuers")
    matching = dict.fromkeys(name for name in names if _canonical(name) in query.issuers)
    rows: dict[bytes, _Row] = {}
    read = 0
    for name in matching:
        values = connection.execute(_CERTIFICATES, (name, query.limit + 1 - read)).fetchall()
        distrusted = _distrusted(connection, table, name, {serial for _, _, serial, _ in values})
        read += len(values)
        for value, label, serial, key_id in values:
            row = _row(value, label, key_id, distrusted=serial in distrusted)
            rows.setdefault(row.certificate.sha256, row)
    others = any(connection.execute(_ANY_CERTIFICATE, (name,)).fetchone() for name in names if name not in matching)
    return _Found(tuple(rows.values())[: query.limit], int(others), read > query.limit)


def _canonical(name: object) -> bytes | None:
    """Return the canonical form of an issuer's name; None for what is no name, which is then another issuer's."""
    if not isinstance(name, bytes) or len(name) > _MAXIMUM_NAME:
        return None
    try:
        return parse_name(name).canonical
    except (ValueError, OverflowError):
        return None


def _distrusted(connection: sqlite3.Connection, table: bytes, name: bytes, serials: set[object]) -> set[object]:
    """Return those of the serial numbers that the database distrusts for client authentication (``certutil -t p``)."""
    found = {serial for (serial,) in connection.execute(_DISTRUSTED, (name,)) if serial in serials}
    if _NEWER_TRUST in table:
        found |= {serial for (serial,) in connection.execute(_NEWER_DISTRUSTED, (name,)) if serial in serials}
    return found


def _row(value: object, label: object, key_id: object, *, distrusted: bool) -> _Row:
    return _Row(
        certificate=parse_certificate(value if isinstance(value, bytes) else b""),
        label=label.decode("utf-8", "replace") if isinstance(label, bytes) and label not in _ABSENT else None,
        key_id=key_id if isinstance(key_id, bytes) else b"",
        distrusted=distrusted,
    )


def key_material(key: PublicKey) -> bytes:
    """Return what NSS names a key by: an RSA key's modulus, another's point."""
    return rsa_modulus(key.material) if key.name.startswith(KeyKind.RSA) else key.material


def _find_keys(connection: sqlite3.Connection, _table: bytes, *, wanted: dict[bytes, bytes]) -> _Keys:
    """Look for private keys by the material of their public halves; ``wanted`` has the certificates' own ids with it.

    NSS names a key by the SHA-1 of the material. Other programs may not, so what is not found so is sought among all keys.
    """
    present: set[bytes] = set()
    mismatched: set[bytes] = set()
    for material, own_id in wanted.items():
        for key_id in {hashlib.sha1(material, usedforsecurity=False).digest(), own_id} - _ABSENT:
            for row in connection.execute(_KEYS_BY_ID, (key_id,)):
                stored = set(row) - _ABSENT
                (present if material in stored or not stored else mismatched).add(material)
    missing = wanted.keys() - present
    if missing:
        present.update(*(missing.intersection(row) for row in connection.execute(_ALL_KEYS)))
    return _Keys(frozenset(present), frozenset(mismatched))


def _key_state(certificate: Certificate, keys: _Keys) -> tuple[KeyState, str]:
    material = key_material(certificate.public_key)
    if material in keys.present:
        return KeyState.PRESENT, ""
    if material in keys.mismatched:
        return KeyState.MISMATCH, "key4.db has another key under this certificate's id"
    return KeyState.MISSING, keys.detail
