"""Previews: asking what a draft of a rule would come to, before it is saved; and having devices answer the draft first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.administration.rules import find_stored
from gatepost.controlplane.checks import parse_options, system_asked
from gatepost.controlplane.ports import Resource, StoredCheck
from gatepost.controlplane.previewing import KIND, LONGEST_RUN, Draft, compile_draft, load_preview
from gatepost.errors import ConflictError, InputError
from gatepost.wire.device import MAXIMUM_CHECKS
from gatepost.wire.management.check_options import NO_OPTIONS
from gatepost.wire.management.documents import read_document, write_document
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.posture_rules import (
    RuleBody,
    complete_document,
    parse_rule,
)
from gatepost.wire.management.preview import PreviewObject, PreviewState
from gatepost.wire.management.scopes import Scope, reaches
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records
    from gatepost.wire.management.check_options import CheckOptions
    from gatepost.wire.management.posture_rules import Rule
    from gatepost.wire.management.preview import PreviewBody

MAXIMUM_PREVIEWS: Final = 50
"""Previews that are remembered; the oldest one that neither runs nor is collected gives way."""
MAXIMUM_TRIALS: Final = 8
"""Drafts that devices answer at once, beside the checks that count."""


def start_preview(services: Services, account: int, body: PreviewBody) -> PreviewObject:
    """Begin to tell what a draft would come to.

    Raises `InputError` as creating the rule would, `NotFoundError`, `ConflictError` where no other preview can give way, and
    `OverloadedError` while too many wait.
    """
    document, rule = _read(body)
    preview_id, now = services.new_id(), services.now()
    with services.preview_room():
        with services.storage.writing() as records:
            draft = Draft(rule=msgspec.Raw(document), replaces=body.replaces, options=_options(records, account, body))
            compile_draft(records, account, preview_id, draft, results_expire=services.results_expire)
            if body.collect:
                _add_trial(services, records, account, preview_id, draft)
                draft = msgspec.structs.replace(draft, trial=preview_id)
            _make_room(services, records, account)
            records.resources.add(
                Resource(
                    number=0,
                    id=preview_id,
                    account=account,
                    kind=KIND,
                    name=rule.name,
                    document=msgspec.json.encode(draft),
                    created_at=now,
                    updated_at=now,
                )
            )
            if body.collect:
                change = Change(action="collect", kind=KIND, reference=preview_id, after=draft.rule)
                record_change(services, records, account, change)
        services.preview(account, preview_id)
    return find_preview(services, account, preview_id)


def run_preview(services: Services, account: int, preview_id: str) -> PreviewObject:
    """Tell again, from what devices have reported by now.

    Raises `NotFoundError`, `ConflictError` while it runs, and `OverloadedError` while too many wait.
    """
    with services.preview_room():
        with services.storage.writing() as records:
            resource = load_preview(records, account, preview_id)
            draft = msgspec.json.decode(resource.document, type=Draft)
            if _runs(resource, draft, services.now()):
                raise ConflictError(KIND, "is still running", "wait for its end")
            again = msgspec.structs.replace(draft, state=PreviewState.RUNNING, outlook=None, detail="")
            document = msgspec.json.encode(again)
            records.resources.replace(msgspec.structs.replace(resource, document=document, updated_at=services.now()))
        services.preview(account, preview_id)
    return find_preview(services, account, preview_id)


def find_preview(services: Services, account: int, preview_id: str) -> PreviewObject:
    """Return a preview, with its devices for those alone who may read devices; raises `NotFoundError`."""
    with services.storage.reading() as records:
        resource = load_preview(records, account, preview_id)
    draft = msgspec.json.decode(resource.document, type=Draft)
    outlook = draft.outlook
    if outlook is not None and not reaches(services.scopes, Scope.DEVICES_READ):
        outlook = msgspec.structs.replace(outlook, changes=())
    return PreviewObject(
        id=resource.id,
        state=draft.state,
        rule=msgspec.json.decode(bytes(draft.rule)),
        replaces=draft.replaces,
        options=draft.options,
        collect=draft.trial is not None,
        created_at=instant(resource.created_at),
        updated_at=instant(resource.updated_at),
        progress=draft.progress,
        outlook=outlook,
        detail=draft.detail,
    )


def remove_preview(services: Services, account: int, preview_id: str) -> None:
    """Forget a preview; devices are no longer asked its draft. Raises `NotFoundError`."""
    with services.storage.writing() as records:
        resource = load_preview(records, account, preview_id)
        draft = msgspec.json.decode(resource.document, type=Draft)
        if draft.trial is not None:
            _record_removal(services, records, resource, draft)
        _remove(records, account, preview_id)


def _read(body: PreviewBody) -> tuple[bytes, Rule]:
    """Read the draft as a rule that is created; errors point below ``/rule``."""
    content = msgspec.json.encode(body.rule)
    try:
        outer = decode_strictly(content, RuleBody)
        document = write_document(complete_document(read_document(content), outer))
        rule = parse_rule(document)
    except InputError as error:
        raise InputError(f"/rule{error.field}", error.problem, error.allowed) from None
    if rule.question is None:
        problem = f"is {rule.type}, which is not evaluated: it would never pass"
        raise InputError("/rule/type", problem, "client_certificate_v2 and client_certificate are evaluated")
    return document, rule


def _options(records: Records, account: int, body: PreviewBody) -> CheckOptions:
    replaced = None if body.replaces is None else find_stored(records, account, body.replaces)
    if body.options is not None:
        return body.options
    return NO_OPTIONS if replaced is None else parse_options(replaced.options)


def _add_trial(services: Services, records: Records, account: int, preview_id: str, draft: Draft) -> None:
    now, rule = services.now(), parse_rule(bytes(draft.rule))
    trial = StoredCheck(
        number=0,
        id=preview_id,
        account=account,
        type=rule.type,
        document=bytes(draft.rule),
        options=msgspec.json.encode(draft.options),
        version=1,
        created_at=now,
        updated_at=now,
        certificate_id=rule.question.certificate_id if rule.question else None,
        trial=True,
    )
    others = records.checks.all(account)
    if sum(item.trial for item in others) >= MAXIMUM_TRIALS:
        raise ConflictError(KIND, f"cannot collect: {MAXIMUM_TRIALS} drafts are collected already", "remove one first")
    system = system_asked(trial)
    if sum(system_asked(item) == system for item in others) >= MAXIMUM_CHECKS:
        problem = f"cannot collect: devices answer {MAXIMUM_CHECKS} checks already"
        raise ConflictError(KIND, problem, "remove or disable a rule first")
    records.checks.add(trial)


def _make_room(services: Services, records: Records, account: int) -> None:
    """Let the oldest previews give way that neither run nor are collected."""
    previews = records.resources.all(account, KIND)
    over = len(previews) - MAXIMUM_PREVIEWS + 1
    if over <= 0:
        return
    ready = [item for item in previews if _may_give_way(item, services.now())]
    if len(ready) < over:
        problem = f"cannot be kept: of {MAXIMUM_PREVIEWS} that are, each is running or collected"
        raise ConflictError(KIND, problem, "remove one first")
    for resource in ready[:over]:
        _record_removal(services, records, resource, msgspec.json.decode(resource.document, type=Draft))
        _remove(records, account, resource.id)


def _may_give_way(resource: Resource, now: int) -> bool:
    draft = msgspec.json.decode(resource.document, type=Draft)
    return draft.trial is None and not _runs(resource, draft, now)


def _runs(resource: Resource, draft: Draft, now: int) -> bool:
    """Tell whether a preview waits or runs. One that has told nothing for so long as none may take ended with its server."""
    return draft.state is PreviewState.RUNNING and now - resource.updated_at < LONGEST_RUN * 1_000


def _record_removal(services: Services, records: Records, resource: Resource, draft: Draft) -> None:
    change = Change(action="delete", kind=KIND, reference=resource.id, before=draft.rule)
    record_change(services, records, resource.account, change)


def _remove(records: Records, account: int, preview_id: str) -> None:
    records.resources.remove(account, KIND, preview_id)
    trial = records.checks.find(account, preview_id)
    if trial is not None and trial.trial:
        records.checks.remove(account, trial.number)
