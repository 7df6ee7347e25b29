"""Lists of devices and registrations over HTTP: filters, orders, pages, and what is refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.ports import Registration, User
from gatepost.core.device import DeviceFacts
from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import instant
from tests.services import START
from tests.storage import samples

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from tests.web.conftest import Api

HOUR = 3_600_000
BETWEEN = instant(START - 5 * HOUR // 2)
DETAILS = b'{"device_type":"linux","manufacturer":"Maker","model":"M1","os_version":"12","client_version":"1.%d"}'


@pytest.fixture
def fleet(services: Services, api: Api) -> list[Registration]:
    """Store five devices, one after the other by name the other way round, the last two of one person; the fifth is revoked."""
    del api
    stored = []
    with services.storage.writing() as records:
        for number in range(1, 6):
            device = samples.device(
                1,
                number,
                name=f"Laptop-{9 - number}",
                details=DETAILS % (number % 2),
                facts=DeviceFacts(serial_number=f"SN{number}", device_uuid=f"HW{number}"),
            )
            registration = samples.registration(
                records.devices.add(device),
                number,
                user_email="two@example.com" if number > 3 else f"user{number}@example.com",
                last_seen_at=START - number * HOUR,
            )
            stored.append(records.devices.register(registration))
        records.devices.revoke(1, stored[4].number, START)
    return stored


async def names(api: Api, query: str) -> list[str]:
    """Return the names on all pages, two a page."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = await api("GET", f"/devices/physical-devices?per_page=2&{query}&cursor={cursor}")
        assert 200 == answer.status_code, answer.text
        body = answer.json()
        found += [item["name"] for item in body["result"]]
        cursor = body["result_info"]["cursor"]
        if not cursor:
            return found


L8, L7, L6, L5, L4 = ("Laptop-8", "Laptop-7", "Laptop-6", "Laptop-5", "Laptop-4")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [L8, L7, L6, L5]),
        ("active_registrations=include", [L8, L7, L6, L5, L4]),
        ("active_registrations=exclude", [L4]),
        ("sort_by=name", [L5, L6, L7, L8]),
        ("sort_by=name&sort_order=desc&active_registrations=include", [L8, L7, L6, L5, L4]),
        ("sort_by=last_seen_at", [L5, L6, L7, L8]),
        ("sort_by=last_seen_at&sort_order=desc", [L8, L7, L6, L5]),
        ("sort_by=created_at&sort_order=desc", [L5, L6, L7, L8]),
        ("sort_by=client_version", [L7, L5, L8, L6]),
        ("sort_by=client_version&sort_order=desc&active_registrations=include", [L4, L6, L8, L5, L7]),
        ("sort_by=last_seen_user.email", [L5, L8, L7, L6]),
        ("sort_by=active_registrations&active_registrations=include", [L4, L8, L7, L6, L5]),
        ("sort_by=id", [L8, L7, L6, L5]),
        (f"id={samples.public_id(402)}&id={samples.public_id(401)}", [L8, L7]),
        (f"id={samples.public_id(405)}", []),
        ("search=laptop-", [L5, L6, L7, L8]),
        ("search=LAPTOP-7", [L7]),
        ("search=sn3", [L6]),
        ("search=hw2", [L7]),
        ("search=two@example.com&active_registrations=include", [L4, L5]),
        (f"search={samples.public_id(403)}", [L6]),
        ("search=nobody", []),
        ("last_seen_user.email=two@example.com", [L5]),
        (f"seen_after={BETWEEN}", [L7, L8]),
        (f"seen_before={BETWEEN}&sort_order=desc", [L6, L5]),
        ("include=last_seen_registration.policy", [L8, L7, L6, L5]),
    ],
)
@pytest.mark.usefixtures("fleet")
async def test_devices_are_listed_as_is_asked(api: Api, query: str, expected: list[str]) -> None:
    """Whatever the filter and the order, each device once, over pages of two."""
    assert expected == await names(api, query)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("search=a&last_seen_user.email=b", "at a time"),
        ("search=a&sort_by=created_at", "does not go with search"),
        ("seen_after=2026-01-01T00:00:00Z&sort_by=name", "with that, last_seen_at or nothing"),
        ("seen_after=yesterday", "RFC 3339"),
        ("sort_by=nam", "did you mean name?"),
        ("active_registrations=some", "allowed are only"),
        ("include=policy", "last_seen_registration.policy"),
        ("per_page=101", "per_page"),
        ("cursor=x", "result_info.cursor"),
        ("cursor=eyJrZXkiOiJ4IiwibnVtYmVyIjoxfQ==", "result_info.cursor"),
        (f"id={'x' * 65}", "1 to 64 characters"),
    ],
)
async def test_what_no_index_answers_is_refused_in_words(api: Api, query: str, words: str) -> None:
    """Each names the parameter, and what would do."""
    answer = await api("GET", f"/devices/physical-devices?{query}")
    assert (400, Code.PARAMETER_INVALID) == (answer.status_code, answer.json()["errors"][0]["code"]), answer.text
    assert words in answer.json()["errors"][0]["message"]


async def ids(api: Api, query: str) -> list[int]:
    """Return the numbers of the registrations on all pages, two a page."""
    found: list[int] = []
    cursor = ""
    while True:
        answer = await api("GET", f"/devices/registrations?per_page=2&{query}&cursor={cursor}")
        assert 200 == answer.status_code, answer.text
        body = answer.json()
        found += [int(item["id"][-3:], 16) - 500 for item in body["result"]]
        cursor = body["result_info"]["cursor"]
        if not cursor:
            return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 4]),
        ("status=all&sort_order=desc", [5, 4, 3, 2, 1]),
        ("status=revoked", [5]),
        ("sort_by=id&sort_order=desc", [4, 3, 2, 1]),
        (f"id={samples.public_id(502)}&status=all", [2]),
        (f"device.id={samples.public_id(403)}", [3]),
        ("search=two@example.com&status=all", [4, 5]),
        (f"search={samples.public_id(401)}", [1]),
        (f"search={samples.public_id(504)}", [4]),
        ("user.id=unknown", []),
        ("include=policy", [1, 2, 3, 4]),
    ],
)
@pytest.mark.usefixtures("fleet")
async def test_registrations_are_listed_as_is_asked(api: Api, query: str, expected: list[int]) -> None:
    """Whatever the filter and the order, each once, over pages of two."""
    assert expected == await ids(api, query)


async def test_registrations_of_a_person_are_found_by_their_id(
    api: Api, services: Services, fleet: list[Registration]
) -> None:
    """The one to whom they were enrolled."""
    person = User(number=0, id="p", account=1, email="two@example.com", name="Two", created_at=1, updated_at=1)
    with services.storage.writing() as records:
        records.users.ensure(person)
    assert [4, 5] == await ids(api, "user.id=p&status=all")
    found = (await api("GET", f"/devices/registrations/{fleet[3].id}")).json()["result"]
    assert {"id": "p", "email": "two@example.com", "name": "Two"} == found["user"]


async def test_the_older_list_says_where_it_is_cut(
    api: Api, fleet: list[Registration], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no pages."""
    whole = (await api("GET", "/devices")).json()
    assert ([item.id for item in fleet[::-1]], []) == ([item["id"] for item in whole["result"]], whole["messages"])
    monkeypatch.setattr("gatepost.web.devices._OLDER_LIST", 2)
    cut = (await api("GET", "/devices")).json()
    assert (2, [Code.LIST_CUT]) == (len(cut["result"]), [item["code"] for item in cut["messages"]])


async def test_deleted_devices_are_in_no_list_and_can_still_be_read(api: Api, fleet: list[Registration]) -> None:
    """And neither are their registrations."""
    path = f"/devices/physical-devices/{fleet[0].device.id}"
    assert 200 == (await api("DELETE", path)).status_code
    assert L8 not in await names(api, "active_registrations=include")
    assert 1 not in await ids(api, "status=all")
    found = (await api("GET", path)).json()["result"]
    assert (instant(START), 0) == (found["deleted_at"], found["active_registrations"])
    assert 404 == (await api("GET", "/devices/physical-devices/x")).status_code
    assert 404 == (await api("DELETE", "/devices/registrations/x")).status_code
