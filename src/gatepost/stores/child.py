"""The child: reads one store as its owner, or lets one of its keys sign, and ends. Run as ``python -I -m gatepost.stores.child``.

Its arguments are the uid and gid of the owner and the bytes that it may write into a file; the question comes on standard
input, the answer goes to standard output. All code is loaded first, since the owner may not be allowed to read it; then this
process becomes the owner, before it has read a single byte; from then on nothing is imported and nothing is to be gained.
The readers are the same as in our own process, but trust is judged for the owner. Source: ``docs/reference/semantics.md``,
section 6.
"""

from __future__ import annotations

import encodings.utf_8_sig
import sys
import tempfile
from typing import TYPE_CHECKING, Final, assert_never

import cryptography.hazmat.backends.openssl.backend
import msgspec

from gatepost.core.certificate import Malformed, parse_certificate
from gatepost.core.finding import KeyState
from gatepost.stores.hot_journal import NOWHERE
from gatepost.stores.interface import Unsigned
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.pem_content import open_pem_file, sign_with, survey
from gatepost.stores.privileges import become
from gatepost.stores.profiles import find_profiles
from gatepost.stores.questions import (
    MAXIMUM_QUESTION,
    Document,
    File,
    FindInHome,
    Folders,
    Question,
    ReadDatabase,
    ReadFiles,
    ReadHome,
    SignInDatabase,
    SignWithFile,
    Trouble,
    clip,
    frame,
    from_findings,
    from_obstacle,
    from_signature,
)
from gatepost.stores.safe_open import Access, Obstacle
from gatepost.stores.softoken import sign_in_database

if TYPE_CHECKING:
    from collections.abc import Iterator

# Imported by others when they need them, which is too late here.
_LOADED: Final = (encodings.utf_8_sig, tempfile, cryptography.hazmat.backends.openssl.backend)
_ACCESS: Final = Access(as_owner=True)


def answer(question: Question) -> Iterator[Document]:
    """Yield the parts of the answer, each as soon as it is known."""
    match question:
        case ReadDatabase():
            yield _read_database(question)
        case FindInHome():
            yield Folders(folders=find_profiles(question.home).folders)
        case ReadHome():
            yield from _read_home(question)
        case ReadFiles():
            yield from (_read_file(path, asks_key=question.asks_key) for path in question.paths)
        case SignInDatabase() | SignWithFile():
            yield from_signature(_sign(question))
        case _:
            assert_never(question)


def _read_database(question: ReadDatabase) -> Document:
    scratch = NOWHERE if question.scratch is None else question.scratch
    findings = NssDatabase(question.directory, _ACCESS, scratch).read(question.query)
    return from_findings(question.directory, findings)


def _read_home(question: ReadHome) -> Iterator[Document]:
    profiles = find_profiles(question.home)
    for folder, obstacle in profiles.obstacles:
        yield from_obstacle(folder, obstacle)
    for folder in profiles.folders:
        yield _read_database(ReadDatabase(directory=folder, query=question.query))


def _read_file(path: str, *, asks_key: bool) -> Document:
    file = open_pem_file(path, _ACCESS)
    if isinstance(file, Obstacle):
        return File(path=path, content=Trouble(reason=file.reason, detail=clip(file.detail)))
    return File(path=path, content=survey(file, asks_key=asks_key))


def _sign(question: SignInDatabase | SignWithFile) -> bytes | Unsigned:
    certificate = parse_certificate(question.certificate)
    if isinstance(certificate, Malformed):
        return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
    if isinstance(question, SignInDatabase):
        return sign_in_database(question.directory, _ACCESS, certificate, question.statement)
    file = open_pem_file(question.path, _ACCESS)
    if isinstance(file, Obstacle):
        return Unsigned(file.detail)
    return sign_with(file, certificate.public_key, question.statement)


def main(arguments: list[str]) -> None:  # pragma: no cover - only in a process of its own, by test_child.py
    """Become the owner, take the question, answer it."""
    uid, gid, room = map(int, arguments)
    become(uid, gid, room)
    question = msgspec.msgpack.decode(sys.stdin.buffer.read(MAXIMUM_QUESTION), type=Question)
    for part in answer(question):
        sys.stdout.buffer.write(frame(part))
        sys.stdout.buffer.flush()


if __name__ == "__main__":  # pragma: no cover - as above
    main(sys.argv[1:])
