"""Groups: creating, replacing, showing and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.controlplane.administration.access.documents import (
    GROUP,
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
    check_references,
    refuse_circle,
    refuse_use,
    rules_with,
)
from gatepost.controlplane.administration.remarks import unknown_fields
from gatepost.core.policy import InGroup
from gatepost.wire.management.access_groups import OURS, GroupBody, group_to_core
from gatepost.wire.management.documents import Document, read_document

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services


def create_group(services: Services, account: int, content: bytes) -> Kept:
    """Keep a new group, given as JSON; raises `InputError`."""
    document = read_document(content, OURS)
    group = group_to_core("", content)
    new = draft(services, account, GROUP, group.name, document)
    with services.storage.writing() as records:
        remarks = check_references(records, account, group.rules)
        store(services, records, new)
    return Kept(show(new), (*unknown_fields(document, GroupBody), *remarks))


def replace_group(services: Services, account: int, group_id: str, content: bytes) -> Kept:
    """Put another group in the place of one; raises `InputError` or `NotFoundError`."""
    document = read_document(content, OURS)
    group = group_to_core(group_id, content)
    with services.storage.writing() as records:
        before = find(records, account, GROUP, group_id)
        remarks = check_references(records, account, group.rules)
        refuse_circle(records, account, group_id, group.rules)
        after = redraft(services, before, group.name, document)
        replace(services, records, before, after)
    return Kept(show(after), (*unknown_fields(document, GroupBody), *remarks))


def list_groups(services: Services, account: int) -> tuple[Document, ...]:
    """Return the account's groups as they were written, oldest first."""
    with services.storage.reading() as records:
        return tuple(map(show, records.resources.all(account, GROUP.word)))


def find_group(services: Services, account: int, group_id: str) -> Document:
    """Return one group as it was written; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return show(find(records, account, GROUP, group_id))


def remove_group(services: Services, account: int, group_id: str) -> None:
    """Remove a group that no policy and no other group names; raises `ConflictError` or `NotFoundError`."""
    with services.storage.writing() as records:
        before = find(records, account, GROUP, group_id)
        refuse_use(GROUP.name, rules_with(records, account, InGroup(group_id)))
        remove(services, records, before)
