"""Targets in stores: files that others wrote, and the answers of processes that read for us."""

from __future__ import annotations

import atexit
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from fuzz.material import authority, leaves, query
from fuzz.target import Target
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.processes import Answered
from gatepost.stores import questions, token_questions
from gatepost.stores.keychain import Keychain
from gatepost.stores.nssdb import NssDatabase
from gatepost.stores.pem_content import open_pem_file, sign_with, survey
from gatepost.stores.safe_open import Access, Obstacle
from gatepost.stores.windows_answers import Found, Outcome, Seen, SessionStore, decode_request
from tests.stores import kych, nss

_PLACE: Final = Location(store=StoreKind.NSSDB, path="/home/jo/.pki/nssdb", user="jo")


def keychain(data: bytes) -> None:
    """Read a macOS keychain."""
    path = _folder() / "file.keychain"
    path.write_bytes(data)
    _harmless(Keychain(str(path), Access()).read(query()))


def database(data: bytes) -> None:
    """Read the certificates of an NSS database; the file of the keys is as NSS made it."""
    folder = _database()
    (folder / "cert9.db").write_bytes(data)
    _harmless(NssDatabase(str(folder), Access()).read(query()))


def key_database(data: bytes) -> None:
    """Read the keys of an NSS database; the file of the certificates is as NSS made it."""
    folder = _database()
    (folder / "cert9.db").write_bytes(_files()[0])
    (folder / "key4.db").write_bytes(data)
    _harmless(NssDatabase(str(folder), Access()).read(query()))


def pem_file(data: bytes) -> None:
    """Read a PEM file with its keys, and sign with one."""
    path = _folder() / "file.pem"
    path.write_bytes(data)
    path.chmod(0o600)
    file = open_pem_file(str(path), Access())
    if not isinstance(file, Obstacle):
        survey(file, asks_key=True)
        sign_with(file, _leaf().public_key, b"statement")


def child_answer(data: bytes) -> None:
    """Take the answers of a child that reads as another user: of every kind that it gives."""
    with suppress(ValueError):
        for database in questions.unframe(data, questions.Database):
            _harmless(questions.to_findings(database, query(), "jo"))
    with suppress(ValueError):
        for folders in questions.unframe(data, questions.Folders):
            for folder in folders.folders:
                questions.insist_below("/home/jo", folder)
    with suppress(ValueError):
        for outcome in questions.unframe(data, questions.Outcome):
            questions.to_signature(outcome)
    with suppress(ValueError):
        for file in questions.unframe(data, questions.File):
            assert file.path


def child_question(data: bytes) -> None:
    """Take a question, as the child does."""
    with suppress(ValueError):
        msgspec.msgpack.decode(data, type=questions.Question)
    with suppress(ValueError):
        msgspec.msgpack.decode(data, type=token_questions.TokenQuestion)


def token_answer(data: bytes) -> None:
    """Take the answers of a child that has a PKCS#11 module loaded."""
    with suppress(ValueError):
        for token in questions.unframe(data, token_questions.Token):
            candidates = [questions.to_candidate(item, query(), _PLACE) for item in token.seen]
            _harmless(Findings(candidates=tuple(candidates)))
            if token.trouble is not None:
                questions.to_obstacle(token.trouble)
    with suppress(ValueError):
        for outcome in questions.unframe(data, token_questions.TokenOutcome):
            questions.to_signature(outcome)


def session_answer(data: bytes) -> None:
    """Take the answer of a helper in a Windows session, for a reading and for a signature; and a request, as it does."""
    store = SessionStore("CORP\\jo", lambda _: Answered(data, 0), lambda count: b"\1" * count)
    _harmless(store.read(query()))
    store.sign(_candidate(), b"statement")
    with suppress(ValueError):
        decode_request(data)


def _harmless(findings: Findings) -> None:
    """Insist that no word of a finding can do anything to a terminal, and that none is a certificate of another issuer."""
    for candidate in findings.candidates:
        assert candidate.key_detail.isprintable()
        if isinstance(candidate.certificate, Certificate):
            assert candidate.certificate.issuer.canonical in query().issuers
    assert all(fault.detail.isprintable() for fault in findings.faults), findings.faults


@cache
def _folder() -> Path:
    """Make a folder that is removed at the end."""
    folder = tempfile.TemporaryDirectory(prefix="gatepost-fuzz-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def _database() -> Path:
    folder = nss.create_database(_folder() / "nssdb")
    nss.add_pair(folder, leaves()[0], "laptop")
    nss.add_certificate(folder, leaves()[1], "other", "p,p,p")
    return folder


@cache
def _files() -> tuple[bytes, bytes]:
    return (_database() / "cert9.db").read_bytes(), (_database() / "key4.db").read_bytes()


@cache
def _leaf() -> Certificate:
    parsed = parse_certificate(leaves()[0].der)
    assert isinstance(parsed, Certificate)
    return parsed


def _candidate() -> Candidate:
    return Candidate(certificate=_leaf(), location=_PLACE, key=KeyState.PRESENT)


def _keychains() -> tuple[bytes, ...]:
    encoded = leaves()[0].der
    tables = (
        kych.schema(),
        kych.table(kych.CERTIFICATES, [kych.certificate(encoded, "laptop")]),
        kych.table(kych.PRIVATE_KEYS, [kych.private_key(encoded)]),
    )
    return kych.keychain(*tables), kych.keychain(*tables[:2])


def _pem_files() -> tuple[bytes, ...]:
    first, second = leaves()[:2]
    return first.pem + first.key_pem(), second.pem + second.key_pem() + authority().pem, first.key_pem(b"secret")


def _found() -> Findings:
    return Findings(candidates=(_candidate(),), others=1)


def _child_answers() -> tuple[bytes, ...]:
    whole = questions.frame(questions.from_findings("/home/jo/.pki/nssdb", _found()))
    trouble = questions.Trouble(reason=Reason.STORE_BUSY, detail="busy")
    return (
        whole,
        whole + questions.frame(questions.Database(directory="/home/jo/a", troubles=(trouble,))),
        questions.frame(questions.Folders(folders=("/home/jo/.pki/nssdb",))),
        questions.frame(questions.from_signature(b"signature")),
        questions.frame(questions.File(path="/a", content=trouble)),
    )


def _child_questions() -> tuple[bytes, ...]:
    place = token_questions.Place(modules=("/usr/lib/x.so",), uri="pkcs11:", pin="1")
    return (
        msgspec.msgpack.encode(questions.ReadDatabase(directory="/a", query=query())),
        msgspec.msgpack.encode(questions.SignWithFile(path="/a", certificate=b"c", statement=b"s")),
        msgspec.msgpack.encode(token_questions.ReadToken(place=place, query=query())),
    )


def _token_answers() -> tuple[bytes, ...]:
    seen = questions.from_findings("/a", _found()).seen
    trouble = questions.Trouble(reason=Reason.STORE_MISSING, detail="none")
    return (
        questions.frame(token_questions.Token(module="/usr/lib/x.so", seen=seen, others=2)),
        questions.frame(token_questions.Token(trouble=trouble, pin_refused=True)),
        questions.frame(token_questions.TokenOutcome(answer=questions.from_signature(b"s").answer)),
    )


def _session_answers() -> tuple[bytes, ...]:
    seen = Seen(
        certificate=leaves()[0].der,
        label="laptop",
        distrusted=False,
        key=KeyState.MISSING,
        key_detail="none",
        signature=None,
    )
    return (
        msgspec.json.encode(Found(seen=(seen,), others=1, too_many=False, troubles=())),
        msgspec.json.encode(Outcome(signature=b"s", key=KeyState.PRESENT, key_detail="")),
        b'{"type":"Read","issuers":["QQ=="],"challenge":null,"limit":1}',
    )


TARGETS: Final = {
    "keychain": Target(keychain, _keychains),
    "database": Target(database, lambda: _files()[:1]),
    "key_database": Target(key_database, lambda: _files()[1:]),
    "pem_file": Target(pem_file, _pem_files),
    "child_answer": Target(child_answer, _child_answers),
    "child_question": Target(child_question, _child_questions),
    "token_answer": Target(token_answer, _token_answers),
    "session_answer": Target(session_answer, _session_answers),
}
