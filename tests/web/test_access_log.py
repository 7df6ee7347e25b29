"""The access log over HTTP: each decision with who, what and why; as Gatepost shows it and as the reference does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatepost.controlplane.administration.tokens import create_token
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.web.door import HOST, fingerprint, proved

if TYPE_CHECKING:
    import httpx2

    from tests.controlplane.house import Member
    from tests.web.door import Door


class Reader:
    """An administrator who reads the log."""

    def __init__(self, door: Door) -> None:
        """Make a token in the door's house."""
        self._door = door
        services = door.house.services
        made = create_token(services, door.house.account, TokenBody(kind=TokenKind.ADMINISTRATOR, name="reader"))
        with services.storage.reading() as records:
            (account,) = records.accounts.all()
        self._base = f"/client/v4/accounts/{account.public_id}"
        self._headers = {"Authorization": f"Bearer {made.token}"}

    async def get(self, path: str) -> httpx2.Response:
        """Read after what waits is written."""
        self._door.recorder.write()
        return await self._door.client.get(self._base + path, headers=self._headers)

    async def read(self, path: str) -> list[dict[str, Any]]:
        """Give what an answer lists."""
        answer = await self.get(path)
        assert 200 == answer.status_code, answer.text
        found: list[dict[str, Any]] = answer.json()["result"]
        return found


@pytest.fixture
def reader(door: Door) -> Reader:
    """Give a reader."""
    return Reader(door)


async def test_each_decision_is_found_with_all_that_it_rests_on(door: Door, laptop: Member, reader: Reader) -> None:
    """Who was let in by what, and who was refused for which rule; the query of what was asked for is nobody's to keep."""
    issued = proved(door.house, laptop)
    let_in = await door.ask(fingerprint=fingerprint(issued), target="/page?secret=1")
    laptop.send(laptop.compose())
    refused = await door.ask(fingerprint=fingerprint(issued))
    second, first = await reader.read("/gatepost/decisions")
    assert [refused.json()["reference"], let_in.headers["x-gatepost-reference"]] == [
        second["reference"],
        first["reference"],
    ]
    assert {
        "allowed": True,
        "app_id": door.app["id"],
        "app_name": HOST,
        "host": HOST,
        "path": "/page",
        "ip_address": "192.0.2.7",
        "certificate": fingerprint(issued),
        "registration_id": laptop.registration.id,
        "device_id": laptop.registration.device.id,
        "device_name": laptop.registration.device.name,
        "decision": "allow",
        "reasons": [],
        "unmet": [],
        "binding": "mutual_tls",
        "evidence": "possession",
        "stands_for": 1,
    }.items() <= first.items()
    assert (False, ["no-certificate-found"], None) == (second["allowed"], second["reasons"], second["decision"])
    (unmet,) = second["unmet"]
    assert ("require/0", door.check, ["no-certificate-found"]) == (unmet["rule"], unmet["check_id"], unmet["reasons"])


async def test_what_a_proxy_may_not_ask_is_a_decision_too(door: Door, reader: Reader) -> None:
    """Of no application; whoever has no proxy's token writes nothing into an account's log."""
    await door.ask(host="other.example.com")
    await door.ask(proxy="gpx_" + "A" * 43)
    (line,) = await reader.read("/gatepost/decisions")
    assert (["proxy-not-allowed"], None, "other.example.com") == (line["reasons"], line["app_id"], line["host"])


async def test_a_decision_that_broke_is_written_down(
    door: Door, laptop: Member, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a refusal."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gatepost.controlplane.access.deciding.identify_device", broken)
    assert (403, "evaluation-crashed") == await door.outcome(**told)
    (line,) = await reader.read("/gatepost/decisions")
    assert (False, ["evaluation-crashed"], HOST) == (line["allowed"], line["reasons"], line["host"])


async def test_decisions_are_found_by_what_is_asked_for(door: Door, laptop: Member, reader: Reader) -> None:
    """Page by page."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    for _ in range(3):
        await door.ask(**told)
        await door.ask()
        door.house.clock.time += 1_000
    lines = await reader.read("/gatepost/decisions")
    one = lines[2]
    for query, expected in (
        ("allowed=false", [line for line in lines if not line["allowed"]]),
        ("allowed=true&per_page=2", [line for line in lines if line["allowed"]][:2]),
        (f"reference={one['reference']}", [one]),
        (f"registration_id={laptop.registration.id}", [line for line in lines if line["registration_id"]]),
        (f"app_id={door.app['id']}", lines),
        ("app_id=x", []),
        (f"since={one['timestamp']}&before={lines[0]['timestamp']}", lines[2:4]),
        ("user_email=nobody@example.com", []),
    ):
        assert expected == await reader.read(f"/gatepost/decisions?{query}"), query
    paged, cursor = list[dict[str, Any]](), ""
    while True:
        page = (await reader.get(f"/gatepost/decisions?per_page=4&cursor={cursor}")).json()
        paged += page["result"]
        cursor = page["result_info"]["cursor"]
        if not cursor:
            break
    assert lines == paged


async def test_the_reference_s_clients_read_it_too(door: Door, laptop: Member, reader: Reader) -> None:
    """The same decisions in their names; what they would filter by and we do not is refused, not passed over."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    for number in range(3):
        await door.ask(**(told if number else {}))
    path = "/access/logs/access_requests"
    lines = await reader.read(path)
    assert [True, True, False] == [line["allowed"] for line in lines]
    assert lines[::-1] == await reader.read(f"{path}?direction=asc")
    assert lines[:1] == await reader.read(f"{path}?limit=1&per_page=1")
    assert lines[1:2] == await reader.read(f"{path}?page=2&per_page=1")
    assert [] == await reader.read(f"{path}?email=nobody@example.com&emailOp=eq")
    assert lines[2:] == await reader.read(f"{path}?ray_id={lines[2]['ray_id']}&until=2030-01-01T00:00:00Z")
    assert ("login", HOST, door.app["id"], "mutual_tls") == tuple(
        lines[0][name] for name in ("action", "app_domain", "app_uid", "connection")
    )
    for query in ("email=@example.com", "email=a@example.com&emailOp=neq", "allowedOp=neq&allowed=true", "since=soon"):
        assert 400 == (await reader.get(f"{path}?{query}")).status_code
