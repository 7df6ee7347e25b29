"""Reading the access log: what was decided for proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.administration.access.documents import APP_POLICY, POLICY
from gatepost.controlplane.checks import name_of
from gatepost.controlplane.ports import AccessFilter
from gatepost.errors import NotFoundError
from gatepost.wire.management.access_log import AccessRequest, DecisionLine
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.tokens import TokenKind

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import AccessLine, AccessPlace


def list_decisions(
    services: Services, account: int, wanted: AccessFilter, below: AccessPlace | None, limit: int
) -> tuple[tuple[DecisionLine, ...], AccessPlace | None]:
    """Return decisions, newest first, and where the next page begins (None: there is none)."""
    with services.storage.reading() as records:
        found = records.access_log.read(account, wanted, below, limit)
    return tuple(map(show_decision, found)), found[-1].place if len(found) == limit else None


def list_access_requests(
    services: Services, account: int, wanted: AccessFilter, page: tuple[int, int], *, upwards: bool
) -> tuple[AccessRequest, ...]:
    """Return decisions as the reference shows them; ``page``: how many are skipped, and how many are wanted at most."""
    skip, limit = page
    with services.storage.reading() as records:
        log = records.access_log
        if upwards:
            found = log.read_upwards(account, wanted, limit, skip=skip)
        else:
            found = log.read(account, wanted, None, limit, skip=skip)
    return tuple(map(_show_request, found))


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What the ids in a decision are called now; what is no more is not among it."""

    proxy: str | None
    policies: dict[str, str]
    checks: dict[str, str]


def find_decision(services: Services, account: int, reference: str) -> tuple[DecisionLine, Names]:
    """Return the newest decision of a reference; raises `NotFoundError`."""
    with services.storage.reading() as records:
        found = records.access_log.read(account, AccessFilter(reference=reference), None, 1)
        if not found:
            raise NotFoundError("decision in the access log", reference)
        policies = [item for kind in (POLICY, APP_POLICY) for item in records.resources.all(account, kind.word)]
        names = Names(
            proxy=next(
                (
                    item.name
                    for item in records.tokens.all(account, TokenKind.PROXY)
                    if item.id == found[0].document.proxy_id
                ),
                None,
            ),
            policies={item.id: item.name for item in policies},
            checks={item.id: name_of(item) for item in records.checks.all(account)},
        )
    return show_decision(found[0]), names


def show_decision(line: AccessLine) -> DecisionLine:
    """Write a line as the API shows it."""
    document = msgspec.to_builtins(line.document)
    document["timestamp"] = instant(document.pop("at"))
    document["ip_address"] = document.pop("address")
    return msgspec.convert(document, DecisionLine)


def _show_request(line: AccessLine) -> AccessRequest:
    document = line.document
    return AccessRequest(
        allowed=document.allowed,
        app_domain=document.host,
        app_uid=document.app_id or "",
        connection=document.binding or "",
        created_at=instant(document.at),
        ip_address=document.address,
        ray_id=document.reference,
        user_email=document.user_email or "",
    )
