"""An evaluation, shown: as the JSON document of the command line's contract, and as text for a person."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import msgspec

from gatepost.core.certificate import Certificate, rfc3339
from gatepost.core.criteria import shown
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.finding import StoreKind

if TYPE_CHECKING:
    from gatepost.agent.gather import Gathered
    from gatepost.agent.status import LastCycle, SeenCertificate
    from gatepost.core.finding import Fault, Location, Nearby
    from gatepost.core.nearest import Judged

_COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.ERROR: "yellow"}


def to_document(gathered: Gathered, *, explain: bool) -> dict[str, object]:
    """Return the JSON document: status, reasons, evidence, certificates, faults; ``explain`` adds every criterion."""
    evaluation = gathered.evaluation
    return {
        "status": evaluation.status,
        "reasons": evaluation.reasons,
        "evidence": evaluation.evidence,
        "certificates": [
            _certificate(item, _command(item, gathered) if explain else None) for item in evaluation.certificates
        ],
        "faults": [
            {"location": _writable(item.location), "reason": item.reason, "detail": item.detail}
            for item in evaluation.faults
        ],
        **(
            {
                "other_certificates": evaluation.others,
                "nearby": [_nearby(item, evaluation) for item in evaluation.nearby],
            }
            if explain
            else {}
        ),
        **({"detail": evaluation.detail} if evaluation.detail else {}),
    }


def _command(judged: Judged, gathered: Gathered) -> str:
    """Return the command by which a person sees a candidate, quoted for a shell; as its owner, where it is a user's."""
    candidate = judged.candidate
    words = gathered.commands.get((candidate.certificate.sha256, candidate.location), ())
    user = candidate.location.user
    if candidate.location.store is StoreKind.WINDOWS:
        # Windows' shells know double quotes alone, and none of these words has one.
        return " ".join(f'"{word}"' if " " in word else word for word in words)
    return shlex.join((*(("runuser", "-u", user, "--") if user and words else ()), *words))


def _writable(location: Location) -> Location:
    """Make a place fit for JSON: a name that is no UTF-8 is shown with escapes."""
    fields = msgspec.structs.asdict(location)
    texts = {name: _plain(fields[name]) for name in ("path", "label", "user") if fields[name] is not None}
    return msgspec.structs.replace(location, **texts)


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _nearby(nearby: Nearby, evaluation: Evaluation) -> dict[str, object]:
    return {
        "issuer": nearby.issuer,
        "sha256": nearby.sha256.hex(),
        "not_after": rfc3339(nearby.not_after),
        "upload_instead": {"sha256": nearby.via.hex(), "subject": _subject_of(nearby.via, evaluation)},
    }


def _subject_of(sha256: bytes, evaluation: Evaluation) -> str:
    found = (item.candidate.certificate for item in evaluation.certificates)
    return next((item.subject.text for item in found if isinstance(item, Certificate) and item.sha256 == sha256), "")


def _certificate(judged: Judged, command: str | None) -> dict[str, object]:
    certificate = judged.candidate.certificate
    readable = certificate if isinstance(certificate, Certificate) else None
    document: dict[str, object] = {
        "location": _writable(judged.candidate.location),
        "sha256": certificate.fingerprint,
        "subject": readable.subject.text if readable else None,
        "issuer": readable.issuer.text if readable else None,
        "not_after": rfc3339(readable.not_after) if readable else None,
        "evidence": judged.evidence,
        "reasons": judged.reasons,
    }
    if command is not None:
        document["command"] = _plain(command)
        document["criteria"] = [
            {"criterion": item.criterion, "met": item.reason is None, "expected": item.expected, "found": item.found}
            for item in judged.judgements
        ]
    return document


def to_text(gathered: Gathered, *, explain: bool) -> str:
    """Return the answer, each certificate with what it lacks, and each place that could not be looked into."""
    from gatepost.core.explanation import for_administrator

    evaluation = gathered.evaluation
    lines = [_headline(evaluation)]
    if evaluation.detail:
        lines.append(f"  {evaluation.detail}")
    for judged in evaluation.certificates:
        lines += ["", *_lines(judged, explain=explain)]
        if explain and (command := _command(judged, gathered)):
            lines.append(f"    see it  {shown(command)}")
    if not evaluation.certificates:
        lines += [f"  {for_administrator(item, '', '')}" for item in evaluation.reasons]
    for fault in evaluation.faults:
        lines += ["", *_fault(fault)]
    if evaluation.nearby:
        lines += ["", *_advice(evaluation)]
    if explain:
        lines += ["", f"certificates of other issuers: {evaluation.others or 'none'}"]
    return "\n".join(lines)


def _advice(evaluation: Evaluation) -> list[str]:
    """Say which certificate to upload, where a CA above the issuing one was."""
    issuers = {item.via: item.issuer for item in evaluation.nearby}
    mark = click.style("→", fg="cyan")
    return [
        f"{mark} certificates here are issued by {issuer}, not by the CA that was given: give that one (sha256 {via.hex()})"
        for via, issuer in issuers.items()
    ]


def _headline(evaluation: Evaluation) -> str:
    word = click.style(evaluation.status.value.upper(), fg=_COLOURS[evaluation.status], bold=True)
    evidence = f"evidence: {evaluation.evidence}" if evaluation.evidence else ""
    return "  ".join(filter(None, (word, ", ".join(evaluation.reasons), evidence)))


def _lines(judged: Judged, *, explain: bool) -> list[str]:
    certificate = judged.candidate.certificate
    mark = click.style("✘", fg="red") if judged.reasons else click.style("✔", fg="green")
    title = certificate.subject.text if isinstance(certificate, Certificate) else "not a certificate"
    lines = [f"{mark} {title or '(empty subject)'}", f"    in      {show_place(judged.candidate.location)}"]
    if isinstance(certificate, Certificate):
        lines.append(f"    issuer  {certificate.issuer.text}")
        lines.append(f"    valid   {rfc3339(certificate.not_before)} to {rfc3339(certificate.not_after)}")
    lines.append(f"    sha256  {certificate.fingerprint}")
    for item in judged.judgements:
        if item.reason is not None:
            lines.append(f"    {click.style(item.reason, fg='red')}: expected {item.expected}, found {item.found}")
        elif explain:
            lines.append(f"    {click.style('met', fg='green')} {item.criterion}: {item.found}")
    return lines


def show_place(location: Location) -> str:
    """Show where a certificate lies: the path, the label in it, and whose it is; what does not print is escaped."""
    label = f', "{shown(location.label)}"' if location.label else ""
    user = f" of {shown(location.user)}" if location.user else ""
    return f"{shown(location.path)}{label} ({location.store}{user})"


def _fault(fault: Fault) -> list[str]:
    mark = click.style("!", fg="yellow")
    return [f"{mark} {show_place(fault.location)}", f"    {click.style(fault.reason, fg='yellow')}: {fault.detail}"]


def show_verdicts(last: LastCycle, now: int) -> str:
    """Show what a cycle came to, check by check: the server's verdict at ``now`` (ms), and what this device saw."""
    from gatepost.core.explanation import for_user

    lines = []
    for item in last.verdicts:
        word = click.style(item.status.value.upper(), fg=_COLOURS[item.status], bold=True)
        evidence = f"evidence: {item.evidence}" if item.evidence else ""
        over = (
            "" if item.counts(now) else click.style("its time is over: the agent has not reported since", fg="yellow")
        )
        lines.append(
            "  ".join(filter(None, (word, shown(item.name) or item.id, ", ".join(item.reasons), evidence, over)))
        )
        for certificate in item.certificates:
            lines += _seen(certificate)
        for fault in item.faults:
            lines.append(
                f"  {click.style('!', fg='yellow')} {show_place(fault.location)}: {fault.reason}: {fault.detail}"
            )
        lines += [f"  {for_user(reason)}" for reason in item.reasons]
    return "\n".join(lines) or "no check concerns this device"


def _seen(certificate: SeenCertificate) -> list[str]:
    mark = click.style("✘", fg="red") if certificate.reasons else click.style("✔", fg="green")
    reasons = ", ".join(certificate.reasons) or f"evidence: {certificate.evidence}"
    return [f"  {mark} {certificate.subject}", f"      in {show_place(certificate.location)}", f"      {reasons}"]
