"""Two other judges agree over the corpus, and over pairs in odd forms, but for what ``docs/differences.md`` lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.corpus.judges import Desk, ask_gnutls, ask_openssl
from tests.corpus.kinds import Kind, Leniency, Unread
from tests.corpus.odd import odd_pairs
from tests.corpus.pairs import pairs
from tests.corpus.tally import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.corpus.pairs import Pair

PAGE = (Path(__file__).parents[2] / "docs" / "differences.md").read_text(encoding="utf-8")
ASKED: dict[str, tuple[Callable[[], tuple[Pair, ...]], int]] = {
    # With how many of them must pass, by every judge.
    "the corpus": (pairs, 150),
    "odd forms": (odd_pairs, 450),
}


@pytest.mark.parametrize("asked", ASKED)
def test_openssl_accepts_what_we_accept_and_more_only_of_the_kinds_that_are_listed(asked: str, tmp_path: Path) -> None:
    """By its command, of another release than the one in process; ``malformed`` counts for no reason to agree."""
    make, passing = ASKED[asked]
    tally = compare(ask_openssl(make(), Desk(tmp_path)))
    assert [] == tally.unlisted
    assert tally.laxer.total() == 0
    assert tally.both_accept >= passing
    assert tally.verdicts >= 1_200


@pytest.mark.parametrize("asked", ASKED)
def test_gnutls_agrees_but_for_the_kinds_that_are_listed(asked: str, tmp_path: Path) -> None:
    """Where it refuses what we accept, it is OpenSSL's word that we follow, and the page says in what."""
    make, passing = ASKED[asked]
    tally = compare(ask_gnutls(make(), Desk(tmp_path)), gnutls=True)
    assert [] == tally.unlisted
    assert tally.both_accept >= passing
    assert tally.verdicts >= 1_100


@pytest.mark.parametrize("words", [*Kind, *Leniency, *Unread])
def test_the_page_lists_every_kind(words: str) -> None:
    """A row of one of its tables begins with the kind's words."""
    assert any(line.startswith(f"| {words}") for line in PAGE.splitlines())
