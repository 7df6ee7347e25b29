"""The child that loads PKCS#11 modules: answers one question about one token, and ends. Run as ``python -I -m`` this module.

The question, with the PIN in it, comes on standard input, the answer goes to standard output. Modules are native code that may
wait without end or crash: that ends this process and not the agent. It runs as the same account as the agent, for a token's
keys are often that account's to use; what it loads, the device's own settings name.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Final

import msgspec
from pkcs11.exceptions import PKCS11Error

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.core.token_uri import TokenUri, parse_token_uri
from gatepost.stores.interface import Unsigned
from gatepost.stores.questions import Seen, Trouble, clip, frame, from_signature
from gatepost.stores.safe_open import Obstacle
from gatepost.stores.token_questions import ReadToken, SignWithToken, Token, TokenOutcome, TokenQuestion
from gatepost.stores.token_session import Opened, describe, match_key, open_token, usability

if TYPE_CHECKING:
    from gatepost.stores.interface import Query
    from gatepost.stores.token_session import Entry, Key

MAXIMUM_QUESTION: Final = 1 << 20
"""Bytes in a question: the names of all issuers that a check may have are a tenth of it."""


def answer(question: TokenQuestion) -> Token | TokenOutcome:
    """Answer one question."""
    uri = parse_token_uri(question.place.uri, "uri")
    if isinstance(question, ReadToken):
        return _read(question, uri)
    return _sign(question, uri)


def _read(question: ReadToken, uri: TokenUri) -> Token:
    place = question.place
    with open_token(place.modules, uri, place.pin) as opened:
        if isinstance(opened, Obstacle):
            return Token(trouble=Trouble(reason=opened.reason, detail=clip(opened.detail)))
        try:
            return _search(opened, uri, question.query)
        except (PKCS11Error, OverflowError) as error:
            trouble = Trouble(reason=Reason.STORE_UNREADABLE, detail=clip(describe(error)))
            return Token(module=opened.module, trouble=trouble, pin_refused=opened.pin_refused)


def _search(opened: Opened, uri: TokenUri, query: Query) -> Token:
    found: dict[bytes, tuple[Entry, Certificate | Malformed]] = {}
    others = 0
    for entry in opened.certificates(uri):
        certificate = parse_certificate(entry.encoded)
        if isinstance(certificate, Certificate) and certificate.issuer.canonical not in query.issuers:
            others += 1
        else:
            found.setdefault(certificate.sha256, (entry, certificate))
    candidates = tuple(found.values())[: query.limit]
    seen = _look_up(opened, candidates) if query.asks_key else tuple(_seen(entry) for entry, _ in candidates)
    return Token(
        module=opened.module,
        seen=seen,
        others=others,
        too_many=len(found) > query.limit,
        pin_refused=opened.pin_refused,
    )


def _look_up(opened: Opened, candidates: tuple[tuple[Entry, Certificate | Malformed], ...]) -> tuple[Seen, ...]:
    """Look for the candidates' keys: among those that everybody sees first, so that the PIN is used only where it is needed."""
    readable = {entry: item for entry, item in candidates if isinstance(item, Certificate)}
    keys = opened.keys() if readable else []
    if opened.closed_because and not all(_match(keys, entry, item)[1] for entry, item in readable.items()):
        opened.log_in()
        keys = opened.keys()
    return tuple(
        _seen(entry, *_key_state(opened, keys, entry, item)) if isinstance(item, Certificate) else _seen(entry)
        for entry, item in candidates
    )


def _match(keys: list[Key], entry: Entry, certificate: Certificate) -> tuple[KeyState, Key | None]:
    return match_key(keys, certificate.public_key, entry.id)


def _key_state(opened: Opened, keys: list[Key], entry: Entry, certificate: Certificate) -> tuple[KeyState, str]:
    state, key = _match(keys, entry, certificate)
    if key is not None:
        return usability(key)
    if opened.closed_because:
        return KeyState.LOCKED, opened.closed_because
    if state is KeyState.MISMATCH:
        return state, "the token has another key under this certificate's id"
    return state, "the token has no key of this certificate"


def _seen(entry: Entry, state: KeyState = KeyState.NOT_ASKED, detail: str = "") -> Seen:
    label = clip(entry.label) or None
    return Seen(encoded=entry.encoded, label=label, key=state, key_detail=clip(detail), distrusted=False)


def _sign(question: SignWithToken, uri: TokenUri) -> TokenOutcome:
    place = question.place
    with open_token(place.modules, uri, place.pin) as opened:
        if isinstance(opened, Obstacle):
            return _outcome(Unsigned(opened.detail, KeyState.MISSING))
        try:
            signed = _sign_with(opened, question)
        except (PKCS11Error, OverflowError, ValueError) as error:
            signed = Unsigned(f"the token did not sign: {describe(error)}")
        return _outcome(signed, pin_refused=opened.pin_refused)


def _sign_with(opened: Opened, question: SignWithToken) -> bytes | Unsigned:
    certificate = parse_certificate(question.certificate)
    if isinstance(certificate, Malformed):
        return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
    opened.log_in()
    everything = TokenUri()
    entries = [entry for entry in opened.certificates(everything) if entry.encoded == certificate.der]
    entry = entries[0] if entries else None
    state, key = match_key(opened.keys(), certificate.public_key, entry.id if entry else b"")
    if key is not None:
        usable, words = usability(key)
        if usable is not KeyState.PRESENT:
            return Unsigned(words, usable)
        return opened.sign(key, certificate.public_key, question.statement)
    if opened.closed_because:
        return Unsigned(opened.closed_because, KeyState.LOCKED)
    return Unsigned("the token does not have the key any more", state)


def _outcome(signed: bytes | Unsigned, *, pin_refused: bool = False) -> TokenOutcome:
    return TokenOutcome(answer=from_signature(signed).answer, pin_refused=pin_refused)


def main() -> None:
    """Take the question, answer it."""
    # What a crash leaves behind would have the PIN in it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    question: TokenQuestion = msgspec.msgpack.decode(sys.stdin.buffer.read(MAXIMUM_QUESTION), type=TokenQuestion)
    sys.stdout.buffer.write(frame(answer(question)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
