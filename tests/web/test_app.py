"""The route table as a client meets it: what is not there, what is not allowed, and what breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from gatepost.errors import StorageError
from gatepost.web.app import create_app
from gatepost.wire.management.codes import Code
from tests.services import Clock, access_of, open_services, surround

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.controlplane.administration.accounts import NewAccount
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Storage
    from tests.web.conftest import Api


@pytest.mark.parametrize(
    "path", ["/", "/client", "/client/v4/user/tokens", "/client/v4/zones", "/docs/x", "/%00", "/a//b"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_route_that_is_not_there_is_answered_in_the_envelope(
    stranger: httpx2.AsyncClient, method: str, path: str
) -> None:
    """With the number that clients of the reference know."""
    answer = await stranger.request(method, path)
    assert 404 == answer.status_code
    assert {"success", "errors", "messages", "result"} == set(answer.json())
    assert Code.NO_ROUTE == answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "TRACE", "BREW"])
async def test_a_method_that_is_not_there_is_answered_with_those_that_are(api: Api, method: str) -> None:
    """In the header that HTTP wants, and in the envelope."""
    answer = await api(method, "/devices/posture")
    assert (405, Code.METHOD_NOT_ALLOWED) == (answer.status_code, answer.json()["errors"][0]["code"])
    assert {"GET", "HEAD", "OPTIONS", "POST"} == set(answer.headers["allow"].split(", "))


async def test_a_nul_in_an_id_reaches_no_database(api: Api) -> None:
    """Not all of them can hold one."""
    answer = await api("GET", "/devices/posture/a%00b")
    assert (400, Code.PARAMETER_INVALID) == (answer.status_code, answer.json()["errors"][0]["code"])


async def test_paths_below_device_are_another_application(stranger: httpx2.AsyncClient) -> None:
    """It branches off before the routes."""
    assert 204 == (await stranger.get("/device/anything")).status_code
    assert 404 == (await stranger.get("/devices")).status_code


class BrokenStorage:
    """A database of which nothing can be had."""

    def __init__(self, error: Exception) -> None:
        """Take what it raises."""
        self._error = error

    def reading(self) -> Any:  # noqa: ANN401 - it never returns.
        """Raise it."""
        raise self._error

    writing = reading


def broken(storage: Storage | BrokenStorage, services: Services) -> httpx2.AsyncClient:
    """Give a client of an application on a broken database."""

    async def device(*_: object) -> None:
        """Answer nothing."""

    changed = msgspec.structs.replace(services, storage=storage)
    transport = httpx2.ASGITransport(app=create_app(changed, device, surround(), access_of(changed)))
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_a_fault_of_ours_is_answered_in_the_envelope_and_logged(
    services: Services, created: NewAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback in the body, one in the log."""
    async with broken(BrokenStorage(RuntimeError("the secret detail")), services) as client:
        url = f"/client/v4/accounts/{created.account_id}/devices/posture"
        answer = await client.get(url, headers={"Authorization": f"Bearer {created.token}"})
    assert (500, Code.INTERNAL_ERROR) == (answer.status_code, answer.json()["errors"][0]["code"])
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    logged = capsys.readouterr()
    assert "the secret detail" in logged.out + logged.err


async def test_a_database_that_cannot_be_used_is_answered_with_when_to_come_back(
    services: Services, created: NewAccount
) -> None:
    """Its words stay in the log."""
    async with broken(BrokenStorage(StorageError("the disk is full")), services) as client:
        url = f"/client/v4/accounts/{created.account_id}/devices/posture"
        answer = await client.get(url, headers={"Authorization": f"Bearer {created.token}"})
    assert (503, "10") == (answer.status_code, answer.headers["retry-after"])
    assert "disk" not in answer.text


async def test_two_applications_know_nothing_of_each_other(api: Api, services: Services, tmp_path: Path) -> None:
    """Nothing is kept outside what an application was given."""
    (tmp_path / "other").mkdir()
    other = open_services(tmp_path / "other", Clock())
    assert other.storage is not services.storage
    async with broken(other.storage, services) as client:
        answer = await client.get(api.base + "/devices/posture", headers=api.headers)
    assert 401 == answer.status_code
    assert 200 == (await api("GET", "/devices/posture")).status_code
