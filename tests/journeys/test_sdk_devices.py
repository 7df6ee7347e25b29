"""The official client over devices and registrations that were really enrolled, loose and strict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cloudflare
import pytest

from gatepost.agent.cycle import enroll
from gatepost.agent.host import Host
from gatepost.client.identity import StateFolder
from gatepost.client.transport import Server
from gatepost.core.device import DeviceFacts
from gatepost.errors import ReportRefusedError
from tests.journeys.real import RealServer, real_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.client.identity import EnrolledAs


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Give a server that agents can reach."""
    with real_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(params=["loose", "strict"])
def client(server: RealServer, request: pytest.FixtureRequest) -> Iterator[cloudflare.Cloudflare]:
    """Give the client, as it is and with strict validation of answers."""
    with cloudflare.Cloudflare(
        api_token=server.token,
        base_url=f"{server.url}/client/v4",
        max_retries=0,
        _strict_response_validation=request.param == "strict",
    ) as made:
        yield made


def enroll_one(server: RealServer, folder: Path, name: str) -> EnrolledAs:
    """Enrol a device as the agent does."""
    body = {"kind": "enrollment", "uses": 1, "user_email": "jo@example.com"}
    token = server.call("POST", "/gatepost/tokens", body)["token"]
    host = Host(
        facts=DeviceFacts(serial_number=f"SN-{name}", hostname=name, device_uuid=None),
        name=name,
        manufacturer="Maker",
        model="M1",
        os_version="Debian 12",
    )
    with Server(server.url) as connection:
        return enroll(StateFolder(folder / name), connection, token, host, None)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's own word for the older routes
def test_devices_from_the_first_page_to_the_last(
    client: cloudflare.Cloudflare, server: RealServer, tmp_path: Path
) -> None:
    """Listed over pages of one, read, revoked, let in again, and deleted, by every route that the client has."""
    begin = f"pages-{tmp_path.name[-1]}-"
    enrolled = [enroll_one(server, tmp_path, f"{begin}{number}") for number in range(3)]
    account: Any = {"account_id": server.account}
    api = client.zero_trust.devices

    listed = list(api.devices.list(per_page=1, search=begin, sort_order="desc", **account))
    assert [f"{begin}{number}" for number in (2, 1, 0)] == [item.name for item in listed]
    first = listed[-1]
    assert (1, "jo@example.com") == (first.active_registrations, first.last_seen_user and first.last_seen_user.email)
    found = api.devices.get(enrolled[0].device_id, include="last_seen_registration.policy", **account)
    assert found is not None
    assert (f"SN-{begin}0", "linux", {}) == (found.serial_number, found.device_type, found.tags)

    registrations = api.registrations
    mine = list(registrations.list(per_page=1, device={"id": enrolled[1].device_id}, **account))
    assert [enrolled[1].registration_id] == [item.id for item in mine]
    ids = [item.registration_id for item in enrolled[:2]]
    registrations.revoke(id=ids, **account)
    one = registrations.get(ids[0], **account)
    assert one is not None
    assert (True, "secp256r1") == (one.revoked_at is not None, one.key_type)
    assert set(ids) <= {item.id for item in registrations.list(status="revoked", per_page=1, **account)}
    with pytest.raises(ReportRefusedError, match="device-revoked"):
        enroll_one(server, tmp_path / "again", f"{begin}0")
    registrations.unrevoke(id=ids, **account)

    api.devices.revoke(enrolled[2].device_id, **account)
    api.unrevoke.create(body=[enrolled[2].registration_id], **account)
    api.revoke.create(body=[enrolled[2].registration_id], **account)
    older = {item.id: item for item in api.list(**account)}
    assert older[enrolled[2].registration_id].revoked_at is not None
    again = api.get(enrolled[2].registration_id, **account)
    assert again is not None
    assert f"{begin}2" == again.name

    registrations.delete(ids[0], **account)
    registrations.bulk_delete(id=[ids[1]], **account)
    api.devices.delete(enrolled[2].device_id, **account)
    assert [] == list(api.devices.list(search=begin, active_registrations="only", **account))
    with pytest.raises(cloudflare.BadRequestError):
        api.devices.list(search=begin, sort_by="last_seen_at", **account)
