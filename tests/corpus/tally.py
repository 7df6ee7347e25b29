"""What comes of holding our verdicts against another judge's: how often both say the same, and what else there is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import Certificate, Malformed, Refusal
from tests.corpus.kinds import Kind, kind_of, leniency_of
from tests.corpus.pairs import Pair, parsed, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tally(msgspec.Struct):
    """The pairs that a judge gave a verdict on, counted; ``unlisted`` are those that nothing on the page explains."""

    without_verdict: int = 0
    both_accept: int = 0
    both_refuse: int = 0
    stricter: Counter[str] = msgspec.field(default_factory=Counter)
    """By kind: where we refuse, and the judge accepts."""
    unread: Counter[str] = msgspec.field(default_factory=Counter)
    """By kind: where we call malformed what the judge refuses for a reason of its own; also among ``both_refuse``."""
    laxer: Counter[str] = msgspec.field(default_factory=Counter)
    """By kind: where we accept, and the judge refuses."""
    unlisted: list[str] = msgspec.field(default_factory=list)

    @property
    def verdicts(self) -> int:
        """How many verdicts the judge gave."""
        return self.both_accept + self.both_refuse + self.stricter.total() + self.laxer.total() + len(self.unlisted)


def compare(answers: Mapping[Pair, str | None], *, gnutls: bool = False) -> Tally:
    """Hold our verdicts against a judge's; ``gnutls`` tells that it is the one that we need not be stricter than."""
    tally = Tally()
    for pair, words in answers.items():
        ours = verdict(pair)
        if words is None:
            tally.without_verdict += 1
        elif ours is None:
            _accepted(tally, pair, words, gnutls=gnutls)
        else:
            _refused(tally, pair, ours, words, gnutls=gnutls)
    return tally


def _accepted(tally: Tally, pair: Pair, words: str, *, gnutls: bool) -> None:
    candidate, authority = parsed(pair.candidate), parsed(pair.authority)
    assert isinstance(candidate, Certificate)
    assert isinstance(authority, Certificate)
    found = leniency_of(words, candidate, authority) if gnutls else None
    if not words:
        tally.both_accept += 1
    elif found is not None:
        tally.laxer[found] += 1
    else:
        tally.unlisted.append(f"{_name(pair)}: accepted, and refused for {words}")


def _refused(tally: Tally, pair: Pair, ours: Refusal | Malformed, words: str, *, gnutls: bool) -> None:
    found = kind_of(ours, gnutls=gnutls)
    if words and not isinstance(ours, Malformed):
        tally.both_refuse += 1
    elif words and found is not None:
        tally.both_refuse += 1
        tally.unread[found] += 1
    elif isinstance(found, Kind):
        tally.stricter[found] += 1
    else:
        said = ours.detail if isinstance(ours, Malformed) else ours.reason
        tally.unlisted.append(f"{_name(pair)}: refused for {said}, and {words or 'accepted'}")


def _name(pair: Pair) -> str:
    return f"{pair.candidate.name} by {pair.authority.name} at {pair.instant:%Y-%m-%d}"
