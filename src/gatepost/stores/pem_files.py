"""Certificates and keys in PEM files: all the paths of one check are one place, and the order in them is free.

A key belongs to a certificate by its public key and by nothing else. A file that others than root and this account could have
put there is read by a child that becomes its owner, and only where the device's own settings allow its path; its keys sign
there, and its passwords are not ours to give. Sources: RFC 7468; ``docs/reference/semantics.md``, sections 5 and 6.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Unsigned
from gatepost.stores.pem_content import Content, PemFile, normal_form, open_pem_file, sign_with, survey
from gatepost.stores.safe_open import Access, Obstacle, read_file, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gatepost.stores.accounts import Account
    from gatepost.stores.deputy import Deputy
    from gatepost.stores.interface import Query
    from gatepost.stores.pem_content import Piece

_MAXIMUM_PASSWORD: Final = 4_096


class _Owner(NamedTuple):
    """Another user, as whom a deputy reads and signs."""

    account: Account
    deputy: Deputy


class _Read(NamedTuple):
    """One file that was read: by us, or by its owner's child."""

    location: Location
    content: Content
    source: PemFile | _Owner


class _Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The private keys of a place, without the keys: the public halves of those that can be read; where others lie."""

    public: frozenset[bytes]
    locked: str
    """The path of a file with an encrypted key, or empty."""
    broken: str
    """The path of a file with something that calls itself a key and cannot be read, or empty."""


class PemFiles:
    """The PEM files under absolute ``paths``, together one place."""

    def __init__(
        self,
        paths: tuple[str, ...],
        access: Access,
        passwords: Mapping[str, str] = MappingProxyType({}),
        deputize: Callable[[], Deputy] | None = None,
    ) -> None:
        """Take the paths as the check names them, and the device's own settings.

        ``passwords`` names, for a file with an encrypted key, the file with its password; both are read as safely.
        ``deputize`` gives a deputy once one is needed; without it nothing is read that others could have put there.
        """
        self._paths = paths
        self._access = access
        self._passwords = passwords
        self._deputize = deputize
        self._deputy: Deputy | None = None

    @property
    def watched(self) -> tuple[str, ...]:
        """The files themselves."""
        return self._paths

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show the file's certificates by OpenSSL, several of them one after another."""
        path = candidate.location.path
        return ("openssl", "storeutl", "-noout", "-text", "-certs", path)

    def read(self, query: Query) -> Findings:
        """Find the candidates in all files; each file that could not be read is a fault beside them.

        None is cut off: how many there can be, the size of the files bounds, and which file has too many is not lost.
        """
        files, faults = self._open(asks_key=query.asks_key)
        found: dict[bytes, tuple[Location, Certificate | Malformed]] = {}
        for location, item in _certificates(files):
            found.setdefault(item.sha256, (location, item))
        matching = [(location, item) for location, item in found.values() if _matches(item, query.issuers)]
        keys = _survey(files) if query.asks_key and matching else None
        return Findings(
            candidates=tuple(_candidate(location, item, keys) for location, item in matching),
            others=len(found) - len(matching),
            faults=tuple(faults),
        )

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Sign ``statement`` with the key of ``candidate``, which is read anew and forgotten again."""
        certificate = candidate.certificate
        if isinstance(certificate, Malformed):
            return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
        files, faults = self._open(asks_key=True)
        wanted = normal_form(certificate.public_key)
        for read in (item for item in files if wanted in item.content.keys):
            return _sign(read, certificate, statement)
        state, detail = _key_state(certificate, _survey(files))
        return Unsigned("; ".join((detail, *(fault.detail for fault in faults))), state)

    def _open(self, *, asks_key: bool) -> tuple[list[_Read], list[Fault]]:
        """Read all files, by their owners' children where it has to be."""
        files: list[_Read] = []
        faults: list[Fault] = []
        owned: dict[_Owner, list[str]] = {}
        for path in self._paths:
            match self._open_one(path):
                case PemFile() as file:
                    files.append(_Read(_location(path), survey(file, asks_key=asks_key), file))
                case Obstacle() as obstacle:
                    faults.append(_fault(_location(path), obstacle))
                case owner:
                    owned.setdefault(owner, []).append(path)
        for owner, paths in owned.items():
            for path, content in owner.deputy.read_files(owner.account, tuple(paths), asks_key=asks_key).items():
                location = _location(path, owner.account.name)
                if isinstance(content, Obstacle):
                    faults.append(_fault(location, content))
                else:
                    files.append(_Read(location, content, owner))
        return files, faults

    def _open_one(self, path: str) -> PemFile | _Owner | Obstacle:
        """Open one file, or say who has to."""
        opened = open_pem_file(path, Access(), self._password(path))
        if not isinstance(opened, Obstacle) or opened.reason is not Reason.PATH_REFUSED or self._deputize is None:
            return opened
        self._deputy = self._deputy or self._deputize()
        account = self._deputy.find_file_owner(path, self._access)
        return account if isinstance(account, Obstacle) else _Owner(account, self._deputy)

    def _password(self, path: str) -> bytes | None:
        """Return the password for the keys in the file at ``path``; None where the settings name none, or it cannot be read."""
        named = self._passwords.get(path)
        content = read_file(named, Access(), _MAXIMUM_PASSWORD) if named else None
        return content.rstrip(b"\r\n") if isinstance(content, bytes) else None


def _sign(read: _Read, certificate: Certificate, statement: bytes) -> bytes | Unsigned:
    """Sign with the key in one file."""
    if isinstance(read.source, PemFile):
        return sign_with(read.source, certificate.public_key, statement)
    owner = read.source
    return owner.deputy.sign_with_file(owner.account, read.location.path, certificate.der, statement)


def _location(path: str, user: str | None = None) -> Location:
    return Location(store=StoreKind.PEM_FILE, path=path, user=user)


def _fault(location: Location, obstacle: Obstacle) -> Fault:
    return Fault(location=location, reason=obstacle.reason, detail=obstacle.detail)


def _certificates(files: list[_Read]) -> Iterator[tuple[Location, Certificate | Malformed]]:
    """Yield every certificate with its place."""
    for file in files:
        for piece in file.content.certificates:
            yield file.location, _certificate(piece)


def _certificate(piece: Piece) -> Certificate | Malformed:
    if piece.whole:
        return parse_certificate(piece.encoded)
    digest = hashlib.sha256(piece.encoded).digest()
    return Malformed(piece.encoded, digest, "a PEM block that is not closed, or not base64")


def _matches(item: Certificate | Malformed, issuers: frozenset[bytes]) -> bool:
    """Tell whether something is a candidate. What cannot be read is one: nobody knows who issued it."""
    return isinstance(item, Malformed) or item.issuer.canonical in issuers


def _candidate(location: Location, item: Certificate | Malformed, keys: _Keys | None) -> Candidate:
    state, detail = KeyState.NOT_ASKED, ""
    if keys is not None and isinstance(item, Certificate):
        state, detail = _key_state(item, keys)
    return Candidate(certificate=item, location=location, key=state, key_detail=detail)


def _survey(files: list[_Read]) -> _Keys:
    """Learn which keys a place holds."""
    return _Keys(
        public=frozenset(key for file in files for key in file.content.keys),
        locked=next((file.location.path for file in files if file.content.locked), ""),
        broken=next((file.location.path for file in files if file.content.broken), ""),
    )


def _key_state(certificate: Certificate, keys: _Keys) -> tuple[KeyState, str]:
    """Say what is known of a certificate's key, and for the administrator where it was looked for."""
    if normal_form(certificate.public_key) in keys.public:
        return KeyState.PRESENT, ""
    if keys.locked:
        # Whose key it is cannot be seen without its password.
        return KeyState.LOCKED, f"the private key in {shown(keys.locked)} is encrypted"
    if keys.public:
        return KeyState.MISMATCH, "the private keys in these files belong to other certificates"
    if keys.broken:
        return KeyState.MISSING, f"the private key in {shown(keys.broken)} cannot be read"
    return KeyState.MISSING, "there is no private key in these files"
