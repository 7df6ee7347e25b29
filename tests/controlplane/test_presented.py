"""Certificates that a report names without carrying them: what a registration showed before, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.denials import deny
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.controlplane.presented import Memory, Shown
from gatepost.errors import CertificateNotShownError
from gatepost.wire.management.denials import DenialBody
from tests.controlplane.house import House, Member, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.wire.device import Acknowledgement
    from tests.certificates import Issued


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house that asks for a certificate and its key."""
    with open_house(tmp_path) as opened:
        opened.ask(cn="${hostname}", extended_key_usage=["clientAuth"])
        yield opened


def name_alone(member: Member, issued: Issued) -> Acknowledgement:
    """Report a certificate with a good proof, and name it alone."""
    nonce = member.synchronise().nonce
    return member.send(member.compose(member.found(issued, nonce), nonce=nonce, certificates={}))


def statuses(acknowledgement: Acknowledgement) -> list[str]:
    """Return what each check came to."""
    return [item.status for item in acknowledgement.verdicts]


def open_again(house: House) -> None:
    """Put a process in the place of the one that saw the reports so far."""
    house.intake.stop()
    house.posture = Posture(house.storage, house.clock, (house.url,))
    house.intake = Intake(house.storage, house.posture, house.clock)
    house.intake.start()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_certificate_is_judged_when_it_was_shown_before(house: House, *, restarted: bool) -> None:
    """By the process that saw it, and by one that did not."""
    member, issued = house.admit(), house.authority.issue(cn="laptop-1")
    assert ["pass"] == statuses(member.prove(issued))
    if restarted:
        open_again(house)
    assert ["pass"] == statuses(name_alone(member, issued))
    assert ["pass"] == statuses(name_alone(member, issued))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_key_must_still_sign_when_its_certificate_was_shown_before(house: House, *, restarted: bool) -> None:
    """To have shown it proves nothing later."""
    member, issued = house.admit(), house.authority.issue(cn="laptop-1")
    member.prove(issued)
    if restarted:
        open_again(house)
    nonce = member.synchronise().nonce
    for proof in (None, b"x" * 64, member.found(issued, member.synchronise().nonce[:-1] + b"x").placed.signature):
        found = member.found(issued, signature=proof)
        assert ["fail"] == statuses(member.send(member.compose(found, nonce=nonce, certificates={})))


def test_a_report_is_refused_when_it_names_what_was_never_shown(house: House) -> None:
    """Nothing is recorded and no sequence is taken; whole, it is judged."""
    member, issued = house.admit(), house.authority.issue(cn="laptop-1")
    with pytest.raises(CertificateNotShownError, match=member.found(issued).placed.sha256):
        name_alone(member, issued)
    assert (0, ()) == (member.registration.last_sequence, member.results())
    assert ["pass"] == statuses(member.prove(issued))


@pytest.mark.parametrize("restarted", [False, True])
def test_what_another_device_showed_is_not_ones_own(house: House, *, restarted: bool) -> None:
    """A digest, which every log has, is no certificate."""
    one, other, issued = house.admit(), house.admit(), house.authority.issue(cn="laptop-1")
    one.prove(issued)
    if restarted:
        open_again(house)
    with pytest.raises(CertificateNotShownError):
        name_alone(other, issued)


def test_a_certificate_is_sent_again_when_another_came_between(house: House) -> None:
    """What the newest report showed is kept, not all that any did."""
    member = house.admit()
    first, second = (house.authority.issue(cn="laptop-1") for _ in range(2))
    member.prove(first)
    member.prove(second)
    with pytest.raises(CertificateNotShownError):
        name_alone(member, first)
    assert ["pass"] == statuses(name_alone(member, second))


def test_only_what_is_new_need_be_carried(house: House) -> None:
    """One report may name the one and carry the other."""
    member = house.admit()
    known, new = (house.authority.issue(cn="laptop-1") for _ in range(2))
    member.prove(known)
    nonce = member.synchronise().nonce
    found = [member.found(item, nonce) for item in (known, new)]
    carried = {found[1].placed.sha256: new.der}
    assert ["pass"] == statuses(member.send(member.compose(*found, nonce=nonce, certificates=carried)))
    assert ["pass"] == statuses(name_alone(member, known))
    assert ["pass"] == statuses(name_alone(member, known))


def test_a_denied_certificate_fails_when_it_is_named_alone(house: House) -> None:
    """The deny-list knows it by its content, which the server has."""
    member, issued = house.admit(), house.authority.issue(cn="laptop-1")
    member.prove(issued)
    deny(house.services, house.account, DenialBody(certificate=issued.pem.decode()))
    assert ["fail"] == statuses(name_alone(member, issued))


# What a process remembers.


def shown(*sizes: int) -> dict[str, Shown]:
    """Give certificates of these sizes."""
    return {str(number): Shown(bytes(size)) for number, size in enumerate(sizes)}


def test_what_was_shown_longest_ago_is_forgotten_when_there_is_no_room() -> None:
    """By bytes, however many certificates they are."""
    memory = Memory(10_000)
    for number in range(10):
        memory.keep(1, number, shown(3_000))
    assert [bool(memory.of(1, number)) for number in range(10)] == [False] * 8 + [True] * 2


def test_registrations_that_show_nothing_take_room_too() -> None:
    """Or any number of them would fill the memory."""
    memory = Memory(10_000)
    memory.keep(1, 0, shown(100))
    for number in range(1, 1_000):
        memory.keep(1, number, {})
    assert {} == memory.of(1, 0)


def test_room_is_free_again_when_less_is_shown() -> None:
    """Of one registration the newest alone is counted."""
    memory = Memory(10_000)
    memory.keep(1, 1, shown(100))
    for size in (5_000, 100, 5_000, 100):
        memory.keep(1, 2, shown(size))
    assert memory.of(1, 1)
    assert msgspec.json.encode(sorted(memory.of(1, 2))) == b'["0"]'


def test_accounts_are_apart() -> None:
    """Registrations of two may have one number."""
    memory = Memory()
    memory.keep(1, 1, shown(100))
    assert {} == memory.of(2, 1)
