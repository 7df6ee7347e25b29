"""What decisions need of an account: its applications with their policies compiled, and what they refer to.

It is read as a whole, and holds for one version of the account's resources and one of its checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.access.places import Directory
from gatepost.controlplane.access.sealing import derive_secret
from gatepost.controlplane.administration.access.documents import (
    APP,
    APP_POLICY,
    EMERGENCY,
    EXEMPTION,
    GROUP,
    POLICY,
    SERVICE_TOKEN,
)
from gatepost.controlplane.checks import name_of, parse_authorities, parse_options, system_asked
from gatepost.controlplane.keys import load_nonce_secret
from gatepost.core.check import Check, OperatingSystem, Purpose
from gatepost.core.decision import CompiledApplication, compile_application
from gatepost.core.reason import Reason
from gatepost.wire.management.access_apps import app_to_core
from gatepost.wire.management.access_groups import group_to_core
from gatepost.wire.management.access_policies import policy_to_core
from gatepost.wire.management.emergencies import StoredEmergency
from gatepost.wire.management.exemptions import StoredExemption
from gatepost.wire.management.posture_rules import EVALUATED
from gatepost.wire.management.service_tokens import StoredServiceToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.ports import Records, StoredCheck
    from gatepost.core.certificate import Certificate


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A check as decisions see it: whose devices it asks, and from which of its versions on results count."""

    id: str
    name: str
    message: str
    """What the device's user reads when it fails."""
    system: OperatingSystem | None
    minimum_version: int
    absence: Reason
    """Why nothing of it counts where ``system`` is None."""


class ServiceToken(msgspec.Struct, frozen=True):
    """A service token: its id in rules, and what is kept of it."""

    id: str
    stored: StoredServiceToken


class Exemption(msgspec.Struct, frozen=True):
    """An exemption, and the application that it is for."""

    app_id: str
    stored: StoredExemption


class AccessView(msgspec.Struct, frozen=True, kw_only=True):
    """An account's part in decisions."""

    account: int
    public_id: str
    versions: tuple[int, int]
    """Of the account's resources, and of its checks."""
    applications: dict[str, CompiledApplication]
    """By their ids."""
    places: Directory
    """All of them by their places."""
    own_places: dict[str, Directory]
    """The places of each by itself."""
    checks: dict[int, Asked]
    """By their numbers, drafts left out."""
    service_tokens: dict[str, ServiceToken]
    """By their client ids."""
    exemptions: tuple[Exemption, ...]
    emergency_until: int
    """When (ms) the emergency ends; 0: there is none."""
    oldest: int | None
    """The age (ms) that some policy allows evidence at most; None: none says."""
    client: Check | None
    """What a client certificate must be for the rules ``certificate`` and ``common_name``; None: the account has no CA."""
    seal_secret: bytes
    """Under which its browsers' sessions are sealed."""


def read_versions(records: Records, account: int) -> tuple[int, int]:
    """Return the versions for which a view holds."""
    return records.resources.version(account), records.checks.version(account)


def read_view(records: Records, account: int) -> AccessView:
    """Read an account's view. Raises `InputError` or KeyError where something stored cannot be read: nothing is let through."""
    applications = {item.application.id: item for item in _applications(records, account)}
    ages = [
        item.policy.maximum_age
        for application in applications.values()
        for item in application.policies
        if item.policy.maximum_age is not None
    ]
    return AccessView(
        account=account,
        public_id=next(item.public_id for item in records.accounts.all() if item.number == account),
        versions=read_versions(records, account),
        applications=applications,
        places=Directory(item.application for item in applications.values()),
        own_places={key: Directory([item.application]) for key, item in applications.items()},
        oldest=min(ages) * 1000 if ages else None,
        checks={item.number: _asked(item) for item in records.checks.all(account) if not item.trial},
        service_tokens=_service_tokens(records, account),
        exemptions=tuple(
            Exemption(item.parent_id or "", msgspec.json.decode(item.document, type=StoredExemption))
            for item in records.resources.all(account, EXEMPTION.word)
        ),
        emergency_until=max(
            (
                msgspec.json.decode(item.document, type=StoredEmergency).ends_at
                for item in records.resources.all(account, EMERGENCY.word)
            ),
            default=0,
        ),
        client=_client_check(records, account),
        seal_secret=derive_secret(load_nonce_secret(records, account)),
    )


def _applications(records: Records, account: int) -> Iterator[CompiledApplication]:
    groups = {item.id: group_to_core(item.id, item.document) for item in records.resources.all(account, GROUP.word)}
    policies = {
        item.id: policy_to_core(item.id, item.document, item.options)
        for kind in (POLICY, APP_POLICY)
        for item in records.resources.all(account, kind.word)
    }
    for item in records.resources.all(account, APP.word):
        application = app_to_core(item.id, item.document)
        if application is not None:
            yield compile_application(application, policies, groups)


def _asked(stored: StoredCheck) -> Asked:
    return Asked(
        id=stored.id,
        name=name_of(stored),
        message=parse_options(stored.options).message,
        system=system_asked(stored),
        minimum_version=stored.minimum_version,
        absence=Reason.CHECK_DISABLED if stored.type in EVALUATED else Reason.CHECK_TYPE_NOT_EVALUATED,
    )


def _service_tokens(records: Records, account: int) -> dict[str, ServiceToken]:
    found = (
        ServiceToken(item.id, msgspec.json.decode(item.document, type=StoredServiceToken))
        for item in records.resources.all(account, SERVICE_TOKEN.word)
    )
    return {item.stored.client_id: item for item in found}


def _client_check(records: Records, account: int) -> Check | None:
    """Return what a client certificate has to be: of one of the account's CAs, for client authentication."""
    authorities: list[Certificate] = []
    for upload in records.certificates.all(account):
        if upload.ca:
            authorities += parse_authorities(upload.certificates)
    if not authorities:
        return None
    return Check(id="client", authorities=tuple(authorities), purposes=(Purpose.CLIENT_AUTH,))
