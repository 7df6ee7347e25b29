"""The device API over ASGI: every "no" has its status, its reason and nothing of our insides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest
from structlog.testing import capture_logs

from gatepost.controlplane.calls import Calls
from gatepost.controlplane.counters import NoCounters
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.errors import ConflictError, ForbiddenError, StorageError
from gatepost.web.app import create_app
from gatepost.web.device import DeviceApi, DeviceUseCases
from gatepost.web.limits import LimitSettings, Rate
from gatepost.wire import jws
from gatepost.wire.device import (
    MAXIMUM_REPORT,
    Acknowledgement,
    Called,
    Enrolled,
    Facts,
    Refusal,
    Sync,
    Synced,
    Wait,
)
from tests.controlplane.house import URL, House, Member, open_house
from tests.services import access_of, surround

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, MutableMapping
    from pathlib import Path

    from gatepost.web.front import Front
    from gatepost.web.surroundings import Surroundings

ENROLL, SYNC, REPORT, WAIT = (f"/device/v1/{name}" for name in ("enroll", "sync", "report", "wait"))
FACTS = Facts(hostname="laptop-1")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house of one account with one check."""
    with open_house(tmp_path) as opened:
        opened.ask(cn="${hostname}")
        yield opened


def application(
    house: House,
    posture: Posture | None = None,
    intake: Intake | None = None,
    deadline: float = 10,
    around: Surroundings | None = None,
) -> Front:
    """Put the house's parts behind the application."""
    calls = Calls(house.services.storage, 10)
    use = DeviceUseCases(house.enroller, posture or house.posture, intake or house.intake, calls)
    around = around or surround()
    return create_app(house.services, DeviceApi(use, around, deadline=deadline), around, access_of(house.services))


def client_of(app: Front) -> httpx2.AsyncClient:
    """Give a client of an application."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the house."""
    async with client_of(application(house)) as opened:
        yield opened


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give a house for all tests in which nobody gets in."""
    with open_house(tmp_path_factory.mktemp("quiet")) as opened:
        yield opened


@pytest.fixture
async def outsider(quiet: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client who gets nothing but refusals."""
    async with client_of(application(quiet)) as opened:
        yield opened


def refusal(answer: httpx2.Response, status: int, reason: str) -> Refusal:
    """Insist that an answer is such a refusal, in our form and without our insides, and return it."""
    assert (status, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert ("no-store", "nosniff") == (answer.headers["cache-control"], answer.headers["x-content-type-options"])
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    said = msgspec.json.decode(answer.content, type=Refusal)
    assert reason == said.reason
    return said


def report_of(house: House, member: Member) -> bytes:
    """Write and sign a report that passes."""
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(cn="laptop-1"), nonce)
    return member.sign(jws.Kind.REPORT, member.compose(found, nonce=nonce))


async def test_a_device_enrols_asks_and_reports(house: House, client: httpx2.AsyncClient) -> None:
    """The whole way, over HTTP."""
    member = Member(house)
    headers = {"Authorization": f"Bearer {house.token()}"}
    answer = await client.post(ENROLL, content=member.enrollment(FACTS), headers=headers)
    enrolled = msgspec.json.decode(answer.content, type=Enrolled)
    assert (200, house.account_id) == (answer.status_code, enrolled.account_id)
    assert ("no-store", "nosniff") == (answer.headers["cache-control"], answer.headers["x-content-type-options"])
    sync = member.sign(jws.Kind.SYNC, Sync(aud=member.audience, checks_version=-1))
    synced = msgspec.json.decode((await client.post(SYNC, content=sync)).content, type=Synced)
    found = member.found(house.authority.issue(cn="laptop-1"), synced.nonce)
    report = member.sign(jws.Kind.REPORT, member.compose(found, nonce=synced.nonce))
    acknowledged = msgspec.json.decode((await client.post(REPORT, content=report)).content, type=Acknowledgement)
    assert ("pass", synced.checks_version) == (acknowledged.verdicts[0].status, acknowledged.checks_version)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Basic dXNlcjpwYXNz")],
        [("Authorization", "bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Bearer nonsense")],
        [("Authorization", "Bearer gpe_" + "A" * 43)],
        [("Authorization", "Bearer ä".encode())],
    ],
)
async def test_nobody_enrols_without_a_token(
    quiet: House, outsider: httpx2.AsyncClient, headers: list[tuple[str, str]]
) -> None:
    """401, with the kind of credential that would do."""
    answer = await outsider.post(ENROLL, content=Member(quiet).enrollment(FACTS), headers=headers)
    refusal(answer, 401, "credential-refused")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_nobody_enrols_with_two_tokens(quiet: House, outsider: httpx2.AsyncClient) -> None:
    """Which of them counts would be anybody's guess."""
    both = [("Authorization", f"Bearer {quiet.token()}")] * 2
    refusal(
        await outsider.post(ENROLL, content=Member(quiet).enrollment(FACTS), headers=both), 401, "credential-refused"
    )


async def test_a_key_is_registered_once(house: House, client: httpx2.AsyncClient) -> None:
    """The second time is a conflict."""
    member = house.admit()
    headers = {"Authorization": f"Bearer {house.token()}"}
    answer = await client.post(ENROLL, content=member.enrollment(FACTS), headers=headers)
    assert "registered already" in refusal(answer, 409, "conflict").detail


async def test_a_stranger_is_told_apart_from_a_revoked_device(house: House, client: httpx2.AsyncClient) -> None:
    """401 and 403: to enrol helps the one, and not the other."""
    member, stranger = house.admit(), Member(house)
    report = report_of(house, member)
    wait = Wait(aud=member.audience, checks_version=0)
    for path, document in ((REPORT, stranger.sign(jws.Kind.REPORT, b"{}")), (WAIT, stranger.sign(jws.Kind.WAIT, wait))):
        refusal(await client.post(path, content=document), 401, "device-not-enrolled")
    house.revoke(member)
    for path, document in ((REPORT, report), (WAIT, member.sign(jws.Kind.WAIT, wait))):
        refusal(await client.post(path, content=document), 403, "device-revoked")


async def test_a_fresh_nonce_comes_with_the_refusal_of_an_old_one(house: House, client: httpx2.AsyncClient) -> None:
    """409, and the next report over it is taken."""
    member = house.admit()
    report = member.compose(nonce=bytes(40))
    answer = await client.post(REPORT, content=member.sign(jws.Kind.REPORT, report))
    nonce = refusal(answer, 409, "nonce-expired").nonce
    again = member.sign(jws.Kind.REPORT, member.compose(nonce=nonce))
    assert 200 == (await client.post(REPORT, content=again)).status_code


async def test_a_copied_state_is_a_conflict(house: House, client: httpx2.AsyncClient) -> None:
    """409, and no nonce."""
    member = house.admit()
    assert 200 == (await client.post(REPORT, content=report_of(house, member))).status_code
    member.sequence = 0
    answer = await client.post(REPORT, content=report_of(house, member))
    assert b"" == refusal(answer, 409, "device-cloned").nonce


async def test_a_certificate_that_was_never_shown_is_asked_for(house: House, client: httpx2.AsyncClient) -> None:
    """409, with a word of its own, and the same report with it is taken."""
    member = house.admit()
    found = member.found(house.authority.issue())
    answer = await client.post(REPORT, content=member.sign(jws.Kind.REPORT, member.compose(found, certificates={})))
    assert found.placed.sha256 in refusal(answer, 409, "certificate-not-shown").detail
    whole = member.sign(jws.Kind.REPORT, member.compose(found))
    assert 200 == (await client.post(REPORT, content=whole)).status_code


@pytest.mark.parametrize(
    "path", ["/device/", "/device/v1", "/device/v1/", "/device/v1/report/", "/device/v2/report", "/device/v1/REPORT"]
)
async def test_an_unknown_path_is_404(outsider: httpx2.AsyncClient, path: str) -> None:
    """The answer names those that there are."""
    assert REPORT in refusal(await outsider.post(path), 404, "no-route").detail


async def test_a_long_path_is_not_repeated_whole(outsider: httpx2.AsyncClient) -> None:
    """An answer is not larger than need be."""
    assert len(refusal(await outsider.post(f"/device/{'x' * 5_000}"), 404, "no-route").detail) < 300


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", [ENROLL, SYNC, REPORT, WAIT])
async def test_another_method_is_405(outsider: httpx2.AsyncClient, method: str, path: str) -> None:
    """With the header Allow (RFC 9110, 15.5.6)."""
    answer = await outsider.request(method, path)
    assert (405, "POST") == (answer.status_code, answer.headers["allow"])


@pytest.mark.parametrize("path", [ENROLL, SYNC, REPORT, WAIT])
async def test_a_large_body_is_refused_before_anything_is_looked_at(outsider: httpx2.AsyncClient, path: str) -> None:
    """One byte over 64 KiB: without a credential too; one byte less is looked at."""
    headers = {"Authorization": "Bearer x"}
    over = await outsider.post(path, content=b"x" * (MAXIMUM_REPORT + 1))
    refusal(over, 413, "too-large")
    refusal(await outsider.post(path, content=b"x" * MAXIMUM_REPORT, headers=headers), 400, "bad-request")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"a.b.c", b"\xff\xfe", b"." * 60_000, b"[" * 60_000, b"\0" * 1_000, "é".encode()]
)
@pytest.mark.parametrize("path", [ENROLL, SYNC, REPORT, WAIT])
async def test_a_body_that_is_no_document_is_400(outsider: httpx2.AsyncClient, path: str, body: bytes) -> None:
    """Whatever it is."""
    refusal(await outsider.post(path, content=body, headers={"Authorization": "Bearer x"}), 400, "bad-request")


async def test_a_document_is_refused_at_the_route_of_another(house: House, client: httpx2.AsyncClient) -> None:
    """A report is no question for a nonce, and the other way round."""
    member = house.admit()
    sync = member.sign(jws.Kind.SYNC, Sync(aud=member.audience, checks_version=-1))
    assert "header/typ" in refusal(await client.post(REPORT, content=sync), 400, "bad-request").detail
    assert "header/typ" in refusal(await client.post(SYNC, content=report_of(house, member)), 400, "bad-request").detail


async def test_the_pointer_of_a_wrong_field_is_in_the_answer(house: House, client: httpx2.AsyncClient) -> None:
    """A developer of an agent sees what is wrong."""
    member = house.admit()
    document = msgspec.json.encode(member.compose(sequence=1)).replace(b'"sequence":1', b'"sequence":-1')
    answer = await client.post(REPORT, content=member.sign(jws.Kind.REPORT, document))
    assert refusal(answer, 400, "bad-request").detail.startswith("/sequence")


async def raw(app: Front, messages: list[MutableMapping[str, Any]], *, hang: bool = False) -> tuple[int, bytes]:
    """Send the parts of a body one by one, and after them nothing; return status and body of the answer."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": REPORT,
        "headers": [],
        "query_string": b"",
        "http_version": "1.1",
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(30 if hang else 0)
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_a_slow_body_is_not_waited_for(quiet: House) -> None:
    """The deadline is of the whole body, however many pieces come in time."""
    app = application(quiet, deadline=0.05)
    status, body = await raw(app, [{"type": "http.request", "body": b"a", "more_body": True}], hang=True)
    assert (408, "too-slow") == (status, msgspec.json.decode(body, type=Refusal).reason)


async def test_a_body_that_ends_too_early_is_refused(quiet: House) -> None:
    """The client has gone; nothing is judged."""
    status, body = await raw(application(quiet), [{"type": "http.request", "body": b"a", "more_body": True}])
    assert (400, "bad-request") == (status, msgspec.json.decode(body, type=Refusal).reason)


async def test_a_body_may_come_in_pieces(house: House) -> None:
    """As many as the network makes of it."""
    document = report_of(house, house.admit())
    pieces = [
        {"type": "http.request", "body": document[i : i + 100], "more_body": True} for i in range(0, len(document), 100)
    ]
    status, _ = await raw(application(house), [*pieces, {"type": "http.request", "body": b"", "more_body": False}])
    assert 200 == status


async def test_the_server_asks_to_come_back_when_there_is_no_room(quiet: House) -> None:
    """503, with the seconds."""
    intake = Intake(quiet.services.storage, quiet.posture, quiet.clock)
    intake.start()
    intake.stop()
    async with client_of(application(quiet, intake=intake)) as client:
        answer = await client.post(REPORT, content=b"")
    refusal(answer, 503, "overloaded")
    assert 0 < int(answer.headers["retry-after"])


class Failing(Posture):
    """Fails with what it is given."""

    def __init__(self, house: House, error: Exception) -> None:
        """Take the house's parts, and the error."""
        super().__init__(house.services.storage, house.clock, (house.url,))
        self._error = error

    def synchronise(self, document: bytes) -> Synced:
        """Fail."""
        del document
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (StorageError("/secret/place is locked"), 503, "storage"),
        (ZeroDivisionError("/secret/place"), 500, "internal-error"),
        (ForbiddenError("/secret/place"), 500, "internal-error"),
        (ConflictError("registration", "is in the way"), 409, "conflict"),
    ],
)
async def test_what_breaks_in_the_server_is_in_its_log_alone(
    quiet: House, error: Exception, status: int, reason: str
) -> None:
    """The device hears that it was not its fault; the operator hears the rest."""
    with capture_logs() as logs:
        async with client_of(application(quiet, Failing(quiet, error))) as client:
            answer = await client.post(SYNC, content=b"")
    assert "/secret/place" not in refusal(answer, status, reason).detail
    assert (status == 503) == ("retry-after" in answer.headers)
    assert bool(logs) == (status >= 500)


async def test_an_agent_with_older_checks_does_not_wait(house: House, client: httpx2.AsyncClient) -> None:
    """It is called at once."""
    member = house.admit()
    wait = member.sign(jws.Kind.WAIT, Wait(aud=member.audience, checks_version=-1))
    assert Called(report_now=True, again_in=0) == msgspec.json.decode(
        (await client.post(WAIT, content=wait)).content, type=Called
    )


# What is counted, logged and limited.


class Tally(NoCounters):
    """A form of the port that writes down what it is told of devices."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.told: list[tuple[str, object]] = []

    def refused(self, reason: str) -> None:
        """Write it down."""
        self.told.append(("refused", reason))

    def took(self, seconds: float) -> None:
        """Write it down."""
        self.told.append(("took", seconds >= 0))

    def enrolled(self, outcome: str) -> None:
        """Write it down."""
        self.told.append(("enrolled", outcome))

    def limited(self, what: str) -> None:
        """Write it down."""
        self.told.append(("limited", what))


async def test_reports_and_enrolments_are_counted_and_told_without_secrets(house: House) -> None:
    """With reasons from the closed list; a report that counts is one of a number, and no line."""
    tally, token = Tally(), house.token()
    member, document = Member(house), report_of(house, house.admit())
    with capture_logs() as logs:
        async with client_of(application(house, around=surround(counters=tally))) as client:
            await client.post(REPORT, content=document)
            await client.post(REPORT, content=b"junk")
            await client.post(ENROLL, content=member.enrollment(FACTS), headers={"Authorization": f"Bearer {token}"})
            await client.post(ENROLL, content=b"", headers={"Authorization": "Bearer gpe_secret"})
            await client.post(SYNC, content=b"junk")
    told = [("took", True), ("refused", "bad-request"), ("enrolled", ""), ("enrolled", "bad-request")]
    assert told == tally.told
    assert ["report refused", "device enrolled", "enrolment refused"] == [line["event"] for line in logs]
    assert (house.account_id, "debug") == (logs[1]["account"], logs[0]["log_level"])
    assert token not in str(logs)
    assert "gpe_secret" not in str(logs)


async def test_a_copied_state_is_a_line_of_its_own(house: House) -> None:
    """Unlike the refusals that come as often as devices do."""
    member = house.admit()
    nonce = member.synchronise().nonce
    one = member.sign(jws.Kind.REPORT, member.compose(nonce=nonce, sequence=1))
    found = member.found(house.authority.issue(cn="laptop-1"), nonce)
    other = member.sign(jws.Kind.REPORT, member.compose(found, nonce=nonce, sequence=1))
    with capture_logs() as logs:
        async with client_of(application(house)) as client:
            await client.post(REPORT, content=one)
            refusal(await client.post(REPORT, content=other), 409, "device-cloned")
    assert [("info", "device-cloned")] == [(line["log_level"], line["reason"]) for line in logs]


async def test_too_many_enrolments_of_one_address_are_turned_away(house: House) -> None:
    """Good or bad, 429 with the seconds; reports of the same address go on."""
    tally = Tally()
    around = surround(LimitSettings(enrollments=Rate(2, 0.1)), counters=tally)
    document = report_of(house, house.admit())
    async with client_of(application(house, around=around)) as client:
        good = {"Authorization": f"Bearer {house.token()}"}
        first = await client.post(ENROLL, content=Member(house).enrollment(FACTS), headers=good)
        bad = await client.post(ENROLL, content=b"junk", headers={"Authorization": "Bearer x"})
        with capture_logs() as logs:
            third = await client.post(ENROLL, content=Member(house).enrollment(FACTS), headers=good)
        report = await client.post(REPORT, content=document)
    assert [200, 400, 200] == [first.status_code, bad.status_code, report.status_code]
    refusal(third, 429, "too-many-attempts")
    assert "10" == third.headers["retry-after"]
    assert ["debug"] == [line["log_level"] for line in logs]
    assert ("limited", "enrollment") in tally.told
