"""What the operator's machines ask: alive, ready, metrics; on whole paths of their own, and nowhere else."""

from __future__ import annotations

import asyncio
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gatepost.errors import StorageError
from gatepost.web import operations as subject
from gatepost.web.app import create_app
from gatepost.web.limits import LimitSettings, Rate
from gatepost.web.operations import Metrics, Readiness
from tests.services import access_of, surround
from tests.web.conftest import no_device

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gatepost.controlplane.administration.services import Services

TOKEN = "metrics-token-of-the-operator-0123456789"
METRICS = Metrics(
    render=lambda: b"gatepost_build_info 1\n",
    content_type="text/plain; version=1.0.0",
    token_digest=sha256(TOKEN.encode()).digest(),
)


def client_with(services: Services, metrics: Metrics | None = None, **more: Any) -> httpx2.AsyncClient:  # noqa: ANN401 - `surround`'s own.
    """Give a client of an application with these surroundings."""
    app = create_app(services, no_device, surround(metrics=metrics, **more), access_of(services))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1")


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an application with metrics."""
    async with client_with(services, METRICS) as opened:
        yield opened


@pytest.mark.parametrize(("path", "word"), [("/health", "alive"), ("/ready", "ready")])
async def test_alive_and_ready_are_said_without_a_credential(client: httpx2.AsyncClient, path: str, word: str) -> None:
    """One word, never kept by a cache, and nothing of versions."""
    answer = await client.get(path)
    assert (200, {"status": word}) == (answer.status_code, answer.json())
    assert {"content-type", "content-length", "cache-control", "x-content-type-options"} == set(answer.headers)
    assert "no-store" == answer.headers["cache-control"]
    head = await client.head(path)
    assert (200, b"", answer.headers) == (head.status_code, head.content, head.headers)


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
async def test_nothing_else_is_taken(client: httpx2.AsyncClient, path: str, method: str) -> None:
    """GET and HEAD alone."""
    answer = await client.request(method, path)
    assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])


@pytest.mark.parametrize(
    "path",
    [
        "/health/",
        "/health/x",
        "/healthz",
        "/HEALTH",
        "//health",
        "/x/health",
        "/client/v4/health",
        "/client/v4/accounts/x/ready",
        "/access/health",
        "/access/ready",
        "/%68ealth/",
    ],
)
async def test_they_are_whole_paths_and_stand_on_no_other(client: httpx2.AsyncClient, path: str) -> None:
    """Where a proxy asks for a decision, nothing answers "yes" because it was asked how it is."""
    answer = await client.get(path)
    assert answer.status_code in {401, 403, 404}


@pytest.mark.parametrize("path", ["/device/health", "/device/v1/health", "/device/ready"])
async def test_below_device_the_devices_application_answers(client: httpx2.AsyncClient, path: str) -> None:
    """Which is 204 here, and would be 404."""
    assert 204 == (await client.get(path)).status_code


async def test_two_host_lines_are_refused_here_too(client: httpx2.AsyncClient) -> None:
    """As everywhere."""
    answer = await client.get("/health", headers=[("host", "a"), ("host", "b")])
    assert 400 == answer.status_code


# Readiness.


class Asked:
    """A database that is well, and counts how often it was looked at."""

    def __init__(self) -> None:
        """Begin with never."""
        self.times = 0

    def __call__(self) -> bool:
        """Be well."""
        self.times += 1
        return True


async def test_a_server_without_its_intake_is_not_ready() -> None:
    """Reports would wait for ever; the database is not even asked."""
    asked = Asked()
    assert ("intake", 0) == (await Readiness(asked, lambda: False).problem(), asked.times)


async def test_a_database_that_fails_or_has_another_schema_is_told_apart() -> None:
    """By one word."""

    def broken() -> bool:
        raise StorageError("the disk is full")

    assert "database" == await Readiness(broken, lambda: True).problem()
    assert "schema" == await Readiness(lambda: False, lambda: True).problem()
    assert "" == await Readiness(lambda: True, lambda: True).problem()


async def test_not_ready_is_503_with_its_word(services: Services) -> None:
    """And with nothing of the cause, which the log has."""
    around = surround()
    around.operations = subject.Operations(Readiness(lambda: False, lambda: True), around.limits)
    transport = httpx2.ASGITransport(app=create_app(services, no_device, around, access_of(services)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/ready")
        assert (503, {"status": "not-ready", "reason": "schema"}) == (answer.status_code, answer.json())
        assert 200 == (await client.get("/health")).status_code


async def test_who_asks_often_makes_the_database_work_once() -> None:
    """Whatever was seen a second ago is told again."""
    asked = Asked()
    readiness = Readiness(asked, lambda: True)
    assert {""} == {await readiness.problem() for _ in range(5)} | set(
        await asyncio.gather(*(readiness.problem() for _ in range(5)))
    )
    assert 1 == asked.times
    readiness._looked_at -= 2  # noqa: SLF001 - time goes by.
    await readiness.problem()
    assert 2 == asked.times


async def test_a_database_that_hangs_is_one_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes all the same, and the look goes on for whoever asks next."""
    monkeypatch.setattr(subject, "_PATIENCE", 0.01)
    released = threading.Event()
    readiness = Readiness(lambda: released.wait(30), lambda: True)
    assert "database" == await readiness.problem()
    released.set()
    monkeypatch.setattr(subject, "_PATIENCE", 30)
    assert "" == await readiness.problem()


# Metrics.


async def test_metrics_are_shown_to_who_has_the_token(client: httpx2.AsyncClient) -> None:
    """In the format that Prometheus asks for."""
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (200, b"gatepost_build_info 1\n") == (answer.status_code, answer.content)
    assert "text/plain; version=1.0.0" == answer.headers["content-type"]
    head = await client.head("/metrics", headers={"Authorization": f"bearer {TOKEN}"})
    assert (200, b"") == (head.status_code, head.content)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer ")],
        [("Authorization", f"Basic {TOKEN}")],
        [("Authorization", f"Bearer {TOKEN}x")],
        [("Authorization", f"Bearer {TOKEN[:-1]}")],
        [("Authorization", "Bearer ä".encode())],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
    ],
)
async def test_metrics_are_shown_to_nobody_else(client: httpx2.AsyncClient, headers: list[tuple[str, str]]) -> None:
    """401, with what would do; loopback is no credential, because proxies stand there."""
    answer = await client.get("/metrics", headers=headers)
    assert (401, {"status": "refused", "reason": "credential-refused"}) == (answer.status_code, answer.json())
    assert "Bearer" in answer.headers["www-authenticate"]


async def test_an_administrators_token_opens_no_metrics(services: Services, client: httpx2.AsyncClient) -> None:
    """Metrics are the machine's, over all accounts."""
    from gatepost.controlplane.administration.accounts import create_account  # noqa: PLC0415 - for this test.

    token = create_account(services).token
    assert 401 == (await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status_code


async def test_there_are_no_metrics_without_a_token(services: Services) -> None:
    """The path is one that is not there."""
    async with client_with(services) as client:
        assert 404 == (await client.get("/metrics")).status_code


async def test_who_guesses_the_metrics_token_is_turned_away(services: Services) -> None:
    """Who has it, and showed it before, is not."""
    limits = LimitSettings(refusals=Rate(2, 0.1))
    async with client_with(services, METRICS, limits=limits) as client:
        assert 200 == (await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).status_code
        answers = [await client.get("/metrics", headers={"Authorization": "Bearer x"}) for _ in range(3)]
        assert [401, 401, 429] == [answer.status_code for answer in answers]
        assert "10" == answers[2].headers["retry-after"]
        assert 200 == (await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).status_code
