"""The official client of the reference, pointed at us: what it writes, it reads back.

Each journey is made twice: with the client as people use it, and with the client told to refuse answers that do not fit
its own types.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import cloudflare
import pytest
from cloudflare.types.zero_trust.devices import device_input

from gatepost.wire.management.codes import Code
from tests.certificates import CertificateAuthority
from tests.running import Running, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudflare.types.zero_trust.devices import DevicePostureRule

WRITTEN_MATCH: list[Any] = [{"platform": "linux"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a server for all journeys of this file."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(params=["loose", "strict"])
def client(server: Running, request: pytest.FixtureRequest) -> Iterator[cloudflare.Cloudflare]:
    """Give the client, as it is and with strict validation of answers."""
    with cloudflare.Cloudflare(
        api_token=server.account.token,
        base_url=server.base_url,
        _strict_response_validation=request.param == "strict",
    ) as made:
        yield made


@pytest.fixture
def account(server: Running) -> str:
    """Give the account's id."""
    return server.account.account_id


def written_input(certificate_id: str) -> dict[str, Any]:
    """Give an input with every field of the newer type."""
    return {
        "certificate_id": certificate_id,
        "check_private_key": True,
        "operating_system": "linux",
        "cn": "${serial_number}.corp.example",
        "extended_key_usage": ["clientAuth", "emailProtection"],
        "locations": {"paths": ["/etc/b.pem", "/etc/a.pem"], "trust_stores": ["system", "user"]},
        "subject_alternative_names": ["${hostname}.example", "dns:b.example"],
    }


def upload(client: cloudflare.Cloudflare, account: str) -> str:
    """Upload two roots at once, see them come back as they were sent, and give the upload's id."""
    root, other = CertificateAuthority.create(), CertificateAuthority.create(cn="Other Root")
    text = (root.pem + other.pem).decode()
    uploaded = client.mtls_certificates.create(account_id=account, ca=True, certificates=text, name="roots")
    assert uploaded is not None
    assert uploaded.id is not None
    assert uploaded.expires_on is not None
    assert (text, "roots", True, "CN=Example Root CA", str(root.certificate.serial_number)) == (
        uploaded.certificates,
        uploaded.name,
        uploaded.ca,
        uploaded.issuer,
        uploaded.serial_number,
    )
    assert ("ECDSAWithSHA256", "custom") == (uploaded.signature, uploaded.type)
    assert root.certificate.not_valid_after_utc == uploaded.expires_on.astimezone(UTC)
    return uploaded.id


def create(client: cloudflare.Cloudflare, account: str, given: dict[str, Any]) -> DevicePostureRule:
    """Create a rule with every field, and see that it is read back by each way of reading as it was written."""
    written: dict[str, Any] = {
        "name": "laptops",
        "type": "client_certificate_v2",
        "description": "née",
        "schedule": "15m",
        "expiration": "1h",
        "match": WRITTEN_MATCH,
        "input": given,
    }
    posture = client.zero_trust.devices.posture
    created = posture.create(account_id=account, **written)
    assert created is not None
    assert created.id is not None
    assert isinstance(created.input, device_input.TeamsDevicesClientCertificateV2InputRequest)
    assert {"id": created.id, **written} == created.to_dict(mode="json")
    assert [created.to_dict()] == [item.to_dict() for item in posture.list(account_id=account) if item.id == created.id]
    found = posture.get(created.id, account_id=account)
    assert found is not None
    assert created.to_dict() == found.to_dict()
    return created


def test_upload_create_list_get_update_delete(client: cloudflare.Cloudflare, account: str) -> None:
    """The whole life of a check, each time with exactly what was written."""
    posture = client.zero_trust.devices.posture
    certificate_id = upload(client, account)
    given = written_input(certificate_id)
    rule_id = create(client, account, given).id
    assert rule_id is not None
    associations = client.mtls_certificates.associations.get(certificate_id, account_id=account)
    assert ["active"] == [item.status for item in associations]

    # What an update leaves out is gone.
    changed: dict[str, Any] = {"name": "renamed", "type": "client_certificate_v2", "input": given | {"cn": "x"}}
    updated = posture.update(rule_id, account_id=account, **changed)
    assert updated is not None
    assert {"id": rule_id, **changed} == updated.to_dict(mode="json")

    # The upload goes only once nothing uses it.
    with pytest.raises(cloudflare.ConflictError) as refused:
        client.mtls_certificates.delete(certificate_id, account_id=account)
    assert Code.CERTIFICATE_IN_USE == refused.value.errors[0].code
    deleted = posture.delete(rule_id, account_id=account)
    assert deleted is not None
    assert rule_id == deleted.id
    with pytest.raises(cloudflare.NotFoundError):
        posture.get(rule_id, account_id=account)
    gone = client.mtls_certificates.delete(certificate_id, account_id=account)
    assert gone is not None
    assert certificate_id == gone.id


def test_the_older_type_and_a_type_that_is_not_evaluated(client: cloudflare.Cloudflare, account: str) -> None:
    """Both are read back as they were written."""
    text = CertificateAuthority.create().pem.decode()
    uploaded = client.mtls_certificates.create(account_id=account, ca=True, certificates=text)
    assert uploaded is not None
    assert uploaded.id is not None
    rules: list[dict[str, Any]] = [
        {"name": "old", "type": "client_certificate", "input": {"certificate_id": uploaded.id, "cn": "x"}},
        {"name": "disk", "type": "disk_encryption", "input": {"checkDisks": ["C"], "requireAll": True}},
        {"name": "file", "type": "file"},
    ]
    posture = client.zero_trust.devices.posture
    for written in rules:
        created = posture.create(account_id=account, **written)
        assert created is not None
        assert created.id is not None
        assert {"id": created.id, **written} == created.to_dict(mode="json")
        posture.delete(created.id, account_id=account)
    client.mtls_certificates.delete(uploaded.id, account_id=account)


def test_a_missing_operating_system_is_read_back_from_the_platform(client: cloudflare.Cloudflare, account: str) -> None:
    """The one field that the reference fills in."""
    text = CertificateAuthority.create().pem.decode()
    uploaded = client.mtls_certificates.create(account_id=account, ca=True, certificates=text)
    assert uploaded is not None
    assert uploaded.id is not None
    given: Any = {"certificate_id": uploaded.id, "check_private_key": False}
    posture = client.zero_trust.devices.posture
    created = posture.create(
        account_id=account, name="x", type="client_certificate_v2", match=WRITTEN_MATCH, input=given
    )
    assert created is not None
    assert created.id is not None
    assert created.input is not None
    assert given | {"operating_system": "linux"} == created.input.to_dict()
    posture.delete(created.id, account_id=account)
    client.mtls_certificates.delete(uploaded.id, account_id=account)


def test_empty_lists_are_lists(client: cloudflare.Cloudflare, account: str) -> None:
    """Also where there is nothing at all."""
    assert [] == list(client.mtls_certificates.list(account_id=account))
    assert [] == list(client.zero_trust.devices.posture.integrations.list(account_id=account))


def test_an_error_has_its_number_and_its_place(client: cloudflare.Cloudflare, account: str) -> None:
    """As newer clients read them."""
    wrong: Any = {"certificate_id": "x", "check_private_key": True, "operating_system": "linus"}
    with pytest.raises(cloudflare.BadRequestError) as refused:
        client.zero_trust.devices.posture.create(
            account_id=account, name="x", type="client_certificate_v2", input=wrong
        )
    error = refused.value.errors[0]
    assert Code.FIELD_INVALID == error.code
    assert error.source is not None
    assert "/input/operating_system" == error.source.pointer


def test_the_key_with_its_e_mail_is_as_good_as_the_token(server: Running, account: str) -> None:
    """The client's older form of credential."""
    with cloudflare.Cloudflare(
        api_key=server.account.token, api_email="owner@example.com", base_url=server.base_url
    ) as client:
        assert [] == list(client.zero_trust.devices.posture.list(account_id=account))
    with (
        cloudflare.Cloudflare(api_token="gpa_" + "x" * 43, base_url=server.base_url) as client,
        pytest.raises(cloudflare.AuthenticationError),
    ):
        client.zero_trust.devices.posture.list(account_id=account)


def test_an_account_that_is_somebody_elses_is_forbidden(client: cloudflare.Cloudflare) -> None:
    """And so is one that does not exist."""
    with pytest.raises(cloudflare.PermissionDeniedError):
        client.zero_trust.devices.posture.list(account_id="0" * 32)
