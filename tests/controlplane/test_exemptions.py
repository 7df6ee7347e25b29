"""Exemptions: of one device or user, for one application, with a reason and an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.access import apps, exemptions
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.ports import AuditFilter
from gatepost.errors import InputError, NotFoundError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.exemptions import ExemptionBody
from tests.controlplane.house import HOUR, House, open_house
from tests.services import START, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house with a device."""
    with open_house(tmp_path) as opened:
        yield opened


def app(house: House) -> str:
    """Create an application and give its id."""
    content = as_json({"type": "self_hosted", "domain": "wiki.example.com"})
    kept = apps.create_app(house.services, house.account, content)
    identifier: str = msgspec.json.decode(kept.document["id"])
    return identifier


def asked(app_id: str, **changes: str) -> ExemptionBody:
    """Ask for an exemption of a user; ``changes`` replace its fields."""
    wanted = ExemptionBody(app_id=app_id, user_email="Ann@example.com", reason="new laptop", expires_in="2h")
    return msgspec.structs.replace(wanted, **changes)


def test_an_exemption_ends_by_itself(house: House) -> None:
    """It is shown until then, and swept out when the next one is made."""
    app_id = app(house)
    made = exemptions.create_exemption(house.services, house.account, asked(app_id))
    assert ("ann@example.com", instant(START + 2 * HOUR), "new laptop") == (
        made.user_email,
        made.expires_at,
        made.reason,
    )
    assert (made,) == exemptions.list_exemptions(house.services, house.account)
    house.clock.time += 2 * HOUR
    assert () == exemptions.list_exemptions(house.services, house.account)
    with pytest.raises(NotFoundError):
        exemptions.end_exemption(house.services, house.account, made.id)
    exemptions.create_exemption(house.services, house.account, asked(app_id))
    with house.services.storage.reading() as records:
        assert 1 == len(records.resources.all(house.account, "exemption"))


def test_an_exemption_of_a_device_names_one_that_is_enrolled(house: House) -> None:
    """By its registration."""
    registration = house.admit().registration.id
    wanted = ExemptionBody(app_id=app(house), registration_id=registration, reason="x", expires_in="168h")
    assert registration == exemptions.create_exemption(house.services, house.account, wanted).registration_id
    absent = msgspec.structs.replace(wanted, registration_id="absent")
    with pytest.raises(InputError) as refused:
        exemptions.create_exemption(house.services, house.account, absent)
    assert "/registration_id" == refused.value.field


@pytest.mark.parametrize(
    ("changes", "pointer"), [({"app_id": "absent"}, "/app_id"), ({"expires_in": "169h"}, "/expires_in")]
)
def test_an_exemption_that_is_wrong_is_refused(house: House, changes: dict[str, str], pointer: str) -> None:
    """Of no application, or longer than a week."""
    with pytest.raises(InputError) as refused:
        exemptions.create_exemption(house.services, house.account, asked(**{"app_id": app(house), **changes}))
    assert pointer == refused.value.field


def test_an_exemption_is_ended_and_goes_with_its_application(house: House) -> None:
    """Each of it in the audit log."""
    app_id = app(house)
    first = exemptions.create_exemption(house.services, house.account, asked(app_id))
    exemptions.create_exemption(house.services, house.account, asked(app_id))
    exemptions.end_exemption(house.services, house.account, first.id)
    apps.remove_app(house.services, house.account, app_id)
    assert () == exemptions.list_exemptions(house.services, house.account)
    lines, _ = read_audit_log(house.services, house.account, AuditFilter(kind="exemption"), None, 10)
    assert ["delete", "delete", "create", "create"] == [line.action for line in lines]
