r"""What a service asks of its helper in a signed-in user's session, and what it makes of the answer, which it does not believe.

A service that opens ``CurrentUser\My`` gets its own store. So a helper (`gatepost.stores.windows_user`) runs in the user's
session, reads the store there, and lets keys sign. The user can put any other program in its place: every part of an answer
has a bound, unknown parts are refused, certificates are parsed again, and a key counts as present only when it has signed
a challenge that was drawn for this one question. An answer with one lie in it is no answer.

How a helper is started does not enter here; this runs on every system. Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeVar

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.criteria import shown
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.errors import ProcessError
from gatepost.stores.interface import Unsigned
from gatepost.stores.windows import USER_PATH, inspection

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.processes import Answered
    from gatepost.stores.interface import Query

_Answer = TypeVar("_Answer", bound="Document")

PATIENCE: Final = 5.0
"""Seconds for a whole answer."""
MAXIMUM_REQUEST: Final = 1 << 20
"""Bytes of a request: the names of all issuers that a check may have are a tenth of it."""
MAXIMUM_ANSWER: Final = 1 << 20
"""Bytes of an answer."""
MAXIMUM_SEEN: Final = 200
"""As many candidates as one answer may hold, of 3.5 KB each: no person has so many from one authority."""
LENGTH: Final = 4
"""Bytes before a request that say how long it is, the highest first; an answer goes on to the end."""
CHALLENGE_LENGTH: Final = 32
_TRIAL: Final = b"gatepost key challenge v1\0"
"""Begins what a key signs to show that it is there. A possession statement begins otherwise, so this can stand for none."""

Encoded = Annotated[bytes, msgspec.Meta(max_length=64 * 1024)]
Text = Annotated[str, msgspec.Meta(max_length=1024)]
Signature = Annotated[bytes, msgspec.Meta(min_length=1, max_length=1024)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]

_TROUBLES: Final = frozenset({Reason.STORE_MISSING, Reason.STORE_UNREADABLE, Reason.PERMISSION_DENIED})
"""The reasons that this kind of store gives."""


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes through the pipe, as JSON."""


class Read(Document, frozen=True, tag=True):
    """Find the candidates; where ``challenge`` is given, let each one's key sign it. The answer is `Found`."""

    issuers: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=1024)]
    challenge: Digest | None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAXIMUM_SEEN)]


class Sign(Document, frozen=True, tag=True):
    """Let a certificate's key sign a statement. The answer is `Outcome`."""

    certificate: Encoded
    statement: Annotated[bytes, msgspec.Meta(max_length=1024)]


Request: TypeAlias = Read | Sign


class Seen(Document, frozen=True):
    """One candidate: ``signature`` is the challenge's, where the key is said to be there."""

    certificate: Encoded
    label: Text | None
    distrusted: bool
    key: KeyState
    key_detail: Text
    signature: Signature | None


class Trouble(Document, frozen=True):
    """Why the store, or a part of it, was not read."""

    reason: Reason
    detail: Text


class Found(Document, frozen=True):
    """What the store holds."""

    seen: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=MAXIMUM_SEEN)]
    others: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    too_many: bool
    troubles: Annotated[tuple[Trouble, ...], msgspec.Meta(max_length=4)]


class Outcome(Document, frozen=True):
    """A signature; without one, the key's state says why."""

    signature: Signature | None
    key: KeyState
    key_detail: Text


def trial(challenge: bytes, certificate: Certificate) -> bytes:
    """Build what a certificate's key signs to show that it is there."""
    return _TRIAL + challenge + certificate.sha256


def frame(request: Request) -> bytes:
    """Write a request as it goes over the pipe."""
    encoded = msgspec.json.encode(request)
    return len(encoded).to_bytes(LENGTH, "big") + encoded


def decode(encoded: bytes, kind: type[_Answer]) -> _Answer:
    """Read a document; raises ValueError for anything else."""
    return msgspec.json.decode(encoded, type=kind)


def decode_request(encoded: bytes) -> Request:
    """Read a request; raises ValueError for anything else."""
    request: Request = msgspec.json.decode(encoded, type=Request)
    return request


class SessionStore:
    r"""``CurrentUser\My`` of the user (``DOMAIN\name``) whose helper ``ask`` reaches; ``draw`` gives random bytes.

    ``ask`` takes a framed request and raises `ProcessError` where no helper could be started.
    """

    watched: tuple[str, ...] = ()
    """Windows keeps no file of it that another account could watch."""

    def __init__(self, user: str, ask: Callable[[bytes], Answered], draw: Callable[[int], bytes]) -> None:
        """Take the user's name from Windows, never from an answer."""
        self._user = user
        self._ask = ask
        self._draw = draw

    def read(self, query: Query) -> Findings:
        """Find the candidates; a key is present when it signed our challenge. A helper that fails or lies is a fault."""
        challenge = self._draw(CHALLENGE_LENGTH) if query.asks_key else None
        limit = min(query.limit, MAXIMUM_SEEN)
        request = Read(issuers=tuple(sorted(query.issuers)), challenge=challenge, limit=limit)
        found = self._answer(request, Found)
        if isinstance(found, str):
            return self._nothing(found)
        try:
            return _to_findings(found, request, self._location())
        except ValueError as error:
            return self._nothing(f"{self._helper()} answered what cannot be: {error}")

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Let the candidate's key sign in the session; what is returned as a signature has been verified."""
        certificate = candidate.certificate
        if isinstance(certificate, Malformed):
            return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
        outcome = self._answer(Sign(certificate=certificate.der, statement=statement), Outcome)
        if isinstance(outcome, str):
            return Unsigned(outcome)
        if outcome.signature is not None:
            if verify_signature(certificate.public_key, outcome.signature, statement):
                return outcome.signature
            return Unsigned(f"{self._helper()} answered a signature that does not verify")
        if outcome.key in {KeyState.PRESENT, KeyState.NOT_ASKED}:
            return Unsigned(f"{self._helper()} answered no signature")
        return Unsigned(shown(outcome.key_detail), outcome.key)

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the command by which a person sees this candidate, as the user, in a window that stays open."""
        return (
            "runas",
            f"/user:{self._user}",
            f"powershell -NoExit -NoProfile -Command {inspection(USER_PATH, candidate)}",
        )

    def _answer(self, request: Request, kind: type[_Answer]) -> _Answer | str:
        """Ask the helper; a text says what went wrong."""
        try:
            answered = self._ask(frame(request))
        except ProcessError as error:
            return f"{self._helper()} {error.detail}"
        if len(answered.output) > MAXIMUM_ANSWER:
            return f"{self._helper()} answered more than {MAXIMUM_ANSWER} bytes"
        if answered.status is None:
            return f"{self._helper()} did not end in time"
        if answered.status:
            return f"{self._helper()} failed (exit code {answered.status})"
        try:
            return decode(answered.output, kind)
        except ValueError:
            return f"{self._helper()} answered what is no answer"

    def _nothing(self, detail: str) -> Findings:
        fault = Fault(location=self._location(), reason=Reason.STORE_UNREADABLE, detail=detail)
        return Findings(faults=(fault,))

    def _location(self) -> Location:
        return Location(store=StoreKind.WINDOWS, path=USER_PATH, user=self._user)

    def _helper(self) -> str:
        return f"the process in the session of {self._user}"


def _to_findings(found: Found, request: Read, location: Location) -> Findings:
    """Turn an answer into findings; raises ValueError where no honest helper would have given it."""
    if len(found.seen) > request.limit:
        raise ValueError("more candidates than were asked for")
    candidates = {
        item.certificate.sha256: item for item in (_candidate(seen, request, location) for seen in found.seen)
    }
    if len(candidates) < len(found.seen):
        raise ValueError("the same certificate twice")
    return Findings(
        candidates=tuple(candidates.values()),
        others=found.others,
        too_many=found.too_many,
        faults=tuple(_fault(item, location) for item in found.troubles),
    )


def _candidate(seen: Seen, request: Read, location: Location) -> Candidate:
    certificate = parse_certificate(seen.certificate)
    if isinstance(certificate, Certificate) and certificate.issuer.canonical not in request.issuers:
        raise ValueError("a certificate of another issuer")
    _judge_key(seen, request, certificate)
    return Candidate(
        certificate=certificate,
        location=msgspec.structs.replace(location, label=None if seen.label is None else shown(seen.label)),
        key=seen.key,
        key_detail=shown(seen.key_detail),
        distrusted=seen.distrusted,
    )


def _judge_key(seen: Seen, request: Read, certificate: Certificate | Malformed) -> None:
    """Raise ValueError where a key's state was not asked for, is left out, or is not what the signature shows."""
    challenge = request.challenge if isinstance(certificate, Certificate) else None
    if (seen.key is KeyState.NOT_ASKED) != (challenge is None):
        raise ValueError("the state of a key that was not asked for, or none where one was")
    if (seen.key is KeyState.PRESENT) != (seen.signature is not None):
        raise ValueError("a key without its signature, or a signature without its key")
    if challenge is None or seen.signature is None or isinstance(certificate, Malformed):
        return
    if not verify_signature(certificate.public_key, seen.signature, trial(challenge, certificate)):
        raise ValueError("a signature that does not verify")


def _fault(trouble: Trouble, location: Location) -> Fault:
    if trouble.reason not in _TROUBLES:
        raise ValueError(f"a store does not give {trouble.reason}")
    return Fault(location=location, reason=trouble.reason, detail=shown(trouble.detail))
