"""What may name what: rules name groups, checks and service tokens, applications name policies; nothing dangles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.controlplane.administration.access.documents import (
    APP,
    APP_POLICY,
    GROUP,
    POLICY,
    SERVICE_TOKEN,
)
from gatepost.core.policy import InGroup, OneServiceToken, Posture, Rule, Rules, Unevaluated
from gatepost.errors import ConflictError, InputError
from gatepost.wire.management.access_apps import parse_stored_app
from gatepost.wire.management.access_groups import group_to_core
from gatepost.wire.management.access_policies import policy_to_core
from gatepost.wire.management.access_rules import placed
from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import Remark, remark
from gatepost.wire.management.posture_rules import EVALUATED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.ports import Records, Resource


def check_references(records: Records, account: int, rules: Rules, within: str = "") -> tuple[Remark, ...]:
    """Refuse rules that name what is not there, and remark upon those that never let anybody in; raises `InputError`."""
    return tuple(
        remark(Code.RULE_NOT_EVALUATED, words, within + pointer)
        for pointer, rule in placed(rules)
        if (words := _look_up(records, account, rule, within + pointer))
    )


def _look_up(records: Records, account: int, rule: Rule, pointer: str) -> str:
    """Return why a rule never lets anybody in, or nothing; raises `InputError` where it names what is not there."""
    match rule:
        case InGroup():
            if records.resources.find(account, GROUP.word, rule.group_id) is None:
                raise _dangling(f"{pointer}/group/id", "group", rule.group_id, "/access/groups")
        case OneServiceToken():
            if records.resources.find(account, SERVICE_TOKEN.word, rule.token_id) is None:
                raise _dangling(
                    f"{pointer}/service_token/token_id", "service token", rule.token_id, "/access/service_tokens"
                )
        case Posture():
            check = records.checks.find(account, rule.check_id)
            if check is None or check.trial:
                raise _dangling(
                    f"{pointer}/device_posture/integration_uid", "posture rule", rule.check_id, "/devices/posture"
                )
            if check.type not in EVALUATED:
                return (
                    f"posture rule {check.id} is of type {check.type}, which is not evaluated: it never lets anybody in"
                )
        case Unevaluated():
            return f"rules of the kind {rule.kind} are kept and not evaluated: they never let anybody in"
        case _:
            pass
    return ""


def _dangling(field: str, kind: str, reference: str, where: str) -> InputError:
    return InputError(field, f"names no {kind} of this account: {reference[:80]}", f"the id of one under {where}")


def refuse_circle(records: Records, account: int, group_id: str, rules: Rules) -> None:
    """Refuse a group that would come to stand within itself; raises `InputError`."""
    for pointer, rule in placed(rules):
        if isinstance(rule, InGroup) and group_id in _reached(records, account, rule.group_id):
            problem = f"leads back to this group by way of {rule.group_id}"
            raise InputError(f"{pointer}/group/id", problem, "a group that does not contain this one")


def _reached(records: Records, account: int, start: str) -> set[str]:
    """Return the groups that are met on the way down from one, itself among them."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        group_id = waiting.pop()
        found = None if group_id in reached else records.resources.find(account, GROUP.word, group_id)
        reached.add(group_id)
        if found is not None:
            rules = group_to_core(found.id, found.document).rules.all
            waiting.extend(rule.group_id for rule in rules if isinstance(rule, InGroup))
    return reached


def refuse_use(name: str, users: list[str]) -> None:
    """Refuse to remove what is used; raises `ConflictError` that names who uses it."""
    if users:
        problem = f"is used by {len(users)} other(s), such as {users[0]}"
        raise ConflictError(name, problem, "remove them first, or let them name another")


def rules_with(records: Records, account: int, wanted: Rule) -> list[str]:
    """Name the groups and policies that have exactly this rule."""
    return [name for name, rules in _all_rules(records, account) if wanted in rules.all]


def _all_rules(records: Records, account: int) -> Iterator[tuple[str, Rules]]:
    for item in records.resources.all(account, GROUP.word):
        yield f"group {item.id}", group_to_core(item.id, item.document).rules
    for kind in (POLICY, APP_POLICY):
        for item in records.resources.all(account, kind.word):
            yield f"policy {item.id}", policy_to_core(item.id, item.document).rules


def apps_with(records: Records, account: int, policy_id: str) -> list[str]:
    """Name the applications that have this policy."""
    return [f"application {item.id}" for item in records.resources.all(account, APP.word) if policy_id in linked(item)]


def linked(app: Resource) -> dict[str, int]:
    """Return the policies that an application has, each with its precedence, in their order."""
    links = sorted(parse_stored_app(app.document).policies, key=lambda link: link.precedence)
    return {link.id: link.precedence for link in links}
