"""The routes of devices and registrations, as clients of the reference speak them, and the older ones."""

from __future__ import annotations

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody

from gatepost.controlplane.administration import device_documents as documents
from gatepost.controlplane.administration import devices
from gatepost.controlplane.ports import Activity, RegistrationFilter
from gatepost.web.device_filters import (
    MAXIMUM_PAGE,
    NUMERIC,
    Cursor,
    Deny,
    DeviceId,
    ManyIds,
    PageSize,
    RegistrationId,
    TheDeviceList,
    TheRegistrationList,
    checked_ids,
    read_cursor,
    write_cursor,
)
from gatepost.web.parameters import LogCursor, TheAccount, TheServices
from gatepost.wire.management.codes import Code
from gatepost.wire.management.devices import (
    AcceptBody,
    Changed,
    Ids,
    OlderDevice,
    PhysicalDevice,
    RegistrationObject,
    WaitingRegistration,
)
from gatepost.wire.management.envelope import Envelope, Page, cursor_page, remark, whole_list
from gatepost.wire.management.scopes import Scope

_PHYSICAL = "/devices/physical-devices"
_REGISTRATIONS = "/devices/registrations"
_OLDER_LIST = 1_000
"""As many devices as the older list gives, which has no pages."""


@get(_PHYSICAL, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def list_devices(
    services: TheServices,
    account: TheAccount,
    device_list: TheDeviceList,
    cursor: Cursor = "",
    per_page: PageSize = MAXIMUM_PAGE,
) -> Page[PhysicalDevice]:
    """List devices, those with a registration that counts where nothing else is asked for."""
    wanted = device_list.wanted
    after = read_cursor(cursor, numeric=wanted.order in NUMERIC)
    found, mark = devices.list_devices(services, account.number, wanted, after, per_page)
    shown = tuple(documents.show_device(item, with_policy=device_list.with_policy) for item in found)
    return cursor_page(shown, per_page, write_cursor(mark))


@get(_PHYSICAL + "/{device_id:str}", tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def get_device(services: TheServices, account: TheAccount, device_id: DeviceId) -> Envelope[PhysicalDevice]:
    """Get one device, a deleted one too."""
    return Envelope(result=documents.show_device(devices.find_device(services, account.number, device_id)))


@delete(
    _PHYSICAL + "/{device_id:str}", status_code=200, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_WRITE
)
def delete_device(services: TheServices, account: TheAccount, device_id: DeviceId) -> Envelope[Changed]:
    """Delete a device with its registrations; it may enrol again."""
    devices.delete_device(services, account.number, device_id)
    return Envelope(result=Changed(ids=(device_id,)))


@post(
    _PHYSICAL + "/{device_id:str}/revoke",
    status_code=200,
    tags=["devices"],
    sync_to_thread=True,
    scope=Scope.DEVICES_WRITE,
)
def revoke_device(
    services: TheServices, account: TheAccount, device_id: DeviceId, *, deny: Deny = True
) -> Envelope[Changed]:
    """Revoke all registrations of a device, and deny what they came with."""
    remarks = devices.revoke_device(services, account.number, device_id, deny=deny)
    return Envelope(messages=remarks, result=Changed(ids=(device_id,)))


@get(_REGISTRATIONS, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def list_registrations(
    services: TheServices,
    account: TheAccount,
    registration_list: TheRegistrationList,
    cursor: Cursor = "",
    per_page: PageSize = MAXIMUM_PAGE,
) -> Page[RegistrationObject]:
    """List registrations, those that count where nothing else is asked for."""
    wanted = registration_list.wanted
    if registration_list.user_ids is not None:
        emails = devices.emails_of(services, account.number, registration_list.user_ids)
        wanted = msgspec.structs.replace(wanted, emails=emails)
    after = read_cursor(cursor, numeric=wanted.order in NUMERIC)
    found, mark = devices.list_registrations(services, account.number, wanted, after, per_page)
    return cursor_page(tuple(map(documents.show_registration, found)), per_page, write_cursor(mark))


@get(_REGISTRATIONS + "/{registration_id:str}", tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def get_registration(
    services: TheServices, account: TheAccount, registration_id: RegistrationId
) -> Envelope[RegistrationObject]:
    """Get one registration, a deleted one too."""
    found = devices.find_registration(services, account.number, registration_id)
    return Envelope(result=documents.show_registration(found))


@delete(
    _REGISTRATIONS + "/{registration_id:str}",
    status_code=200,
    tags=["devices"],
    sync_to_thread=True,
    scope=Scope.DEVICES_WRITE,
)
def delete_registration(
    services: TheServices, account: TheAccount, registration_id: RegistrationId
) -> Envelope[Changed]:
    """Delete one registration; its device may enrol again."""
    devices.delete(services, account.number, (registration_id,))
    return Envelope(result=Changed(ids=(registration_id,)))


@delete(_REGISTRATIONS, status_code=200, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_WRITE)
def delete_registrations(services: TheServices, account: TheAccount, ids: ManyIds) -> Envelope[Changed]:
    """Delete several registrations, all or none."""
    wanted = checked_ids(ids)
    devices.delete(services, account.number, wanted)
    return Envelope(result=Changed(ids=wanted))


@post(_REGISTRATIONS + "/revoke", status_code=200, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_WRITE)
def revoke_registrations(
    services: TheServices, account: TheAccount, ids: ManyIds, *, deny: Deny = True
) -> Envelope[Changed]:
    """Revoke registrations, all or none, and deny what they came with."""
    wanted = checked_ids(ids)
    remarks = devices.revoke(services, account.number, wanted, deny=deny)
    return Envelope(messages=remarks, result=Changed(ids=wanted))


@post(_REGISTRATIONS + "/unrevoke", status_code=200, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_WRITE)
def unrevoke_registrations(services: TheServices, account: TheAccount, ids: ManyIds) -> Envelope[Changed]:
    """Let registrations count again, all or none, and lift what their revocation denied."""
    wanted = checked_ids(ids)
    devices.unrevoke(services, account.number, wanted)
    return Envelope(result=Changed(ids=wanted))


@get("/devices", tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def list_older(services: TheServices, account: TheAccount) -> Page[OlderDevice]:
    """List the newest 1,000 registrations, revoked ones too; the newer routes list all, in pages."""
    newest = RegistrationFilter(activity=Activity.INCLUDE, descending=True)
    found, mark = devices.list_registrations(services, account.number, newest, None, _OLDER_LIST)
    words = f"these are the newest {_OLDER_LIST}; devices/registrations lists all of them"
    messages = () if mark is None else (remark(Code.LIST_CUT, words),)
    return whole_list(tuple(map(documents.show_older, found)), messages)


@get("/devices/{registration_id:str}", tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def get_older(services: TheServices, account: TheAccount, registration_id: RegistrationId) -> Envelope[OlderDevice]:
    """Get one registration as the older routes show it."""
    found = devices.find_registration(services, account.number, registration_id)
    return Envelope(result=documents.show_older(found))


@post("/devices/revoke", status_code=200, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_WRITE)
def revoke_older(
    services: TheServices, account: TheAccount, data: JSONBody[Ids], *, deny: Deny = True
) -> Envelope[Changed]:
    """Revoke registrations, all or none, by a list of their ids."""
    remarks = devices.revoke(services, account.number, data, deny=deny)
    return Envelope(messages=remarks, result=Changed(ids=data))


@post("/devices/unrevoke", status_code=200, tags=["devices"], sync_to_thread=True, scope=Scope.DEVICES_WRITE)
def unrevoke_older(services: TheServices, account: TheAccount, data: JSONBody[Ids]) -> Envelope[Changed]:
    """Let registrations count again, all or none, by a list of their ids."""
    devices.unrevoke(services, account.number, data)
    return Envelope(result=Changed(ids=data))


@get("/gatepost/registrations", tags=["gatepost/registrations"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def list_waiting(
    services: TheServices, account: TheAccount, cursor: LogCursor = "", per_page: PageSize = MAXIMUM_PAGE
) -> Page[WaitingRegistration]:
    """List the registrations that wait for an administrator, oldest first."""
    found, following = devices.list_waiting(services, account.number, int(cursor or "0"), per_page)
    shown = tuple(map(documents.show_waiting, found))
    return cursor_page(shown, per_page, "" if following is None else str(following))


@post(
    "/gatepost/registrations/report-now",
    status_code=200,
    tags=["gatepost/registrations"],
    sync_to_thread=True,
    scope=Scope.DEVICES_WRITE,
)
def ask_for_reports(services: TheServices, account: TheAccount, ids: ManyIds) -> Envelope[Changed]:
    """Ask devices to report now, all or none; those that wait hear of it within a second, the others when they ask."""
    wanted = checked_ids(ids)
    devices.ask_for_reports(services, account.number, wanted)
    return Envelope(result=Changed(ids=wanted))


@post(
    "/gatepost/registrations/accept",
    status_code=200,
    tags=["gatepost/registrations"],
    sync_to_thread=True,
    scope=Scope.DEVICES_WRITE,
)
def accept_registrations(
    services: TheServices, account: TheAccount, data: JSONBody[AcceptBody]
) -> Envelope[tuple[WaitingRegistration, ...]]:
    """Accept registrations that wait, all or none, and what they say of themselves."""
    accepted = devices.accept(services, account.number, data.ids, replace=data.replace)
    return Envelope(result=tuple(map(documents.show_waiting, accepted)))


@post(
    "/gatepost/registrations/{registration_id:str}/accept",
    status_code=200,
    tags=["gatepost/registrations"],
    sync_to_thread=True,
    scope=Scope.DEVICES_WRITE,
)
def accept_registration(
    services: TheServices, account: TheAccount, registration_id: RegistrationId
) -> Envelope[WaitingRegistration]:
    """Accept one registration that waits, in the place of those that have its serial number or hardware id."""
    (accepted,) = devices.accept(services, account.number, (registration_id,))
    return Envelope(result=documents.show_waiting(accepted))


DEVICE_ROUTES = (
    list_devices,
    get_device,
    delete_device,
    revoke_device,
    list_registrations,
    get_registration,
    delete_registration,
    delete_registrations,
    revoke_registrations,
    unrevoke_registrations,
    list_older,
    get_older,
    revoke_older,
    unrevoke_older,
    list_waiting,
    ask_for_reports,
    accept_registrations,
    accept_registration,
)
