r"""The helper in a user's session: it answers one request about ``CurrentUser\My`` and ends.

Run as ``python -I -m gatepost.stores.windows_user [PIPE]``: the request comes on standard input, or through the named pipe
that the service has made for it, behind its length in four bytes, the highest first; the answer goes back the same way, to
the end. It can do no more than the user could do anyway, and it is not believed (`gatepost.stores.windows_answers`).
"""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.check import TrustStore
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.windows import USER_PATH, WindowsStore
from gatepost.stores.windows_answers import (
    LENGTH,
    MAXIMUM_ANSWER,
    MAXIMUM_REQUEST,
    Document,
    Found,
    Outcome,
    Read,
    Request,
    Seen,
    Sign,
    Trouble,
    decode_request,
    trial,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.stores.interface import Store

_MAXIMUM_TEXT: Final = 1_024


def _open_own() -> Store:
    return WindowsStore(TrustStore.USER)


def serve(source: IO[bytes], target: IO[bytes], store: Store) -> None:
    """Read one request, and write its answer; raises ValueError where it is none."""
    length = int.from_bytes(_read(source, LENGTH), "big")
    if length > MAXIMUM_REQUEST:
        raise ValueError(f"a request has at most {MAXIMUM_REQUEST} bytes")
    target.write(answer(decode_request(_read(source, length)), store))
    target.flush()


def _read(source: IO[bytes], count: int) -> bytes:
    content = b""
    while len(content) < count:
        chunk = source.read(count - len(content))
        if not chunk:
            raise ValueError("the request breaks off")
        content += chunk
    return content


def answer(request: Request, store: Store) -> bytes:
    """Answer a request from a store."""
    if isinstance(request, Read):
        return _answer_read(request, store)
    return msgspec.json.encode(_sign(request, store))


def _answer_read(request: Read, store: Store) -> bytes:
    """Find the candidates, and leave out the last where the answer would be too large."""
    findings = store.read(Query(issuers=frozenset(request.issuers), limit=request.limit))
    seen = [_see(item, request, store) for item in findings.candidates]
    encoded = msgspec.json.encode(_found(seen, findings))
    while len(encoded) > MAXIMUM_ANSWER:
        seen = seen[: len(seen) // 2]
        encoded = msgspec.json.encode(_found(seen, msgspec.structs.replace(findings, too_many=True)))
    return encoded


def _found(seen: list[Seen], findings: Findings) -> Document:
    troubles = tuple(Trouble(reason=item.reason, detail=_clip(item.detail)) for item in findings.faults)
    return Found(seen=tuple(seen), others=findings.others, too_many=findings.too_many, troubles=troubles)


def _see(candidate: Candidate, request: Read, store: Store) -> Seen:
    certificate = candidate.certificate
    outcome = Outcome(signature=None, key=KeyState.NOT_ASKED, key_detail="")
    if request.challenge is not None and isinstance(certificate, Certificate):
        outcome = _outcome(store.sign(candidate, trial(request.challenge, certificate)))
    label = candidate.location.label
    return Seen(
        certificate=certificate.der,
        label=None if label is None else _clip(label),
        distrusted=candidate.distrusted,
        key=outcome.key,
        key_detail=outcome.key_detail,
        signature=outcome.signature,
    )


def _sign(request: Sign, store: Store) -> Outcome:
    certificate = parse_certificate(request.certificate)
    if isinstance(certificate, Malformed):
        raise ValueError("what is to sign is no certificate")  # noqa: TRY004 - the request is wrong, not a program's type.
    place = Location(store=StoreKind.WINDOWS, path=USER_PATH)
    return _outcome(store.sign(Candidate(certificate=certificate, location=place), request.statement))


def _outcome(signature: bytes | Unsigned | None) -> Outcome:
    if isinstance(signature, bytes):
        return Outcome(signature=signature, key=KeyState.PRESENT, key_detail="")
    unsigned = signature or Unsigned("this store does not sign")
    return Outcome(signature=None, key=unsigned.state, key_detail=_clip(unsigned.detail))


def _clip(text: str) -> str:
    """Cut a text to what an answer may hold, without characters that no text may have."""
    return text.encode("utf-8", "backslashreplace").decode()[:_MAXIMUM_TEXT]


def main(arguments: list[str], open_store: Callable[[], Store] = _open_own) -> None:
    """Answer one request from the store of this account."""
    if not arguments:
        serve(sys.stdin.buffer, sys.stdout.buffer, open_store())
        return
    with open(arguments[0], "r+b", buffering=0) as pipe:  # noqa: PTH123 - a pipe's name is no path.
        serve(pipe, pipe, open_store())


if __name__ == "__main__":  # pragma: no cover - only in a process of its own: tests/windows/test_windows_session.py
    main(sys.argv[1:])
