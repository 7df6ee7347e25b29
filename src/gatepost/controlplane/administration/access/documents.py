"""How the things of Access are kept: as the documents that were sent, each change in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.audit import Change, record_change
from gatepost.controlplane.ports import Resource
from gatepost.errors import NotFoundError
from gatepost.wire.management.documents import Document, show_document, write_document
from gatepost.wire.management.envelope import Remark, instant
from gatepost.wire.management.webhooks import KIND as WEBHOOK_KIND

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records


class Kind(msgspec.Struct, frozen=True):
    """A kind of thing: its word in the database and in the audit log, and its name in sentences."""

    word: str
    name: str


APP = Kind("access-app", "application")
POLICY = Kind("access-policy", "policy")
APP_POLICY = Kind("access-app-policy", "policy of the application")
GROUP = Kind("access-group", "group")
SERVICE_TOKEN = Kind("service-token", "service token")
EXEMPTION = Kind("exemption", "exemption")
EMERGENCY = Kind("emergency", "emergency")
WEBHOOK = Kind(WEBHOOK_KIND, "webhook")


class Kept(msgspec.Struct, frozen=True):
    """A thing as it is read back, and what there is to say of it."""

    document: Document
    remarks: tuple[Remark, ...] = ()


def draft(services: Services, account: int, kind: Kind, name: str, document: Document) -> Resource:
    """Make a new thing that is not stored yet."""
    now = services.now()
    return Resource(
        number=0,
        id=services.new_id(),
        account=account,
        kind=kind.word,
        name=name,
        document=write_document(document),
        created_at=now,
        updated_at=now,
    )


def redraft(services: Services, before: Resource, name: str, document: Document) -> Resource:
    """Put another document in the place of a thing's; its id and options stay."""
    return msgspec.structs.replace(before, name=name, document=write_document(document), updated_at=services.now())


def find(records: Records, account: int, kind: Kind, resource_id: str) -> Resource:
    """Return one; raises `NotFoundError`."""
    found = records.resources.find(account, kind.word, resource_id)
    if found is None:
        raise NotFoundError(kind.name, resource_id)
    return found


def show(resource: Resource, **added: object) -> Document:
    """Give a thing back as it was written, with its id and its times."""
    times = {"created_at": instant(resource.created_at), "updated_at": instant(resource.updated_at)}
    return show_document(resource.id, resource.document, **added, **times)


def record(services: Services, records: Records, action: str, before: Resource | None, after: Resource | None) -> None:
    """Write a change of one thing into the audit log."""
    for one in [item for item in (after, before) if item is not None][:1]:
        shown = [None if item is None else show(item) for item in (before, after)]
        change = Change(action=action, kind=one.kind, reference=one.id, before=shown[0], after=shown[1])
        record_change(services, records, one.account, change)


def store(services: Services, records: Records, new: Resource) -> Resource:
    """Keep a new thing, and write it down."""
    added = records.resources.add(new)
    record(services, records, "create", None, new)
    return added


def replace(services: Services, records: Records, before: Resource, after: Resource) -> None:
    """Put one thing in the place of another, and write it down."""
    records.resources.replace(after)
    record(services, records, "update", before, after)


def remove(services: Services, records: Records, before: Resource) -> None:
    """Forget a thing, and write it down."""
    records.resources.remove(before.account, before.kind, before.id)
    record(services, records, "delete", before, None)
