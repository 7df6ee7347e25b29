"""What there is to say of a rule that is valid all the same: one question each, as remarks beside the success."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.core.check import OperatingSystem, TrustStore
from gatepost.wire.management.codes import Code
from gatepost.wire.management.durations import format_duration
from gatepost.wire.management.envelope import Remark, remark
from gatepost.wire.management.posture_rules import EVALUATED, Rule, RuleBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import msgspec

    from gatepost.wire.management.check_options import CheckOptions
    from gatepost.wire.management.client_certificates import Question


def unknown_fields(fields: Iterable[str], body: type[msgspec.Struct], within: str = "") -> tuple[Remark, ...]:
    """Return a remark on each field of a document that is kept and has no effect: what ``body`` does not know."""
    unknown = [field[:80] for field in fields if field not in body.__struct_fields__]
    return tuple(
        remark(
            Code.FIELD_UNKNOWN,
            f"the field {field!r} is kept and has no effect",
            f"{within}/{field.replace('~', '~0').replace('/', '~1')}",
        )
        for field in unknown
    )


def remarks_on(
    rule: Rule, fields: tuple[str, ...], options: CheckOptions, names: tuple[str, ...]
) -> tuple[Remark, ...]:
    """Return the remarks on a rule. ``fields``: those of the document as sent; ``names``: of the account's other rules."""
    return tuple(_remarks(rule, fields, options, names))


def _remarks(rule: Rule, fields: tuple[str, ...], options: CheckOptions, names: tuple[str, ...]) -> Iterator[Remark]:
    if rule.name in names:
        yield remark(Code.NAME_NOT_UNIQUE, f"another posture rule has the name {rule.name!r}", "/name")
    yield from unknown_fields((field for field in fields if field != "id"), RuleBody)
    if rule.question is None:
        evaluated = " and ".join(sorted(EVALUATED))
        words = f"rules of type {rule.type} are kept and not evaluated: they never pass; evaluated are {evaluated}"
        yield remark(Code.CHECK_NOT_EVALUATED, words, "/type")
    else:
        yield from _on_question(rule, rule.question, options)


def _on_question(rule: Rule, question: Question, options: CheckOptions) -> Iterator[Remark]:
    if rule.expiration is not None and rule.expiration < rule.schedule:
        words = f"results end after {format_duration(rule.expiration)}, before the next report is due"
        yield remark(Code.EXPIRES_EARLY, words, "/expiration")
    if question.asks_key is not None and {*map(str, rule.platforms)} - {*map(str, question.systems)}:
        words = f"the rule is for {question.systems[0]}, as its input says; match names other platforms too"
        yield remark(Code.MATCH_WITHOUT_EFFECT, words, "/match")
    if OperatingSystem.MAC in question.systems and TrustStore.USER in question.locations.trust_stores:
        words = "on mac only the system store is looked into"
        yield remark(Code.LOCATION_NOT_READ, words, "/input/locations/trust_stores")
    if question.asks_key is False and options.evidence is not None:
        words = f"the option evidence {options.evidence} has no effect: the rule does not ask for the private key"
        yield remark(Code.OPTION_WITHOUT_EFFECT, words, "/input/check_private_key")
