"""Matching: whether the rules of a policy are met by who asks, and what is known of them.

The answers of rules have three values, and are put together as in Kleene's logic: True, False, and None for "not known". A
policy that lets in matches on True alone; one that denies matches on True and on None. So not knowing never lets anybody in.
What a request itself shows, such as a certificate or a service token, is there or is not; a user or a device may be unknown.
Instants are ms since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from gatepost.core.evaluation import Status
from gatepost.core.policy import (
    AnyCertificate,
    AnyServiceToken,
    Binding,
    CommonName,
    Decision,
    EmailAddress,
    EmailDomain,
    Everyone,
    FromNetwork,
    Group,
    InGroup,
    OneServiceToken,
    Policy,
    Posture,
    Rule,
    Rules,
)
from gatepost.core.reason import Reason
from gatepost.core.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

Truth: TypeAlias = bool | None
"""The answer of a rule; None: not known."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a device stands with one check: its newest result, or the reason why there is none that could count."""

    result: Result | None = None
    reason: Reason = Reason.REPORT_MISSING

    def reasons(self, now: int) -> tuple[Reason, ...]:
        """Return why this is no unexpired pass; empty: it is one."""
        if self.result is None:
            return (self.reason,)
        if not self.result.counts(now):
            return (Reason.RESULT_EXPIRED,)
        return () if self.result.status is Status.PASS else self.result.reasons


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what is known of them."""

    now: int
    address: IPv4Address | IPv6Address | None = None
    email: str | None = None
    """Of the user, in lower case."""
    registration: str | None = None
    """The device's registration, where it is known and counts."""
    binding: Binding | None = None
    """How it is known."""
    absence: Reason = Reason.DEVICE_NOT_IDENTIFIED
    """Where no device is known, why."""
    common_names: tuple[str, ...] | None = None
    """Of the client certificate that was presented and judged valid; None: there is none."""
    service_token: str | None = None
    """The id of the service token that was presented and counts."""
    standings: dict[str, Standing] = {}
    """By the id of the check, for the device that is known; one that is not there has never been reported."""
    exempted: bool = False
    """Whether the device or the user has an exemption for this application."""


Answer: TypeAlias = Callable[[Asker], Truth]


class Ready(msgspec.Struct, frozen=True):
    """Rules with their groups in place: a function for each that answers it."""

    include: tuple[Answer, ...]
    require: tuple[Answer, ...]
    exclude: tuple[Answer, ...]

    def answer(self, asker: Asker) -> Truth:
        """Answer them together: one of the include, all of the require, none of the exclude."""
        known = any_of(self.include, asker)
        if known is False:
            return False
        for answer in self.require:
            truth = answer(asker)
            if truth is False:
                return False
            if truth is None:
                known = None
        excluded = any_of(self.exclude, asker)
        if excluded:
            return False
        return None if excluded is None else known


class CompiledPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy, ready to be asked: as it is, and as it is when its posture rules keep nobody out."""

    policy: Policy
    strict: Ready
    lenient: Ready
    postures: tuple[Posture, ...]
    """Every posture rule of it, also those of its groups."""
    asks_for_certificate: bool = False
    """Whether some rule, also of its groups, asks about the client certificate itself."""

    def matches(self, asker: Asker, *, lenient: bool = False) -> bool:
        """Tell whether the policy decides."""
        decision = self.policy.decision
        if decision is Decision.ALLOW and asker.registration is None and asker.email is None:
            # An allow is for somebody; bypass and non-identity are for whoever comes.
            return False
        truth = (self.lenient if lenient else self.strict).answer(asker)
        return truth is not False if decision is Decision.DENY else truth is True


def compile_policy(policy: Policy, groups: Mapping[str, Group]) -> CompiledPolicy:
    """Put a policy together with the groups that it names; a group that is not there, or holds itself, is never known."""
    postures: list[Posture] = []
    compiler = _Compiler(policy, groups, postures)
    strict = compiler.rules(policy.rules, met=None)
    lenient = _Compiler(policy, groups, []).rules(policy.rules, met=policy.decision is not Decision.DENY)
    return CompiledPolicy(
        policy=policy,
        strict=strict,
        lenient=lenient,
        postures=tuple(postures),
        asks_for_certificate=compiler.asks_for_certificate,
    )


class _Compiler:
    """Turns the rules of one policy into functions. ``met``: what posture rules answer; None: what is so."""

    def __init__(self, policy: Policy, groups: Mapping[str, Group], postures: list[Posture]) -> None:
        self._policy = policy
        self._groups = groups
        self._postures = postures
        self._within: list[str] = []
        self.asks_for_certificate = False

    def rules(self, rules: Rules, *, met: bool | None) -> Ready:
        """Compile rules; whatever is excluded is met where it would otherwise not be."""
        return Ready(
            include=tuple(self._rule(item, met=met) for item in rules.include),
            require=tuple(self._rule(item, met=met) for item in rules.require),
            exclude=tuple(self._rule(item, met=None if met is None else not met) for item in rules.exclude),
        )

    def _rule(self, rule: Rule, *, met: bool | None) -> Answer:
        match rule:
            case Posture():
                self._postures.append(rule)
                return _posture(rule, self._policy) if met is None else (lambda _: met)
            case InGroup():
                return self._group(rule, met=met)
            case _:
                self.asks_for_certificate |= isinstance(rule, AnyCertificate | CommonName)
                return _ANSWERS.get(type(rule), _unknown)(rule)

    def _group(self, rule: InGroup, *, met: bool | None) -> Answer:
        group = self._groups.get(rule.group_id)
        if group is None or group.id in self._within:
            return _unknown(rule)
        self._within.append(group.id)
        ready = self.rules(group.rules, met=met)
        self._within.pop()
        return ready.answer


def any_of(answers: tuple[Answer, ...], asker: Asker) -> Truth:
    """Answer whether one of them is met."""
    known: Truth = False
    for answer in answers:
        truth = answer(asker)
        if truth:
            return True
        if truth is None:
            known = None
    return known


def _unknown(_rule: Any) -> Answer:  # noqa: ANN401 - of any kind.
    return lambda _: None


def _everyone(_rule: Everyone) -> Answer:
    return lambda _: True


def _email(rule: EmailAddress) -> Answer:
    return lambda asker: None if asker.email is None else asker.email == rule.address


def _email_domain(rule: EmailDomain) -> Answer:
    return lambda asker: None if asker.email is None else asker.email.rpartition("@")[2] == rule.domain


def _network(rule: FromNetwork) -> Answer:
    """Compare numbers: a third of what `ipaddress` takes, for each rule of each request."""
    version, first, mask = rule.network.version, int(rule.network.network_address), int(rule.network.netmask)

    def answer(asker: Asker) -> Truth:
        address = asker.address
        return None if address is None else address.version == version and int(address) & mask == first

    return answer


def _certificate(_rule: AnyCertificate) -> Answer:
    return lambda asker: asker.common_names is not None


def _common_name(rule: CommonName) -> Answer:
    # A certificate with several has none that is its name.
    return lambda asker: asker.common_names == (rule.name,)


def _service_token(rule: OneServiceToken) -> Answer:
    return lambda asker: asker.service_token == rule.token_id


def _any_service_token(_rule: AnyServiceToken) -> Answer:
    return lambda asker: asker.service_token is not None


_ANSWERS: Final[dict[type, Callable[[Any], Answer]]] = {
    Everyone: _everyone,
    EmailAddress: _email,
    EmailDomain: _email_domain,
    FromNetwork: _network,
    AnyCertificate: _certificate,
    CommonName: _common_name,
    OneServiceToken: _service_token,
    AnyServiceToken: _any_service_token,
}


def _posture(rule: Posture, policy: Policy) -> Answer:
    """Answer a posture rule: an unexpired pass that is all that the policy asks for, an unexpired fail, or not known."""
    check_id = rule.check_id
    choosy = (policy.minimum_evidence, policy.maximum_age, policy.bindings) != (None, None, None)

    def answer(asker: Asker) -> Truth:
        standing = asker.standings.get(check_id)
        result = None if standing is None else standing.result
        if result is None or not result.counts(asker.now):
            return None
        if result.status is Status.FAIL:
            return False
        if result.status is not Status.PASS or (choosy and lacks(policy, result, asker)):
            return None
        return True

    return answer


def lacks(policy: Policy, result: Result, asker: Asker) -> tuple[Reason, ...]:
    """Return what a pass lacks that the policy asks for."""
    lacking: list[Reason] = []
    wanted = policy.minimum_evidence
    if wanted is not None and (result.evidence is None or result.evidence.rank < wanted.rank):
        lacking.append(Reason.EVIDENCE_TOO_WEAK)
    if policy.maximum_age is not None and asker.now - result.measured_at > policy.maximum_age * 1000:
        lacking.append(Reason.EVIDENCE_TOO_OLD)
    if policy.bindings is not None and asker.binding not in policy.bindings:
        lacking.append(Reason.DEVICE_NOT_IDENTIFIED)
    return tuple(lacking)
