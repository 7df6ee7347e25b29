"""The last cycle, kept for whoever asks: the server's verdict on each check, and what this device saw.

It lies in a folder of its own that everybody may read and only the agent write, so that `gatepost agent status` needs no
rights. What the device's users may not know is not in it: nothing says what would have passed, and what lies in one user's
store is not shown to the others. Where the agent's own folder was put into a place in which others write, they could lay a
link or a folder of theirs in its way; so it is opened once, judged, and written through that descriptor alone.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.finding import Fault, Location
from gatepost.core.reason import Reason
from gatepost.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.agent.cycle import Answered, Cycle
    from gatepost.core.nearest import Judged
    from gatepost.wire.device import Verdict

_FILE: Final = "status.json"
_DRAFT: Final = f".{_FILE}.new"
_MAXIMUM_FILE: Final = 1 << 22
"""Twice what 64 checks with 16 certificates each come to, the longest names and paths in them."""
_SHOWN: Final = 512
"""Characters of a subject: a certificate's may have as many as its file, and whoever made that shall not hide the status."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class SeenCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate as this device judged it."""

    subject: str
    sha256: str
    location: Location
    evidence: Evidence | None
    reasons: tuple[Reason, ...]


class CheckStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One check: the server's verdict, until when (ms) it counts, and what this device saw."""

    id: str
    name: str
    status: Status
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    ends_at: int | None
    certificates: tuple[SeenCertificate, ...]
    faults: tuple[Fault, ...]

    def counts(self, now: int) -> bool:
        """Tell whether the verdict still says anything at ``now`` (ms), by this device's clock."""
        return self.ends_at is None or now < self.ends_at


class LastCycle(msgspec.Struct, frozen=True, kw_only=True):
    """The last cycle that the server acknowledged; times in ms, ``next_in`` in seconds."""

    acknowledged: int
    at: int
    next_in: int
    verdicts: tuple[CheckStatus, ...]


def describe_cycle(cycle: Cycle, now: int) -> LastCycle:
    """Put the server's verdicts beside what this device saw."""
    seen = {item.named.check.id: item for item in cycle.answers}
    return LastCycle(
        acknowledged=cycle.acknowledgement.acknowledged,
        at=now,
        next_in=cycle.acknowledgement.next_in,
        verdicts=tuple(_describe(item, seen.get(item.id)) for item in cycle.acknowledgement.verdicts),
    )


def describe_refusal(last: LastCycle, reason: Reason, now: int) -> LastCycle:
    """Say of every check that the server takes nothing from this device any more, and why."""
    refused = {"status": Status.ERROR, "reasons": (reason,), "evidence": None, "ends_at": None}
    verdicts = tuple(msgspec.structs.replace(item, **refused) for item in last.verdicts)
    return msgspec.structs.replace(last, at=now, verdicts=verdicts)


def _describe(verdict: Verdict, answered: Answered | None) -> CheckStatus:
    evaluation = answered.gathered.evaluation if answered else None
    return CheckStatus(
        id=verdict.id,
        name=verdict.name,
        status=verdict.status,
        reasons=verdict.reasons,
        evidence=verdict.evidence,
        ends_at=verdict.ends_at,
        certificates=tuple(_see(item) for item in evaluation.certificates if _public(item.candidate.location))
        if evaluation
        else (),
        faults=tuple(item for item in evaluation.faults if _public(item.location)) if evaluation else (),
    )


def _see(judged: Judged) -> SeenCertificate:
    certificate = judged.candidate.certificate
    return SeenCertificate(
        subject=certificate.subject.text[:_SHOWN] if isinstance(certificate, Certificate) else "not a certificate",
        sha256=certificate.fingerprint,
        location=judged.candidate.location,
        evidence=judged.evidence,
        reasons=judged.reasons,
    )


def _public(location: Location) -> bool:
    return location.user is None


class StatusFolder:
    """The folder that everybody may read. Methods raise `StateError` with the path where they cannot do their work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder where there is none."""
        try:
            with self._open():
                pass
        except OSError as error:
            raise StateError(str(self._folder), f"cannot be made: {error.strerror}") from error

    def save(self, last: LastCycle) -> None:
        """Put the last cycle in the place of the one before, whole."""
        try:
            with self._open() as folder:
                _replace(folder, msgspec.json.encode(last))
        except OSError as error:
            raise StateError(str(self._folder / _FILE), f"cannot be written: {error.strerror}") from error

    @contextmanager
    def _open(self) -> Iterator[int]:
        """Open the folder, made where there is none, once it is known that nobody else decides what lies in it."""
        is_new = self._make_folder()
        descriptor = os.open(self._folder, _FOLDER)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                detail = f"must be yours alone to write: chown to uid {os.geteuid()} and chmod 755 it, or remove it"
                raise StateError(str(self._folder), detail)
            if is_new:
                # For everybody to read, also where a service's umask would not have it so.
                os.fchmod(descriptor, 0o755)
            yield descriptor
        finally:
            os.close(descriptor)

    def _make_folder(self) -> bool:
        """Make the folder; False where something has its name already."""
        try:
            self._folder.mkdir(parents=True)
        except FileExistsError:
            return False
        return True

    def load(self) -> LastCycle | None:
        """Return the last cycle; None before the first."""
        path = self._folder / _FILE
        try:
            with path.open("rb") as file:
                return msgspec.json.decode(file.read(_MAXIMUM_FILE), type=LastCycle)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(str(path), f"cannot be read: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise StateError(str(path), f"is damaged ({error}); the next cycle writes it anew") from error

    def remove(self) -> None:
        """Forget it."""
        try:
            descriptor = os.open(self._folder, _FOLDER)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateError(str(self._folder), f"cannot be opened: {error.strerror}") from error
        try:
            with suppress(FileNotFoundError):
                os.unlink(_FILE, dir_fd=descriptor)
        finally:
            os.close(descriptor)


def _replace(folder: int, content: bytes) -> None:
    """Write the file beside its place, and rename it into it."""
    with suppress(FileNotFoundError):
        os.unlink(_DRAFT, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(_DRAFT, flags, 0o644, dir_fd=folder), "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
    os.rename(_DRAFT, _FILE, src_dir_fd=folder, dst_dir_fd=folder)
