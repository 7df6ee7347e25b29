"""Policies for any application, and the options of every policy."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.access.documents import (
    APP,
    APP_POLICY,
    POLICY,
    Kept,
    draft,
    find,
    redraft,
    remove,
    replace,
    show,
    store,
)
from gatepost.controlplane.administration.access.references import (
    apps_with,
    check_references,
    linked,
    refuse_use,
)
from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.administration.remarks import unknown_fields
from gatepost.core.policy import Decision, Policy
from gatepost.errors import NotFoundError
from gatepost.wire.management.access_policies import (
    OURS,
    AppPolicyBody,
    parse_policy_options,
    policy_to_core,
)
from gatepost.wire.management.codes import Code
from gatepost.wire.management.documents import Document, read_document
from gatepost.wire.management.envelope import Remark, remark

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records, Resource
    from gatepost.wire.management.policy_options import PolicyOptions


def create_policy(services: Services, account: int, content: bytes) -> Kept:
    """Keep a new policy for any application, given as JSON; raises `InputError`."""
    document = read_document(content, OURS)
    policy = policy_to_core("", content)
    new = draft(services, account, POLICY, policy.name, document)
    with services.storage.writing() as records:
        remarks = remarks_on_policy(records, account, policy, document)
        store(services, records, new)
    return Kept(_show(new, 0), remarks)


def replace_policy(services: Services, account: int, policy_id: str, content: bytes) -> Kept:
    """Put another policy in the place of one; its options stay. Raises `InputError` or `NotFoundError`."""
    document = read_document(content, OURS)
    policy = policy_to_core(policy_id, content)
    with services.storage.writing() as records:
        before = find(records, account, POLICY, policy_id)
        remarks = remarks_on_policy(records, account, policy, document)
        after = redraft(services, before, policy.name, document)
        replace(services, records, before, after)
        count = len(apps_with(records, account, policy_id))
    return Kept(_show(after, count), remarks)


def remarks_on_policy(
    records: Records, account: int, policy: Policy, document: Document, within: str = ""
) -> tuple[Remark, ...]:
    """Refuse a policy that names what is not there, and say what there is to say of it; raises `InputError`."""
    found = [
        *unknown_fields(document, AppPolicyBody, within),
        *check_references(records, account, policy.rules, within),
    ]
    never = {item.source.pointer for item in found if item.source and item.code == Code.RULE_NOT_EVALUATED}
    included = {f"{within}/include/{index}" for index in range(len(policy.rules.include))}
    bars = any(pointer.startswith((f"{within}/require/", f"{within}/exclude/")) for pointer in never)
    if policy.decision is not Decision.DENY and (included <= never or bars):
        words = f"the policy {policy.name!r} matches nobody, because of rules that are not evaluated"
        found.append(remark(Code.POLICY_MATCHES_NOBODY, words, f"{within}/include"))
    return tuple(found)


def list_policies(services: Services, account: int) -> tuple[Document, ...]:
    """Return the policies for any application as they were written, oldest first."""
    with services.storage.reading() as records:
        found = records.resources.all(account, POLICY.word)
        counts = Counter(link for app in records.resources.all(account, APP.word) for link in linked(app))
    return tuple(_show(item, counts[item.id]) for item in found)


def find_policy(services: Services, account: int, policy_id: str) -> Document:
    """Return one policy for any application as it was written; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return _show(find(records, account, POLICY, policy_id), len(apps_with(records, account, policy_id)))


def remove_policy(services: Services, account: int, policy_id: str) -> None:
    """Remove a policy that no application has; raises `ConflictError` or `NotFoundError`."""
    with services.storage.writing() as records:
        before = find(records, account, POLICY, policy_id)
        refuse_use(POLICY.name, apps_with(records, account, policy_id))
        remove(services, records, before)


def find_policy_options(services: Services, account: int, policy_id: str) -> PolicyOptions:
    """Return the options of any policy; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return parse_policy_options(_find_any(records, account, policy_id).options)


def replace_policy_options(services: Services, account: int, policy_id: str, options: PolicyOptions) -> None:
    """Put other options in the place of a policy's; raises `NotFoundError`."""
    with services.storage.writing() as records:
        before = _find_any(records, account, policy_id)
        after = msgspec.structs.replace(before, options=msgspec.json.encode(options), updated_at=services.now())
        records.resources.replace(after)
        change = Change(
            action="update",
            kind="policy-options",
            reference=policy_id,
            before=parse_policy_options(before.options),
            after=options,
        )
        record_change(services, records, account, change)


def _find_any(records: Records, account: int, policy_id: str) -> Resource:
    for kind in (POLICY, APP_POLICY):
        found = records.resources.find(account, kind.word, policy_id)
        if found is not None:
            return found
    raise NotFoundError(POLICY.name, policy_id)


def _show(resource: Resource, count: int) -> Document:
    return show(resource, reusable=True, app_count=count)
