"""A draft that devices answer too (a trial) changes nothing but what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration.enrollment import replace_settings
from gatepost.controlplane.administration.previews import start_preview
from gatepost.controlplane.administration.rules import replace_options
from gatepost.core.evaluation import Status
from gatepost.wire.device import CheckAnswer, Facts
from gatepost.wire.management.check_options import CheckOptions, Sharing
from gatepost.wire.management.enrollment import EnrollmentSettings, FactRule
from gatepost.wire.management.preview import PreviewBody
from tests.certificates import CertificateAuthority
from tests.controlplane.house import HOUR, MINUTE, PLACE, open_house
from tests.services import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.wire.device import Acknowledgement
    from tests.certificates import Issued
    from tests.controlplane.house import House, Member


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house for one test."""
    with open_house(tmp_path) as opened:
        yield opened


def collect(house: House, *authorities: CertificateAuthority, cn: str, **around: str) -> None:
    """Have devices answer a draft."""
    rule = rule_of(house.upload(*authorities), cn=cn, locations={"paths": [PLACE]}) | {"name": "draft"} | around
    start_preview(house.services, house.account, PreviewBody(rule=rule, collect=True))


def answer_all(member: Member, issued: Issued, only: str = "", facts: Facts | None = None) -> Acknowledgement:
    """Answer every check, or those of one name, with one proved certificate."""
    nonce = member.synchronise().nonce
    found = member.found(issued, nonce)
    answers = tuple(
        CheckAnswer(id=item.id, version=item.version, status=Status.PASS, candidates=(found.placed,))
        for item in member.checks().checks
        if only in {"", item.name}
    )
    return member.send(member.compose(found, nonce=nonce, checks=answers, facts=facts or Facts()))


def test_a_draft_accepts_no_facts(house: House) -> None:
    """Its signing certificate is nobody's word on what a device is called."""
    house.ask(cn="nobody")
    replace_settings(house.services, house.account, EnrollmentSettings(accept_facts=FactRule.CERTIFICATE))
    other, laptop = CertificateAuthority.create(cn="Draft CA"), house.admit()
    collect(house, other, cn="${serial_number}")
    before = laptop.registration.device.facts
    answer_all(laptop, other.issue(cn="BOSS-1"), facts=Facts(serial_number="BOSS-1"))
    assert before == laptop.registration.device.facts


def test_a_draft_lets_no_waiting_device_in(house: House) -> None:
    """What passes the draft alone proves nothing that counts."""
    check, old = house.ask(cn="right"), house.authority.issue(cn="right")
    laptop = house.admit(Facts(hostname="l", serial_number="X1"))
    laptop.prove(old)
    house.ask_otherwise(check, cn="new")
    laptop.prove(house.authority.issue(cn="new"))
    waiting = house.admit(Facts(hostname="l", serial_number="X1"))
    assert waiting.registration.pending is not None
    collect(house, cn="right")
    answer_all(waiting, old)
    assert waiting.registration.pending is not None
    assert laptop.registration.counts


def test_a_draft_fails_nobodys_result(house: House) -> None:
    """A key that only the draft saw proved is not shared by it."""
    check = house.ask(cn="copied")
    replace_options(house.services, house.account, check, CheckOptions(shared=Sharing.DENY))
    collect(house, cn="copied")
    first, second, copied = house.admit(), house.admit(), house.authority.issue(cn="copied")
    answer_all(first, copied, only="laptops")
    answer_all(second, copied, only="draft")
    assert Status.PASS is first.result().result.status


def test_a_draft_hurries_nobody(house: House) -> None:
    """Neither is the next report due sooner, nor does a nonce age sooner."""
    house.ask(cn="right", fields={"schedule": "1h"})
    collect(house, cn="right", schedule="1m")
    laptop, issued = house.admit(), house.authority.issue(cn="right")
    assert HOUR // 1000 == answer_all(laptop, issued).next_in
    nonce = laptop.synchronise().nonce
    house.clock.time += 10 * MINUTE
    assert laptop.send(laptop.compose(nonce=nonce, checks=())).acknowledged
