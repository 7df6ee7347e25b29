"""The corpus: every certificate that the package cryptography-vectors holds, and every other file among its X.509 files.

What holds certificates is opened by ``cryptography``, by a walk over DER and by regular expressions, never by our own
readers, which are what the corpus judges.
"""

from __future__ import annotations

import base64
import email
import hashlib
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cryptography_vectors
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(cryptography_vectors.__file__).parent
_X509: Final = ROOT / "x509"
_FOLDERS: Final = (_X509, ROOT / "pkcs7", ROOT / "pkcs12")
_PASSWORDS: Final = (b"password", b"cryptography", None)
_BLOCK: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END", re.DOTALL)
_DEPTH: Final = 12
"""How deep the walk over DER goes: a certificate in a signed message lies at four."""


class Subject(msgspec.Struct, frozen=True):
    """What is judged: ``name`` of the file it was first found in (with #n where that holds several), and its bytes."""

    name: str
    der: bytes

    @property
    def sha256(self) -> bytes:
        """Return the digest of the bytes, 32 bytes."""
        return hashlib.sha256(self.der).digest()


def files() -> tuple[Path, ...]:
    """Return every X.509 file of the package."""
    return tuple(sorted(path for path in _X509.rglob("*") if path.is_file()))


@cache
def subjects() -> tuple[Subject, ...]:
    """Return each certificate of the package once; of a file that holds none, its bytes as they are."""
    found: dict[bytes, Subject] = {}
    others = (path for folder in _FOLDERS[1:] for path in sorted(folder.rglob("*")) if path.is_file())
    # The plain files first, so that a certificate has the name of its own file and not of a container.
    for path in sorted((*files(), *others), key=lambda path: (_is_container(path), path)):
        for subject in read(path):
            found.setdefault(subject.sha256, subject)
    return tuple(found.values())


@cache
def subject(name: str) -> Subject:
    """Return the first certificate of one X.509 file, named from ``x509/`` on."""
    return read(_X509 / name)[0]


def read(path: Path) -> tuple[Subject, ...]:
    """Return the certificates in a file, or its bytes where it holds none."""
    content = path.read_bytes()
    name = str(path.relative_to(ROOT))
    encoded = tuple(dict.fromkeys(_certificates(path, content))) or (content,)
    if len(encoded) == 1:
        return (Subject(name, encoded[0]),)
    return tuple(Subject(f"{name}#{number}", item) for number, item in enumerate(encoded, start=1))


def protected() -> Iterator[bytes]:
    """Yield the certificates in the PKCS#12 files, each as often as it is there; to open them all takes half a minute."""
    for path in sorted(ROOT.rglob("*.p12")):
        for password in _PASSWORDS:
            # What neither password opens is encrypted in a way that cryptography does not know.
            with suppress(ValueError, UnsupportedAlgorithm):
                yield from _bags(pkcs12.load_pkcs12(path.read_bytes(), password))
                break


def _bags(store: pkcs12.PKCS12KeyAndCertificates) -> Iterator[bytes]:
    entries = (store.cert, *store.additional_certs)
    yield from (entry.certificate.public_bytes(Encoding.DER) for entry in entries if entry is not None)


def _is_container(path: Path) -> bool:
    return path.suffix not in {".crt", ".der", ".pem"}


def _certificates(path: Path, content: bytes) -> Iterator[bytes]:
    if blocks := _BLOCK.findall(content):
        yield from map(base64.b64decode, blocks)
    elif path.suffix == ".eml":
        for part in email.message_from_bytes(content).walk():
            yield from _embedded(bytes(part.get_payload(decode=True) or b""))
    elif path.suffix in {".cp", ".p7b", ".der"}:
        yield from _embedded(content)


def _embedded(content: bytes, depth: int = _DEPTH) -> Iterator[bytes]:
    """Yield the certificates inside a structure; one that is a certificate itself is not looked into."""
    for tag, whole, inside in _elements(content):
        if _looks_like_a_certificate(tag, inside):
            yield whole
        elif (tag & 0x20 and depth) or (tag == 0x04 and depth):
            yield from _embedded(inside, depth - 1)


def _looks_like_a_certificate(tag: int, inside: bytes) -> bool:
    """Tell by the shape: a body that begins with a version or a number, an algorithm and a bit string."""
    parts = _elements(inside) if tag == 0x30 else []
    if [part[0] for part in parts] != [0x30, 0x30, 0x03]:
        return False
    body = [part[0] for part in _elements(parts[0][2])]
    fields = body[1:] if body[:1] == [0xA0] else body
    return fields[:6] == [0x02, 0x30, 0x30, 0x30, 0x30, 0x30]


def _elements(content: bytes) -> list[tuple[int, bytes, bytes]]:
    """Split into elements: tag, the whole, its content; nothing where the bytes are no sequence of elements."""
    found = []
    at = 0
    while at + 2 <= len(content):
        length, start = content[at + 1], at + 2
        if length > 0x80:
            start += length & 0x7F
            length = int.from_bytes(content[at + 2 : start], "big")
        if start + length > len(content):
            return []
        found.append((content[at], content[at : start + length], content[start : start + length]))
        at = start + length
    return found if at == len(content) else []
