"""Tokens behind PKCS#11 modules (smart cards, TPMs, HSMs), each named by a URI (RFC 7512) and a place of its own.

A module is loaded by a child process alone (`gatepost.stores.token_child`), because it is native code that may wait without
end or crash. Which modules there are and which file holds which token's PIN, the device's own settings say; a URI in a check
chooses among those and adds none. What the child answers is judged here again.
Source: ``docs/reference/semantics.md``, sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.core.certificate import Malformed
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.core.token_uri import TokenUri, parse_token_uri
from gatepost.errors import InputError, ProcessError
from gatepost.processes import ask
from gatepost.stores.interface import Unsigned
from gatepost.stores.pins import Pin, PinFiles
from gatepost.stores.questions import MAXIMUM_ANSWER, to_candidate, to_obstacle, to_signature, unframe
from gatepost.stores.safe_open import Access, Obstacle, open_file, shown
from gatepost.stores.token_questions import Place, ReadToken, SignWithToken, Token, TokenOutcome

if TYPE_CHECKING:
    from gatepost.processes import Answered
    from gatepost.stores.interface import Query

_T = TypeVar("_T", Token, TokenOutcome)

PATIENCE: Final = 15.0
"""Seconds for a whole answer. A card takes some for a login and a signature, and may be busy with somebody else's."""
_MAXIMUM_MODULE: Final = 1 << 28
"""Bytes of a module; the largest have some tens of millions."""
_NO_ANSWER: Final = Obstacle(Reason.STORE_UNREADABLE, "the process that reads it answered what is no answer")
_NO_LIBRARY: Final = Obstacle(
    Reason.LOCATION_UNSUPPORTED, "tokens are read by python-pkcs11, which is not installed: install gatepost[pkcs11]"
)
_NO_MODULE: Final = Obstacle(
    Reason.LOCATION_UNSUPPORTED, "this device's settings name no PKCS#11 module (pkcs11_modules)"
)


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """The device's own settings of this room: absolute paths of ``modules``, and how the child that loads them is started."""

    modules: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """The child's: modules find their own settings through it."""
    patience: float = PATIENCE


class _Target(msgspec.Struct, frozen=True):
    """What a question is about: the place, why it may have no PIN, and why it may lack a module."""

    place: Place
    pin: Pin
    obstacle: Obstacle | None


class Pkcs11Token:
    """The token that ``uri`` names."""

    def __init__(self, uri: str, reader: Reader, pins: PinFiles) -> None:
        """Take the URI as the check gives it, and the device's own settings."""
        self._text = uri
        self._reader = reader
        self._pins = pins
        self._location = Location(store=StoreKind.PKCS11, path=uri)
        self._module = next(iter(reader.modules), "")
        self._failure = ""
        """How the last question ended, where it had no answer: then no further one is asked, for each would take as long."""

    @property
    def watched(self) -> tuple[str, ...]:
        """The file with its PIN: a new one is a reason to look again. A token itself is no file."""
        uri = self._parse()
        path = "" if isinstance(uri, Obstacle) else self._pins.path(uri)
        return (path,) if path else ()

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show the token's certificates by GnuTLS's tool, which asks for the PIN where it needs one."""
        del candidate
        return ("p11tool", f"--provider={self._module}", "--list-all-certs", self._text.partition("?")[0])

    def read(self, query: Query) -> Findings:
        """Find the candidates and their keys."""
        target = self._aim(asks_key=query.asks_key)
        if isinstance(target, Obstacle):
            return self._faulty(target)
        token = self._ask(ReadToken(place=target.place, query=query), target, Token)
        if isinstance(token, Obstacle):
            return self._faulty(token)
        try:
            return self._to_findings(token, query, target)
        except ValueError:
            return self._faulty(_NO_ANSWER)

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Sign ``statement`` with the key of ``candidate``, which is looked up anew."""
        certificate = candidate.certificate
        if isinstance(certificate, Malformed):
            return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
        target = self._aim(asks_key=True)
        if isinstance(target, Obstacle):
            return Unsigned(target.detail)
        question = SignWithToken(place=target.place, certificate=certificate.der, statement=statement)
        outcome = self._ask(question, target, TokenOutcome)
        signed = (
            Unsigned(outcome.detail)
            if isinstance(outcome, Obstacle)
            else _signature(outcome, _words(outcome, target.pin))
        )
        if isinstance(signed, bytes) and not verify_signature(certificate.public_key, signed, statement):
            return Unsigned("the token signs wrongly")
        return signed

    def _parse(self) -> TokenUri | Obstacle:
        try:
            return parse_token_uri(self._text, "uri")
        except InputError as error:
            return Obstacle(Reason.PATH_REFUSED, f"it {error.problem}")

    def _aim(self, *, asks_key: bool) -> _Target | Obstacle:
        """Work out which modules may have the token, and its PIN; nothing is loaded and nothing is tried yet."""
        uri = self._parse()
        if isinstance(uri, Obstacle):
            return uri
        if find_spec("pkcs11") is None:
            return _NO_LIBRARY
        chosen = _choose(self._reader.modules, uri)
        if isinstance(chosen, Obstacle):
            return chosen
        if uri.pin_source not in {None, self._pins.path(uri)}:
            detail = "its pin-source is not the file that this device's settings name for that token (pkcs11_pin_files)"
            return Obstacle(Reason.PATH_REFUSED, detail)
        obstacles = {module: _examine(module) for module in chosen}
        usable = tuple(module for module, obstacle in obstacles.items() if obstacle is None)
        obstacle = next((item for item in obstacles.values() if item is not None), None)
        if not usable and obstacle is not None:
            return obstacle
        pin = self._pins.find(uri) if asks_key else Pin()
        return _Target(Place(modules=usable, uri=self._text, pin=pin.text), pin, obstacle)

    def _ask(self, question: ReadToken | SignWithToken, target: _Target, kind: type[_T]) -> _T | Obstacle:
        """Have the child answer; a PIN that was refused is not tried again."""
        reader = self._reader
        if self._failure:
            return Obstacle(Reason.STORE_UNREADABLE, self._failure)
        try:
            answered = ask(
                reader.command,
                msgspec.msgpack.encode(question),
                timeout=reader.patience,
                limit=MAXIMUM_ANSWER,
                environment=reader.environment,
            )
        except ProcessError as error:
            return Obstacle(Reason.STORE_UNREADABLE, f"the process that reads it {error.detail}")
        self._failure = _failure(answered, reader.patience)
        if self._failure:
            return Obstacle(Reason.STORE_UNREADABLE, self._failure)
        try:
            (answer,) = unframe(answered.output, kind)
        except ValueError:
            return _NO_ANSWER
        if answer.pin_refused and (trouble := self._pins.refuse(target.pin)):
            return Obstacle(Reason.STORE_UNREADABLE, f"its PIN was refused, which could not be kept: {trouble}")
        return answer

    def _to_findings(self, token: Token, query: Query, target: _Target) -> Findings:
        """Turn an answer into findings; raises ValueError where it is no answer to ``query``."""
        if len(token.seen) > query.limit:
            raise ValueError("more candidates than were asked for")
        self._module = token.module or self._module
        candidates = (to_candidate(item, query, self._location) for item in token.seen)
        words = _words(token, target.pin)
        faults: tuple[Fault, ...] = ()
        if token.trouble is not None:
            obstacle = to_obstacle(token.trouble)
            # A module that may not be loaded may be the one that has the token.
            is_missing = obstacle.reason is Reason.STORE_MISSING
            faults = self._faulty((is_missing and target.obstacle) or obstacle).faults
        return Findings(
            candidates=tuple(_explain(item, words) for item in candidates),
            others=token.others,
            too_many=token.too_many,
            faults=faults,
        )

    def _faulty(self, obstacle: Obstacle) -> Findings:
        return Findings(faults=(Fault(location=self._location, reason=obstacle.reason, detail=obstacle.detail),))


def _choose(modules: tuple[str, ...], uri: TokenUri) -> tuple[str, ...] | Obstacle:
    """Return those of the device's modules that a URI allows."""
    if not modules:
        return _NO_MODULE
    chosen = tuple(
        module
        for module in modules
        if uri.module_path in {None, module} and (uri.module_name is None or uri.module_name in _names(module))
    )
    if not chosen:
        detail = "its module is none of those that this device's settings name (pkcs11_modules)"
        return Obstacle(Reason.PATH_REFUSED, detail)
    return chosen


def _names(module: str) -> tuple[str, ...]:
    """Return the names of a module: the file's, and without what is put around it (RFC 7512, 2.3: module-name)."""
    name = PurePath(module).name
    stem = name.partition(".")[0]
    return name, stem, stem.removeprefix("lib")


def _examine(module: str) -> Obstacle | None:
    """Refuse a module that somebody else could have put there: it would run as this account."""
    with open_file(module, Access(), _MAXIMUM_MODULE) as file:
        if not isinstance(file, Obstacle):
            return None
        reason = Reason.STORE_UNREADABLE if file.reason is Reason.STORE_MISSING else file.reason
        return Obstacle(reason, f"the PKCS#11 module {file.detail}")


def _failure(answered: Answered, patience: float) -> str:
    """Say how a child failed; empty: it did not."""
    if len(answered.output) > MAXIMUM_ANSWER:
        return f"the process that reads it answered more than {MAXIMUM_ANSWER} bytes"
    if answered.status is None:
        return f"its module did not answer within {patience:g} s"
    if answered.status < 0:
        return f"its module crashed (signal {-answered.status})"
    return f"the process that reads it failed (exit code {answered.status})" if answered.status else ""


def _words(answer: Token | TokenOutcome, pin: Pin) -> str:
    """Say what a locked key has to do with its PIN; empty: nothing is to be said."""
    if answer.pin_refused:
        return f"the PIN in {shown(pin.path)} is not tried again until that file changes"
    return pin.words


def _signature(outcome: TokenOutcome, words: str) -> bytes | Unsigned:
    try:
        signed = to_signature(outcome)
    except ValueError:
        return Unsigned(_NO_ANSWER.detail)
    if isinstance(signed, Unsigned) and signed.state is KeyState.LOCKED:
        return Unsigned(_join(signed.detail, words), signed.state)
    return signed


def _explain(candidate: Candidate, words: str) -> Candidate:
    if candidate.key is not KeyState.LOCKED:
        return candidate
    return msgspec.structs.replace(candidate, key_detail=_join(candidate.key_detail, words))


def _join(detail: str, words: str) -> str:
    return f"{detail}; {words}" if words else detail
