"""The last cycle, kept for whoever asks: the server's verdict on each check, and what this device saw.

It lies in a folder of its own that everybody may read and only the agent write, so that `gatepost agent status` needs no
rights. What the device's users may not know is not in it: nothing says what would have passed, and what lies in one user's
store is not shown to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Judged, Status
from gatepost.core.finding import Fault, Location
from gatepost.core.reason import Reason
from gatepost.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.agent.cycle import Answered, Cycle
    from gatepost.wire.device import Verdict

_FILE: Final = "status.json"
_MAXIMUM_FILE: Final = 1 << 20


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
        subject=certificate.subject.text if isinstance(certificate, Certificate) else "not a certificate",
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

    def save(self, last: LastCycle) -> None:
        """Put the last cycle in the place of the one before, whole."""
        path, beside = self._folder / _FILE, self._folder / f".{_FILE}.new"
        try:
            self._make_folder()
            beside.unlink(missing_ok=True)
            with beside.open("xb") as file:
                file.write(msgspec.json.encode(last))
            beside.chmod(0o644)
            beside.rename(path)
        except OSError as error:
            raise StateError(str(path), f"cannot be written: {error.strerror}") from error

    def _make_folder(self) -> None:
        """Make the folder where there is none, for everybody to read also where a service's umask would not have it so."""
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True)
            self._folder.chmod(0o755)

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
        (self._folder / _FILE).unlink(missing_ok=True)
