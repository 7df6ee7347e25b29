"""What is said between us and the child process that has a PKCS#11 module loaded: the questions, and the answers.

As in `gatepost.stores.questions`, whose frames they go in: every part has a bound, and a certificate is bytes until we have
parsed it ourselves. The PIN goes to the child alone, over its standard input.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from gatepost.core.check import MAXIMUM_CANDIDATES
from gatepost.stores.interface import Query  # noqa: TC001 - msgspec reads the annotations.
from gatepost.stores.questions import Document, Outcome, Seen, Trouble


class Place(Document, frozen=True):
    """Which token: one that ``uri`` matches in one of the ``modules``; ``pin`` is tried once, when a key needs it."""

    modules: tuple[str, ...]
    uri: str
    pin: str | None


class ReadToken(Document, frozen=True, tag=True):
    """Read a token's certificates, and look for their keys. Answer: a `Token`."""

    place: Place
    query: Query


class SignWithToken(Document, frozen=True, tag=True):
    """Sign with the key of a certificate (DER) in a token. Answer: a `TokenOutcome`."""

    place: Place
    certificate: bytes
    statement: bytes


TokenQuestion: TypeAlias = ReadToken | SignWithToken


class Token(Document, frozen=True):
    """What a token holds. ``module`` is where it was found, empty where it was not."""

    module: Annotated[str, msgspec.Meta(max_length=4_096)] = ""
    seen: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=MAXIMUM_CANDIDATES)] = ()
    others: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    too_many: bool = False
    trouble: Trouble | None = None
    pin_refused: bool = False


class TokenOutcome(Outcome, frozen=True, kw_only=True):
    """What came of a question for a signature."""

    pin_refused: bool = False
