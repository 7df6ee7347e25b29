"""The last cycle, kept for whoever asks: the server's verdict on each check, and what this device saw."""

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
    from gatepost.agent.cycle import Answered, Cycle
    from gatepost.client.identity import StateFolder
    from gatepost.wire.device import Verdict

_FILE: Final = "status.json"


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
        certificates=tuple(map(_see, evaluation.certificates)) if evaluation else (),
        faults=evaluation.faults if evaluation else (),
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


def save_last(folder: StateFolder, last: LastCycle) -> None:
    """Keep it in the agent's folder."""
    folder.save(_FILE, msgspec.json.encode(last))


def load_last(folder: StateFolder) -> LastCycle | None:
    """Return the last cycle; None before the first. Raises `StateError` for a damaged file."""
    content = folder.load(_FILE)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=LastCycle)
    except msgspec.MsgspecError as error:
        raise StateError(str(folder.path / _FILE), f"is damaged ({error}); the next cycle writes it anew") from error
