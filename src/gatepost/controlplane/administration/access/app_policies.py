"""The policies that an application has: its own, and those for any application that it names, in one order."""

from __future__ import annotations

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
from gatepost.controlplane.administration.access.policies import remarks_on_policy
from gatepost.controlplane.administration.access.references import linked
from gatepost.errors import ConflictError, InputError, NotFoundError
from gatepost.wire.management.access_apps import MAXIMUM_POLICIES, StoredLink, Wanted
from gatepost.wire.management.access_policies import OURS, AppPolicyBody, policy_to_core
from gatepost.wire.management.documents import Document, raw, read_document
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from collections.abc import Collection

    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records, Resource
    from gatepost.wire.management.envelope import Remark


def create_app_policy(services: Services, account: int, app_id: str, content: bytes) -> Kept:
    """Keep a new policy of one application's own, given as JSON; raises `InputError`, `ConflictError` or `NotFoundError`."""
    precedence = decode_strictly(content, AppPolicyBody).precedence
    with services.storage.writing() as records:
        app = find(records, account, APP, app_id)
        links = linked(app)
        if len(links) >= MAXIMUM_POLICIES:
            raise ConflictError(APP.name, f"has {MAXIMUM_POLICIES} policies already", "remove one first")
        new, remarks = _write_own(services, records, app, content)
        place = _free_place(links, precedence)
        _relink(records, app, {**links, new.id: place})
    return Kept(_show(new, place), remarks)


def replace_app_policy(services: Services, account: int, app_id: str, policy_id: str, content: bytes) -> Kept:
    """Put another policy in the place of one of an application's own.

    Its options stay, and so does its place where the new one names none. Raises `InputError` or `NotFoundError`.
    """
    precedence = decode_strictly(content, AppPolicyBody).precedence
    with services.storage.writing() as records:
        app = find(records, account, APP, app_id)
        before = _find_own(records, app, policy_id)
        links = linked(app)
        place = links.pop(policy_id)
        place = place if precedence is None else _free_place(links, precedence)
        after, remarks = _write_own(services, records, app, content, before)
        _relink(records, app, {**links, policy_id: place})
    return Kept(_show(after, place), remarks)


def list_app_policies(services: Services, account: int, app_id: str) -> tuple[Document, ...]:
    """Return the policies that an application has, in the order in which they are tried; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return show_attached(records, find(records, account, APP, app_id))


def find_app_policy(services: Services, account: int, app_id: str, policy_id: str) -> Document:
    """Return one policy that an application has; raises `NotFoundError`."""
    with services.storage.reading() as records:
        app = find(records, account, APP, app_id)
        links = linked(app)
        if policy_id not in links:
            raise NotFoundError(APP_POLICY.name, policy_id)
        return _show(_find_attached(records, app, policy_id), links[policy_id])


def remove_app_policy(services: Services, account: int, app_id: str, policy_id: str) -> None:
    """Take a policy from an application: one of its own is removed, one for any application is only no longer its.

    Raises `NotFoundError`.
    """
    with services.storage.writing() as records:
        app = find(records, account, APP, app_id)
        links = linked(app)
        if links.pop(policy_id, None) is None:
            raise NotFoundError(APP_POLICY.name, policy_id)
        attached = _find_attached(records, app, policy_id)
        if attached.kind == APP_POLICY.word:
            remove(services, records, attached)
            _relink(records, app, links)
        else:
            replace(services, records, app, _relink(records, app, links))


def attach(
    services: Services, records: Records, app: Resource, wanted: tuple[Wanted, ...]
) -> tuple[tuple[StoredLink, ...], tuple[Remark, ...]]:
    """Give an application these policies and no others; raises `InputError` that points into ``policies``."""
    links: dict[str, int] = {}
    remarks: list[Remark] = []
    for index, item in enumerate(wanted):
        pointer = f"/policies/{index}"
        policy_id, found = _attach(services, records, app, item, pointer)
        if policy_id in links:
            raise InputError(pointer, f"names the policy {policy_id} once more", "each policy once")
        links[policy_id] = _free_place(links, item.precedence, pointer)
        remarks.extend(found)
    remove_own(services, records, app, links)
    return _stored(links), tuple(remarks)


def _attach(
    services: Services, records: Records, app: Resource, item: Wanted, pointer: str
) -> tuple[str, tuple[Remark, ...]]:
    if item.id is None:
        new, remarks = _write_own(services, records, app, item.own or b"", within=pointer)
        return new.id, remarks
    if records.resources.find(app.account, POLICY.word, item.id) is not None:
        return item.id, ()
    try:
        own = _find_own(records, app, item.id)
    except NotFoundError:
        allowed = "the id of one under /access/policies, or a whole policy without an id"
        raise InputError(pointer, f"names no policy of this account: {item.id}", allowed) from None
    if item.own is None:
        return own.id, ()
    return own.id, _write_own(services, records, app, item.own, own, within=pointer)[1]


def remove_own(services: Services, records: Records, app: Resource, kept: Collection[str]) -> None:
    """Remove those of an application's own policies that are not kept."""
    for own in records.resources.all(app.account, APP_POLICY.word, app.id):
        if own.id not in kept:
            remove(services, records, own)


def show_attached(records: Records, app: Resource) -> tuple[Document, ...]:
    """Show the policies that an application has, in the order in which they are tried."""
    return tuple(_show(_find_attached(records, app, policy_id), place) for policy_id, place in linked(app).items())


def _write_own(
    services: Services,
    records: Records,
    app: Resource,
    content: bytes,
    before: Resource | None = None,
    *,
    within: str = "",
) -> tuple[Resource, tuple[Remark, ...]]:
    """Keep a policy of an application's own, in the place of one or as a new one."""
    document = read_document(content, OURS)
    policy = policy_to_core("", content, within=within)
    remarks = remarks_on_policy(records, app.account, policy, document, within)
    if before is not None:
        after = redraft(services, before, policy.name, document)
        replace(services, records, before, after)
        return after, remarks
    new = draft(services, app.account, APP_POLICY, policy.name, document)
    return store(services, records, msgspec.structs.replace(new, parent_id=app.id)), remarks


def _find_own(records: Records, app: Resource, policy_id: str) -> Resource:
    own = records.resources.find(app.account, APP_POLICY.word, policy_id)
    if own is None or own.parent_id != app.id:
        raise NotFoundError(APP_POLICY.name, policy_id)
    return own


def _find_attached(records: Records, app: Resource, policy_id: str) -> Resource:
    own = records.resources.find(app.account, APP_POLICY.word, policy_id)
    return own or find(records, app.account, POLICY, policy_id)


def _free_place(links: dict[str, int], wanted: int | None, pointer: str = "") -> int:
    """Return the place that is wanted, or else the one behind all others; raises `InputError` where it is taken."""
    if wanted is None:
        return max(links.values(), default=0) + 1
    for policy_id, place in links.items():
        if place == wanted:
            problem = f"is {wanted}, which policy {policy_id} has"
            raise InputError(f"{pointer}/precedence", problem, "another for each policy of an application")
    return wanted


def _relink(records: Records, app: Resource, links: dict[str, int]) -> Resource:
    document = msgspec.json.decode(app.document, type=Document) | {"policies": raw(_stored(links))}
    after = msgspec.structs.replace(app, document=msgspec.json.encode(document))
    records.resources.replace(after)
    return after


def _stored(links: dict[str, int]) -> tuple[StoredLink, ...]:
    return tuple(StoredLink(policy_id, place) for policy_id, place in sorted(links.items(), key=lambda link: link[1]))


def _show(policy: Resource, precedence: int) -> Document:
    return show(policy, precedence=precedence, reusable=policy.kind == POLICY.word)
