"""The deputy: it lets a child process, executed anew, read and sign as the owner of a store, and believes nothing it answers.

The child has five seconds and a bounded pipe; what it said until it failed counts, and its failure is said beside that. Only
root can become somebody else: an agent that runs as another account reads as itself alone. Nothing is read in this process.
Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.core.finding import Fault, Findings, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.errors import ProcessError
from gatepost.processes import ask
from gatepost.stores.accounts import account_of
from gatepost.stores.hot_journal import UNDO_FIRST
from gatepost.stores.interface import Unsigned
from gatepost.stores.questions import (
    MAXIMUM_ANSWER,
    Content,
    Database,
    Document,
    File,
    Outcome,
    Question,
    ReadDatabase,
    ReadFiles,
    SignInDatabase,
    SignWithFiles,
    Trouble,
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
    from gatepost.stores.accounts import Account
    from gatepost.stores.interface import Query

_T = TypeVar("_T", bound=Document)

PATIENCE: Final = 5.0
"""Seconds for a whole answer."""
_ENVIRONMENT: Final = {
    "LC_ALL": "C.UTF-8",
    # NSS would measure how slow the disk is, and might copy the database to a temporary file.
    "NSS_SDB_USE_CACHE": "no",
}


class Deputy:
    """Has ``command`` (the child's program and first arguments) answer questions; ``scratch`` is where copies are made."""

    def __init__(self, command: tuple[str, ...], patience: float = PATIENCE, scratch: str | None = None) -> None:
        """Take the program, the seconds it has, and a folder for copies (None: the system's temporary folder)."""
        self._command = command
        self._patience = patience
        self._scratch = scratch

    def find_owner(self, directory: str) -> Account | None:
        """Return whose a folder is that others than root and this account can write; None where it is nobody else's."""
        uid = find_owner(directory, Access(allowed_paths=("/",)))
        return None if isinstance(uid, Obstacle) or uid == os.geteuid() else account_of(uid)

    def read_database(self, account: Account, directory: str, query: Query) -> Findings:
        """Read an NSS database as its owner; a failure is a fault. Never raises."""
        found, failure = self._read(account, ReadDatabase(directory=directory, query=query))
        try:
            (database,) = found
            if database.directory == directory:
                return to_findings(database, query, account.name)
        except ValueError:
            pass
        obstacle = failure or _no_answer(account)
        location = Location(store=StoreKind.NSSDB, path=directory, user=account.name)
        return Findings(faults=(Fault(location=location, reason=obstacle.reason, detail=obstacle.detail),))

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
        return self.sign(account, SignInDatabase(directory=directory, certificate=encoded, statement=statement))

    def sign(self, account: Account, question: SignInDatabase | SignWithFiles) -> bytes | Unsigned:
        """Let a key sign as its owner; whoever takes the signature verifies it. Never raises."""
        parts, failure = self._ask(account, question, Outcome)
        try:
            (outcome,) = parts
            return to_signature(outcome)
        except ValueError:
            return Unsigned((failure or _no_answer(account)).detail)

    def _read(self, account: Account, question: ReadDatabase) -> tuple[tuple[Database, ...], Obstacle | None]:
        """Have a database read, and read in a copy where an interrupted change has to be undone first."""
        found, failure = self._ask(account, question, Database)
        if not any(item.detail.endswith(UNDO_FIRST) for database in found for item in database.troubles):
            return found, failure
        try:
            with self._room(account) as scratch:
                again = msgspec.structs.replace(question, scratch=scratch)
                return self._ask(account, again, Database, MAXIMUM_DATABASE)
        except OSError as error:
            return (), Obstacle(Reason.STORE_UNREADABLE, f"there is no room for a copy of it: {error.strerror}")

    def _ask(
        self, account: Account, question: Question, kind: type[_T], room: int = 0
    ) -> tuple[tuple[_T, ...], Obstacle | None]:
        """Return the parts of the answer that came, and what went wrong then."""
        if os.geteuid() not in {0, account.uid}:
            detail = f"it belongs to {account.name}, and only root can read it as its owner"
            return (), Obstacle(Reason.PERMISSION_DENIED, detail)
        command = (*self._command, str(account.uid), str(account.gid), str(room))
        try:
            encoded = msgspec.msgpack.encode(question)
            answered = ask(command, encoded, timeout=self._patience, limit=MAXIMUM_ANSWER, environment=_ENVIRONMENT)
        except UnicodeEncodeError:
            return (), Obstacle(Reason.PATH_REFUSED, "its path is no text")
        except ProcessError as error:
            detail = f"the process that reads it as {account.name} {error.detail}"
            return (), Obstacle(Reason.STORE_UNREADABLE, detail)
        return self._parts(answered, account, kind)

    def _parts(self, answered: Answered, account: Account, kind: type[_T]) -> tuple[tuple[_T, ...], Obstacle | None]:
        parts: list[_T] = []
        failure = self._failure(answered, account)
        try:
            for part in unframe(answered.output, kind):
                parts.append(part)  # noqa: PERF402 - what came before a part that is none, counts.
        except ValueError:
            failure = failure or _no_answer(account)
        return tuple(parts), failure

    def _failure(self, answered: Answered, account: Account) -> Obstacle | None:
        who = f"the process that reads it as {account.name}"
        if len(answered.output) > MAXIMUM_ANSWER:
            return Obstacle(Reason.STORE_UNREADABLE, f"{who} answered more than {MAXIMUM_ANSWER} bytes")
        if answered.status is None:
            return Obstacle(Reason.STORE_UNREADABLE, f"{who} did not end within {self._patience:g} s")
        if answered.status:
            return Obstacle(Reason.STORE_UNREADABLE, f"{who} failed (exit code {answered.status})")
        return None

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
