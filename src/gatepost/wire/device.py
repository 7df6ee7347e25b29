"""The documents between agent and server, bounded and versioned, and their way to and from core.

All of them are JSON inside a JWS (`wire.jws`), except the server's answers, which come back on the connection that TLS
protects. Bytes are base64. The formats are version 1 and final: a later version is a document beside these.
Every bound below is a refusal by the decoder, before anything looks at the content.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.check import (
    MAXIMUM_REPORTED,
    Check,
    Evidence,
    OperatingSystem,
)
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, Nearby, StoreKind
from gatepost.core.possession import NONCE_LENGTH
from gatepost.core.reason import Reason
from gatepost.core.report import Claim
from gatepost.errors import InputError
from gatepost.wire.jws import JsonWebKey

_T = TypeVar("_T")

MAXIMUM_REPORT: Final = 64 * 1024
"""The largest report in bytes; a device with more candidates sends the nearest."""
MAXIMUM_CERTIFICATE: Final = 24 * 1024
"""The largest certificate in bytes that enrols a device: in base64, twice, it fits a document."""
NOT_SHOWN: Final = "certificate-not-shown"
"""The word of a refusal: the report names a certificate that it does not carry, and that the server has not."""
MAXIMUM_CHECKS: Final = 64
"""As many checks as one device answers."""
MAXIMUM_CHANGES: Final = 64
"""As many changes as a device tells of the time in which the server was away."""
MAXIMUM_CHANGE_REASONS: Final = 8
MAXIMUM_COUNT: Final = 1_000_000
_MAXIMUM_FAULTS: Final = 64
_LAST_INSTANT: Final = 253_402_300_799_999
"""The last ms of the year 9999: no certificate ends later, and no date can be shown that does."""
_PLACE: Final = re.compile(r"(?P<problem>.*) - at (?:`key` in )?`\$(?P<path>.*)`", re.DOTALL)
"""How msgspec ends its words where something within a document is wrong."""

Signatures = dict[tuple[bytes, Location], bytes]
"""Possession signatures by the certificate's SHA-256 (raw) and the place of the key that made them."""

Text = Annotated[str, msgspec.Meta(max_length=1024)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Fact = Annotated[str, msgspec.Meta(max_length=1024, pattern=r"^[^\x00]*$")]
"""A text that becomes a column: no database need hold a NUL."""
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Nonce = Annotated[bytes, msgspec.Meta(min_length=NONCE_LENGTH, max_length=NONCE_LENGTH)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAXIMUM_COUNT)]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
_YEAR: Final = 366 * 24 * 3_600
Due = Annotated[int, msgspec.Meta(ge=1, le=_YEAR)]
"""Seconds until a report is due: as a schedule, never at once, so that no answer makes an agent report without a pause."""
Pause = Annotated[int, msgspec.Meta(ge=0, le=_YEAR)]
"""Seconds to wait."""


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the device says of itself: the facts that templates use, and what pages and logs show."""

    serial_number: Fact | None = None
    hostname: Fact | None = None
    device_uuid: Fact | None = None
    name: Fact = ""
    device_type: OperatingSystem = OperatingSystem.LINUX
    manufacturer: Fact = ""
    model: Fact = ""
    os_version: Fact = ""
    client_version: Word = ""


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device's new key: who wants to enrol. The token travels in the Authorization header."""

    v: Literal[1] = 1
    aud: Text
    key: JsonWebKey
    facts: Facts


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device's new key: who wants to enrol by a certificate, and asks for a nonce. ``aud`` names the account."""

    v: Literal[1] = 1
    aud: Text
    key: JsonWebKey


class Challenged(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: a nonce for this key, to be answered within 15 minutes."""

    nonce: Nonce


class CertifiedEnrollment(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device's new key: who wants to enrol, and by which certificate instead of a token.

    ``signature`` is the certificate's key's, over the enrolment statement (`core.possession`); ``aud`` names the account.
    """

    v: Literal[1] = 1
    aud: Text
    key: JsonWebKey
    facts: Facts
    nonce: Nonce
    certificate: Annotated[bytes, msgspec.Meta(max_length=MAXIMUM_CERTIFICATE)]
    signature: Annotated[bytes, msgspec.Meta(max_length=1024)]


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: who the device is now, and the account's key, which the agent pins."""

    account_id: Identifier
    registration_id: Identifier
    device_id: Identifier
    account_key: JsonWebKey


class Sync(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device: asks for a nonce, and for the checks where they are newer than ``checks_version``."""

    v: Literal[1] = 1
    aud: Text
    checks_version: Annotated[int, msgspec.Meta(ge=-1)]


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: a nonce, and the checks signed by the account's key (empty: nothing newer)."""

    nonce: Nonce
    checks_version: int
    checks: str = ""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Signed by the device: asks to be called when the server wants a report, or has newer checks than these."""

    v: Literal[1] = 1
    aud: Text
    checks_version: Annotated[int, msgspec.Meta(ge=-1)]


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer, after a while or at once: report now or not, and in how many seconds to ask again."""

    report_now: bool
    again_in: Pause


class PlacedCandidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One candidate: which certificate, where it lies, what is known of its key, and the possession signature."""

    sha256: Fingerprint
    store: StoreKind
    path: Text
    label: Text | None = None
    user: Text | None = None
    key: KeyState = KeyState.NOT_ASKED
    key_detail: Text = ""
    distrusted: bool = False
    signature: Annotated[bytes, msgspec.Meta(max_length=1024)] | None = None


class PlacedFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A place that could not be looked into."""

    store: StoreKind
    path: Text
    user: Text | None = None
    reason: Reason
    detail: Text


class NearbyCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate one step from the uploaded CA: its issuer's name, its digest, its end (ms), its issuer's digest."""

    issuer: Text
    sha256: Fingerprint
    not_after: Annotated[int, msgspec.Meta(ge=-(2**45), le=_LAST_INSTANT)]
    via: Fingerprint


class CheckAnswer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the device found for one check; ``status`` is its own verdict, which the server does not believe."""

    id: Identifier
    version: int
    status: Status
    candidates: Annotated[tuple[PlacedCandidate, ...], msgspec.Meta(max_length=MAXIMUM_REPORTED)] = ()
    others: Count = 0
    too_many: bool = False
    faults: Annotated[tuple[PlacedFault, ...], msgspec.Meta(max_length=_MAXIMUM_FAULTS)] = ()
    nearby: Annotated[tuple[NearbyCertificate, ...], msgspec.Meta(max_length=MAXIMUM_REPORTED)] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The device's own answer to a check became this, by its own clock (ms), while the server was away."""

    check: Identifier
    version: int
    status: Status
    reasons: Annotated[tuple[Reason, ...], msgspec.Meta(max_length=MAXIMUM_CHANGE_REASONS)] = ()
    at: Annotated[int, msgspec.Meta(ge=0, le=_LAST_INSTANT)]


class Meanwhile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server was away ``since`` (ms, by the device's clock): the first answers then, the latest changes, how many before."""

    since: Annotated[int, msgspec.Meta(ge=0, le=_LAST_INSTANT)]
    earlier: Count = 0
    changes: Annotated[tuple[Change, ...], msgspec.Meta(max_length=MAXIMUM_CHANGES)] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One cycle's answers. ``certificates``: DER by SHA-256, each once; those of an earlier report may be named alone."""

    v: Literal[1] = 1
    aud: Text
    sequence: Sequence
    nonce: Nonce
    facts: Facts
    certificates: dict[Fingerprint, bytes]
    checks: Annotated[tuple[CheckAnswer, ...], msgspec.Meta(max_length=MAXIMUM_CHECKS)]
    meanwhile: Meanwhile | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The server's result for one check, as the device may know it: no expected values."""

    id: str
    name: str
    status: Status
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    ends_at: Annotated[int, msgspec.Meta(ge=0, le=_LAST_INSTANT)] | None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The report is durable. ``nonce`` is for the next one, which is due in ``next_in`` seconds."""

    acknowledged: int
    nonce: Nonce
    checks_version: int
    next_in: Due
    verdicts: tuple[Verdict, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server's "no": a reason of the closed list or a word for the kind of error, the detail, and maybe a fresh nonce."""

    reason: str
    detail: str
    nonce: bytes = b""


def decode(payload: bytes, kind: type[_T]) -> _T:
    """Decode a document strictly; `InputError` names the field by its JSON pointer."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        placed = _PLACE.fullmatch(str(error))
        problem, path = (placed["problem"], placed["path"]) if placed else (error, "")
        pointer = path.replace("[...]", "").replace("[", "/").replace("]", "").replace(".", "/")
        raise InputError(pointer or "body", f"cannot be read: {problem}") from error


def facts_to_core(facts: Facts) -> DeviceFacts:
    """Keep the facts that templates use."""
    return DeviceFacts(serial_number=facts.serial_number, hostname=facts.hostname, device_uuid=facts.device_uuid)


def answer_from_core(check: Check, evaluation: Evaluation, signatures: Signatures, *, too_many: bool) -> CheckAnswer:
    """Write what was found for one check, each candidate with the signature that its own place made."""
    return CheckAnswer(
        id=check.id,
        version=check.version,
        status=evaluation.status,
        candidates=tuple(_candidate_from_core(item.candidate, signatures) for item in evaluation.certificates),
        others=min(evaluation.others, MAXIMUM_COUNT),
        too_many=too_many,
        faults=tuple(_fault_from_core(item) for item in evaluation.faults[:_MAXIMUM_FAULTS]),
        nearby=tuple(
            NearbyCertificate(
                issuer=bounded(item.issuer),
                sha256=item.sha256.hex(),
                not_after=int(item.not_after.timestamp() * 1000),
                via=item.via.hex(),
            )
            for item in evaluation.nearby
        ),
    )


def _candidate_from_core(candidate: Candidate, signatures: Signatures) -> PlacedCandidate:
    place = candidate.location
    return PlacedCandidate(
        sha256=candidate.certificate.fingerprint,
        store=place.store,
        path=bounded(place.path),
        label=None if place.label is None else bounded(place.label),
        user=None if place.user is None else bounded(place.user),
        key=candidate.key,
        key_detail=bounded(candidate.key_detail),
        distrusted=candidate.distrusted,
        signature=signatures.get((candidate.certificate.sha256, place)),
    )


def _fault_from_core(fault: Fault) -> PlacedFault:
    place = fault.location
    return PlacedFault(
        store=place.store,
        path=bounded(place.path),
        user=None if place.user is None else bounded(place.user),
        reason=fault.reason,
        detail=bounded(fault.detail),
    )


def bounded(text: str) -> str:
    """Cut to what `Text` allows, and keep lone surrogates (names that are no UTF-8) out of JSON."""
    return text.encode("utf-8", "backslashreplace").decode()[:1024]


def claim_to_core(answer: CheckAnswer, certificates: dict[str, Certificate | Malformed]) -> Claim:
    """Read one answer; `InputError` where it names a certificate that is not among these."""
    candidates = []
    for item in answer.candidates:
        certificate = certificates.get(item.sha256)
        if certificate is None:
            raise InputError("/checks/candidates/sha256", f"names {item.sha256}, which the report does not carry")
        candidates.append(
            Candidate(
                certificate=certificate,
                location=Location(store=item.store, path=item.path, label=item.label, user=item.user),
                key=item.key,
                key_detail=item.key_detail,
                distrusted=item.distrusted,
            )
        )
    findings = Findings(
        candidates=tuple(candidates),
        others=answer.others,
        faults=tuple(_fault_to_core(item) for item in answer.faults),
        nearby=tuple(
            Nearby(
                issuer=item.issuer,
                sha256=bytes.fromhex(item.sha256),
                not_after=instant(item.not_after),
                via=bytes.fromhex(item.via),
            )
            for item in answer.nearby
        ),
        too_many=answer.too_many,
    )
    return Claim(
        check_id=answer.id,
        check_version=answer.version,
        findings=findings,
        signatures=tuple(item.signature for item in answer.candidates),
        status=answer.status,
    )


def _fault_to_core(fault: PlacedFault) -> Fault:
    place = Location(store=fault.store, path=fault.path, user=fault.user)
    return Fault(location=place, reason=fault.reason, detail=fault.detail)


def certificates_to_core(certificates: dict[str, bytes]) -> dict[str, Certificate | Malformed]:
    """Parse the certificates of a document; `InputError` where one's digest is not its name."""
    parsed = {name: parse_certificate(content) for name, content in certificates.items()}
    for name, certificate in parsed.items():
        if certificate.fingerprint != name:
            raise InputError(f"/certificates/{name}", "is another certificate's digest")
    return parsed


def instant(milliseconds: int) -> datetime:
    """Turn ms since 1970 into an aware instant in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
