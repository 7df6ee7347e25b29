"""What must come of 260 pairs of the corpus, reasoned out by hand from ``openssl x509 -text`` and the semantics beforehand."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatepost.core.certificate import Certificate, Malformed, examine_issuance
from gatepost.core.reason import Reason
from tests.corpus.files import subject
from tests.corpus.pairs import parsed

TABLE = Path(__file__).parent / "expected.tsv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines(), delimiter="\t"))


def _answer(row: dict[str, str]) -> str:
    """Judge one step as a check does that asks for a signature of the key."""
    candidate, authority = (parsed(subject(row[name])) for name in ("candidate", "authority"))
    if isinstance(candidate, Malformed):
        return Reason.MALFORMED_CERTIFICATE
    assert isinstance(authority, Certificate)
    instant = datetime.fromisoformat(row["instant"]).replace(tzinfo=UTC)
    refusal = examine_issuance(candidate, authority, instant, signs=True)
    return "pass" if refusal is None else refusal.reason


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['candidate']} by {row['authority']} at {row['instant']}")
def test_a_pair_is_judged_as_reasoned_out_by_hand(row: dict[str, str]) -> None:
    """The table says why; it was written before our own judge was asked."""
    assert row["reason"] == _answer(row), row["why"]


def test_the_table_has_two_hundred_pairs_and_every_reason_that_one_step_gives() -> None:
    """Each pair once, each with a word why."""
    assert len(ROWS) >= 200
    assert len({(row["candidate"], row["authority"], row["instant"]) for row in ROWS}) == len(ROWS)
    assert all(row["why"] for row in ROWS)
    assert {row["reason"] for row in ROWS} == {
        "pass",
        Reason.AUTHORITY_KEY_MISMATCH,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CERTIFICATE_IS_A_CA,
        Reason.CERTIFICATE_NOT_YET_VALID,
        Reason.KEY_UNSUPPORTED,
        Reason.KEY_USAGE_UNSUITABLE,
        Reason.MALFORMED_CERTIFICATE,
        Reason.NAME_CONSTRAINT_VIOLATED,
        Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE,
        Reason.SIGNATURE_ALGORITHM_WEAK,
        Reason.SIGNATURE_INVALID,
        Reason.SIGNING_CERTIFICATE_EXPIRED,
        Reason.SIGNING_CERTIFICATE_NOT_A_CA,
        Reason.SIGNING_CERTIFICATE_NOT_YET_VALID,
        Reason.UNKNOWN_CRITICAL_EXTENSION,
    }
