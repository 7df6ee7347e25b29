"""Webhooks: who is told of changes, signed, in order, and again until it is taken; a real server takes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.client.webhooks import WebhookClient
from gatepost.controlplane.administration import devices, webhooks
from gatepost.controlplane.announcing import Announcer
from gatepost.errors import ConflictError, InputError, StorageError
from gatepost.storage import webhooks as rows
from gatepost.wire.management.webhooks import WebhookBody, WebhookObject
from tests.running import free_port
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.controlplane.house import House, Member


class Listener:
    """Somebody's server: it keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        """Listen on a port of its own."""
        self.status = 204
        self.heard: list[tuple[dict[str, str], bytes]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.heard.append(({key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(listener.status)
                self.send_header("location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    @contextmanager
    def serving(self) -> Iterator[Listener]:
        """Serve for the block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def changes(self) -> list[dict[str, Any]]:
        """Give all changes that it was told of, in order."""
        return [change for _, body in self.heard for change in msgspec.json.decode(body)["changes"]]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Give a listener."""
    with Listener().serving() as made:
        yield made


def announcer_of(house: House, told: list[str] | None = None) -> Announcer:
    """Give what tells webhooks, by the real client."""
    return Announcer(house.storage, house.clock, WebhookClient().post, (told if told is not None else []).append)


def make(house: House, url: str, name: str = "siem") -> str:
    """Make a webhook; return its secret."""
    return webhooks.create_webhook(house.services, house.account, WebhookBody(url=url, name=name)).secret


def shown(house: House) -> WebhookObject:
    """Give the one webhook."""
    (only,) = webhooks.list_webhooks(house.services, house.account)
    return only


def test_each_change_is_told_once_in_order_and_signed(house: House, laptop: Member, listener: Listener) -> None:
    """From the making on: what a device came to, and what administrators did; nothing of the access log."""
    house.ask(cn="laptop-1")
    secret = make(house, listener.url)
    announcer = announcer_of(house)
    laptop.prove(house.authority.issue(cn="laptop-1"))
    laptop.send(laptop.compose())
    with house.storage.writing() as records:
        records.access_log.append(house.account, [samples.decision()])
    devices.revoke(house.services, house.account, (laptop.registration.id,))
    announcer.announce()
    announcer.announce()
    ((headers, body),) = listener.heard
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" == headers["webhook-signature"]
    assert str(house.clock.time // 1000) == headers["webhook-timestamp"]
    assert (house.account_id, False) == tuple(msgspec.json.decode(body)[name] for name in ("account_id", "missing"))
    revoked = ("audit", "revoke")
    said = [(item["type"], item.get("status") or item["action"]) for item in listener.changes()]
    assert [("audit", "create"), ("posture", "pass"), ("posture", "fail")] == [item for item in said if item != revoked]
    assert revoked in said
    failed = listener.changes()[2]
    assert (laptop.registration.id, ["no-certificate-found"]) == (failed["registration_id"], failed["reasons"])
    assert failed["ends_at"] is not None
    positions = [item["position"] for item in listener.changes()]
    assert sorted(positions) == positions
    assert 0 == shown(house).failures


def test_what_is_not_taken_is_sent_again_later_and_nothing_is_lost(house: House, listener: Listener) -> None:
    """A redirect is not followed; the identifier stays the same, so that whoever took it can tell."""
    make(house, listener.url)
    announcer = announcer_of(house)
    listener.status = 302
    announcer.announce()
    announcer.announce()
    assert 1 == len(listener.heard)
    told = shown(house)
    assert (1, "answered 302") == (told.failures, told.last_problem)
    house.token()
    listener.status = 500
    house.clock.time += 1_000
    announcer.announce()
    house.clock.time += 1_000
    announcer.announce()
    assert (2, 2) == (len(listener.heard), shown(house).failures)
    listener.status = 200
    house.clock.time += 1_000
    announcer.announce()
    assert 1 == len({headers["webhook-id"] for headers, _ in listener.heard})
    actions = [item["kind"] for item in msgspec.json.decode(listener.heard[-1][1])["changes"]]
    assert ["webhook", "token"] == actions
    assert (0, None, "") == (shown(house).failures, shown(house).next_try_at, shown(house).last_problem)


def test_whoever_cannot_be_reached_is_tried_every_five_minutes_in_the_end(house: House) -> None:
    """And others are told meanwhile."""
    make(house, f"http://127.0.0.1:{free_port()}/")
    announcer = announcer_of(house)
    for _ in range(10):
        announcer.announce()
        house.clock.time += 300_000
    told = shown(house)
    assert (10, "cannot be reached: ConnectError") == (told.failures, told.last_problem)


def test_many_changes_come_in_several_pieces(house: House, listener: Listener) -> None:
    """Each of at most a hundred, none twice."""
    make(house, listener.url)
    for number in range(230):
        with house.storage.writing() as records:
            records.audit_log.append(house.account, samples.audit_entry(reference=str(number)))
    announcer = announcer_of(house)
    for _ in range(4):
        announcer.announce()
    assert [100, 100, 31] == [len(msgspec.json.decode(body)["changes"]) for _, body in listener.heard]
    assert list(map(str, range(230))) == [item["reference"] for item in listener.changes()[1:]]


def test_of_two_processes_one_tells(house: House, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second leaves it; one that died is replaced when its time is over."""
    make(house, listener.url)
    with house.storage.writing() as records:
        (told,) = records.webhooks.due(house.clock())
        assert records.webhooks.lease(told, house.clock() + 60_000)
        assert not records.webhooks.lease(told, house.clock() + 60_000)
    announcer = announcer_of(house)
    announcer.announce()
    assert [] == listener.heard
    house.clock.time += 60_000
    monkeypatch.setattr(rows.SqlWebhooks, "lease", lambda *_: False)
    announcer.announce()
    assert [] == listener.heard
    monkeypatch.undo()
    announcer.announce()
    assert 1 == len(listener.heard)


def test_lines_that_were_dropped_are_missing_and_said_to_be(
    house: House, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver looks for itself then."""
    make(house, listener.url)
    head = house.storage.reading
    with head() as records:
        known = records.log_chain.head(house.account)
    monkeypatch.setattr(
        "gatepost.storage.chain.SqlLogChain.head",
        lambda *_: msgspec.structs.replace(known, dropped=known.place.position),
    )
    announcer_of(house).announce()
    assert msgspec.json.decode(listener.heard[0][1])["missing"]


def test_a_webhook_that_is_removed_hears_nothing_more(house: House, listener: Listener) -> None:
    """Nor does one whose secret is lost."""
    make(house, listener.url)
    webhooks.remove_webhook(house.services, house.account, shown(house).id)
    house.token()
    announcer_of(house).announce()
    make(house, listener.url)
    with house.storage.writing() as records:
        records.secrets.remove(house.account, f"webhook:{shown(house).id}")
    announcer_of(house).announce()
    assert [] == listener.heard


def test_one_that_breaks_keeps_no_other_from_being_told(
    house: House, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And somebody hears of it."""
    make(house, "http://127.0.0.1:1/", "broken")
    broken = shown(house).id
    make(house, listener.url)
    whole = Announcer._read  # noqa: SLF001 - what is broken.

    def read(self: Announcer, records: Any, about: Any) -> object:  # noqa: ANN401 - what `_read` takes.
        if about.id == broken:
            raise ZeroDivisionError
        return whole(self, records, about)

    monkeypatch.setattr(Announcer, "_read", read)
    told: list[str] = []
    announcer_of(house, told).announce()
    assert (["ZeroDivisionError"], 1) == (told, len(listener.heard))


def test_there_are_only_so_many(house: House) -> None:
    """One thread tells them all."""
    for number in range(20):
        make(house, f"https://siem.example.com/{number}")
    with pytest.raises(ConflictError, match="20 of them already"):
        make(house, "https://siem.example.com/20")


@pytest.mark.parametrize(
    "url",
    [
        "http://siem.example.com/",
        "ftp://127.0.0.1/",
        "https://user:secret@siem.example.com/",
        "https://siem.example.com/#x",
        "https:///x",
        "https://siem.example.com:x/",
        "siem",
    ],
)
def test_an_address_that_may_not_be_told_things_is_refused(url: str) -> None:
    """Without TLS, with a password in it, or none at all."""
    with pytest.raises(InputError, match="url"):
        WebhookBody(url=url)


def test_its_thread_goes_on_when_the_database_fails(
    house: House, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And somebody hears of it."""
    monkeypatch.setattr("gatepost.controlplane.announcing._EVERY", 0.01)
    make(house, listener.url)
    errors: list[Exception] = [StorageError("gone"), ZeroDivisionError()]
    whole = rows.SqlWebhooks.due

    def due(self: rows.SqlWebhooks, now: int) -> object:
        if errors:
            raise errors.pop(0)
        return whole(self, now)

    monkeypatch.setattr(rows.SqlWebhooks, "due", due)
    told: list[str] = []
    announcer = announcer_of(house, told)
    announcer.start()
    for _ in range(3_000):
        if listener.heard:
            break
        threading.Event().wait(0.01)
    announcer.stop()
    assert ["gone", "ZeroDivisionError"] == told
    assert 1 == len(listener.heard)
