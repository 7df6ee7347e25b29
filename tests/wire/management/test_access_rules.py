"""Rule objects: ten kinds are read strictly, the others are kept as what is never known."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, get_args

import pytest
from cloudflare.types.zero_trust.access.applications import access_rule

from gatepost.core.policy import (
    AnyCertificate,
    AnyServiceToken,
    CommonName,
    EmailAddress,
    EmailDomain,
    Everyone,
    FromNetwork,
    InGroup,
    OneServiceToken,
    Posture,
    Rule,
    Unevaluated,
)
from gatepost.errors import InputError
from gatepost.wire.management.access_rules import EVALUATED, RuleKind, RulesBody, parse_rules, placed
from gatepost.wire.management.strict import convert_strictly

READ: list[tuple[dict[str, Any], Rule]] = [
    ({"everyone": {}}, Everyone()),
    ({"email": {"email": "Ann@Example.com"}}, EmailAddress("ann@example.com")),
    ({"email_domain": {"domain": "Bücher.example"}}, EmailDomain("xn--bcher-kva.example")),
    ({"ip": {"ip": "192.0.2.0/24"}}, FromNetwork(ip_network("192.0.2.0/24"))),
    ({"ip": {"ip": "192.0.2.7"}}, FromNetwork(ip_network("192.0.2.7/32"))),
    ({"ip": {"ip": "2001:DB8::/32"}}, FromNetwork(ip_network("2001:db8::/32"))),
    ({"group": {"id": "g"}}, InGroup("g")),
    ({"certificate": {}}, AnyCertificate()),
    ({"common_name": {"common_name": "Laptop 1"}}, CommonName("Laptop 1")),
    ({"service_token": {"token_id": "t"}}, OneServiceToken("t")),
    ({"any_valid_service_token": {}}, AnyServiceToken()),
    ({"device_posture": {"integration_uid": "c"}}, Posture("c")),
    ({"geo": {"country_code": "NL"}}, Unevaluated("geo")),
    ({"azureAD": {"id": "x", "identity_provider_id": "y"}}, Unevaluated("azureAD")),
]


def body(**parts: list[dict[str, Any]]) -> RulesBody:
    """Read the lists as a body's decoder does."""
    return convert_strictly({"include": [{"everyone": {}}], **parts}, RulesBody, "")


@pytest.mark.parametrize(("given", "rule"), READ)
def test_a_rule_is_read(given: dict[str, Any], rule: Rule) -> None:
    """In the form in which it is compared."""
    assert (rule,) == parse_rules(body(require=[given])).require


def test_every_kind_that_is_evaluated_was_read_above() -> None:
    """None is forgotten."""
    assert EVALUATED == {RuleKind(next(iter(given))) for given, _ in READ} & EVALUATED


def test_the_kinds_are_those_of_the_reference() -> None:
    """As its own client has them."""
    names = set()
    for kind in get_args(access_rule.AccessRule):
        (field,) = kind.model_fields.items()
        names.add(field[1].alias or field[0])
    assert names == {kind.value for kind in RuleKind}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"emails": {}}, "/require/0"),
        ({"everyone": {"x": 1}}, "/require/0/everyone/x"),
        ({"email": {}}, "/require/0/email/email"),
        ({"email": {"email": "ann"}}, "/require/0/email/email"),
        ({"email_domain": {"domain": "@example.com"}}, "/require/0/email_domain/domain"),
        ({"email_domain": {"domain": "*.example.com"}}, "/require/0/email_domain/domain"),
        ({"ip": {"ip": "192.0.2.1/24"}}, "/require/0/ip/ip"),
        ({"ip": {"ip": "192.0.2.0/33"}}, "/require/0/ip/ip"),
        ({"ip": {"ip": "fe80::%eth0/64"}}, "/require/0/ip/ip"),
        ({"ip": {"ip": "here"}}, "/require/0/ip/ip"),
        ({"group": {"id": ""}}, "/require/0/group/id"),
        ({"common_name": {"common_name": 1}}, "/require/0/common_name/common_name"),
        ({"service_token": {"id": "t"}}, "/require/0/service_token/id"),
        ({"device_posture": {}}, "/require/0/device_posture/integration_uid"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_place(given: dict[str, Any], pointer: str) -> None:
    """Down to the field."""
    with pytest.raises(InputError) as refused:
        parse_rules(body(require=[given]))
    assert pointer == refused.value.field


def test_an_address_within_a_network_is_told_its_network() -> None:
    """Which of the two was meant is not guessed."""
    with pytest.raises(InputError) as refused:
        parse_rules(body(include=[{"ip": {"ip": "192.0.2.1/24"}}]))
    assert "192.0.2.0/24" in refused.value.allowed


def test_an_empty_include_is_invalid() -> None:
    """In a policy within an application too, with its place there."""
    with pytest.raises(InputError) as refused:
        parse_rules(body(include=[]), "/policies/1")
    assert "/policies/1/include" == refused.value.field
    assert "Empty is invalid" in refused.value.allowed


def test_each_rule_has_its_place() -> None:
    """For messages about it."""
    rules = parse_rules(body(exclude=[{"certificate": {}}, {"geo": {}}]))
    assert [
        ("/include/0", Everyone()),
        ("/exclude/0", AnyCertificate()),
        ("/exclude/1", Unevaluated("geo")),
    ] == list(placed(rules))
