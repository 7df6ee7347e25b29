"""Which devices and registrations a list is asked for: the query's parameters, from an allow-list, and the cursor.

Each filter is answered from an index of its own and in that index's order, so that a page costs the same in any fleet; two
of them at once, or one in another order, would have to walk through the whole fleet, and are refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter, QueryParameter, SkipValidation

from gatepost.controlplane.ports import (
    Activity,
    DeviceFilter,
    DeviceOrder,
    Mark,
    RegistrationFilter,
    RegistrationOrder,
)
from gatepost.errors import InputError
from gatepost.wire.management.devices import MAXIMUM_IDS
from gatepost.wire.management.envelope import parse_instant
from gatepost.wire.management.strict import nearest

MAXIMUM_PAGE: Final = 100
"""Devices in one page."""
_TEXT = r"^[^\x00]+$"
_Word = Annotated[str | None, QueryParameter(max_length=320, pattern=_TEXT)]
_Moment = Annotated[str | None, QueryParameter(description="RFC 3339.", max_length=40)]
PageSize = Annotated[int, QueryParameter(description="As many as are wanted at once.", ge=1, le=MAXIMUM_PAGE)]
DeviceId = Annotated[str, PathParameter(description="The device's id.", max_length=64, pattern=_TEXT)]
RegistrationId = Annotated[str, PathParameter(description="The registration's id.", max_length=64, pattern=_TEXT)]
Deny = Annotated[
    bool,
    QueryParameter(
        description="Whether the device key, the hardware and the keys that were proved are denied as well."
    ),
]
ManyIds = Annotated[
    list[str],
    QueryParameter(name="id", description="Registration ids, repeated.", min_items=1, max_items=MAXIMUM_IDS),
]
Cursor = Annotated[str, QueryParameter(description="result_info.cursor of the page before.", max_length=2_048)]

_DEVICE_INCLUDE: Final = "last_seen_registration.policy"
_STATUSES: Final = {"active": Activity.ONLY, "all": Activity.INCLUDE, "revoked": Activity.EXCLUDE}


class DeviceList(msgspec.Struct, frozen=True):
    """Which devices are wanted, and whether with their settings profile."""

    wanted: DeviceFilter
    with_policy: bool


class RegistrationList(msgspec.Struct, frozen=True):
    """Which registrations are wanted, and of which people, by their ids (None: of all)."""

    wanted: RegistrationFilter
    user_ids: tuple[str, ...] | None


def provide_device_list(  # noqa: PLR0913 - each is one parameter of the query.
    *,
    ids: Annotated[list[str] | None, QueryParameter(name="id", max_items=MAXIMUM_IDS)] = None,
    search: _Word = None,
    active_registrations: FromQuery[Activity] = Activity.ONLY,
    email: Annotated[str | None, QueryParameter(name="last_seen_user.email", max_length=320, pattern=_TEXT)] = None,
    seen_after: _Moment = None,
    seen_before: _Moment = None,
    sort_by: FromQuery[DeviceOrder | None] = None,
    sort_order: FromQuery[Literal["asc", "desc"]] = "asc",
    include: Annotated[str, QueryParameter(max_length=256)] = "",
) -> DeviceList:
    """Read which devices are wanted; raises `InputError` for what no index answers."""
    filters: dict[str, tuple[Any, DeviceOrder | None]] = {
        "id": (ids, None),
        "search": (search, DeviceOrder.NAME),
        "last_seen_user.email": (email, DeviceOrder.USER),
        "seen_after and seen_before": (seen_after or seen_before, DeviceOrder.LAST_SEEN),
    }
    order = _order(filters, sort_by, DeviceOrder.CREATED)
    if email is not None:  # one address: among its devices the order of enrolment is left
        order = DeviceOrder.CREATED
    wanted = DeviceFilter(
        activity=active_registrations,
        ids=_checked(ids, "?id"),
        search=search,
        email=email,
        seen_after=None if seen_after is None else parse_instant(seen_after, "?seen_after"),
        seen_before=None if seen_before is None else parse_instant(seen_before, "?seen_before"),
        order=order,
        descending=sort_order == "desc",
    )
    return DeviceList(wanted, _includes(include, _DEVICE_INCLUDE))


def provide_registration_list(  # noqa: PLR0913 - each is one parameter of the query.
    *,
    ids: Annotated[list[str] | None, QueryParameter(name="id", max_items=MAXIMUM_IDS)] = None,
    status: FromQuery[Literal["active", "all", "revoked"]] = "active",
    device_id: Annotated[str | None, QueryParameter(name="device.id", max_length=64, pattern=_TEXT)] = None,
    user_ids: Annotated[list[str] | None, QueryParameter(name="user.id", max_items=MAXIMUM_IDS)] = None,
    search: _Word = None,
    sort_by: FromQuery[RegistrationOrder | None] = None,
    sort_order: FromQuery[Literal["asc", "desc"]] = "asc",
    include: Annotated[str, QueryParameter(max_length=256)] = "",
) -> RegistrationList:
    """Read which registrations are wanted; raises `InputError` for what no index answers."""
    filters: dict[str, tuple[Any, RegistrationOrder | None]] = {
        "id": (ids, None),
        "device.id": (device_id, None),
        "user.id": (user_ids, RegistrationOrder.CREATED),
        "search": (search, RegistrationOrder.CREATED),
    }
    order = _order(filters, sort_by, RegistrationOrder.CREATED)
    _includes(include, "policy")
    address = search if search is not None and "@" in search else None
    wanted = RegistrationFilter(
        activity=_STATUSES[status],
        ids=_checked(ids, "?id"),
        device_id=device_id,
        emails=None if address is None else (address.lower(),),
        search=None if address is not None else search,
        order=order,
        descending=sort_order == "desc",
    )
    return RegistrationList(wanted, None if user_ids is None else _checked(user_ids, "?user.id"))


TheDeviceList = NamedDependency[SkipValidation[DeviceList]]
TheRegistrationList = NamedDependency[SkipValidation[RegistrationList]]


def _order(filters: dict[str, tuple[Any, Any]], asked: Any, usual: Any) -> Any:  # noqa: ANN401 - of one kind of order each.
    """Return the order of a list; raises `InputError` for two filters, and for one in another order than its own."""
    given = {name: order for name, (value, order) in filters.items() if value is not None}
    if len(given) > 1:
        first, second = list(given)[:2]
        raise InputError(f"?{second}", f"does not go with {first}", f"one of {', '.join(filters)} at a time")
    name, own = next(iter(given.items()), ("", None))
    if own is None:
        return asked or usual
    if asked not in {None, own}:
        raise InputError("?sort_by", f"is {asked}, which does not go with {name}", f"with that, {own} or nothing")
    return own


def _includes(text: str, known: str) -> bool:
    words = [word for word in text.split(",") if word]
    for word in words:
        if word != known:
            raise InputError("?include", f"names {word[:80]!r}", nearest(word, [known]))
    return bool(words)


def checked_ids(ids: list[str]) -> tuple[str, ...]:
    """Return the ids of a query; raises `InputError` for one that no database could hold."""
    return _checked(ids, "?id")


def _checked(ids: list[str] | None, field: str) -> tuple[str, ...]:
    """Return ids, each once."""
    for item in ids or ():
        if not 0 < len(item) <= 64 or "\0" in item:  # noqa: PLR2004 - as ids in a path.
            raise InputError(field, "is no id", "1 to 64 characters")
    return tuple(dict.fromkeys(ids or ()))


def read_cursor(text: str, *, numeric: bool) -> Mark | None:
    """Read a cursor; ``numeric``: lists in this order are sorted by numbers. Raises `InputError`."""
    if not text:
        return None
    try:
        content = base64.urlsafe_b64decode(text.encode("ascii"))
        mark = msgspec.json.decode(content, type=Mark)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        mark = None
    fits = mark is not None and isinstance(mark.key, int) == numeric and 0 <= mark.number < 2**63
    if not fits or (mark and isinstance(mark.key, int) and abs(mark.key) >= 2**63):
        raise InputError("?cursor", "is none of this list in this order", "result_info.cursor of the page before")
    return mark


def write_cursor(mark: Mark | None) -> str:
    """Write a cursor; empty where no page follows."""
    return "" if mark is None else base64.urlsafe_b64encode(msgspec.json.encode(mark)).decode("ascii")


NUMERIC: Final = frozenset({DeviceOrder.CREATED, DeviceOrder.LAST_SEEN, DeviceOrder.ACTIVE, RegistrationOrder.CREATED})
"""The orders whose keys are numbers."""
