"""The API's application on a database of one account, asked without a socket."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gatepost.controlplane.access.deciding import Access
from gatepost.controlplane.access.memory import Memory
from gatepost.controlplane.access.recording import AccessRecorder
from gatepost.controlplane.access.vouching import Vouching
from gatepost.controlplane.administration.accounts import NewAccount, create_account
from gatepost.web.app import create_app
from tests.controlplane.house import URL, House, Member, open_house
from tests.kinds import KINDS, new_database
from tests.services import Clock, access_of, open_services, surround
from tests.web.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from gatepost.controlplane.administration.services import Services
    from gatepost.web.front import Front, Receive, Scope, Send


async def no_device(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand where the device's application does."""
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def services(tmp_path: Path, clock: Clock) -> Services:
    """Give services on an empty database."""
    return open_services(tmp_path, clock)


@pytest.fixture
def created(services: Services) -> NewAccount:
    """Give an account with its first administrator's token."""
    return create_account(services, "owner@example.com")


@pytest.fixture
def app(services: Services) -> Front:
    """Give the application."""
    return create_app(services, no_device, surround(), access_of(services))


@pytest.fixture
async def stranger(app: Front) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client without a credential."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


class Api:
    """A client of one account: paths begin below ``/client/v4/accounts/{id}``."""

    def __init__(self, client: httpx2.AsyncClient, created: NewAccount) -> None:
        """Take the client and the account."""
        self._client = client
        self.base = f"/client/v4/accounts/{created.account_id}"
        self.headers = {"Authorization": f"Bearer {created.token}"}

    async def __call__(self, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's own options.
        """Send one request."""
        headers = self.headers | options.pop("headers", {})
        return await self._client.request(method, self.base + path, headers=headers, **options)


@pytest.fixture
def api(stranger: httpx2.AsyncClient, created: NewAccount) -> Api:
    """Give a client with the first administrator's token."""
    return Api(stranger, created)


@pytest.fixture(params=KINDS)
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Give a house of one account with one check."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        yield opened


@pytest.fixture
async def door(house: House) -> AsyncIterator[Door]:
    """Give the application's door."""
    around = surround()
    around.issuer = "https://gatepost.example"
    recorder = AccessRecorder(house.storage, house.clock)
    memory = Memory(house.storage, time.monotonic)
    access = Access(house.storage, house.clock, recorder, memory)
    vouching = Vouching(house.storage, access, house.clock, os.urandom, (URL,), 8645)
    transport = httpx2.ASGITransport(app=create_app(house.services, no_device, around, access, vouching))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Door(house, client, house.ask(cn="laptop-1"), recorder, memory)


@pytest.fixture
def laptop(house: House) -> Member:
    """Give a device."""
    return house.admit()
