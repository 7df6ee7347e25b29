"""Deciding: whether one request may reach an application, by its policies and what is known of who asks.

Bypass and non-identity are tried first, then allow and deny, each in the order given; the first match ends it, and no match
is a refusal. Instants are ms since 1970, UTC. Source of the reasons: ``docs/reference/semantics.md``, section 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.check import Evidence
from gatepost.core.matching import Answer, Asker, CompiledPolicy, Standing, any_of, compile_policy, lacks
from gatepost.core.policy import (
    Application,
    Binding,
    Decision,
    EmailAddress,
    EmailDomain,
    Everyone,
    Group,
    InGroup,
    Mode,
    Policy,
    Posture,
    Rule,
)
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Unmet(msgspec.Struct, frozen=True):
    """A rule that kept a policy from letting somebody in: where it stands, such as ``require/0``, and why it is not met."""

    policy_id: str
    place: str
    rule: Rule
    reasons: tuple[Reason, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request, and why.

    ``evidence`` is the weakest, and ``evidence_age`` (ms) the greatest, of the results that an allowing policy rests on.
    """

    allowed: bool
    policy_id: str | None = None
    decision: Decision | None = None
    reasons: tuple[Reason, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    binding: Binding | None = None
    evidence: Evidence | None = None
    evidence_age: int | None = None


class CompiledApplication(msgspec.Struct, frozen=True, kw_only=True):
    """An application, with its policies in the order in which they are tried."""

    application: Application
    policies: tuple[CompiledPolicy, ...]

    @property
    def asks_for_certificate(self) -> bool:
        """Whether some rule asks about the client certificate itself."""
        return any(item.asks_for_certificate for item in self.policies)


def compile_application(
    application: Application, policies: Mapping[str, Policy], groups: Mapping[str, Group]
) -> CompiledApplication:
    """Put an application together. Raises KeyError for a policy that is not there: what it would deny is not known."""
    early = {Decision.BYPASS, Decision.NON_IDENTITY}
    ordered = sorted((policies[item] for item in application.policies), key=lambda item: item.decision not in early)
    return CompiledApplication(
        application=application, policies=tuple(compile_policy(item, groups) for item in ordered)
    )


def decide(compiled: CompiledApplication, asker: Asker, *, emergency: bool = False) -> Verdict:
    """Decide on one request. ``emergency``: the posture rules of all policies are only reported.

    An exemption lets in whom posture rules, or no policy at all, keep out; never whom a policy denies for another reason.
    """
    verdict = _decide(compiled, asker, emergency=emergency)
    if verdict.allowed or not asker.exempted or any(map(_denies_anyway(asker), compiled.policies)):
        return verdict
    return msgspec.structs.replace(verdict, allowed=True, reasons=(Reason.EXEMPTED, *verdict.reasons))


def _denies_anyway(asker: Asker) -> Callable[[CompiledPolicy], bool]:
    return lambda item: item.policy.decision is Decision.DENY and item.matches(asker, lenient=True)


def _decide(compiled: CompiledApplication, asker: Asker, *, emergency: bool) -> Verdict:
    for item in compiled.policies:
        lenient = emergency or item.policy.mode is Mode.REPORT_ONLY
        if item.matches(asker, lenient=lenient):
            return _denied(item, asker) if item.policy.decision is Decision.DENY else _allowed(item, asker)
    return _unmatched(compiled, asker)


def _allowed(item: CompiledPolicy, asker: Asker) -> Verdict:
    strictly = item.matches(asker)
    standings = [asker.standings.get(rule.check_id) for rule in item.postures if strictly]
    rests = [each.result for each in standings if each is not None and each.result is not None]
    levels = [result.evidence for result in rests if result.evidence is not None]
    return Verdict(
        allowed=True,
        policy_id=item.policy.id,
        decision=item.policy.decision,
        reasons=() if strictly else (Reason.REPORT_ONLY,),
        unmet=() if strictly else _unmet(item, asker),
        binding=asker.binding,
        evidence=min(levels, key=lambda level: level.rank, default=None),
        evidence_age=max((asker.now - result.measured_at for result in rests), default=None),
    )


def _denied(item: CompiledPolicy, asker: Asker) -> Verdict:
    """Say what a denying policy found: the reasons of its posture rules, where it rests on them."""
    reasons = [reason for rule in item.postures for reason in _why(rule, item, asker)]
    return Verdict(
        allowed=False,
        policy_id=item.policy.id,
        decision=Decision.DENY,
        reasons=tuple(dict.fromkeys(reasons)) or (Reason.POLICY_UNMATCHED,),
        binding=asker.binding,
    )


def _unmatched(compiled: CompiledApplication, asker: Asker) -> Verdict:
    """Say what the nearest policy that lets in would have asked for: the one with the fewest rules that are not met."""
    others = [_unmet(item, asker) for item in compiled.policies if item.policy.decision is not Decision.DENY]
    nearest = min(others, key=len, default=())
    reasons = [reason for item in nearest for reason in item.reasons]
    return Verdict(
        allowed=False,
        reasons=tuple(dict.fromkeys(reasons)) or (Reason.POLICY_UNMATCHED,),
        unmet=nearest,
        binding=asker.binding,
    )


def _unmet(item: CompiledPolicy, asker: Asker) -> tuple[Unmet, ...]:
    """Name the rules that keep a policy from letting somebody in."""
    rules, ready = item.policy.rules, item.strict
    found = list(_failing("require", rules.require, ready.require, asker))
    if not any_of(ready.include, asker):
        found = [*_failing("include", rules.include, ready.include, asker), *found]
    excluded = [(index, answer(asker)) for index, answer in enumerate(ready.exclude)]
    found += [(f"exclude/{index}", rules.exclude[index]) for index, truth in excluded if truth is not False]
    named = [Unmet(item.policy.id, place, rule, _why(rule, item, asker)) for place, rule in found]
    if not named:
        # Its rules are met, and nobody is known for whom they are.
        named = [Unmet(item.policy.id, "decision", Everyone(), (asker.absence,))]
    return tuple(named)


def _failing(
    place: str, rules: tuple[Rule, ...], answers: tuple[Answer, ...], asker: Asker
) -> Iterator[tuple[str, Rule]]:
    for index, (rule, answer) in enumerate(zip(rules, answers, strict=True)):
        if not answer(asker):
            yield f"{place}/{index}", rule


def _why(rule: Rule, item: CompiledPolicy, asker: Asker) -> tuple[Reason, ...]:
    """Return why a rule is not what lets somebody in."""
    match rule:
        case Posture() if asker.registration is not None:
            standing = asker.standings.get(rule.check_id, Standing())
            reasons = standing.reasons(asker.now)
            if not reasons and standing.result is not None:
                reasons = lacks(item.policy, standing.result, asker)
        case InGroup():
            reasons = tuple(reason for each in item.postures for reason in _why(each, item, asker))
        case EmailAddress() | EmailDomain() if asker.registration is not None or asker.email is not None:
            reasons = ()
        case Posture() | EmailAddress() | EmailDomain():
            reasons = (asker.absence,)
        case _:
            reasons = ()
    return tuple(dict.fromkeys(reasons)) or (Reason.POLICY_UNMATCHED,)
