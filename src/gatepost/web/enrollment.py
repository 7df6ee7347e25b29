"""The routes that say how devices enrol: the settings, and the list of serial numbers."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, put
from litestar.params import JSONBody, QueryParameter, RawBody

from gatepost.controlplane.administration import enrollment
from gatepost.controlplane.administration.history import DEFAULT_PAGE
from gatepost.web.parameters import PerPage, TheAccount, TheServices
from gatepost.wire.management.enrollment import EnrollmentSettings
from gatepost.wire.management.envelope import Envelope, Page, cursor_page
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.serial_numbers import SerialCount, SerialNumber, write_list

_SERIALS = "/gatepost/serial-numbers"
_Cursor = Annotated[
    str, QueryParameter(description="result_info.cursor of the page before.", max_length=256, pattern=r"^[^\x00]*$")
]


@get("/gatepost/enrollment", tags=["gatepost/enrollment"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def get_enrollment(services: TheServices, account: TheAccount) -> Envelope[EnrollmentSettings]:
    """Get how devices enrol."""
    return Envelope(result=enrollment.find_settings(services, account.number))


@put("/gatepost/enrollment", tags=["gatepost/enrollment"], sync_to_thread=True, scope=Scope.ENROLLMENT_WRITE)
def replace_enrollment(
    services: TheServices, account: TheAccount, data: JSONBody[EnrollmentSettings]
) -> Envelope[EnrollmentSettings]:
    """Replace how devices enrol, as a whole."""
    enrollment.replace_settings(services, account.number, data)
    return Envelope(result=data)


@get(
    _SERIALS,
    tags=["gatepost/enrollment"],
    sync_to_thread=True,
    scope=Scope.DEVICES_READ,
    media_type="text/csv",
)
def get_serial_numbers(services: TheServices, account: TheAccount) -> Response[str]:
    """Download the list of serial numbers, as CSV."""
    content = write_list(enrollment.list_serial_numbers(services, account.number))
    headers = {"content-disposition": 'attachment; filename="serial-numbers.csv"'}
    return Response(content, media_type="text/csv", headers=headers)


@put(_SERIALS, tags=["gatepost/enrollment"], sync_to_thread=True, scope=Scope.ENROLLMENT_WRITE)
def replace_serial_numbers(services: TheServices, account: TheAccount, body: RawBody) -> Envelope[SerialCount]:
    """Replace the list of serial numbers, by CSV: serial_number,note."""
    return Envelope(result=SerialCount(count=enrollment.replace_serial_numbers(services, account.number, body)))


@get(_SERIALS + "/missing", tags=["gatepost/enrollment"], sync_to_thread=True, scope=Scope.DEVICES_READ)
def list_missing(
    services: TheServices, account: TheAccount, cursor: _Cursor = "", per_page: PerPage = DEFAULT_PAGE
) -> Page[SerialNumber]:
    """List the serial numbers that no enrolled device has."""
    found, following = enrollment.list_missing(services, account.number, cursor, per_page)
    return cursor_page(found, per_page, following or "")


ENROLLMENT_ROUTES = (
    get_enrollment,
    replace_enrollment,
    get_serial_numbers,
    replace_serial_numbers,
    list_missing,
)
