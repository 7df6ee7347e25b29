"""From kept documents to what they mean: groups, policies with their options, applications."""

from __future__ import annotations

from typing import Any

import pytest

from gatepost.core.check import Evidence
from gatepost.core.policy import Application, Binding, Decision, Everyone, Group, Host, Mode, Policy, Rules
from gatepost.errors import InputError
from gatepost.wire.management.access_apps import (
    AppBody,
    AppType,
    Wanted,
    app_to_core,
    first_domain,
    parse_hosts,
    parse_policies,
)
from gatepost.wire.management.access_groups import group_to_core
from gatepost.wire.management.access_policies import parse_policy_options, policy_to_core
from gatepost.wire.management.exemptions import ExemptionBody
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.service_tokens import life_of
from gatepost.wire.management.strict import convert_strictly
from tests.services import as_json

EVERYONE = Rules(include=(Everyone(),))
POLICY: dict[str, Any] = {"name": "all", "decision": "allow", "include": [{"everyone": {}}]}


def app(**fields: Any) -> AppBody:  # noqa: ANN401 - the fields are of many types.
    """Read an application."""
    return convert_strictly({"type": "self_hosted", **fields}, AppBody, "")


def test_a_group_is_its_rules_under_a_name() -> None:
    """What else was sent has no meaning."""
    content = as_json({"name": "all", "include": [{"everyone": {}}], "is_default": []})
    assert Group(id="g", name="all", rules=EVERYONE) == group_to_core("g", content)


def test_a_policy_has_its_options() -> None:
    """From beside it."""
    options = PolicyOptions(
        mode=Mode.REPORT_ONLY,
        minimum_evidence=Evidence.POSSESSION,
        maximum_evidence_age="5m",
        bindings=(Binding.MUTUAL_TLS,),
    )
    expected = Policy(
        id="p",
        name="all",
        decision=Decision.ALLOW,
        rules=EVERYONE,
        mode=Mode.REPORT_ONLY,
        minimum_evidence=Evidence.POSSESSION,
        maximum_age=300,
        bindings=(Binding.MUTUAL_TLS,),
    )
    assert expected == policy_to_core("p", as_json(POLICY), as_json(options))
    assert Policy(id="p", name="all", decision=Decision.ALLOW, rules=EVERYONE) == policy_to_core("p", as_json(POLICY))


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"maximum_evidence_age": "soon"}, "/maximum_evidence_age"),
        ({"bindings": []}, "/bindings"),
        ({"mode": "report"}, "/mode"),
        ({"minimum_evidence": "proof"}, "/minimum_evidence"),
        ({"binding": []}, "/binding"),
    ],
)
def test_options_that_are_wrong_are_refused(options: dict[str, Any], pointer: str) -> None:
    """With their place."""
    with pytest.raises(InputError) as refused:
        parse_policy_options(as_json(options))
    assert pointer == refused.value.field


def test_nothing_stored_is_nothing_set() -> None:
    """As for checks."""
    assert PolicyOptions() == parse_policy_options(b"")


def test_a_policy_that_is_wrong_is_refused_with_its_place_in_the_application() -> None:
    """Below ``policies``."""
    with pytest.raises(InputError) as refused:
        policy_to_core("", as_json(POLICY | {"decision": "alow"}), within="/policies/2")
    assert ("/policies/2/decision", True) == (refused.value.field, "did you mean allow" in refused.value.allowed)


def test_an_application_is_wherever_one_of_its_three_fields_says() -> None:
    """Each host once, in its one form."""
    body = app(
        domain="Wiki.example.com",
        self_hosted_domains=["wiki.example.com", "wiki.example.org/docs"],
        destinations=[
            {"type": "public", "uri": "*.wiki.example.com"},
            {"uri": "other.example.com"},
            {"type": "private", "cidr": "10.0.0.0/8"},
            {"type": "public"},
        ],
    )
    expected = ["wiki.example.com", "wiki.example.org/docs", "*.wiki.example.com", "other.example.com"]
    assert expected == [host.text for host in parse_hosts(body)]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "/domain"),
        ({"destinations": [{"type": "private"}]}, "/domain"),
        ({"domain": "a b"}, "/domain"),
        ({"self_hosted_domains": ["a.example", "https://b.example"]}, "/self_hosted_domains/1"),
        ({"destinations": [{"uri": "a.example"}, {"uri": "b.example:1"}]}, "/destinations/1/uri"),
    ],
)
def test_an_application_that_is_nowhere_is_refused_with_the_place(fields: dict[str, Any], pointer: str) -> None:
    """The field that is missing or wrong."""
    with pytest.raises(InputError) as refused:
        parse_hosts(app(**fields))
    assert pointer == refused.value.field


def test_the_first_host_stands_for_a_missing_domain() -> None:
    """As it was written."""
    assert "A.example" == first_domain(app(self_hosted_domains=["A.example"], destinations=[{"uri": "b.example"}]))
    assert "b.example" == first_domain(app(destinations=[{"type": "private"}, {"uri": "b.example"}]))
    assert first_domain(app()) is None


def test_policies_are_named_or_written_out() -> None:
    """By an id, by an object with one, or whole; what is read back and sent again is both."""
    content = as_json(
        {"policies": ["a", {"id": "b", "precedence": 7}, POLICY, {"id": "c", **POLICY}], "type": "self_hosted"}
    )
    wanted = parse_policies(content)
    assert wanted is not None
    assert [
        Wanted(id="a", precedence=None, own=None),
        Wanted(id="b", precedence=7, own=None),
        Wanted(id=None, precedence=None, own=as_json(POLICY)),
        Wanted(id="c", precedence=None, own=as_json({"id": "c", **POLICY})),
    ] == list(wanted)
    assert parse_policies(b'{"type": "self_hosted"}') is None


def test_an_application_is_made_from_what_is_kept() -> None:
    """Those of other types are none that could be decided about."""
    kept = {"type": "self_hosted", "domain": "a.example", "aud": "f0", "policies": [{"id": "p", "precedence": 1}]}
    expected = Application(id="a", name="", audience="f0", hosts=(Host("a.example"),), policies=("p",))
    assert expected == app_to_core("a", as_json(kept))
    assert app_to_core("a", as_json({"type": "saas", "aud": "f0"})) is None
    assert () == parse_hosts(AppBody(type=AppType.SAAS, domain="no host at all"))


@pytest.mark.parametrize(
    ("fields", "given"),
    [({}, "neither is given"), ({"registration_id": "r", "user_email": "a@example.com"}, "both are given")],
)
def test_an_exemption_is_of_one_device_or_user(fields: dict[str, str], given: str) -> None:
    """Neither nobody's nor two's."""
    with pytest.raises(InputError) as refused:
        ExemptionBody(app_id="a", reason="x", expires_in="1h", **fields)
    assert given in refused.value.problem


def test_a_service_token_lives_for_a_duration_of_at_most_ten_years_or_for_ever() -> None:
    """As the reference offers it."""
    assert 3_600_000 == life_of("1h")
    assert 87_600 * 3_600_000 == life_of("87600h")
    assert life_of("forever") is None
    with pytest.raises(InputError):
        life_of("87601h")
