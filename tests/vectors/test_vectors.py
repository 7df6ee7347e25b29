"""Every vector comes out as it says, in whatever order the certificates are found, and is what its function makes."""

from __future__ import annotations

import re

import msgspec
import pytest

from gatepost.core.reason import Reason
from gatepost.core.result import milliseconds
from gatepost.errors import InputError
from tests.vectors.generate import DATA, made, written
from tests.vectors.reading import answer, read_instant, result, to_check
from tests.vectors.vector import Vector

VECTORS = [msgspec.json.decode(path.read_bytes(), type=Vector) for path in sorted(DATA.rglob("*.json"))]
JUDGED = [vector for vector in VECTORS if vector.expected.status is not None]
REFUSED = [vector for vector in VECTORS if vector.expected.refused is not None]
MEASURED = [vector for vector in VECTORS if vector.measured_at is not None]


def _name(vector: Vector) -> str:
    return vector.id


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("vector", JUDGED, ids=_name)
def test_a_vector_comes_out_as_it_says(vector: Vector, turned: bool) -> None:  # noqa: FBT001 - both orders.
    """Status and reasons, and where the vector is about them the level and the certificates."""
    found, expected = answer(vector, turned=turned), vector.expected
    assert (expected.status, expected.reasons) == (found.status.value, tuple(map(str, found.reasons)))
    assert expected.evidence in {None, found.evidence}
    digests = tuple(item.candidate.certificate.fingerprint for item in found.certificates)
    assert expected.nearest in {None, digests}
    if expected.signing_certificate is not None:
        authority = found.certificates[0].authority
        assert authority is not None
        assert expected.signing_certificate == authority.fingerprint


@pytest.mark.parametrize("vector", REFUSED, ids=_name)
def test_a_vector_is_refused_at_the_field_that_it_names(vector: Vector) -> None:
    """The upload or the check is not taken."""
    with pytest.raises(InputError) as caught:
        to_check(vector)
    assert vector.expected.refused == caught.value.field


@pytest.mark.parametrize("vector", MEASURED, ids=_name)
def test_a_result_ends_when_its_vector_says(vector: Vector) -> None:
    """And counts, or does not, at the instants that it names."""
    concluded, expected = result(vector), vector.expected
    assert expected.ends_at is not None
    assert milliseconds(read_instant(expected.ends_at)) == concluded.ends_at
    for moment, counts in (expected.counts or {}).items():
        assert counts == concluded.counts(milliseconds(read_instant(moment))), moment


def test_the_files_are_what_the_functions_make() -> None:
    """Run ``python -m tests.vectors.generate`` after a change; without one, nothing changes."""
    files = {str(path.relative_to(DATA)): path.read_bytes() for path in DATA.rglob("*.json")}
    assert files == {f"{vector.id}.json": written(vector) for vector in made()}


def test_every_vector_says_a_sentence_and_what_it_expects() -> None:
    """A section of the semantics, a sentence of its own, and an outcome."""
    sentences = [vector.sentence for vector in VECTORS]
    assert all(re.fullmatch(r"\S.*[.]", sentence) for sentence in sentences)
    assert {"1", "2", "3", "4", "5", "6"} == {vector.section for vector in VECTORS}
    assert len(VECTORS) == len(JUDGED) + len(REFUSED)
    assert all(Reason(word) for vector in JUDGED for word in vector.expected.reasons or ())


# Given by others than evaluation, or by stores that a vector cannot have: their own tests see to these.
_ELSEWHERE = {
    Reason.CERTIFICATE_DENIED,
    Reason.CERTIFICATE_REVOKED,
    Reason.CERTIFICATE_SHARED,
    Reason.EVALUATION_CRASHED,
    Reason.STORE_MISSING,
}


def test_every_reason_that_evaluation_gives_has_a_vector() -> None:
    """From the first of the list to the last that a certificate, a key, a place or a fact can be the cause of."""
    listed = list(Reason)
    given = listed[: listed.index(Reason.DEVICE_FACT_MISSING) + 1]
    shown = {word for vector in JUDGED for word in vector.expected.reasons or ()}
    assert {reason.value for reason in given if reason not in _ELSEWHERE} == shown
