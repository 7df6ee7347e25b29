"""What stands before the routes: limits, deadlines, and what every answer has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.counters import NoCounters
from gatepost.web.front import MAXIMUM_BODY, Front
from gatepost.web.surroundings import REQUEST
from gatepost.wire.management.codes import Code
from gatepost.wire.management.mtls_certificates import MAXIMUM_UPLOAD
from tests.services import surround

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    import httpx2

    from gatepost.web.front import Receive, Scope, Send
    from gatepost.web.surroundings import Surroundings

    Message = MutableMapping[str, Any]
    from tests.web.conftest import Api

POSTURE = "/client/v4/accounts/x/devices/posture"
UPLOADS = "/client/v4/accounts/x/mtls_certificates"


class Answered(msgspec.Struct):
    """What came back: the messages of one answer, and what reached the routes."""

    messages: list[Any]
    body: bytes | None = None

    @property
    def status(self) -> int:
        """The status."""
        status: int = self.messages[0]["status"]
        return status

    @property
    def code(self) -> int:
        """The number of the first error."""
        code: int = msgspec.json.decode(self.messages[1]["body"])["errors"][0]["code"]
        return code


UNFINISHED: Message = {"type": "http.request", "body": b"b", "more_body": True}
END: Message = {"type": "http.request", "body": b"", "more_body": False}


async def ask(
    path: str,
    chunks: Iterable[bytes],
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    method: str = "POST",
    last: Message = END,
    around: Surroundings | None = None,
) -> Answered:
    """Send one request to a front whose routes answer 204 and remember the body."""
    answered = Answered([])
    events: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    events.append(last)

    async def routes(_scope: Scope, receive: Receive, send: Send) -> None:
        answered.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        if not events:
            await asyncio.Event().wait()
        return events.pop(0)

    async def send(message: Message) -> None:
        answered.messages.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    await Front(routes, routes, routes, around or surround())(scope, receive, send)
    return answered


async def test_a_body_reaches_the_routes_in_one_piece() -> None:
    """However it came."""
    assert b"abc" == (await ask(POSTURE, [b"a", b"", b"bc"])).body


@pytest.mark.parametrize(
    ("path", "limit"), [(POSTURE, MAXIMUM_BODY), (UPLOADS, MAXIMUM_UPLOAD), (UPLOADS + "/", MAXIMUM_UPLOAD)]
)
async def test_a_body_may_be_as_large_as_its_limit_and_no_larger(path: str, limit: int) -> None:
    """Counted as it comes, whatever was announced."""
    assert 204 == (await ask(path, [b"x" * (limit - 1), b"x"])).status
    answered = await ask(path, [b"x" * limit, b"x"])
    assert (413, Code.BODY_TOO_LARGE, None) == (answered.status, answered.code, answered.body)


@pytest.mark.parametrize("announced", [str(MAXIMUM_BODY + 1), "9" * 30])
async def test_a_body_that_is_announced_too_large_is_not_read(announced: str) -> None:
    """The refusal comes at once."""
    answered = await ask(POSTURE, [], [(b"content-length", announced.encode())], last={"type": "never"})
    assert 413 == answered.status


async def test_an_upload_limit_is_for_uploads_alone() -> None:
    """The list under the same path takes no body worth the name."""
    assert 413 == (await ask(UPLOADS, [b"x" * (MAXIMUM_BODY + 1)], method="GET")).status


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """A deadline of our own."""
    answered = await ask(POSTURE, [b"a"], last=UNFINISHED, around=surround(deadline=0.01))
    assert (408, Code.BODY_TOO_SLOW, None) == (answered.status, answered.code, answered.body)


async def test_a_client_that_goes_away_reaches_no_route() -> None:
    """Half a body is none."""
    answered = await ask(POSTURE, [b"a"], last={"type": "http.disconnect"})
    assert (400, None) == (answered.status, answered.body)


async def test_a_compressed_body_is_refused() -> None:
    """Nothing is decompressed here: a small body could become a large one."""
    answered = await ask(POSTURE, [b"a"], [(b"content-encoding", b"gzip")])
    assert (415, Code.MEDIA_TYPE_UNSUPPORTED, None) == (answered.status, answered.code, answered.body)
    assert 204 == (await ask(POSTURE, [b"a"], [(b"content-encoding", b"identity")])).status


@pytest.mark.parametrize("path", [POSTURE, "/device/v1/report"])
async def test_two_host_lines_are_refused(path: str) -> None:
    """What stands in between may have looked at the other one."""
    answered = await ask(path, [], [(b"host", b"a"), (b"host", b"b")])
    assert (400, Code.REQUEST_MALFORMED, None) == (answered.status, answered.code, answered.body)


async def test_a_devices_request_is_handed_on_unread() -> None:
    """Its own application has its own limits."""
    assert b"x" * (MAXIMUM_BODY + 1) == (await ask("/device/v1/report", [b"x" * (MAXIMUM_BODY + 1)])).body


async def test_a_websocket_is_closed() -> None:
    """There are none."""
    sent: list[Any] = []

    async def never(*_: object) -> None:
        raise AssertionError

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await Front(never, never, never, surround())(
        {"type": "websocket", "path": "/device/x", "headers": []}, receive, send
    )
    assert ["websocket.close"] == [message["type"] for message in sent]


async def test_every_answer_has_the_headers_that_keep_it_where_it_is(api: Api, stranger: httpx2.AsyncClient) -> None:
    """Successes, refusals and pages alike."""
    answers = [await api("GET", "/devices/posture"), await stranger.get("/nowhere"), await stranger.get("/docs")]
    for answer in answers:
        assert "no-store" == answer.headers["cache-control"]
        assert "nosniff" == answer.headers["x-content-type-options"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_head_is_a_get_without_its_content(api: Api) -> None:
    """With the length that the content would have."""
    whole, head = await api("GET", "/devices/posture"), await api("HEAD", "/devices/posture")
    assert (200, b"") == (head.status_code, head.content)
    assert len(whole.content) == int(head.headers["content-length"])


async def test_options_lists_the_methods_of_a_route(api: Api, stranger: httpx2.AsyncClient) -> None:
    """Without a credential too, and as nothing of a route that is not there."""
    answer = await stranger.options(api.base + "/devices/posture")
    assert (204, b"") == (answer.status_code, answer.content)
    assert {"GET", "HEAD", "OPTIONS", "POST"} == set(answer.headers["allow"].split(", "))
    assert 404 == (await stranger.options("/nowhere")).status_code


# Names of requests, and a process that leaves.


async def test_an_answer_that_says_that_something_broke_names_the_request_as_the_log_does() -> None:
    """Whoever reports it can be helped; other answers carry nothing."""
    named: list[str] = []

    async def respond(scope: Scope, _receive: Receive, send: Send) -> None:
        named.append(REQUEST.get())
        await send({"type": "http.response.start", "status": int(scope["path"][-3:]), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def headers(path: str) -> dict[bytes, bytes]:
        sent: list[Any] = []

        async def receive() -> Message:
            return END

        async def send(message: Message) -> None:
            sent.append(message)

        await front({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
        return dict(sent[0]["headers"])

    front = Front(respond, respond, respond, surround())
    found = [await headers(path) for path in ("/500", "/404", "/device/503", "/access/200")]
    assert [b"request-1", None, b"request-3", None] == [item.get(b"x-request-id") for item in found]
    assert ["request-1", "request-2", "request-3", "request-4"] == named
    assert "" == REQUEST.get()


async def test_a_process_that_leaves_ends_each_connection_with_its_answer() -> None:
    """So that the next request is another process's."""
    around = surround()
    assert b"connection" not in dict((await ask(POSTURE, [], around=around)).messages[0]["headers"])
    around.leaving = True
    for path in (POSTURE, "/device/x", "/health"):
        assert b"close" == dict((await ask(path, [], around=around)).messages[0]["headers"])[b"connection"]


async def test_answers_are_counted_by_status_but_for_the_devices() -> None:
    """Also those that no route gave; a device's reports are counted by what they come to."""

    class Tally(NoCounters):
        """Writes down the statuses."""

        def answered(self, status: int) -> None:
            """Write one down."""
            statuses.append(status)

    statuses: list[int] = []
    around = surround(counters=Tally())
    await ask(POSTURE, [], around=around)
    await ask(POSTURE, [], [(b"host", b"a"), (b"host", b"b")], around=around)
    await ask("/device/v1/report", [], around=around)
    await ask("/health", [], around=around)
    assert [204, 400] == statuses
