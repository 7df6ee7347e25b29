"""People, and the posture of the device that each was last seen with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from cloudflare.types.zero_trust.access import users
from pydantic import TypeAdapter

from gatepost.controlplane.administration import people
from gatepost.controlplane.administration.rules import replace_options
from gatepost.controlplane.ports import User, UserFilter
from gatepost.errors import NotFoundError
from gatepost.wire.device import Facts
from gatepost.wire.management.check_options import CheckOptions, OnChange
from tests.controlplane.house import HOUR, MINUTE, House, Member, open_house
from tests.services import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.wire.management.users import Identity, PostureOfDevice


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house without devices."""
    with open_house(tmp_path) as opened:
        yield opened


def person(house: House, email: str = "ann@example.com", name: str = "") -> str:
    """Make a person and give the id."""
    with house.services.storage.writing() as records:
        user = User(
            number=0,
            id=house.services.new_id(),
            account=house.account,
            email=email,
            name=name,
            created_at=START,
            updated_at=START,
        )
        return records.users.ensure(user).id


def laptop(house: House, number: int = 1) -> Member:
    """Enrol a device of that person's, whose token has the address in other letters."""
    member = Member(house)
    token = house.token(user_email="Ann@Example.com")
    facts = Facts(hostname=f"laptop-{number}", serial_number=f"S-{number}")
    member.enrolled = house.enroller.enroll(token, member.enrollment(facts))
    return member


def identity(house: House, user_id: str) -> Identity:
    """Ask for a person as last seen."""
    with house.services.storage.reading() as records:
        (account,) = records.accounts.all()
    return people.find_identity(house.services, account, user_id)


def posture(house: House, user_id: str) -> PostureOfDevice:
    """Ask for the one posture of a person's device."""
    (only,) = identity(house, user_id).device_posture.values()
    return only


def test_a_person_is_seen_with_the_posture_of_the_device(house: House) -> None:
    """Its name and description, what was expected and what was received."""
    user_id, check_id = person(house), house.ask(cn="laptop-1", fields={"description": "the company's"})
    member = laptop(house)
    member.prove(house.authority.issue(cn="laptop-1"))
    found = identity(house, user_id)
    registration = member.registration
    assert ("ann@example.com", registration.device.id, registration.id) == (
        found.email,
        found.device_id,
        found.registration_id,
    )
    assert {registration.id: START // 1000} == {
        name: item.last_authenticated for name, item in found.device_sessions.items()
    }
    shown = found.device_posture[check_id]
    assert (True, "", "laptops", "the company's", "client_certificate_v2") == (
        shown.success,
        shown.error,
        shown.rule_name,
        shown.description,
        shown.type,
    )
    assert shown.check["certificates"]
    assert "laptop-1" in str(shown.input)


def test_an_identity_is_one_for_the_reference_s_own_client(house: House) -> None:
    """Its types take ours, also when they are told to be strict."""
    user_id, check_id = person(house), house.ask(cn="laptop-1")
    laptop(house).prove(house.authority.issue(cn="laptop-1"))
    read = TypeAdapter(users.Identity).validate_json(msgspec.json.encode(identity(house, user_id)))
    assert read.device_posture is not None
    assert (True, "laptops") == (read.device_posture[check_id].success, read.device_posture[check_id].rule_name)


def test_a_pass_that_does_not_count_is_no_success(house: House) -> None:
    """Neither one that has ended, nor one of a check that is disabled or for another system."""
    user_id, check_id = person(house), house.ask(cn="laptop-1")
    laptop(house).prove(house.authority.issue(cn="laptop-1"))
    assert posture(house, user_id).success
    house.ask_otherwise(check_id, cn="laptop-1", fields={"enabled": False})
    assert (False, "check-disabled") == (posture(house, user_id).success, posture(house, user_id).error)
    house.ask_otherwise(check_id, cn="laptop-1", operating_system="windows", locations=None)
    assert (False, "not-applicable") == (posture(house, user_id).success, posture(house, user_id).error)
    house.ask_otherwise(check_id, cn="laptop-1")
    assert posture(house, user_id).success
    house.clock.time += HOUR
    assert (False, "result-expired") == (posture(house, user_id).success, posture(house, user_id).error)


def test_a_pass_of_a_question_that_is_no_longer_asked_is_no_success(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the change was to take effect at once, and judging again came to nothing."""
    monkeypatch.setattr("gatepost.controlplane.administration.services.judge_check_again", lambda *_: 0)
    user_id, check_id = person(house), house.ask(cn="laptop-1")
    laptop(house).prove(house.authority.issue(cn="laptop-1"))
    replace_options(house.services, house.account, check_id, CheckOptions(on_change=OnChange.AT_ONCE))
    house.ask_otherwise(check_id, cn="laptop-1", extended_key_usage=["emailProtection"])
    assert (False, "check-changed") == (posture(house, user_id).success, posture(house, user_id).error)


def test_a_fail_says_why(house: House) -> None:
    """In the words of the closed list."""
    user_id = person(house)
    house.ask(cn="laptop-1")
    laptop(house).prove(house.authority.issue(cn="other"))
    assert (False, "common-name-mismatch") == (posture(house, user_id).success, posture(house, user_id).error)


def test_the_device_that_was_last_seen_is_shown(house: House) -> None:
    """Of those that are not revoked; without any, there is no posture."""
    user_id = person(house)
    house.ask(cn="laptop-1")
    assert ({}, None) == (identity(house, user_id).device_posture, identity(house, user_id).device_id)
    first, second = laptop(house), laptop(house, 2)
    second.prove(house.authority.issue(cn="laptop-1"))
    house.clock.time += MINUTE
    first.prove(house.authority.issue(cn="other"))
    assert first.registration.id == identity(house, user_id).registration_id
    assert 2 == people.find_user(house.services, house.account, user_id).active_device_count
    house.revoke(first)
    assert second.registration.id == identity(house, user_id).registration_id
    assert posture(house, user_id).success
    house.revoke(second)
    assert {} == identity(house, user_id).device_posture
    assert 0 == people.find_user(house.services, house.account, user_id).active_device_count


def test_people_are_listed_by_their_addresses(house: House) -> None:
    """Page by page, and by a part of their address or name."""
    for email, name in (("c@example.com", "Cid"), ("a@example.com", "Ann"), ("b@example.org", "Ben_")):
        person(house, email, name)

    def emails(offset: int = 0, limit: int = 10, **wanted: str) -> tuple[list[str], int]:
        found, total = people.list_users(house.services, house.account, UserFilter(**wanted), offset, limit)
        return [item.email for item in found], total

    assert (["a@example.com", "b@example.org", "c@example.com"], 3) == emails()
    assert (["c@example.com"], 3) == emails(2, 2)
    assert ([], 3) == emails(4)
    assert (["b@example.org"], 1) == emails(email="B@example.org")
    assert (["b@example.org"], 1) == emails(name="n_")
    assert (["a@example.com", "c@example.com"], 2) == emails(search="EXAMPLE.COM")
    assert (["c@example.com"], 1) == emails(search="cid")


def test_a_person_who_is_not_there_is_not_found(house: House) -> None:
    """Whatever is asked."""
    with pytest.raises(NotFoundError):
        people.find_user(house.services, house.account, "absent")
    with pytest.raises(NotFoundError):
        identity(house, "absent")
