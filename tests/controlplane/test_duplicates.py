"""A device that has a live one's serial number waits, and another fact of a device counts once somebody accepts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration import devices, enrollment
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.administration.history import list_results
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.ports import AuditFilter
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import ConflictError, OverloadedError, ReportRefusedError
from gatepost.wire import jws
from gatepost.wire.device import Facts
from gatepost.wire.management.enrollment import Duplicates, EnrollmentSettings, FactRule
from tests.controlplane.house import House, Member, open_house
from tests.controlplane.test_sharing import PASSES, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gatepost.controlplane.administration.services import Services
    from tests.certificates import Issued

WAITS = (Status.ERROR, (Reason.DEVICE_PENDING,))
FACTS = Facts(hostname="laptop-1", serial_number="S-9", device_uuid="0b6cb4c5-4a7d-4b5f-9b9c-3a3f0c7a1b11")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house with one check: a certificate of its authority for the device's host name."""
    with open_house(tmp_path) as opened:
        opened.ask(cn="${hostname}", check_private_key=True)
        yield opened


def live(house: House) -> tuple[Member, Issued]:
    """Admit a device that passes."""
    member, issued = house.admit(FACTS), house.authority.issue(cn="laptop-1")
    member.prove(issued)
    assert PASSES == outcome(member.result())
    return member, issued


def actions(house: House) -> list[str]:
    """Return what was done to registrations, oldest first."""
    lines, _ = read_audit_log(house.services, house.account, AuditFilter(kind="registration"), None, 50)
    return [line.action for line in lines[::-1]]


@pytest.mark.parametrize(
    ("facts", "pending"),
    [
        (Facts(hostname="laptop-1", serial_number="s-9"), "serial_number"),
        (Facts(hostname="laptop-1", device_uuid=FACTS.device_uuid), "device_uuid"),
        (FACTS, "serial_number,device_uuid"),
        (Facts(hostname="laptop-1", serial_number="S-10"), None),
        (Facts(hostname="laptop-1"), None),
    ],
)
def test_a_device_waits_when_its_hardware_is_a_live_one_s(house: House, facts: Facts, pending: str | None) -> None:
    """ASCII case set aside; the host name is no hardware."""
    live(house)
    assert pending == house.admit(facts).registration.pending


def test_filler_belongs_to_nobody(house: House) -> None:
    """Any number of devices may have it."""
    filler = Facts(serial_number="To Be Filled By O.E.M.", device_uuid="00000000-0000-0000-0000-000000000000")
    assert [None, None] == [house.admit(filler).registration.pending for _ in range(2)]


def test_reports_of_a_waiting_device_are_judged_and_never_count(house: House) -> None:
    """With another key than the live one's, however good its certificate; the live one goes on."""
    member, _ = live(house)
    twin = house.admit(FACTS)
    twin.prove(house.authority.issue(cn="laptop-1"))
    assert WAITS == outcome(twin.result())
    shown, _ = list_results(house.services, house.account, (0, 0), 10)
    assert [(Status.PASS, True), (Status.ERROR, False)] == [(item.status, item.counts) for item in shown]
    assert member.registration.counts
    waiting, _ = devices.list_waiting(house.services, house.account, 0, 10)
    assert [twin.registration.id] == [item.registration.id for item in waiting]


def test_an_accepted_device_comes_in_the_live_one_s_place(house: House) -> None:
    """Its next report counts, and the other one reports no more."""
    member, issued = live(house)
    twin, other = house.admit(FACTS), house.authority.issue(cn="laptop-1")
    (accepted,) = devices.accept(house.services, house.account, (twin.registration.id,))
    assert accepted.registration.pending is None
    twin.prove(other)
    assert PASSES == outcome(twin.result())
    with pytest.raises(ReportRefusedError) as refused:
        member.prove(issued)
    assert Reason.DEVICE_NOT_ENROLLED == refused.value.reason


def test_both_go_on_when_an_administrator_keeps_both(house: House) -> None:
    """Two machines that say the same, and are known to be two."""
    member, issued = live(house)
    twin = house.admit(FACTS)
    devices.accept(house.services, house.account, (twin.registration.id,), replace=False)
    member.prove(issued)
    twin.prove(house.authority.issue(cn="laptop-1"))
    assert [PASSES, PASSES] == [outcome(member.result()), outcome(twin.result())]


@pytest.mark.parametrize(("end", "words"), [(devices.revoke, "is revoked"), (devices.delete, "was deleted")])
def test_a_device_that_was_revoked_or_deleted_takes_nobody_s_place(
    house: House, end: Callable[[Services, int, tuple[str, ...]], object], words: str
) -> None:
    """Neither while it waits nor with what it says; none of the others of the list is accepted either."""
    member, _ = live(house)
    gone, twin = house.admit(FACTS), house.admit(FACTS)
    ids = (twin.registration.id, gone.registration.id)
    end(house.services, house.account, ids[1:])
    with pytest.raises(ConflictError, match=words):
        devices.accept(house.services, house.account, ids)
    assert member.registration.counts
    assert twin.registration.pending is not None


def test_a_revoked_device_comes_back_and_waits_when_another_has_its_hardware(house: House) -> None:
    """Its earlier result counts no more; it may be accepted, and then the other one goes."""
    member, issued = live(house)
    ids = (member.registration.id,)
    devices.revoke(house.services, house.account, ids, deny=False)
    twin, _ = live(house)
    devices.unrevoke(house.services, house.account, ids)
    assert (None, "serial_number,device_uuid") == (member.registration.revoked_at, member.registration.pending)
    shown, _ = list_results(house.services, house.account, (0, 0), 10)
    assert [False, True] == [item.counts for item in shown]
    waiting, _ = devices.list_waiting(house.services, house.account, 0, 10)
    assert [member.registration.id] == [item.registration.id for item in waiting]
    member.prove(issued)
    assert WAITS == outcome(member.result())
    devices.accept(house.services, house.account, ids)
    member.prove(issued)
    assert (PASSES, house.clock()) == (outcome(member.result()), twin.registration.deleted_at)


def test_only_a_revoked_device_waits_when_it_is_let_back(house: House) -> None:
    """Not one that counts, and none beside those that are gone; one that waited goes on waiting, and deleted stays deleted."""
    member, _ = live(house)
    kept, waits, gone = house.admit(FACTS), house.admit(FACTS), house.admit(FACTS)
    devices.accept(house.services, house.account, (kept.registration.id,), replace=False)
    devices.revoke(house.services, house.account, (waits.registration.id,), deny=False)
    devices.delete(house.services, house.account, (gone.registration.id,))
    everybody = (kept, waits, gone)
    devices.unrevoke(house.services, house.account, tuple(item.registration.id for item in everybody))
    both = "serial_number,device_uuid"
    assert [None, both, both] == [item.registration.pending for item in everybody]
    assert gone.registration.deleted_at is not None
    devices.revoke(house.services, house.account, (kept.registration.id, member.registration.id), deny=False)
    devices.unrevoke(house.services, house.account, (member.registration.id,))
    assert member.registration.counts


def test_the_same_certificate_proves_that_it_is_the_same_device(house: House) -> None:
    """It comes in the live one's place by itself, with this very report, also when the older proof is over."""
    member, issued = live(house)
    house.clock.time += 86_400_000
    twin = house.admit(FACTS)
    twin.prove(issued)
    assert (PASSES, True) == (outcome(twin.result()), twin.registration.counts)
    assert member.registration.deleted_at == house.clock()
    assert ["replace"] == actions(house)


def test_duplicates_are_refused_when_the_settings_say_so(house: House) -> None:
    """With what is the same, and without spending the token."""
    live(house)
    enrollment.replace_settings(house.services, house.account, EnrollmentSettings(duplicates=Duplicates.REFUSE))
    with pytest.raises(ConflictError, match="serial_number and device_uuid"):
        house.admit(FACTS)


# Facts.


def test_another_fact_counts_once_an_administrator_accepts_it(house: House) -> None:
    """Until then the one of the enrolment does; each change is one event."""
    member, _ = live(house)
    renamed = house.authority.issue(cn="laptop-2")
    for _ in range(2):
        say(member, renamed, Facts(hostname="laptop-2", serial_number="S-9"))
    assert (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,)) == outcome(member.result())
    ((view,), _) = devices.list_waiting(house.services, house.account, 0, 10)
    assert view.registration.reported_facts is not None
    assert b'"laptop-2"' in view.registration.reported_facts
    devices.accept(house.services, house.account, (member.registration.id,))
    say(member, renamed, Facts(hostname="laptop-2", serial_number="S-9"))
    assert (PASSES, "laptop-2") == (outcome(member.result()), member.registration.device.facts.hostname)
    assert ((), None) == devices.list_waiting(house.services, house.account, 0, 10)
    assert ["report-facts", "accept"] == actions(house)


def test_a_fact_that_comes_back_waits_no_more(house: House) -> None:
    """Nothing is left to accept; that too is an event. A fact that is not said is not changed."""
    member, issued = live(house)
    waiting = []
    for facts in (Facts(hostname="laptop-2"), Facts(hostname="laptop-1"), Facts(serial_number="None")):
        say(member, issued, facts)
        waiting.append(member.registration.reported_facts is not None)
    assert [True, False, False] == waiting
    assert ["report-facts", "report-facts"] == actions(house)


def by_rule(house: House) -> None:
    """Let proved certificates accept facts."""
    enrollment.replace_settings(house.services, house.account, EnrollmentSettings(accept_facts=FactRule.CERTIFICATE))


def test_another_fact_counts_at_once_when_a_proved_certificate_names_it(house: House) -> None:
    """By the rule; a fact that no certificate names waits all the same."""
    by_rule(house)
    member, _ = live(house)
    say(member, house.authority.issue(cn="laptop-2"), Facts(hostname="laptop-2", serial_number="S-10"))
    facts = member.registration.device.facts
    assert (PASSES, "laptop-2", "S-9") == (outcome(member.result()), facts.hostname, facts.serial_number)
    assert ["accept-facts", "report-facts"] == actions(house)


def test_a_certificate_that_is_not_proved_names_nothing(house: House) -> None:
    """A certificate is public: without its key's signature anybody has it."""
    by_rule(house)
    member, _ = live(house)
    renamed = house.authority.issue(cn="laptop-2")
    facts = Facts(hostname="laptop-2")
    member.send(member.compose(member.found(renamed), facts=facts))
    assert (Status.FAIL, "laptop-1") == (member.result().result.status, member.registration.device.facts.hostname)


def test_no_certificate_makes_a_device_another_live_one(house: House) -> None:
    """Whose serial number it would take."""
    by_rule(house)
    live(house)
    thief = house.admit(Facts(hostname="laptop-3", serial_number="S-3"))
    house.ask_otherwise(_only(house), cn="${serial_number}", check_private_key=True)
    say(thief, house.authority.issue(cn="S-9"), Facts(serial_number="S-9"))
    assert (Status.FAIL, "S-3") == (thief.result().result.status, thief.registration.device.facts.serial_number)


def test_of_two_that_would_take_one_serial_number_at_once_one_does(house: House) -> None:
    """In one group of reports: the other one is asked to come again, and then waits with what it says."""
    by_rule(house)
    house.ask_otherwise(_only(house), cn="${serial_number}", check_private_key=True)
    first, second = house.admit(Facts(serial_number="S-1")), house.admit(Facts(serial_number="S-2"))
    said, documents = Facts(serial_number="S-9"), []
    for member in (first, second):
        nonce = member.synchronise().nonce
        found = member.found(house.authority.issue(cn="S-9"), nonce)
        documents.append(member.sign(jws.Kind.REPORT, member.compose(found, nonce=nonce, facts=said)))
    intake = Intake(house.services.storage, house.posture, house.clock)
    answers = [intake.submit(document) for document in documents]
    intake.start()
    intake.stop()
    assert 1 == answers[0].result(0).acknowledged
    with pytest.raises(OverloadedError):
        answers[1].result(0)
    assert (PASSES, "S-9") == (outcome(first.result()), first.registration.device.facts.serial_number)
    assert 1 == house.take(documents[1]).acknowledged
    assert (Status.FAIL, "S-2") == (second.result().result.status, second.registration.device.facts.serial_number)
    assert second.registration.reported_facts is not None


def _only(house: House) -> str:
    """Return the id of the house's one check."""
    with house.services.storage.reading() as records:
        (check,) = records.checks.all(house.account)
    return check.id


def say(member: Member, issued: Issued, facts: Facts) -> None:
    """Report a certificate with a good proof, and these facts."""
    nonce = member.synchronise().nonce
    member.send(member.compose(member.found(issued, nonce), nonce=nonce, facts=facts))
