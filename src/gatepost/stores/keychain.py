"""macOS keychain files, read as bytes: CSSM's database format, "kych".

Security.framework is never asked: opening live keychains through it has damaged them, and it may ask a person. The file is
big-endian and describes itself: its schema says which attributes a record has, and in which order. Apple writes a keychain
anew and renames it, so that one open and one read see one state. The attributes of key records are in clear, and a private
key belongs to a certificate when its Label is the SHA-1 of the certificate's public key bits; no password is needed for that.
What is not in any file (the data-protection keychain, with hardware-bound identities) is not seen: "missing" means "not in
this file". Every number read here is untrusted: each offset is checked against the element that it must lie in.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.safe_open import Obstacle, read_file, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.stores.interface import Query
    from gatepost.stores.safe_open import Access

_MAXIMUM_FILE: Final = 16 << 20
"""Bytes; a login keychain of years has a few million, and a System keychain some 100,000."""
_MAXIMUM_TABLES: Final = 256
"""Keychains have twelve."""
_MAXIMUM_ATTRIBUTES: Final = 64
"""Attributes of one table's records; keys have most, 27."""

_MAGIC: Final = b"kych"
_SCHEMA_ATTRIBUTES: Final = 0x2
_PRIVATE_KEYS: Final = 0x10
_CERTIFICATES: Final = 0x80001000
_WORD: Final = struct.Struct(">I")
_TABLE_HEADER: Final = 28
_RECORD_HEADER: Final = 24
_SCHEMA_FIELDS: Final = 6
"""Attributes of a record of the schema itself: relation, id, name's format, name, name's id, format."""
_TEXT: Final = "backslashreplace"


class _BrokenError(ValueError):
    """The file is not the format that it says to be; stays within this file."""


class _Record(msgspec.Struct, frozen=True):
    """One record: where its attributes lie (offsets in the file, 0: absent) and its data."""

    start: int
    end: int
    attributes: tuple[int, ...]
    data: bytes


class Keychain:
    """The keychain file at the absolute ``path``."""

    def __init__(self, path: str, access: Access) -> None:
        """Take the path, and the device's own settings."""
        self._path = path
        self._access = access

    @property
    def watched(self) -> tuple[str, ...]:
        """The file itself; it is replaced by renaming."""
        return (self._path,)

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show the keychain's certificates with their digests, by macOS's own tool."""
        label = candidate.location.label
        return ("security", "find-certificate", "-a", *(("-c", label) if label else ()), "-Z", "-p", self._path)

    def sign(self, candidate: Candidate, statement: bytes) -> None:
        """Sign nothing: that would need Security.framework in the right session, which has not been run yet."""

    def read(self, query: Query) -> Findings:
        """Find the candidates, and their keys by the hash of their public halves."""
        content = read_file(self._path, self._access, _MAXIMUM_FILE)
        if isinstance(content, Obstacle):
            return self._faulty(content)
        try:
            return self._search(_File(content), query)
        except _BrokenError as error:
            return self._faulty(Obstacle(Reason.STORE_CORRUPT, f"{shown(self._path)}: {error}"))

    def _search(self, file: _File, query: Query) -> Findings:
        labels = frozenset(file.labels_of_keys()) if query.asks_key else frozenset[bytes]()
        candidates: dict[bytes, Candidate] = {}
        others = 0
        for label, encoded in file.certificates():
            certificate = parse_certificate(encoded)
            if isinstance(certificate, Certificate) and certificate.issuer.canonical not in query.issuers:
                others += 1
            elif certificate.sha256 not in candidates:
                candidates[certificate.sha256] = self._candidate(certificate, label, labels, query)
                if len(candidates) > query.limit:
                    break
        found = tuple(candidates.values())
        return Findings(candidates=found[: query.limit], others=others, too_many=len(found) > query.limit)

    def _candidate(
        self, certificate: Certificate | Malformed, label: str, labels: frozenset[bytes], query: Query
    ) -> Candidate:
        state, detail = KeyState.NOT_ASKED, ""
        if query.asks_key and isinstance(certificate, Certificate):
            digest = hashlib.sha1(certificate.public_key.material, usedforsecurity=False).digest()
            state = KeyState.PRESENT if digest in labels else KeyState.MISSING
            detail = "" if digest in labels else "no key of this certificate in this file"
        return Candidate(
            certificate=certificate,
            location=Location(store=StoreKind.KEYCHAIN, path=self._path, label=label or None),
            key=state,
            key_detail=detail,
        )

    def _faulty(self, obstacle: Obstacle) -> Findings:
        place = Location(store=StoreKind.KEYCHAIN, path=self._path)
        return Findings(faults=(Fault(location=place, reason=obstacle.reason, detail=obstacle.detail),))


class _File:
    """The bytes of a keychain; every method raises `_BrokenError` where they are not what they should be."""

    def __init__(self, content: bytes) -> None:
        if content[:4] != _MAGIC:
            raise _BrokenError("it is no keychain file")
        self._content = content
        self._tables = self._find_tables()

    def certificates(self) -> Iterator[tuple[str, bytes]]:
        """Yield each certificate's name in the keychain, and its DER."""
        name = self._column(_CERTIFICATES, b"PrintName")
        for record in self._records(_CERTIFICATES, name.count):
            yield self._value(record, name.index).rstrip(b"\0").decode("utf-8", _TEXT), record.data

    def labels_of_keys(self) -> Iterator[bytes]:
        """Yield the Label of each private key: the SHA-1 of its public half's bits."""
        label = self._column(_PRIVATE_KEYS, b"Label")
        for record in self._records(_PRIVATE_KEYS, label.count):
            yield self._value(record, label.index)

    def _word(self, offset: int, end: int) -> int:
        if not 0 <= offset <= end - _WORD.size or end > len(self._content):
            raise _BrokenError("a number lies outside what holds it")
        number: int = _WORD.unpack_from(self._content, offset)[0]
        return number

    def _find_tables(self) -> dict[int, tuple[int, int]]:
        """Return where each table begins and ends, by its number."""
        end = len(self._content)
        schema = self._word(12, end)
        count = self._word(schema + 4, end)
        if count > _MAXIMUM_TABLES:
            raise _BrokenError(f"it has more than {_MAXIMUM_TABLES} tables")
        tables = {}
        for index in range(count):
            start = schema + self._word(schema + 8 + 4 * index, end)
            size = self._word(start, end)
            if size < _TABLE_HEADER or start + size > end:
                raise _BrokenError("a table is longer than the file")
            tables[self._word(start + 4, end)] = (start, start + size)
        return tables

    def _column(self, table: int, name: bytes) -> _Column:
        """Find an attribute in the schema: how many a record of ``table`` has, and which of them it is."""
        if table not in self._tables:
            return _Column(0, 0)
        names = []
        for record in self._records(_SCHEMA_ATTRIBUTES, _SCHEMA_FIELDS):
            if self._number(record, 0) == table:
                names.append(self._value(record, 3))
            if len(names) > _MAXIMUM_ATTRIBUTES:
                raise _BrokenError(f"its schema has more than {_MAXIMUM_ATTRIBUTES} attributes for one table")
        if name not in names:
            raise _BrokenError(f"its schema has no attribute {name.decode()}")
        return _Column(len(names), names.index(name))

    def _records(self, table: int, attributes: int) -> Iterator[_Record]:
        """Yield the records of a table, whose number of attributes the schema gives."""
        if table not in self._tables:
            return
        start, end = self._tables[table]
        slots = self._word(start + 24, end)
        # Records that share bytes would let a small file unfold into a giant one.
        room = end - start - _TABLE_HEADER - 4 * slots
        for index in range(slots):
            offset = self._word(start + _TABLE_HEADER + 4 * index, end)
            # An empty or free slot is 0, or the next free one's place with the lowest bit set.
            if offset and not offset & 1:
                record = self._record(start + offset, end, attributes)
                room -= record.end - record.start
                if room < 0:
                    raise _BrokenError("its records lie in each other")
                yield record

    def _record(self, start: int, table_end: int, attributes: int) -> _Record:
        size = self._word(start, table_end)
        end = start + size
        if size < _RECORD_HEADER or end > table_end:
            raise _BrokenError("a record is longer than its table")
        offsets = [self._word(start + _RECORD_HEADER + 4 * index, end) for index in range(attributes)]
        data = start + _RECORD_HEADER + 4 * attributes
        length = self._word(start + 16, end)
        if length > end - data:
            raise _BrokenError("a record's data is longer than the record")
        # An offset is counted from the record, with the lowest bit set to tell it from "absent".
        places = tuple(start + offset - 1 if offset & 1 else 0 for offset in offsets)
        return _Record(start, end, places, self._content[data : data + length])

    def _number(self, record: _Record, index: int) -> int | None:
        place = record.attributes[index]
        return self._word(place, record.end) if place else None

    def _value(self, record: _Record, index: int) -> bytes:
        """Return a text or blob: its length, then as many bytes. Absent is empty."""
        place = record.attributes[index]
        if not place:
            return b""
        length = self._word(place, record.end)
        if length > record.end - place - _WORD.size:
            raise _BrokenError("a value is longer than its record")
        return self._content[place + _WORD.size : place + _WORD.size + length]


class _Column(msgspec.Struct, frozen=True):
    """How many attributes a table's records have, and the place of one among them."""

    count: int
    index: int
