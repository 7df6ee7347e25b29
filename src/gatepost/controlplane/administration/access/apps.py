"""Applications: creating, replacing, showing and removing them, with the policies that each has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.controlplane.administration.access.app_policies import attach, remove_own, show_attached
from gatepost.controlplane.administration.access.documents import (
    APP,
    EXEMPTION,
    Kept,
    draft,
    find,
    redraft,
    remove,
    replace,
    show,
    store,
)
from gatepost.controlplane.administration.remarks import unknown_fields
from gatepost.errors import ConflictError
from gatepost.wire.management.access_apps import (
    OURS,
    AppBody,
    AppType,
    first_domain,
    parse_hosts,
    parse_policies,
    parse_stored_app,
)
from gatepost.wire.management.codes import Code
from gatepost.wire.management.documents import Document, raw, read_document
from gatepost.wire.management.envelope import Remark, remark
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Records, Resource
    from gatepost.core.policy import Host


def create_app(services: Services, account: int, content: bytes) -> Kept:
    """Keep a new application, given as JSON, with its policies; raises `InputError` or `ConflictError`."""
    body, document = _read(content)
    document |= {"aud": raw(services.random(32).hex()), "policies": raw(())}
    new = draft(services, account, APP, body.name or "", document)
    with services.storage.writing() as records:
        _refuse_taken(records, new, parse_hosts(body))
        links, remarks = attach(services, records, new, parse_policies(content) or ())
        made = redraft(services, new, new.name, document | {"policies": raw(links)})
        store(services, records, made)
        shown = _show(records, made)
    return Kept(shown, (*_remarks(body, document), *remarks))


def replace_app(services: Services, account: int, app_id: str, content: bytes) -> Kept:
    """Put another application in the place of one.

    Its audience stays, and so do its policies where the new one says nothing of them. Raises `InputError`,
    `ConflictError` or `NotFoundError`.
    """
    body, document = _read(content)
    with services.storage.writing() as records:
        before = find(records, account, APP, app_id)
        kept = parse_stored_app(before.document)
        _refuse_taken(records, before, parse_hosts(body))
        wanted = parse_policies(content)
        links, remarks = (kept.policies, ()) if wanted is None else attach(services, records, before, wanted)
        document |= {"aud": raw(kept.aud), "policies": raw(links)}
        after = redraft(services, before, body.name or "", document)
        replace(services, records, before, after)
        shown = _show(records, after)
    return Kept(shown, (*_remarks(body, document), *remarks))


def list_apps(services: Services, account: int) -> tuple[Document, ...]:
    """Return the account's applications as they were written, oldest first."""
    with services.storage.reading() as records:
        return tuple(_show(records, item) for item in records.resources.all(account, APP.word))


def find_app(services: Services, account: int, app_id: str) -> Document:
    """Return one application as it was written; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return _show(records, find(records, account, APP, app_id))


def remove_app(services: Services, account: int, app_id: str) -> None:
    """Remove an application with what is its alone: policies of its own, and exemptions. Raises `NotFoundError`."""
    with services.storage.writing() as records:
        before = find(records, account, APP, app_id)
        remove_own(services, records, before, ())
        for exemption in records.resources.all(account, EXEMPTION.word, app_id):
            remove(services, records, exemption)
        remove(services, records, before)


def _read(content: bytes) -> tuple[AppBody, Document]:
    body = decode_strictly(content, AppBody)
    document = read_document(content, OURS)
    domain = first_domain(body)
    if body.type is AppType.SELF_HOSTED and body.domain is None and domain is not None:
        document["domain"] = raw(domain)
    return body, document


def _refuse_taken(records: Records, app: Resource, hosts: tuple[Host, ...]) -> None:
    """Refuse a host that another application has: who decides there would be a matter of chance."""
    for other in records.resources.all(app.account, APP.word):
        taken = set(hosts) & set(parse_hosts(parse_stored_app(other.document))) if other.id != app.id else set()
        if taken:
            problem = f"cannot be at {min(taken).text}, where application {other.id} is"
            raise ConflictError(APP.name, problem, "give it another host or path")


def _remarks(body: AppBody, document: Document) -> Iterator[Remark]:
    yield from unknown_fields((field for field in document if field != "aud"), AppBody)
    if body.type is not AppType.SELF_HOSTED:
        words = f"applications of type {body.type} are kept and protect nothing; those of type self_hosted do"
        yield remark(Code.APP_NOT_EVALUATED, words, "/type")
        return
    for index, item in enumerate(body.destinations or ()):
        if item.type != "public":
            words = f"destinations of type {item.type[:80]} are kept and protect nothing; those of type public do"
            yield remark(Code.APP_NOT_EVALUATED, words, f"/destinations/{index}/type")


def _show(records: Records, app: Resource) -> Document:
    return show(app) | {"policies": raw(show_attached(records, app))}
