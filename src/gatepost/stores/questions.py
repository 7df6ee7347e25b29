"""What is said between us and the child process that reads for us: the questions, and the answers, which are not believed.

An answer comes from a process that has read what a stranger wrote, as that stranger: every part of it has a bound, unknown
parts are refused, and a certificate is bytes until we have parsed it ourselves. A part goes over the pipe as MessagePack
behind its length, so that those that came count when a later one does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeVar

import msgspec

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import MAXIMUM_CANDIDATES
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.pem_content import Content
from gatepost.stores.profiles import MAXIMUM_DATABASES
from gatepost.stores.safe_open import MAXIMUM_PEM_FILE, Obstacle, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_T = TypeVar("_T")

MAXIMUM_QUESTION: Final = 1 << 20
"""Bytes in a question: the names of all issuers that a check may have are a tenth of it."""
MAXIMUM_ANSWER: Final = 1 << 23
"""Bytes in a whole answer: a thousand candidates of 8 KB each."""
_MAXIMUM_TEXT: Final = 1_024
_MAXIMUM_PATH: Final = 4_096
_MAXIMUM_SIGNATURE: Final = 1_024
"""Bytes in a signature: of an RSA key of 8,192 bits."""
_LENGTH: Final = 4
"""Bytes that say how long a part is, the most significant first."""

Text = Annotated[str, msgspec.Meta(max_length=_MAXIMUM_TEXT)]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=_MAXIMUM_PATH)]
Encoded = Annotated[bytes, msgspec.Meta(max_length=MAXIMUM_PEM_FILE)]

# Of all reasons, those that a place can give.
_PLACE_REASONS: Final = frozenset(
    {
        Reason.STORE_MISSING,
        Reason.STORE_BUSY,
        Reason.STORE_CORRUPT,
        Reason.STORE_UNREADABLE,
        Reason.STORE_LEGACY_FORMAT,
        Reason.PERMISSION_DENIED,
        Reason.PATH_REFUSED,
    }
)


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes over the pipe."""


# --- Questions --------------------------------------------------------------------------------------------------------


class ReadDatabase(Document, frozen=True, tag=True):
    """Read the NSS database in a folder; ``scratch`` is where a copy may be made (None: nowhere). Answer: a `Database`."""

    directory: str
    query: Query
    scratch: str | None = None


class FindInHome(Document, frozen=True, tag=True):
    """Find the NSS databases of a person's programs below their home. Answer: a `Folders`."""

    home: str


class ReadHome(Document, frozen=True, tag=True):
    """Read them all. Answer: a `Database` for each, and for each folder that could not be looked into."""

    home: str
    query: Query


class ReadFiles(Document, frozen=True, tag=True):
    """Read PEM files. Answer: a `File` for each, in their order."""

    paths: tuple[str, ...]
    asks_key: bool


class SignInDatabase(Document, frozen=True, tag=True):
    """Sign with the key of a certificate (DER) in an NSS database. Answer: an `Outcome`."""

    directory: str
    certificate: bytes
    statement: bytes


class SignWithFile(Document, frozen=True, tag=True):
    """Sign with the key of a certificate (DER) in a PEM file. Answer: an `Outcome`."""

    path: str
    certificate: bytes
    statement: bytes


Question: TypeAlias = ReadDatabase | FindInHome | ReadHome | ReadFiles | SignInDatabase | SignWithFile

# --- Answers ----------------------------------------------------------------------------------------------------------


class Trouble(Document, frozen=True, tag=True):
    """Why something was not read."""

    reason: Reason
    detail: Text


class Seen(Document, frozen=True):
    """One candidate: the certificate's bytes, and what the store says of it."""

    encoded: Encoded
    label: Text | None
    key: KeyState
    key_detail: Text
    distrusted: bool


class Database(Document, frozen=True):
    """What an NSS database holds."""

    directory: Path
    seen: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=MAXIMUM_CANDIDATES)] = ()
    others: bool = False
    too_many: bool = False
    troubles: Annotated[tuple[Trouble, ...], msgspec.Meta(max_length=2)] = ()


class Folders(Document, frozen=True):
    """The folders that have a database."""

    folders: Annotated[tuple[Path, ...], msgspec.Meta(max_length=MAXIMUM_DATABASES)]


class File(Document, frozen=True):
    """What one file holds, or why it was not read."""

    path: Path
    content: Content | Trouble


class Signed(Document, frozen=True, tag=True):
    """A signature, to be verified."""

    signature: Annotated[bytes, msgspec.Meta(max_length=_MAXIMUM_SIGNATURE)]


class NotSigned(Document, frozen=True, tag=True):
    """A key that did not sign."""

    state: KeyState
    detail: Text


class Outcome(Document, frozen=True):
    """What came of a question for a signature."""

    answer: Signed | NotSigned


# --- Over the pipe ----------------------------------------------------------------------------------------------------


def frame(part: Document) -> bytes:
    """Return a part of an answer as it goes over the pipe."""
    encoded = msgspec.msgpack.encode(part)
    return len(encoded).to_bytes(_LENGTH, "big") + encoded


def unframe(output: bytes, kind: type[_T]) -> Iterator[_T]:
    """Yield the parts that came; raises ValueError at the first that is not whole, or no part of such an answer."""
    decoder = msgspec.msgpack.Decoder(kind)
    start = 0
    while start < len(output):
        length = int.from_bytes(output[start : start + _LENGTH], "big")
        start += _LENGTH + length
        yield decoder.decode(output[start - length : start])


def clip(text: str) -> str:
    """Cut a text to what an answer may hold, without characters that no text may have."""
    return text.encode("utf-8", "backslashreplace").decode()[:_MAXIMUM_TEXT]


# --- What the child makes of what it found ----------------------------------------------------------------------------


def from_obstacle(directory: str, obstacle: Obstacle) -> Database:
    """Turn a folder that could not be looked into into an answer."""
    trouble = Trouble(reason=obstacle.reason, detail=clip(obstacle.detail))
    return Database(directory=directory, troubles=(trouble,))


def from_findings(directory: str, findings: Findings) -> Database:
    """Turn what a reader found into an answer."""
    return Database(
        directory=directory,
        seen=tuple(_seen(item) for item in findings.candidates),
        others=bool(findings.others),
        too_many=findings.too_many,
        troubles=tuple(Trouble(reason=item.reason, detail=clip(item.detail)) for item in findings.faults),
    )


def _seen(candidate: Candidate) -> Seen:
    label = candidate.location.label
    return Seen(
        encoded=candidate.certificate.der,
        label=clip(label) if label is not None else None,
        key=candidate.key,
        key_detail=clip(candidate.key_detail),
        distrusted=candidate.distrusted,
    )


def from_signature(signature: bytes | Unsigned) -> Outcome:
    """Turn what a key gave into an answer."""
    if isinstance(signature, bytes):
        return Outcome(answer=Signed(signature=signature))
    return Outcome(answer=NotSigned(state=signature.state, detail=clip(signature.detail)))


# --- What we make of its answer ---------------------------------------------------------------------------------------


def insist_below(home: str, folder: str) -> None:
    """Raise ValueError for a folder that is not ``home`` nor below it, or whose name could do something to a terminal."""
    if not f"{folder}/".startswith(f"{home}/") or ".." in folder.split("/") or not folder.isprintable():
        raise ValueError("a folder elsewhere")


def to_findings(database: Database, query: Query, user: str) -> Findings:
    """Turn an answer into findings; raises ValueError where it is no answer to ``query``."""
    if len(database.seen) > query.limit:
        raise ValueError("more candidates than were asked for")
    location = Location(store=StoreKind.NSSDB, path=database.directory, user=user)
    faults = (to_obstacle(item) for item in database.troubles)
    return Findings(
        candidates=tuple(to_candidate(item, query, location) for item in database.seen),
        others=int(database.others),
        too_many=database.too_many,
        faults=tuple(Fault(location=location, reason=item.reason, detail=item.detail) for item in faults),
    )


def to_candidate(seen: Seen, query: Query, location: Location) -> Candidate:
    """Turn what was seen at ``location`` into a candidate; raises ValueError where it is no answer to ``query``."""
    certificate = parse_certificate(seen.encoded)
    is_readable = isinstance(certificate, Certificate)
    if isinstance(certificate, Certificate) and certificate.issuer.canonical not in query.issuers:
        raise ValueError("a certificate of another issuer")
    if (seen.key is KeyState.NOT_ASKED) == (query.asks_key and is_readable):
        raise ValueError("a key that was not asked for, or none where one was")
    label = _printable(seen.label) if seen.label is not None else None
    return Candidate(
        certificate=certificate,
        location=msgspec.structs.replace(location, label=label),
        key=seen.key,
        key_detail=_printable(seen.key_detail),
        distrusted=seen.distrusted,
    )


def to_obstacle(trouble: Trouble) -> Obstacle:
    """Turn a trouble into an obstacle; raises ValueError for a reason that no place has."""
    if trouble.reason not in _PLACE_REASONS:
        raise ValueError(f"a place does not give {trouble.reason}")
    return Obstacle(trouble.reason, _printable(trouble.detail))


def to_signature(outcome: Outcome) -> bytes | Unsigned:
    """Turn an answer into a signature, or into why there is none; raises ValueError for a key that should have signed."""
    answer = outcome.answer
    if isinstance(answer, Signed):
        return answer.signature
    if answer.state in {KeyState.NOT_ASKED, KeyState.PRESENT}:
        raise ValueError("a key that is there, and no signature")
    return Unsigned(_printable(answer.detail), answer.state)


def _printable(text: str) -> str:
    """Leave a text as it is, unless it could do something to a terminal."""
    return text if text.isprintable() else shown(text)
