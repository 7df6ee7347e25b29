"""What the child does with a question: the same readers, with trust judged for whoever it has become."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.child import answer
from gatepost.stores.interface import Unsigned
from gatepost.stores.pem_content import Content
from gatepost.stores.questions import (
    Database,
    Document,
    File,
    FindInHome,
    Folders,
    Outcome,
    Question,
    ReadDatabase,
    ReadFiles,
    ReadHome,
    Signed,
    SignInDatabase,
    SignWithFile,
    Trouble,
    to_signature,
    unframe,
)
from tests.certificates import KeyKind
from tests.stores import nss
from tests.stores.strangers import CHILD
from tests.stores.test_softoken import certificate_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stores.conftest import Database as Place

STATEMENT = b"statement"
SPILL = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)"
    " INSERT INTO nssPublic (id, a11) SELECT x, zeroblob(4000) FROM n"
)


def signature_of(question: Question) -> bytes | Unsigned:
    """Return what comes of a question for a signature."""
    (outcome,) = answer(question)
    assert isinstance(outcome, Outcome)
    return to_signature(outcome)


def labels(part: object) -> set[str | None]:
    """Return the labels that a part of an answer has."""
    assert isinstance(part, Database)
    return {item.label for item in part.seen}


def test_a_database_is_read(database: Place) -> None:
    """By the reader of our own process."""
    (part,) = answer(ReadDatabase(directory=str(database.folder), query=database.query))
    assert {"pair", "rsa", "lonely"} == labels(part)


def test_a_copy_is_made_only_where_there_is_room_for_it(database: Place) -> None:
    """Without it, what would need one says so."""
    nss.die_while_writing(database.certificates, "DELETE FROM nssPublic", SPILL)
    question = ReadDatabase(directory=str(database.folder), query=database.query)
    (part,) = answer(question)
    assert isinstance(part, Database)
    assert [f"{database.certificates}: an interrupted change must be undone first"] == [
        item.detail for item in part.troubles
    ]
    (part,) = answer(msgspec.structs.replace(question, scratch=str(database.scratch)))
    assert {"pair", "rsa", "lonely"} == labels(part)


def test_a_home_is_looked_into_and_read(database: Place, tmp_path: Path) -> None:
    """Each database is a part, and so is each folder that could not be looked into."""
    home = tmp_path / "home"
    (home / ".pki").mkdir(parents=True)
    nss.copy_of(database.folder, home / ".pki/nssdb")
    (home / ".mozilla").mkdir()
    (home / ".mozilla/firefox").symlink_to("firefox")
    assert [Folders(folders=(f"{home}/.pki/nssdb",))] == list(answer(FindInHome(home=str(home))))
    trouble, found = answer(ReadHome(home=str(home), query=database.query))
    assert isinstance(trouble, Database)
    assert (f"{home}/.mozilla/firefox", Reason.STORE_UNREADABLE) == (trouble.directory, trouble.troubles[0].reason)
    assert {"pair", "rsa", "lonely"} == labels(found)


def test_files_are_read_each_by_itself(database: Place, tmp_path: Path) -> None:
    """Certificates and the public halves of keys; what could not be read says why."""
    (tmp_path / "pair.pem").write_bytes(database.pair.pem + database.pair.key_pem())
    paths = (str(tmp_path / "none.pem"), str(tmp_path / "pair.pem"))
    missing, found = answer(ReadFiles(paths=paths, asks_key=True))
    assert isinstance(missing, File)
    assert isinstance(missing.content, Trouble)
    assert Reason.STORE_MISSING is missing.content.reason
    assert isinstance(found, File)
    assert isinstance(found.content, Content)
    assert ([database.pair.der], 1) == (
        [piece.encoded for piece in found.content.certificates],
        len(found.content.keys),
    )
    assert database.pair.key_pem() not in msgspec.msgpack.encode(found)


def test_a_key_in_a_file_signs(database: Place, tmp_path: Path) -> None:
    """Where it still is the certificate's, and the file can still be read."""
    path = tmp_path / "pair.pem"
    path.write_bytes(database.pair.key_pem())
    question = SignWithFile(path=str(path), certificate=database.pair.der, statement=STATEMENT)
    signature = signature_of(question)
    assert isinstance(signature, bytes)
    assert verify_signature(certificate_of(database.pair).public_key, signature, STATEMENT)
    gone = msgspec.structs.replace(question, certificate=database.lonely.der)
    assert Unsigned(f"{path} does not have the key any more", KeyState.MISSING) == signature_of(gone)
    path.unlink()
    assert Unsigned(f"{path}: No such file or directory") == signature_of(question)


def test_a_key_in_a_database_signs(database: Place) -> None:
    """Through NSS."""
    directory = str(database.folder)
    question = SignInDatabase(directory=directory, certificate=database.pair.der, statement=STATEMENT)
    assert isinstance(signature_of(question), bytes)


@pytest.mark.parametrize(
    "question",
    [
        SignInDatabase(directory="/x", certificate=b"words", statement=STATEMENT),
        SignWithFile(path="/x", certificate=b"words", statement=STATEMENT),
    ],
)
def test_what_is_no_certificate_has_no_key(question: Question) -> None:
    """Nothing is opened for it."""
    assert Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING) == signature_of(question)


# --- The program ------------------------------------------------------------------------------------------------------

FAITHFUL = """
import io, os, sys
from gatepost.stores import child
known = set(sys.modules)
asked = sys.stdin.buffer.read()
sys.stdin = io.TextIOWrapper(io.BytesIO(asked))
child.main([str(os.geteuid()), str(os.getegid()), "99999999"])
print(*sorted(set(sys.modules) - known - set(sys.builtin_module_names)), file=sys.stderr)
"""


def questions(database: Place, folder: Path) -> dict[str, Question]:
    """Give a question of each kind, and several for whose answer other code may be needed."""
    directory = str(database.folder)
    pairs = {kind: database.authority.issue(key=kind) for kind in (KeyKind.RSA2048, KeyKind.P384, KeyKind.ED25519)}
    for kind, issued in pairs.items():
        (folder / f"{kind}.pem").write_bytes(b"\xef\xbb\xbf" + issued.pem + issued.key_pem())
    broken = nss.copy_of(database.folder, folder / "broken")
    nss.die_while_writing(broken / "cert9.db", "DELETE FROM nssPublic", SPILL)
    (folder / "locked.pem").write_bytes(database.pair.key_pem(b"secret"))
    paths = (*(f"{folder}/{kind}.pem" for kind in pairs), f"{folder}/locked.pem", "/none")
    return {
        "database": ReadDatabase(directory=directory, query=database.query, scratch=str(database.scratch)),
        "copy": ReadDatabase(directory=str(broken), query=database.query, scratch=str(database.scratch)),
        "find": FindInHome(home=directory),
        "home": ReadHome(home=str(folder), query=database.query),
        "files": ReadFiles(paths=paths, asks_key=True),
        "sign": SignInDatabase(directory=directory, certificate=database.pair.der, statement=STATEMENT),
        "sign-rsa": SignInDatabase(directory=directory, certificate=database.rsa_pair.der, statement=STATEMENT),
        "sign-none": SignInDatabase(directory="/none", certificate=database.pair.der, statement=STATEMENT),
        **{
            kind: SignWithFile(path=f"{folder}/{kind}.pem", certificate=issued.der, statement=STATEMENT)
            for kind, issued in pairs.items()
        },
    }


KINDS: dict[str, type[Document]] = {
    "database": Database,
    "copy": Database,
    "find": Folders,
    "home": Database,
    "files": File,
}


@pytest.mark.parametrize(
    "kind", [*KINDS, "sign", "sign-rsa", "sign-none", KeyKind.RSA2048, KeyKind.P384, KeyKind.ED25519]
)
def test_the_child_imports_nothing_once_it_has_become_somebody(database: Place, tmp_path: Path, kind: str) -> None:
    """The owner of a store may not be allowed to read our code: then a late import would be the end of it."""
    asked = msgspec.msgpack.encode(questions(database, tmp_path)[kind])
    done = subprocess.run([sys.executable, "-I", "-c", FAITHFUL], input=asked, capture_output=True, check=True)
    assert b"\n" == done.stderr
    parts = list(unframe(done.stdout, KINDS.get(kind, Outcome)))
    assert {"home": 0, "files": 5}.get(kind, 1) == len(parts)
    assert (kind != "sign-none") == all(isinstance(part.answer, Signed) for part in parts if isinstance(part, Outcome))


def test_a_question_that_is_none_ends_the_child() -> None:
    """Nothing is answered."""
    done = subprocess.run([*CHILD, str(os.geteuid()), "0", "0"], input=b"words", capture_output=True, check=False)
    assert (1, b"") == (done.returncode, done.stdout)
