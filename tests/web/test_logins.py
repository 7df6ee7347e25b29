"""Browsers that are known by the word of their device's agent: each step, and each way in which it may not end well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gatepost.controlplane.access.memory import Memory
from gatepost.controlplane.access.recording import AccessRecorder
from gatepost.controlplane.access.vouching import Vouching, read_target
from gatepost.errors import StorageError
from gatepost.web.app import create_app
from gatepost.wire import jws
from gatepost.wire.device import Facts
from tests.controlplane.house import URL, Member
from tests.services import access_of, surround
from tests.web.browser import Browser, vouch
from tests.web.conftest import no_device
from tests.web.door import EVERYONE, HOST, Door, fingerprint, proved

if TYPE_CHECKING:
    from tests.controlplane.house import House

PAGE = {"Accept": "text/html"}
_BEGINS_ANEW = f"https://{HOST}/cdn-cgi/access/login?to=%2Ftheirs"


@pytest.fixture
def browser(door: Door) -> Browser:
    """Give a browser that nobody knows."""
    return Browser(door)


@pytest.fixture
def managed(door: Door, laptop: Member) -> Member:
    """Give a device that passes."""
    proved(door.house, laptop)
    return laptop


def refused(answer: httpx2.Response, reason: str) -> None:
    """Insist that a step was refused in words, that nothing may be kept, and that it leads nowhere."""
    assert (403, "no-store") == (answer.status_code, answer.headers["cache-control"])
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    if answer.headers["content-type"] == "application/json":
        assert [reason] == answer.json()["reasons"]
    else:
        assert "This device was not let in" in answer.text


@pytest.mark.parametrize("remembers", [False, True], ids=["from the database", "from memory"])
async def test_a_browser_is_let_in_for_which_its_device_vouched(
    browser: Browser, managed: Member, *, remembers: bool
) -> None:
    """It goes where it wanted to go, and each decision says how it is known."""
    assert 403 == (await browser.ask("/reports?week=7")).status_code
    back = await browser.log_in(managed, "/reports?week=7")
    assert (303, "/reports?week=7") == (back.status_code, back.headers["location"])
    if remembers:
        browser.door.memory.refresh()
        await browser.ask()
        browser.door.memory.refresh()
    answer = await browser.ask("/reports?week=7")
    assert (204, "agent", "possession") == (
        answer.status_code,
        answer.headers["x-gatepost-binding"],
        answer.headers["x-gatepost-evidence"],
    )


async def test_its_page_goes_on_by_itself(door: Door, browser: Browser) -> None:
    """The refusal is one all the same: programs see 403."""
    headers = door.headers(target='/a"b?x=1&y=2') | PAGE | {"X-Gatepost-Answer": "page"}
    answer = await door.client.get("/access/v1/decide", headers=headers)
    assert 403 == answer.status_code
    assert 'content="0;url=/cdn-cgi/access/login?to=%2Fa%22b%3Fx%3D1%26y%3D2"' in answer.text
    assert "Checking this device" in answer.text
    await browser.challenged()
    again = await door.client.get("/access/v1/decide", headers=headers | browser._cookie(HOST))  # noqa: SLF001 - a double.
    assert "did not answer" in again.text
    assert '<meta http-equiv="refresh" content="5">' in again.text
    assert 'href="/cdn-cgi/access/login?to=%2Fa%22b%3Fx%3D1%26y%3D2"' in again.text


async def test_a_device_that_is_known_is_not_sent_for_a_login(door: Door, laptop: Member) -> None:
    """Whatever else it is refused for, a login changes nothing: it would go round for ever."""
    issued = proved(door.house, laptop)
    laptop.send(laptop.compose())
    headers = door.headers(fingerprint=fingerprint(issued)) | PAGE | {"X-Gatepost-Answer": "page"}
    assert "login" not in (await door.client.get("/access/v1/decide", headers=headers)).text


async def test_the_application_sees_no_cookie_of_ours(browser: Browser, managed: Member) -> None:
    """Its own come through as they were."""
    await browser.log_in(managed)
    assert "x-gatepost-cookie" not in (await browser.ask()).headers
    ours = "; ".join(f"{name}={value}" for name, value in browser.cookies[HOST].items())
    told = {**browser.door.headers(), "Cookie": f"theme=dark; {ours}; größe=1"}
    answer = await browser.door.client.get(
        "/access/v1/decide", headers=[(name.encode(), value.encode()) for name, value in told.items()]
    )
    kept = dict(answer.headers.raw)[b"x-gatepost-cookie"]
    assert (204, "theme=dark; größe=1") == (answer.status_code, kept.decode())


async def test_a_session_ends_after_ten_minutes_however_often_it_is_used(browser: Browser, managed: Member) -> None:
    """Nothing makes it longer; the next login is the browser's own affair."""
    clock = browser.door.house.clock
    await browser.log_in(managed)
    for _ in range(3):
        clock.time += 199_999
        proved(browser.door.house, managed)
        assert 204 == (await browser.ask()).status_code
    clock.time += 3
    answer = await browser.ask()
    assert (403, "device-not-identified") == (answer.status_code, answer.headers["x-gatepost-reasons"])


async def test_a_session_ends_with_its_device(browser: Browser, managed: Member) -> None:
    """At once, with the reason, and without another login."""
    await browser.log_in(managed)
    browser.door.house.revoke(managed)
    answer = await browser.ask()
    assert (403, "device-revoked") == (answer.status_code, answer.headers["x-gatepost-reasons"])


async def test_a_session_is_for_one_application(door: Door, browser: Browser, managed: Member) -> None:
    """In the other's cookie it is nothing."""
    other = door.install("other.example.com", include=[EVERYONE], require=[_managed(door)])
    door.proxy = door.token(HOST, "other.example.com")
    await browser.log_in(managed)
    (session,) = [value for name, value in browser.cookies[HOST].items() if name.endswith(door.app["id"])]
    there = Browser(door, "other.example.com", app="other.example.com")
    for name in (other["id"], door.app["id"]):
        there.cookies["other.example.com"] = {f"__Host-gatepost-{name}": session}
        assert 403 == (await there.ask()).status_code


def _managed(door: Door) -> dict[str, Any]:
    return {"device_posture": {"integration_uid": door.check}}


async def test_two_windows_of_one_browser_do_not_disturb_each_other(browser: Browser, managed: Member) -> None:
    """They begin together and end one after the other."""
    first, second = [await browser.challenged(f"/{number}") for number in (1, 2)]
    for answer, wanted in ((first, "/1"), (second, "/2")):
        back = await browser.follow(await browser.go(vouch(managed, answer)))
        assert wanted == back.headers["location"]


async def test_another_browsers_challenge_is_refused(door: Door, browser: Browser, managed: Member) -> None:
    """Somebody on another machine has a managed device's user answer his challenge: neither of them gets anywhere."""
    attacker = Browser(door)
    voucher = vouch(managed, await attacker.challenged("/theirs"))
    refused(await browser.go(voucher), "device-not-identified")
    # A browser that is at a login of its own begins that one anew.
    await browser.challenged()
    assert _BEGINS_ANEW == (await browser.go(voucher)).headers["location"]
    # And once his own browser has the voucher, by whatever means: that is what the challenge was for.
    assert 303 == (await attacker.go(voucher)).status_code


async def test_another_browsers_code_is_refused(door: Door, browser: Browser, managed: Member) -> None:
    """Nobody is logged in as somebody else without knowing it."""
    attacker = Browser(door)
    code = await attacker.go(vouch(managed, await attacker.challenged("/theirs")))
    refused(await browser.follow(code), "device-not-identified")
    await browser.challenged()
    answer = await browser.follow(code)
    assert (_BEGINS_ANEW, None) == (answer.headers["location"], answer.headers.get("set-cookie"))
    assert 403 == (await browser.ask()).status_code
    # What another browser could not use is not used up.
    assert "/theirs" == (await attacker.follow(code)).headers["location"]


async def test_windows_that_begin_at_once_all_get_in(browser: Browser, managed: Member) -> None:
    """Each is given a cookie, of which the browser keeps the last one: the others begin anew."""
    begun = []
    for number in (1, 2):
        browser.cookies.clear()
        begun.append(await browser.challenged(f"/{number}"))
    answer = await browser.go(vouch(managed, begun[0]))
    back = await browser.follow(await browser.go(vouch(managed, await browser.follow(await browser.follow(answer)))))
    assert "/1" == back.headers["location"]
    back = await browser.follow(await browser.go(vouch(managed, begun[1])))
    assert "/2" == back.headers["location"]
    assert 204 == (await browser.ask()).status_code


async def test_a_challenge_and_a_code_count_once(browser: Browser, managed: Member) -> None:
    """The same again is nothing."""
    voucher = vouch(managed, await browser.challenged())
    code = await browser.go(voucher)
    refused(await browser.go(voucher), "device-not-identified")
    assert 303 == (await browser.follow(code)).status_code
    refused(await browser.follow(code), "device-not-identified")


@pytest.mark.parametrize(("step", "ms"), [("login", 300_000), ("challenge", 60_000), ("code", 30_000)])
async def test_each_step_has_its_time(browser: Browser, managed: Member, step: str, ms: int) -> None:
    """To the millisecond."""
    clock = browser.door.house.clock
    for late in (False, True):
        answer = await browser.at("/cdn-cgi/access/login?to=/")
        waits = {"login": answer}
        if step != "login":
            answer = waits["challenge"] = await browser.follow(answer)
        if step == "code":
            answer = await browser.go(vouch(managed, answer))
        url = vouch(managed, answer) if step == "challenge" else answer.headers["location"]
        clock.time += ms - 1 + late
        told = await browser.go(url)
        assert (403 if late else 303) == told.status_code


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "https://elsewhere.example/" + "0" * 32}, id="for another server"),
        pytest.param({"challenge": "e30.AAAA"}, id="a challenge that nobody set"),
        pytest.param({"kind": jws.Kind.WAIT}, id="another document of the device"),
    ],
)
async def test_a_voucher_is_for_this_server_and_a_challenge_of_its_own(
    browser: Browser, managed: Member, changes: dict[str, Any]
) -> None:
    """Whatever else the device signed is no voucher."""
    answer = await browser.challenged()
    reason = "device-not-enrolled" if "kind" in changes else "device-not-identified"
    refused(await browser.go(vouch(managed, answer, **changes)), reason)


async def test_a_device_vouches_that_counts(door: Door, browser: Browser, managed: Member) -> None:
    """Not a stranger, and not one that was revoked."""
    answer = await browser.challenged()
    url = vouch(managed, answer)
    for broken in (url[:-8] + "AAAAAAAA", url.partition("voucher=")[0], url.partition("?")[0]):
        refused(await browser.go(broken), "device-not-enrolled")
    door.house.revoke(managed)
    refused(await browser.go(url), "device-revoked")


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("/a/b?c=d#e", "/a/b?c=d#e"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/ä", "/"),
        ("", "/"),
        ("/" + "a" * 1_024, "/"),
        ("/" + "a" * 1_023, "/" + "a" * 1_023),
    ],
)
async def test_a_login_leads_back_to_the_same_host(browser: Browser, managed: Member, to: str, leads: str) -> None:
    """Whatever a page elsewhere wrote into the link."""
    assert leads == read_target(to)
    back = await browser.log_in(managed, to)
    assert (303, leads) == (back.status_code, back.headers["location"])


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/cdn-cgi/access/other", 404),
        ("/cdn-cgi/access/login/", 404),
        ("/cdn-cgi/access/%6cogin", 404),
        ("/cdn-cgi/access/callback", 403),
        ("/cdn-cgi/access/callback?code=e30.AAAA", 403),
        ("/cdn-cgi/access/callback?" + "&".join("a=b" for _ in range(20)), 403),
    ],
)
async def test_nothing_else_is_there(browser: Browser, target: str, status: int) -> None:
    """Nor is anything of the application."""
    assert status == (await browser.at(target)).status_code


async def test_only_a_proxy_that_may_sends_browsers_for_a_login(door: Door, browser: Browser) -> None:
    """Whoever asks otherwise is told that it is not allowed, and nothing else."""
    for changes in ({"proxy": "gpx_" + "x" * 43}, {"app": "other.example.com"}, {"proxy": None}, {"target": None}):
        headers = door.headers(**({"target": "/cdn-cgi/access/login?to=/"} | changes))
        refused(await door.client.get("/access/v1/at", headers=headers), "proxy-not-allowed")
    other = Browser(door, "unknown.example.com")
    refused(await other.at("/cdn-cgi/access/login?to=/"), "proxy-not-allowed")
    assert 405 == (await door.client.post("/access/v1/at", headers=door.headers())).status_code
    assert browser.cookies == {}


async def test_the_login_host_knows_accounts_that_there_are(door: Door, managed: Member) -> None:
    """Of any other, no login was begun."""
    browser = Browser(door)
    nobody = f"{URL}/access/v1/{'0' * 32}"
    refused(await browser.go(f"{nobody}/login?request=e30.AAAA"), "device-not-identified")
    refused(await browser.go(f"{nobody}/vouched?voucher=x"), "device-not-enrolled")
    account = f"{URL}/access/v1/{managed.house.account_id}"
    refused(await browser.go(f"{account}/login?request=e30.AAAA"), "device-not-identified")


async def test_while_nothing_can_be_remembered_nobody_is_logged_in(
    browser: Browser, managed: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts once must be written down first."""
    voucher = vouch(managed, await browser.challenged())

    def refuse(*, alone: bool = True) -> None:
        raise StorageError(f"nothing is to be had, alone: {alone}")

    with monkeypatch.context() as patch:
        patch.setattr(browser.door.house.storage, "writing", refuse)
        assert 503 == (await browser.go(voucher)).status_code
    assert 303 == (await browser.go(voucher)).status_code


async def test_whatever_breaks_nobody_sees_how(
    browser: Browser, managed: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused, with a reference for the log."""
    voucher = vouch(managed, await browser.challenged())
    monkeypatch.setattr(Vouching, "vouched", None)
    answer = await browser.go(voucher)
    assert (403, True) == (answer.status_code, "Reference" in answer.text)


async def test_those_who_guess_a_proxys_token_are_slowed_and_nobody_else(door: Door, managed: Member) -> None:
    """Whoever brings bad codes through a proxy keeps nobody else from logging in."""
    for _ in range(120):
        assert 403 == (await Browser(door).at("/cdn-cgi/access/callback?code=e30.AAAA")).status_code
    guesser = Browser(door, proxy="gpx_" + "x" * 43)
    statuses = [(await guesser.at("/cdn-cgi/access/login?to=/")).status_code for _ in range(120)]
    assert {403, 429} == set(statuses)
    assert 303 == (await Browser(door).log_in(managed)).status_code


@pytest.mark.parametrize("known_by", ["its session", "its certificate"])
async def test_whoever_is_let_in_is_shown_to_itself(door: Door, laptop: Member, known_by: str) -> None:
    """With the posture of the device, in the reference's form."""
    issued = proved(door.house, laptop)
    browser = Browser(door, **({"fingerprint": fingerprint(issued)} if known_by == "its certificate" else {}))
    if known_by == "its session":
        refused(await browser.at("/cdn-cgi/access/get-identity"), "device-not-identified")
        await browser.log_in(laptop)
    answer = await browser.at("/cdn-cgi/access/get-identity")
    assert (200, "application/json", "no-store") == (
        answer.status_code,
        answer.headers["content-type"],
        answer.headers["cache-control"],
    )
    told = answer.json()
    assert [laptop.registration.id, door.house.account_id] == [told["registration_id"], told["account_id"]]
    assert True is told["devicePosture"][door.check]["success"]
    assert [laptop.registration.id] == list(told["device_sessions"])
    laptop.send(laptop.compose())
    refused(await browser.at("/cdn-cgi/access/get-identity"), "no-certificate-found")


async def test_a_program_without_a_device_has_no_identity(door: Door) -> None:
    """Though a policy lets it in."""
    open_to_all = door.install("open.example.com", decision="bypass", include=[EVERYONE])
    assert open_to_all["id"]
    door.proxy = door.token("open.example.com")
    browser = Browser(door, "open.example.com", app="open.example.com")
    assert 204 == (await browser.ask()).status_code
    refused(await browser.at("/cdn-cgi/access/get-identity"), "device-not-identified")


async def test_a_user_is_named_to_whom_the_device_is_enrolled(door: Door) -> None:
    """And all of the user's devices."""
    laptop = Member(door.house)
    facts = Facts(hostname="laptop-1", serial_number="S-9")
    laptop.enrolled = door.house.enroller.enroll(
        door.house.token(user_email="ann@example.com"), laptop.enrollment(facts)
    )
    proved(door.house, laptop)
    browser = Browser(door)
    await browser.log_in(laptop)
    told = (await browser.at("/cdn-cgi/access/get-identity")).json()
    assert "ann@example.com" == told["email"]
    assert told["user_uuid"]


async def test_without_a_login_there_is_none(house: House) -> None:
    """Neither a page that leads to it, nor a place."""
    access = access_of(house.services)
    transport = httpx2.ASGITransport(app=create_app(house.services, no_device, surround(), access))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        recorder, memory = AccessRecorder(house.storage, house.clock), Memory(house.storage, time.monotonic)
        browser = Browser(Door(house, client, house.ask(cn="laptop-1"), recorder, memory))
        assert 404 == (await browser.at("/cdn-cgi/access/login?to=/")).status_code
        refused(await browser.go(f"{URL}/access/v1/{house.account_id}/login?request=x"), "proxy-not-allowed")
        answer = await client.get(
            "/access/v1/decide", headers=browser.door.headers() | PAGE | {"X-Gatepost-Answer": "page"}
        )
        assert "login" not in answer.text
