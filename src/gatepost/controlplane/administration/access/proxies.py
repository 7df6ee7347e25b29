"""Proxies: for which applications a proxy's token is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.controlplane.administration.access.documents import APP
from gatepost.errors import InputError
from gatepost.wire.management.access_apps import app_to_core
from gatepost.wire.management.hosts import parse_host
from gatepost.wire.management.strict import shown

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records
    from gatepost.core.policy import Application, Host


def find_apps(records: Records, account: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of applications that are named by their ids or by one of their hosts; raises `InputError`."""
    stored = records.resources.all(account, APP.word)
    applications = [app for item in stored if (app := app_to_core(item.id, item.document)) is not None]
    found = (_find(applications, name, f"/apps/{index}") for index, name in enumerate(names))
    return tuple(dict.fromkeys(found))


def _find(applications: list[Application], name: str, field: str) -> str:
    place = _place(name)
    for app in applications:
        if app.id == name or place in app.hosts:
            return app.id
    hosts = ", ".join(host.text for app in applications for host in app.hosts)
    raise InputError(field, f"is {shown(name)}, no application of this account", f"there are {hosts[:500] or 'none'}")


def _place(name: str) -> Host | None:
    try:
        return parse_host(name, "")
    except InputError:
        return None
