"""A rule is kept byte for byte beside what it means."""

from __future__ import annotations

import pytest

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Evidence, OperatingSystem
from gatepost.errors import InputError
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.documents import read_document, show_document, write_document
from gatepost.wire.management.posture_rules import (
    Identity,
    RuleBody,
    RuleType,
    complete_document,
    parse_rule,
    to_core,
)
from gatepost.wire.management.strict import decode_strictly
from tests.certificates import CertificateAuthority
from tests.services import as_json, rule_of

IDENTITY = Identity(id="r", version=3)


@pytest.fixture(scope="module")
def authority() -> Certificate:
    """Give a signing certificate."""
    parsed = parse_certificate(CertificateAuthority.create().der)
    assert isinstance(parsed, Certificate)
    return parsed


def kept(content: bytes) -> bytes:
    """Take a rule as the API does, and give what is stored."""
    return write_document(complete_document(read_document(content), decode_strictly(content, RuleBody)))


def test_a_rule_is_kept_byte_for_byte() -> None:
    """Numbers and escapes stand as they were written, and what is not known here is kept too."""
    content = b'{"name":"\\u00e9","type":"file","input":{"a":1.0,"b":123456789012345678901234567890,"c":1E3},"x":[1]}'
    assert content == kept(content)


def test_an_id_in_the_body_is_not_kept() -> None:
    """The server's own id is the rule's."""
    assert b'{"name":"a","type":"file"}' == kept(b'{"id":"mine","name":"a","type":"file"}')
    assert "yours" == decode_strictly(as_json(show_document("yours", b'{"name":"a"}')), dict[str, str])["id"]


def test_a_missing_operating_system_comes_from_the_only_platform() -> None:
    """As the reference fills it in, so that clients read it back."""
    rule = parse_rule(kept(as_json(rule_of("c", operating_system=None))))
    assert rule.question is not None
    assert (OperatingSystem.LINUX,) == rule.question.systems


@pytest.mark.parametrize("match", [[], [{"platform": "linux"}, {"platform": "mac"}], None])
def test_a_missing_operating_system_is_refused_where_match_does_not_say_one(match: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(InputError) as caught:
        parse_rule(kept(as_json(rule_of("c", operating_system=None) | {"match": match})))
    assert "/input/operating_system" == caught.value.field


@pytest.mark.parametrize("kind", sorted(set(RuleType) - {RuleType.CLIENT_CERTIFICATE, RuleType.CLIENT_CERTIFICATE_V2}))
def test_other_types_are_kept_without_a_look_at_their_input(kind: str) -> None:
    """A ``file`` rule with no input at all is legal."""
    assert parse_rule(as_json({"name": "a", "type": kind})).question is None
    assert parse_rule(as_json({"name": "a", "type": kind, "input": {"z": 1}, "schedule": "now"})).question is None


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"type": "file"}, "/name", "is missing"),
        ({"name": "a"}, "/type", "is missing"),
        ({"name": "a", "type": "client_certificate_v3"}, "/type", "did you mean client_certificate_v2?"),
        ({"name": "a\x00", "type": "file"}, "/name", "is not allowed"),
        ({"name": "a", "type": "file", "match": [{"platform": "lunix"}]}, "/match/0/platform", "did you mean linux?"),
        ({"name": "a", "type": "file", "enabled": "yes"}, "/enabled", "expected true or false"),
        ({"name": "a", "type": "client_certificate_v2"}, "/input", "is missing"),
        (rule_of("c") | {"schedule": "30s"}, "/schedule", "at least 1m"),
        (rule_of("c") | {"expiration": "soon"}, "/expiration", "such as 5m"),
    ],
)
def test_a_wrong_outer_field_is_named(document: object, field: str, words: str) -> None:
    """The pointer, and what would be right."""
    with pytest.raises(InputError) as caught:
        parse_rule(as_json(document))
    assert field == caught.value.field
    assert words in f"{caught.value.problem}; {caught.value.allowed}"


def test_what_a_rule_leaves_out_has_its_default(authority: Certificate) -> None:
    """Five minutes between reports, results for twice that and a minute, possession of the key."""
    check = to_core(IDENTITY, parse_rule(as_json(rule_of("c"))), CheckOptions(), (authority,), results_expire=True)
    assert (300, 660, Evidence.POSSESSION, True) == (check.schedule, check.expiration, check.evidence, check.enabled)
    assert ("r", 3, OperatingSystem.LINUX) == (check.id, check.version, check.operating_system)


def test_results_may_be_told_not_to_end_by_themselves(authority: Certificate) -> None:
    """As in the reference; an expiration in the rule still counts."""
    rule, given = parse_rule(as_json(rule_of("c"))), parse_rule(as_json(rule_of("c") | {"expiration": "1h"}))
    assert to_core(IDENTITY, rule, CheckOptions(), (authority,), results_expire=False).expiration is None
    assert 3600 == to_core(IDENTITY, given, CheckOptions(), (authority,), results_expire=False).expiration


@pytest.mark.parametrize(
    ("changes", "option", "evidence"),
    [
        ({}, None, Evidence.POSSESSION),
        ({"operating_system": "windows"}, None, Evidence.POSSESSION),
        ({"operating_system": "mac"}, None, Evidence.KEY_PRESENT),
        ({"check_private_key": False}, None, Evidence.REPORTED),
        ({"check_private_key": False}, Evidence.POSSESSION, Evidence.REPORTED),
        ({}, Evidence.KEY_PRESENT, Evidence.KEY_PRESENT),
        ({}, Evidence.REPORTED, Evidence.REPORTED),
    ],
)
def test_the_evidence_asked_for(
    authority: Certificate, changes: dict[str, object], option: Evidence | None, evidence: Evidence
) -> None:
    """The option decides, else what the system can prove; none without the private key."""
    rule = parse_rule(as_json(rule_of("c", **changes)))
    assert (
        evidence == to_core(IDENTITY, rule, CheckOptions(evidence=option), (authority,), results_expire=True).evidence
    )


def test_a_level_that_the_system_cannot_reach_is_refused(authority: Certificate) -> None:
    """Possession on a Mac, until our signer has been run there."""
    rule = parse_rule(as_json(rule_of("c", operating_system="mac")))
    with pytest.raises(InputError) as caught:
        to_core(IDENTITY, rule, CheckOptions(evidence=Evidence.POSSESSION), (authority,), results_expire=True)
    assert "/evidence" == caught.value.field


def test_the_older_type_asks_for_the_key_only_by_its_option(authority: Certificate) -> None:
    """It has no such field of its own."""
    older = {"name": "a", "type": "client_certificate", "input": {"certificate_id": "c", "cn": "x"}}
    rule = parse_rule(as_json(older))
    plain = to_core(IDENTITY, rule, CheckOptions(), (authority,), results_expire=True)
    proved = to_core(IDENTITY, rule, CheckOptions(evidence=Evidence.POSSESSION), (authority,), results_expire=True)
    assert (Evidence.REPORTED, False) == (plain.evidence, plain.asks_key)
    assert (Evidence.POSSESSION, True) == (proved.evidence, proved.asks_key)


def test_a_type_that_is_not_evaluated_is_no_check(authority: Certificate) -> None:
    """It could only be an error, and is stopped before."""
    with pytest.raises(InputError) as caught:
        to_core(IDENTITY, parse_rule(b'{"name":"a","type":"file"}'), CheckOptions(), (authority,), results_expire=True)
    assert "/type" == caught.value.field
