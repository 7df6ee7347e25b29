"""Every X.509 file of the corpus gets a verdict with a reason, in a device's place and in the place of an upload."""

from __future__ import annotations

from importlib.metadata import version

from gatepost.core.certificate import Certificate
from gatepost.core.evaluation import Status
from gatepost.core.signature import refutes_signature
from tests.corpus.files import files, subjects
from tests.corpus.pairs import pairs, parsed, verdict
from tests.corpus.verdicts import judge_file, upload


def test_the_corpus_is_of_the_release_that_is_judged_by() -> None:
    """Its files are those that cryptography itself is tested with, and all are there."""
    assert version("cryptography") == version("cryptography-vectors")
    assert len(files()) == 1_774
    assert sum(isinstance(parsed(item), Certificate) for item in subjects()) > 500


def test_every_file_has_a_verdict_with_a_reason() -> None:
    """In a device's place, under a check of every criterion: none passes, and nothing crashes."""
    answers = {path: judge_file(path) for path in files()}
    assert [] == [path for path, found in answers.items() if not found]
    assert [] == [
        (path, item.reasons)
        for path, found in answers.items()
        for item in found
        if item.status is not Status.FAIL or not item.reasons
    ]


def test_every_file_is_taken_or_refused_in_the_place_of_an_upload() -> None:
    """What is taken can sign, and there are such; what is refused is refused in words."""
    taken = [item for item in subjects() if not upload(item)]
    assert len(taken) > 150
    assert {True} == {isinstance(certificate, Certificate) and certificate.is_ca for certificate in map(parsed, taken)}


def test_a_pair_of_the_corpus_passes_where_it_was_meant_to() -> None:
    """Agreement is not about refusals alone."""
    assert sum(verdict(pair) is None for pair in pairs()) > 150


def test_no_pair_of_the_corpus_is_refuted_by_its_bare_signature_where_the_step_holds() -> None:
    """And of those with an issuer of the right name, many that do not hold are."""
    judged = [(parsed(pair.candidate), parsed(pair.authority), verdict(pair)) for pair in pairs()]
    refuted = [
        found
        for candidate, authority, found in judged
        if isinstance(candidate, Certificate)
        and isinstance(authority, Certificate)
        and refutes_signature(candidate, authority)
    ]
    assert None not in refuted
    assert len(refuted) > 20
