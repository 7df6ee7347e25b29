"""Posture rules: creating, replacing, showing and removing them, each valid as a whole or not stored at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.administration.remarks import remarks_on
from gatepost.controlplane.checks import compile_check, parse_options, system_asked
from gatepost.controlplane.ports import StoredCheck
from gatepost.controlplane.rejudging import ChangedCheck
from gatepost.errors import ConflictError, InputError, NotFoundError
from gatepost.wire.device import MAXIMUM_CHECKS as MAXIMUM_CHECKS_OF_A_DEVICE
from gatepost.wire.management.check_options import OnChange, Sharing
from gatepost.wire.management.effective import EffectiveCheck, describe_effective, describe_unevaluated
from gatepost.wire.management.envelope import Remark
from gatepost.wire.management.posture_rules import (
    Rule,
    RuleBody,
    RuleDocument,
    complete_document,
    parse_rule,
    preferred_system,
    read_document,
    show_document,
    write_document,
)
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records
    from gatepost.core.check import Check
    from gatepost.wire.management.check_options import CheckOptions

MAXIMUM_RULES: Final = 500
"""As many rules as an account may have: the list is not paged."""
_KIND: Final = "posture rule"


class KeptRule(msgspec.Struct, frozen=True):
    """A rule as it is read back, and what there is to say of it."""

    document: RuleDocument
    remarks: tuple[Remark, ...]


def create_rule(services: Services, account: int, content: bytes) -> KeptRule:
    """Keep a new rule, given as JSON; raises `InputError`."""
    document, rule = _read(content)
    now = services.now()
    draft = StoredCheck(
        number=0,
        id=services.new_id(),
        account=account,
        type=rule.type,
        document=write_document(document),
        options=b"{}",
        version=1,
        created_at=now,
        updated_at=now,
        certificate_id=rule.question.certificate_id if rule.question else None,
    )
    with services.storage.writing() as records:
        others = records.checks.all(account)
        if len(others) >= MAXIMUM_RULES:
            raise ConflictError("posture rules", f"are {len(others)} already", "remove one first")
        _check(services, records, draft, rule, others)
        records.checks.add(draft)
        _record(services, records, "create", None, draft)
    return _kept(draft, document, rule, others)


def replace_rule(services: Services, account: int, rule_id: str, content: bytes) -> KeptRule:
    """Put another rule in the place of one; its options stay. Raises `InputError` or `NotFoundError`."""
    document, rule = _read(content)
    with services.storage.writing() as records:
        before = find_stored(records, account, rule_id)
        draft = msgspec.structs.replace(
            before,
            type=rule.type,
            document=write_document(document),
            updated_at=services.now(),
            certificate_id=rule.question.certificate_id if rule.question else None,
        )
        draft = _versioned(before, draft, changed=_asks_otherwise(before, rule))
        others = tuple(item for item in records.checks.all(account) if item.id != rule_id)
        _check(services, records, draft, rule, others)
        changed = _changed(services, records, before, draft)
        records.checks.replace(draft)
        _record(services, records, "update", before, draft)
    if changed is not None:
        services.changed(changed)
    return _kept(draft, document, rule, others)


def _versioned(before: StoredCheck, draft: StoredCheck, *, changed: bool) -> StoredCheck:
    """Give a rule that asks otherwise its next version; where that is to count at once, no older result does any more."""
    if not changed:
        return draft
    version = before.version + 1
    at_once = parse_options(draft.options).on_change is OnChange.AT_ONCE
    minimum = version if at_once else before.minimum_version
    return msgspec.structs.replace(draft, version=version, minimum_version=minimum)


def _changed(services: Services, records: Records, before: StoredCheck, after: StoredCheck) -> ChangedCheck | None:
    """Compile a check as it was and as it is; None where nothing that is judged changed, or one of them is not evaluated."""
    compiled: list[Check] = []
    for stored in (before, after):
        upload = records.certificates.find(stored.account, stored.certificate_id or "")
        try:
            if upload is None or before.version == after.version:
                return None
            compiled.append(compile_check(stored, upload, results_expire=services.results_expire))
        except InputError:
            return None
    options = parse_options(after.options)
    return ChangedCheck(
        stored=after,
        before=compiled[0],
        after=compiled[1],
        at_once=options.on_change is OnChange.AT_ONCE,
        deny_shared=options.shared is Sharing.DENY,
    )


def list_rules(services: Services, account: int) -> tuple[RuleDocument, ...]:
    """Return the account's rules as they were written, oldest first."""
    with services.storage.reading() as records:
        stored = records.checks.all(account)
    return tuple(show_document(check.id, check.document) for check in stored if not check.trial)


def find_rule(services: Services, account: int, rule_id: str) -> RuleDocument:
    """Return one rule as it was written; raises `NotFoundError`."""
    with services.storage.reading() as records:
        stored = find_stored(records, account, rule_id)
    return show_document(stored.id, stored.document)


def remove_rule(services: Services, account: int, rule_id: str) -> None:
    """Remove a rule with its results; the log keeps its lines. Raises `NotFoundError`."""
    with services.storage.writing() as records:
        before = find_stored(records, account, rule_id)
        records.checks.remove(account, before.number)
        _record(services, records, "delete", before, None)


def find_options(services: Services, account: int, rule_id: str) -> CheckOptions:
    """Return a rule's options; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return parse_options(find_stored(records, account, rule_id).options)


def replace_options(services: Services, account: int, rule_id: str, options: CheckOptions) -> tuple[Remark, ...]:
    """Put other options in the place of a rule's; raises `InputError` where the rule cannot be asked so."""
    with services.storage.writing() as records:
        before = find_stored(records, account, rule_id)
        rule = parse_rule(before.document)
        old = parse_options(before.options)
        judged = (old.evidence, old.hardware_policies) != (options.evidence, options.hardware_policies)
        draft = msgspec.structs.replace(before, options=msgspec.json.encode(options), updated_at=services.now())
        draft = _versioned(before, draft, changed=judged)
        if rule.question is not None:
            _compile(services, records, draft)
        changed = _changed(services, records, before, draft)
        records.checks.replace(draft)
        change = Change(
            action="update",
            kind="check-options",
            reference=rule_id,
            before=msgspec.Raw(before.options or b"{}"),
            after=options,
        )
        record_change(services, records, account, change)
    if changed is not None:
        services.changed(changed)
    return remarks_on(rule, (), options, ())


def find_effective(services: Services, account: int, rule_id: str) -> EffectiveCheck:
    """Return a rule with every default filled in; raises `NotFoundError`."""
    with services.storage.reading() as records:
        stored = find_stored(records, account, rule_id)
        upload = records.certificates.find(account, stored.certificate_id) if stored.certificate_id else None
    rule, options = parse_rule(stored.document), parse_options(stored.options)
    if upload is None:
        return describe_unevaluated(stored.id, stored.version, rule, options)
    check = compile_check(stored, upload, results_expire=services.results_expire)
    return describe_effective(check, rule, options)


def _record(
    services: Services, records: Records, action: str, before: StoredCheck | None, after: StoredCheck | None
) -> None:
    one = after or before
    if one is None:
        return
    shown = [None if item is None else show_document(item.id, item.document) for item in (before, after)]
    change = Change(action=action, kind="posture-rule", reference=one.id, before=shown[0], after=shown[1])
    record_change(services, records, one.account, change)


def _read(content: bytes) -> tuple[RuleDocument, Rule]:
    body = decode_strictly(content, RuleBody)
    document = complete_document(read_document(content), body)
    return document, parse_rule(write_document(document))


def find_stored(records: Records, account: int, rule_id: str) -> StoredCheck:
    """Return a rule as it is stored; raises `NotFoundError`."""
    stored = records.checks.find(account, rule_id)
    if stored is None or stored.trial:
        raise NotFoundError(_KIND, rule_id)
    return stored


def _asks_otherwise(before: StoredCheck, rule: Rule) -> bool:
    """Tell whether a rule asks something else than before; its name is no part of the question."""
    kept = _parse_kept(before)
    return kept is None or msgspec.structs.replace(kept, name=rule.name) != rule


def _parse_kept(stored: StoredCheck) -> Rule | None:
    """Read a rule that is there; None where an earlier release took what this one refuses, which must not bar the others."""
    try:
        return parse_rule(stored.document)
    except InputError:
        return None


def _check(
    services: Services, records: Records, draft: StoredCheck, rule: Rule, others: tuple[StoredCheck, ...]
) -> None:
    """Refuse a rule that is evaluated and could not be."""
    if rule.question is None:
        return
    try:
        _compile(services, records, draft)
    except InputError as error:
        if error.field != "/evidence":
            raise
        cure = f"{error.allowed}; change the option evidence of the check first"
        raise InputError("/input/operating_system", f"does not go with its options: {error.problem}", cure) from None
    system = preferred_system(rule.question)
    if rule.enabled and sum(system_asked(item) == system for item in others) >= MAXIMUM_CHECKS_OF_A_DEVICE:
        problem = f"for {system} are {MAXIMUM_CHECKS_OF_A_DEVICE} already, as many as one device answers"
        raise ConflictError("posture rules", problem, "remove or disable one first")


def _compile(services: Services, records: Records, draft: StoredCheck) -> None:
    field = "/input/certificate_id"
    upload = records.certificates.find(draft.account, draft.certificate_id or "")
    if upload is None:
        problem = f"names no uploaded certificate of this account: {draft.certificate_id}"
        raise InputError(field, problem, "the id of an upload under /mtls_certificates")
    if not upload.ca:
        raise InputError(field, "names a certificate that was uploaded with ca: false", "upload it with ca: true")
    compile_check(draft, upload, results_expire=services.results_expire)


def _kept(draft: StoredCheck, document: RuleDocument, rule: Rule, others: tuple[StoredCheck, ...]) -> KeptRule:
    options = parse_options(draft.options)
    names = tuple(kept.name for item in others if not item.trial and (kept := _parse_kept(item)) is not None)
    remarks = remarks_on(rule, tuple(document), options, names)
    return KeptRule(show_document(draft.id, draft.document), remarks)
