"""The deputy: it lets a child process, executed anew, read and sign as the owner of a store, and believes nothing it answers.

The child has five seconds and a bounded pipe; what it said until it failed counts, and its failure is said beside that. Only
root can become somebody else: an agent that runs as another account reads as itself alone. Nothing is read in this process.
Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.core.finding import Fault, Findings, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.errors import ProcessError
from gatepost.processes import ask
from gatepost.stores.accounts import account_of
from gatepost.stores.hot_journal import UNDO_FIRST
from gatepost.stores.interface import Unsigned
from gatepost.stores.pem_content import Content
from gatepost.stores.profiles import MAXIMUM_DATABASES
from gatepost.stores.questions import (
    MAXIMUM_ANSWER,
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
    SignInDatabase,
    SignWithFile,
    Trouble,
    insist_below,
    to_findings,
    to_obstacle,
    to_signature,
    unframe,
)
from gatepost.stores.safe_open import MAXIMUM_DATABASE, Access, Obstacle, find_owner, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.core.finding import Candidate
    from gatepost.processes import Answered
    from gatepost.stores.accounts import Account, Person
    from gatepost.stores.allowance import Allowance
    from gatepost.stores.interface import Query

_T = TypeVar("_T", bound=Document)

PATIENCE: Final = 5.0
"""Seconds for a whole answer."""
_MAXIMUM_PARTS: Final = 2 * MAXIMUM_DATABASES
"""As many parts of an answer as are looked at: the databases of a person, and the folders that they could not look into."""
_MAXIMUM_COPIES: Final = 2
"""As many databases of one person as are copied for one reading: an interrupted change is rare, and a child may claim it."""
_ENVIRONMENT: Final = {
    "LC_ALL": "C.UTF-8",
    # NSS would measure how slow the disk is, and might copy the database to a temporary file.
    "NSS_SDB_USE_CACHE": "no",
}


class Deputy:
    """Has ``command`` (the child's program and first arguments) answer questions; ``scratch`` is where copies are made."""

    def __init__(
        self,
        command: tuple[str, ...],
        patience: float = PATIENCE,
        scratch: str | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        """Take the program, the seconds it has for an answer, where copies are made (None: the system's temporary folder).

        ``allowance`` has the seconds that are left for other users' stores; without one, each question has its time.
        """
        self._command = command
        self._patience = patience
        self._scratch = scratch
        self._allowance = allowance

    def find_owner(self, directory: str) -> Account | None:
        """Return whose a folder is that others than root and this account can write; None where it is nobody else's."""
        uid = find_owner(directory, Access(allowed_paths=("/",)))
        return None if isinstance(uid, Obstacle) or uid == os.geteuid() else account_of(uid)

    def find_file_owner(self, path: str, access: Access) -> Account | Obstacle:
        """Return who has to read a file that others could have put at ``path``, where ``access`` allows that at all."""
        uid = find_owner(path, access)
        return uid if isinstance(uid, Obstacle) else account_of(uid)

    def read_database(self, account: Account, directory: str, query: Query) -> Findings:
        """Read an NSS database as its owner; a failure is a fault. Never raises."""
        found, failure = self._ask(account, ReadDatabase(directory=directory, query=query), Database)
        if any(_is_interrupted(item) for item in found):
            return self._read_copy(account, directory, query)
        return _only(found, failure or _no_answer(account), account, directory, query)

    def find_in_home(self, person: Person) -> tuple[str, ...]:
        """Return the folders of a person's databases; empty where they are not known. Never raises."""
        parts, _ = self._ask(person, FindInHome(home=person.home), Folders)
        try:
            (found,) = parts
            for folder in found.folders:
                insist_below(person.home, folder)
        except ValueError:
            return ()
        return found.folders

    def read_home(self, person: Person, query: Query) -> tuple[Findings, ...]:
        """Read the databases of a person; those that came before a failure count. Never raises."""
        parts, failure = self._ask(person, ReadHome(home=person.home, query=query), Database)
        found: list[Findings] = []
        copies = 0
        try:
            for database in parts[:_MAXIMUM_PARTS]:
                insist_below(person.home, database.directory)
                if _is_interrupted(database) and copies < _MAXIMUM_COPIES:
                    copies += 1
                    found.append(self._read_copy(person, database.directory, query))
                else:
                    found.append(to_findings(database, query, person.name))
        except ValueError:
            failure = failure or _no_answer(person)
        return (*found, _failed(person.home, person, failure)) if failure else tuple(found)

    def read_files(self, account: Account, paths: tuple[str, ...], *, asks_key: bool) -> dict[str, Content | Obstacle]:
        """Read PEM files as their owner. Each path has an answer. Never raises."""
        parts, failure = self._ask(account, ReadFiles(paths=paths, asks_key=asks_key), File)
        found = {item.path: item.content for item in parts}
        return {path: _content(found.get(path), failure or _no_answer(account)) for path in paths}

    def sign_in_database(self, directory: str, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Let the key of ``candidate`` sign, in the database where it was found. Never raises."""
        account = self.find_owner(directory) if candidate.location.user else account_of(os.geteuid())
        if account is None:
            return Unsigned(f"{shown(directory)} is no longer {candidate.location.user}'s")
        encoded = candidate.certificate.der
        return self._sign(account, SignInDatabase(directory=directory, certificate=encoded, statement=statement))

    def sign_in_home(self, person: Person, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Let the key of ``candidate`` sign, in the database below a person's home where it was found. Never raises."""
        directory, encoded = candidate.location.path, candidate.certificate.der
        return self._sign(person, SignInDatabase(directory=directory, certificate=encoded, statement=statement))

    def sign_with_file(self, owner: Account, path: str, encoded: bytes, statement: bytes) -> bytes | Unsigned:
        """Let the key of a certificate (DER) sign, in a PEM file of its owner's. Never raises."""
        return self._sign(owner, SignWithFile(path=path, certificate=encoded, statement=statement))

    def _sign(self, account: Account, question: SignInDatabase | SignWithFile) -> bytes | Unsigned:
        """Let a key sign as its owner; whoever takes the signature verifies it. Never raises."""
        parts, failure = self._ask(account, question, Outcome)
        try:
            (outcome,) = parts
            return to_signature(outcome)
        except ValueError:
            return Unsigned((failure or _no_answer(account)).detail)

    def _read_copy(self, account: Account, directory: str, query: Query) -> Findings:
        """Read a database in a copy, since an interrupted change has to be undone first."""
        try:
            with self._room(account) as scratch:
                question = ReadDatabase(directory=directory, query=query, scratch=scratch)
                found, failure = self._ask(account, question, Database, MAXIMUM_DATABASE)
        except OSError as error:
            detail = f"there is no room for a copy of it: {error.strerror}"
            return _failed(directory, account, Obstacle(Reason.STORE_UNREADABLE, detail))
        return _only(found, failure or _no_answer(account), account, directory, query)

    def _ask(
        self, account: Account, question: Question, kind: type[_T], room: int = 0
    ) -> tuple[tuple[_T, ...], Obstacle | None]:
        """Return the parts of the answer that came, and what went wrong then."""
        if os.geteuid() not in {0, account.uid}:
            detail = f"it belongs to {account.name}, and only root can read it as its owner"
            return (), Obstacle(Reason.PERMISSION_DENIED, detail)
        command = (*self._command, str(account.uid), str(account.gid), str(room))
        # Nobody but us can stop a child of our own.
        allowance = None if account.uid == os.geteuid() else self._allowance
        left = self._patience if allowance is None else allowance.left(account.uid)
        if isinstance(left, Obstacle):
            return (), left
        patience = min(left, self._patience)
        try:
            encoded = msgspec.msgpack.encode(question)
            with nullcontext() if allowance is None else allowance.spending(account.uid):
                answered = ask(command, encoded, timeout=patience, limit=MAXIMUM_ANSWER, environment=_ENVIRONMENT)
        except UnicodeEncodeError:
            return (), Obstacle(Reason.PATH_REFUSED, "its path is no text")
        except ProcessError as error:
            detail = f"the process that reads it as {account.name} {error.detail}"
            return (), Obstacle(Reason.STORE_UNREADABLE, detail)
        return self._parts(answered, account, kind, patience)

    def _parts(
        self, answered: Answered, account: Account, kind: type[_T], patience: float
    ) -> tuple[tuple[_T, ...], Obstacle | None]:
        parts: list[_T] = []
        failure = _failure(answered, account, patience)
        try:
            for part in unframe(answered.output, kind):
                parts.append(part)  # noqa: PERF402 - what came before a part that is none, counts.
        except ValueError:
            failure = failure or _no_answer(account)
        return tuple(parts), failure

    @contextmanager
    def _room(self, account: Account) -> Iterator[str]:
        """Make a folder in which the account may copy a database; what it leaves there goes with it."""
        folder = tempfile.mkdtemp(prefix="gatepost-", dir=self._scratch)
        try:
            if os.geteuid() != account.uid:
                os.chown(folder, account.uid, account.gid)
            yield folder
        finally:
            # Through descriptors, so that no link that the account has laid there is followed.
            shutil.rmtree(folder, ignore_errors=True)


def _failure(answered: Answered, account: Account, patience: float) -> Obstacle | None:
    who = f"the process that reads it as {account.name}"
    if len(answered.output) > MAXIMUM_ANSWER:
        return Obstacle(Reason.STORE_UNREADABLE, f"{who} answered more than {MAXIMUM_ANSWER} bytes")
    if answered.status is None:
        return Obstacle(Reason.STORE_UNREADABLE, f"{who} did not end within {patience:.2g} s")
    if answered.status:
        return Obstacle(Reason.STORE_UNREADABLE, f"{who} failed (exit code {answered.status})")
    return None


def _only(found: tuple[Database, ...], failure: Obstacle, account: Account, directory: str, query: Query) -> Findings:
    """Return what the one database holds that was asked for; ``failure`` where the answer has another one, or none."""
    try:
        (database,) = found
        if database.directory == directory:
            return to_findings(database, query, account.name)
    except ValueError:
        pass
    return _failed(directory, account, failure)


def _is_interrupted(database: Database) -> bool:
    """Tell whether a writer has left a database half written, so that it can be read in a copy alone."""
    return any(item.detail.endswith(UNDO_FIRST) for item in database.troubles)


def _failed(path: str, account: Account, obstacle: Obstacle) -> Findings:
    location = Location(store=StoreKind.NSSDB, path=path, user=account.name)
    return Findings(faults=(Fault(location=location, reason=obstacle.reason, detail=obstacle.detail),))


def _no_answer(account: Account) -> Obstacle:
    return Obstacle(Reason.STORE_UNREADABLE, f"the process that reads it as {account.name} answered what is no answer")


def _content(answer: Content | Trouble | None, failure: Obstacle) -> Content | Obstacle:
    """Return what a file holds, or why it is not known."""
    if isinstance(answer, Content):
        return answer
    try:
        return to_obstacle(answer) if answer else failure
    except ValueError:
        return failure
