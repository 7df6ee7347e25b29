"""Deciding: who is let in by which policies, what is said of it, and that not knowing never lets anybody in."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.check import Evidence
from gatepost.core.decision import CompiledApplication, Unmet, Verdict, compile_application, decide
from gatepost.core.evaluation import Status
from gatepost.core.matching import Asker, Standing
from gatepost.core.policy import (
    AnyCertificate,
    AnyServiceToken,
    Application,
    Binding,
    CommonName,
    Decision,
    EmailAddress,
    EmailDomain,
    Everyone,
    FromNetwork,
    Group,
    Host,
    InGroup,
    Mode,
    OneServiceToken,
    Policy,
    Posture,
    Rule,
    Rules,
    Unevaluated,
)
from gatepost.core.reason import Reason
from gatepost.core.result import Result

NOW = 1_800_000_000_000
MANAGED = Posture("managed")


def result(status: Status = Status.PASS, **changes: Any) -> Result:  # noqa: ANN401 - a Result's fields.
    """Give a result of a minute ago that counts for ten more."""
    whole = Result(
        status=status,
        reasons=() if status is Status.PASS else (Reason.CERTIFICATE_EXPIRED,),
        evidence=Evidence.POSSESSION if status is Status.PASS else None,
        check_version=1,
        certificate=None,
        measured_at=NOW - 60_000,
        judged_at=NOW - 59_000,
        ends_at=NOW + 600_000,
    )
    return msgspec.structs.replace(whole, **changes)


PASSING = {"managed": Standing(result=result())}
DEVICE = Asker(
    now=NOW,
    address=ip_address("192.0.2.7"),
    email="ada@example.com",
    registration="r-1",
    binding=Binding.MUTUAL_TLS,
    standings=PASSING,
)


def ruled(include: tuple[Rule, ...], require: tuple[Rule, ...] = (), exclude: tuple[Rule, ...] = ()) -> Rules:
    """Give rules."""
    return Rules(include=include, require=require, exclude=exclude)


def policy(rules: Rules, decision: Decision = Decision.ALLOW, **more: Any) -> Policy:  # noqa: ANN401 - a Policy's fields.
    """Give a policy, whose id is its name."""
    named = {"id": decision.value, "name": "a policy"} | more
    return Policy(decision=decision, rules=rules, **named)


def app(*policies: Policy, groups: tuple[Group, ...] = ()) -> CompiledApplication:
    """Give an application with these policies."""
    application = Application(
        id="app",
        name="App",
        audience="aud",
        hosts=(Host("app.example.com"),),
        policies=tuple(item.id for item in policies),
    )
    return compile_application(application, {item.id: item for item in policies}, {item.id: item for item in groups})


def asking(**changes: Any) -> Asker:  # noqa: ANN401 - an Asker's fields.
    """Give the device that passes, with changes."""
    return msgspec.structs.replace(DEVICE, **changes)


MANAGED_ONLY = app(policy(ruled((Everyone(),), require=(MANAGED,))))


def test_a_device_that_passes_is_let_in_with_what_that_rests_on() -> None:
    """The policy, the binding, the evidence and its age."""
    assert decide(MANAGED_ONLY, DEVICE) == Verdict(
        allowed=True,
        policy_id="allow",
        decision=Decision.ALLOW,
        binding=Binding.MUTUAL_TLS,
        evidence=Evidence.POSSESSION,
        evidence_age=60_000,
    )


STANDINGS = [
    (Standing(result=result(Status.FAIL)), Reason.CERTIFICATE_EXPIRED),
    (Standing(result=result(Status.ERROR, reasons=(Reason.STORE_BUSY,))), Reason.STORE_BUSY),
    (Standing(result=result(ends_at=NOW)), Reason.RESULT_EXPIRED),
    (Standing(result=result(judged_at=NOW + 6_000)), Reason.RESULT_EXPIRED),
    (Standing(reason=Reason.CHECK_CHANGED), Reason.CHECK_CHANGED),
    (Standing(), Reason.REPORT_MISSING),
]


@pytest.mark.parametrize(("standing", "reason"), STANDINGS)
def test_whatever_is_no_unexpired_pass_keeps_out(standing: Standing, reason: Reason) -> None:
    """For its own reason, which stands in the rule that is not met."""
    verdict = decide(MANAGED_ONLY, asking(standings={"managed": standing}))
    assert (False, (reason,)) == (verdict.allowed, verdict.reasons)
    assert (Unmet("allow", "require/0", MANAGED, (reason,)),) == verdict.unmet


@pytest.mark.parametrize("standing", [*(item for item, _ in STANDINGS), None])
def test_a_denial_of_who_fails_denies_whom_it_does_not_know(standing: Standing | None) -> None:
    """Not of who passes; a rule that nobody reported on is not known."""
    everybody = policy(ruled((Everyone(),)))
    denying = policy(ruled((Everyone(),), exclude=(MANAGED,)), Decision.DENY)
    both = app(denying, everybody)
    assert decide(both, DEVICE).allowed
    verdict = decide(both, asking(standings={} if standing is None else {"managed": standing}))
    assert (False, Decision.DENY, "deny") == (verdict.allowed, verdict.decision, verdict.policy_id)
    assert verdict.reasons


@pytest.mark.parametrize(
    ("terms", "changes", "reason"),
    [
        ({"minimum_evidence": Evidence.HARDWARE}, {}, Reason.EVIDENCE_TOO_WEAK),
        (
            {"minimum_evidence": Evidence.REPORTED},
            {"standings": {"managed": Standing(result=result(evidence=None))}},
            Reason.EVIDENCE_TOO_WEAK,
        ),
        ({"maximum_age": 59}, {}, Reason.EVIDENCE_TOO_OLD),
        ({"bindings": (Binding.AGENT,)}, {}, Reason.DEVICE_NOT_IDENTIFIED),
        ({"bindings": (Binding.AGENT,)}, {"binding": None}, Reason.DEVICE_NOT_IDENTIFIED),
    ],
)
def test_a_pass_that_is_less_than_the_policy_asks_for_keeps_out(
    terms: dict[str, Any], changes: dict[str, Any], reason: Reason
) -> None:
    """It is not known to be enough."""
    verdict = decide(app(policy(ruled((MANAGED,)), **terms)), asking(**changes))
    assert (False, (reason,)) == (verdict.allowed, verdict.reasons)


@pytest.mark.parametrize(
    "terms",
    [
        {"minimum_evidence": Evidence.POSSESSION},
        {"maximum_age": 60},
        {"bindings": (Binding.AGENT, Binding.MUTUAL_TLS)},
    ],
)
def test_a_pass_that_is_just_enough_lets_in(terms: dict[str, Any]) -> None:
    """Each bound is inclusive."""
    assert decide(app(policy(ruled((MANAGED,)), **terms)), DEVICE).allowed


NET = FromNetwork(ip_network("192.0.2.0/24"))


@pytest.mark.parametrize(
    ("rule", "met", "unmet"),
    [
        (EmailAddress("ada@example.com"), {}, {"email": "eve@example.com"}),
        (EmailDomain("example.com"), {}, {"email": "ada@sub.example.com"}),
        (NET, {}, {"address": ip_address("2001:db8::1")}),
        (AnyCertificate(), {"common_names": ()}, {}),
        (CommonName("laptop"), {"common_names": ("laptop",)}, {"common_names": ("laptop", "laptop")}),
        (OneServiceToken("t"), {"service_token": "t"}, {"service_token": "u"}),
        (AnyServiceToken(), {"service_token": "t"}, {}),
        (InGroup("g"), {}, {"email": "eve@example.com"}),
    ],
)
def test_each_kind_of_rule(rule: Rule, met: dict[str, Any], unmet: dict[str, Any]) -> None:
    """In include, and in exclude."""
    group = Group(id="g", name="G", rules=ruled((EmailAddress("ada@example.com"),)))
    including = app(policy(ruled((rule,))), groups=(group,))
    excluding = app(policy(ruled((Everyone(),), exclude=(rule,))), groups=(group,))
    assert [True, False] == [decide(item, asking(**met)).allowed for item in (including, excluding)]
    assert [False, True] == [decide(item, asking(**unmet)).allowed for item in (including, excluding)]


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (EmailAddress("eve@example.com"), {"email": None}),
        (EmailDomain("example.org"), {"email": None}),
        (FromNetwork(ip_network("198.51.100.0/24")), {"address": None}),
        (Unevaluated("geo"), {}),
        (InGroup("nowhere"), {}),
        (InGroup("itself"), {}),
        (InGroup("geo"), {}),
    ],
)
def test_what_is_not_known_neither_includes_nor_leaves_out_an_exclusion(rule: Rule, changes: dict[str, Any]) -> None:
    """Such a rule keeps out wherever it stands."""
    groups = (
        Group(id="itself", name="", rules=ruled((InGroup("itself"),))),
        Group(id="geo", name="", rules=ruled((Everyone(),), exclude=(Unevaluated("geo"),))),
    )
    for rules in (ruled((rule,)), ruled((Everyone(),), (rule,)), ruled((Everyone(),), (), (rule,))):
        assert not decide(app(policy(rules), groups=groups), asking(**changes)).allowed
    denying = policy(ruled((rule,)), Decision.DENY)
    assert not decide(app(denying, policy(ruled((Everyone(),))), groups=groups), asking(**changes)).allowed


def test_an_allow_is_for_somebody_and_a_bypass_for_whoever_comes() -> None:
    """Without a device or a user even everyone is nobody, and the reason is why no device is known."""
    nobody = Asker(now=NOW, absence=Reason.DEVICE_REVOKED)
    verdict = decide(app(policy(ruled((Everyone(),)))), nobody)
    assert (False, (Reason.DEVICE_REVOKED,)) == (verdict.allowed, verdict.reasons)
    for decision in (Decision.BYPASS, Decision.NON_IDENTITY):
        assert decide(app(policy(ruled((Everyone(),)), decision)), nobody).allowed


def test_who_is_not_identified_hears_so() -> None:
    """Not that somebody's result is missing, nor which user would be let in."""
    verdict = decide(MANAGED_ONLY, Asker(now=NOW))
    assert (False, (Reason.DEVICE_NOT_IDENTIFIED,)) == (verdict.allowed, verdict.reasons)
    for rule in (EmailAddress("ada@example.com"), EmailDomain("example.com")):
        assert (Reason.DEVICE_NOT_IDENTIFIED,) == decide(app(policy(ruled((rule,)))), Asker(now=NOW)).reasons
        other = decide(app(policy(ruled((rule,)))), asking(email="eve@example.org"))
        assert (Reason.POLICY_UNMATCHED,) == other.reasons


def test_bypass_comes_before_a_denial_that_stands_above_it() -> None:
    """And within their kinds the order given counts; the first match ends it."""
    denying = policy(ruled((Everyone(),)), Decision.DENY)
    bypass = policy(ruled((NET,)), Decision.BYPASS)
    allowing = policy(ruled((Everyone(),)))
    assert "bypass" == decide(app(denying, bypass), DEVICE).policy_id
    assert "deny" == decide(app(denying, allowing), DEVICE).policy_id
    assert "allow" == decide(app(allowing, denying), DEVICE).policy_id
    assert (Reason.POLICY_UNMATCHED,) == decide(app(denying, allowing), DEVICE).reasons


def test_the_nearest_policy_gives_the_reasons() -> None:
    """The one with the fewest rules that are not met; denials are no help to anybody."""
    far = policy(ruled((EmailAddress("eve@example.com"),), require=(MANAGED,)), id="far")
    near = policy(ruled((Everyone(),), require=(MANAGED,)), id="near")
    never = policy(ruled((EmailAddress("eve@example.com"),)), Decision.DENY)
    asker = asking(standings={"managed": Standing(result=result(Status.FAIL))})
    verdict = decide(app(far, near, never), asker)
    assert ("near", (Reason.CERTIFICATE_EXPIRED,)) == (verdict.unmet[0].policy_id, verdict.reasons)
    assert (Reason.POLICY_UNMATCHED,) == decide(app(never), asker).reasons


def test_rules_of_every_place_are_named() -> None:
    """Include, require and exclude, in a group too."""
    group = Group(id="g", name="", rules=ruled((MANAGED,)))
    rules = ruled((InGroup("g"),), (NET, MANAGED), (EmailAddress("ada@example.com"), EmailAddress("eve@example.com")))
    verdict = decide(app(policy(rules), groups=(group,)), asking(standings={}, address=ip_address("::1")))
    assert [
        ("include/0", (Reason.REPORT_MISSING,)),
        ("require/0", (Reason.POLICY_UNMATCHED,)),
        ("require/1", (Reason.REPORT_MISSING,)),
        ("exclude/0", (Reason.POLICY_UNMATCHED,)),
    ] == [(item.place, item.reasons) for item in verdict.unmet]
    assert (Reason.REPORT_MISSING, Reason.POLICY_UNMATCHED) == verdict.reasons


FAILING = asking(standings={"managed": Standing(result=result(Status.FAIL))})
REPORTING = policy(ruled((EmailDomain("example.com"),), require=(MANAGED,)), mode=Mode.REPORT_ONLY)


def test_report_only_lets_in_whom_posture_alone_would_keep_out_and_says_what_it_found() -> None:
    """Who the policy's other rules keep out stays out; who passes is let in as ever."""
    verdict = decide(app(REPORTING), FAILING)
    assert (True, (Reason.REPORT_ONLY,), None) == (verdict.allowed, verdict.reasons, verdict.evidence)
    assert [(Reason.CERTIFICATE_EXPIRED,)] == [item.reasons for item in verdict.unmet]
    assert ((), Evidence.POSSESSION) == (
        decide(app(REPORTING), DEVICE).reasons,
        decide(app(REPORTING), DEVICE).evidence,
    )
    stranger = decide(app(REPORTING), msgspec.structs.replace(FAILING, email="eve@example.org"))
    assert (False, (Reason.POLICY_UNMATCHED, Reason.CERTIFICATE_EXPIRED)) == (stranger.allowed, stranger.reasons)


def test_report_only_denies_nobody_for_posture() -> None:
    """Neither by what a denial includes nor by what it leaves out, nor by what an allow excludes."""
    everybody = policy(ruled((Everyone(),)))
    passing = policy(ruled((MANAGED,)), Decision.DENY, mode=Mode.REPORT_ONLY)
    failing = policy(ruled((Everyone(),), exclude=(MANAGED,)), Decision.DENY, mode=Mode.REPORT_ONLY)
    assert decide(app(passing, everybody), DEVICE).allowed
    assert decide(app(failing, everybody), FAILING).allowed
    assert decide(app(policy(ruled((Everyone(),), exclude=(MANAGED,)), mode=Mode.REPORT_ONLY)), DEVICE).allowed


def test_in_an_emergency_every_policy_only_reports() -> None:
    """Of known users and devices, that is: nobody else is let in by it."""
    assert (Reason.REPORT_ONLY,) == decide(MANAGED_ONLY, FAILING, emergency=True).reasons
    assert not decide(MANAGED_ONLY, Asker(now=NOW), emergency=True).allowed


def test_an_exemption_lets_in_and_says_so() -> None:
    """With what would have kept out; but it does not overrule a denial that is for another reason."""
    exempted = msgspec.structs.replace(FAILING, exempted=True)
    verdict = decide(MANAGED_ONLY, exempted)
    assert (True, (Reason.EXEMPTED, Reason.CERTIFICATE_EXPIRED)) == (verdict.allowed, verdict.reasons)
    assert decide(MANAGED_ONLY, asking(exempted=True)).reasons == ()
    by_posture = policy(ruled((Everyone(),), exclude=(MANAGED,)), Decision.DENY)
    assert decide(app(by_posture), exempted).allowed
    by_name = policy(ruled((EmailAddress("ada@example.com"),)), Decision.DENY)
    assert not decide(app(by_name), exempted).allowed


def test_an_application_whose_policy_is_not_there_is_none() -> None:
    """What it would have denied is not known."""
    with pytest.raises(KeyError):
        compile_application(MANAGED_ONLY.application, {}, {})


# --- Not knowing never lets anybody in ------------------------------------------------------------------------------------

_LEAVES: st.SearchStrategy[Rule] = st.sampled_from(
    [
        Everyone(),
        EmailAddress("ada@example.com"),
        EmailDomain("example.com"),
        NET,
        MANAGED,
        Posture("other"),
        Unevaluated("geo"),
        InGroup("g"),
    ]
)
_SOME = st.lists(_LEAVES, max_size=2).map(tuple)
_RULES = st.builds(ruled, st.lists(_LEAVES, min_size=1, max_size=2).map(tuple), _SOME, _SOME)
_POLICIES = st.lists(st.builds(policy, _RULES, st.sampled_from(list(Decision))), min_size=1, max_size=3)
_ASKERS = st.builds(
    Asker,
    now=st.just(NOW),
    address=st.sampled_from([None, ip_address("192.0.2.7"), ip_address("198.51.100.1")]),
    email=st.sampled_from([None, "ada@example.com", "eve@example.org"]),
    registration=st.just("r-1"),
    binding=st.just(Binding.AGENT),
    standings=st.dictionaries(
        st.sampled_from(["managed", "other"]), st.sampled_from([PASSING["managed"], *(item for item, _ in STANDINGS)])
    ),
)


@given(
    policies=_POLICIES, group=_RULES, asker=_ASKERS, forget=st.sampled_from(["address", "email", "managed", "other"])
)
def test_to_know_less_never_lets_in(policies: list[Policy], group: Rules, asker: Asker, forget: str) -> None:
    """Whatever the policies are: who is refused with all that is known is refused when any of it is not."""
    named = [msgspec.structs.replace(item, id=f"p-{index}") for index, item in enumerate(policies)]
    compiled = app(*named, groups=(Group(id="g", name="", rules=group),))
    less = msgspec.structs.replace(asker, standings={k: v for k, v in asker.standings.items() if k != forget})
    if forget in {"address", "email"}:
        less = msgspec.structs.replace(less, **{forget: None})
    assert decide(compiled, less).allowed <= decide(compiled, asker).allowed


@given(policies=_POLICIES, group=_RULES, asker=_ASKERS)
def test_who_is_refused_hears_why(policies: list[Policy], group: Rules, asker: Asker) -> None:
    """There is a reason for every refusal, and none for who is let in by policies as they are."""
    named = [msgspec.structs.replace(item, id=f"p-{index}") for index, item in enumerate(policies)]
    verdict = decide(app(*named, groups=(Group(id="g", name="", rules=group),)), asker)
    assert verdict.allowed is not bool(verdict.reasons)


@pytest.mark.parametrize("rule", [AnyCertificate(), CommonName("laptop-1"), InGroup("g")])
def test_an_application_says_whether_a_rule_asks_about_the_certificate(rule: Rule) -> None:
    """Also where that stands in a group: what the certificate is must be judged then."""
    group = Group(id="g", name="G", rules=ruled((Everyone(),), exclude=(CommonName("x"),)))
    assert app(policy(ruled((Everyone(),), exclude=(rule,))), groups=(group,)).asks_for_certificate
    assert not MANAGED_ONLY.asks_for_certificate


@pytest.mark.parametrize("address", ["192.0.2.0", "192.0.2.255", "192.0.3.0", "::c000:200", "::ffff:192.0.2.1"])
def test_an_address_is_within_a_network_as_everywhere(address: str) -> None:
    """Of the same version alone."""
    network = ip_network("192.0.2.0/24")
    ours = app(policy(ruled((FromNetwork(network),))))
    assert decide(ours, asking(address=ip_address(address))).allowed is (ip_address(address) in network)
