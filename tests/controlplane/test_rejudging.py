"""A check that changed is asked of what devices reported last; what that cannot answer stands, or ends at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from gatepost.controlplane.administration.devices import revoke
from gatepost.controlplane.administration.history import list_results
from gatepost.controlplane.administration.rules import replace_options, replace_rule
from gatepost.controlplane.administration.shared_keys import list_shared_keys
from gatepost.controlplane.rejudging import ChangedCheck, Rejudger, judge_check_again
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.core.result import Result
from gatepost.errors import StorageError
from gatepost.wire.device import Facts
from gatepost.wire.management.check_options import CheckOptions, OnChange, Sharing
from tests.certificates import CertificateAuthority
from tests.controlplane.house import MINUTE, PLACE, SECOND, open_house
from tests.services import START, as_json, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.controlplane.house import House, Member

PASSES = (Status.PASS, ())
CHANGED = (Status.ERROR, (Reason.CHECK_CHANGED,))
AT_ONCE = CheckOptions(on_change=OnChange.AT_ONCE)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house for one test."""
    with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def laptop(house: House) -> Member:
    """Admit a device."""
    return house.admit()


def rule(certificate_id: str, cn: str) -> bytes:
    """Write a rule that names an upload."""
    return as_json(rule_of(certificate_id, cn=cn, locations={"paths": [PLACE]}))


def outcome(member: Member) -> tuple[Status, tuple[Reason, ...]]:
    """Say what a device's one result comes to."""
    result = member.result().result
    return result.status, result.reasons


def counts(house: House) -> list[bool]:
    """Tell which results may be used."""
    return [item.counts for item in list_results(house.services, house.account, (0, 0), 100)[0]]


def lines(house: House) -> list[tuple[Status, tuple[Reason, ...]]]:
    """Return what the posture log has."""
    return [(line.entry.result.status, line.entry.result.reasons) for line in house.log()]


def test_a_changed_name_is_judged_again_at_once(house: House, laptop: Member) -> None:
    """With all that is known: reasons, times, explanation, a line in the log; and the result is as old as its proof."""
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.clock.time += MINUTE
    house.ask_otherwise(check, cn="${hostname}-managed")
    stored = laptop.result()
    assert (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,)) == outcome(laptop)
    assert (2, START, START + MINUTE) == (
        stored.result.check_version,
        stored.result.measured_at,
        stored.result.judged_at,
    )
    assert "laptop-1-managed" == msgspec.json.decode(stored.expected)["common_name"]
    assert "common-name-mismatch" in stored.received
    house.ask_otherwise(check, cn="${hostname}")
    assert PASSES == outcome(laptop)
    assert [Status.PASS, Status.FAIL, Status.PASS] == [status for status, _ in lines(house)]


def test_what_is_judged_again_ends_as_the_changed_check_says(house: House, laptop: Member) -> None:
    """Counted from when the proof was made; a line is not written where nothing else changed."""
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.ask_otherwise(check, cn="laptop-1", fields={"expiration": "2m", "schedule": "1m"})
    assert START + 2 * MINUTE == laptop.result().result.ends_at
    assert [PASSES] == lines(house)


def test_an_older_result_stands_until_the_next_report_where_evidence_cannot_tell(house: House, laptop: Member) -> None:
    """Other places were never looked into; the device is asked, and then it counts no more."""
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.clock.time += SECOND
    house.ask_otherwise(check, cn="laptop-1", locations={"paths": ["/elsewhere.pem"]})
    assert (PASSES, 1) == (outcome(laptop), laptop.result().result.check_version)
    assert [True] == counts(house)
    acknowledged = laptop.send(laptop.compose(checks=()))
    assert CHANGED == outcome(laptop)
    assert () == acknowledged.verdicts
    before = lines(house)
    laptop.send(laptop.compose(checks=()))
    assert before == lines(house)


def test_a_report_that_could_not_know_of_the_change_ends_nothing(house: House, laptop: Member) -> None:
    """Its nonce was issued before: the news of the change comes with the next one."""
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    nonce = laptop.synchronise().nonce
    house.clock.time += SECOND
    house.ask_otherwise(check, cn="laptop-1", locations={"paths": ["/elsewhere.pem"]})
    laptop.send(laptop.compose(nonce=nonce, checks=()))
    assert PASSES == outcome(laptop)


def test_a_change_at_once_ends_what_cannot_be_told(house: House, laptop: Member) -> None:
    """And keeps what can: a pass under another CA is seen, its absence is not."""
    check = house.ask(cn="laptop-1")
    replace_options(house.services, house.account, check, AT_ONCE)
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.ask_otherwise(check, cn="laptop-1")
    assert PASSES == outcome(laptop)
    house.ask_otherwise(check, cn="laptop-1", locations={"paths": ["/elsewhere.pem"]})
    assert CHANGED == outcome(laptop)
    assert [False] == counts(house)


def test_no_older_result_counts_after_a_change_at_once_whoever_dies(
    house: House, laptop: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check itself says from which version on results count: judging again may come to nothing."""
    monkeypatch.setattr("gatepost.controlplane.administration.services.judge_check_again", lambda *_: 0)
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    replace_options(house.services, house.account, check, AT_ONCE)
    assert [True] == counts(house)
    house.ask_otherwise(check, cn="laptop-2")
    assert (PASSES, [False]) == (outcome(laptop), counts(house))


def test_a_higher_level_of_evidence_is_told_from_the_proof(house: House, laptop: Member) -> None:
    """And where nobody asked for a signature, the next report tells."""
    check = house.ask(cn="laptop-1")
    replace_options(house.services, house.account, check, CheckOptions(evidence=Evidence.KEY_PRESENT))
    laptop.prove(house.authority.issue(cn="laptop-1"))
    replace_options(house.services, house.account, check, CheckOptions(evidence=Evidence.POSSESSION))
    assert (PASSES, 3) == (outcome(laptop), laptop.result().result.check_version)
    other = house.admit()
    replace_options(house.services, house.account, check, CheckOptions(evidence=Evidence.KEY_PRESENT))
    issued = house.authority.issue(cn="laptop-1")
    other.send(other.compose(other.found(issued)))
    replace_options(house.services, house.account, check, CheckOptions(evidence=Evidence.POSSESSION))
    assert (PASSES, 4) == (outcome(other), other.result().result.check_version)


def test_a_pass_under_another_authority_is_no_evidence_for_the_next_change(house: House, laptop: Member) -> None:
    """What was gathered stays evidence for the older check alone."""
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    both = house.upload(house.authority, CertificateAuthority.create(cn="Next CA"))
    replace_rule(house.services, house.account, check, rule(both, "laptop-1"))
    assert (PASSES, 2) == (outcome(laptop), laptop.result().result.check_version)
    replace_rule(house.services, house.account, check, rule(both, "laptop-2"))
    assert (PASSES, 2) == (outcome(laptop), laptop.result().result.check_version)


def test_a_result_that_something_else_decided_is_left_to_the_next_report(house: House, laptop: Member) -> None:
    """A shared key is not mended by another name in the check, nor does a pass come of evidence that two devices have."""
    check = house.ask(cn="", check_private_key=True)
    replace_options(house.services, house.account, check, CheckOptions(shared=Sharing.DENY))
    copied, other = house.authority.issue(cn="laptop-1"), house.admit()
    laptop.prove(copied)
    other.prove(copied)
    shared = (Status.FAIL, (Reason.CERTIFICATE_SHARED,))
    assert [shared, shared] == [outcome(laptop), outcome(other)]
    house.ask_otherwise(check, cn="laptop-1")
    assert [shared, shared] == [outcome(laptop), outcome(other)]


def test_nobody_comes_to_pass_with_a_key_that_another_proves(house: House, laptop: Member) -> None:
    """Where the check denies that: what is judged again notes the proof that it rests on."""
    check = house.ask(cn="laptop-1", check_private_key=True)
    replace_options(house.services, house.account, check, CheckOptions(shared=Sharing.DENY))
    other, copied = house.admit(), house.authority.issue(cn="laptop-2")
    laptop.prove(copied)
    other.prove(copied)
    failed = (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,))
    assert [failed, failed] == [outcome(laptop), outcome(other)]
    house.ask_otherwise(check, cn="laptop-2", check_private_key=True)
    shared = (Status.FAIL, (Reason.CERTIFICATE_SHARED,))
    assert [shared, shared] == [outcome(laptop), outcome(other)]
    (listed,) = list_shared_keys(house.services, house.account)
    assert {laptop.registration.id, other.registration.id} == {item.registration_id for item in listed.holders}


def test_two_devices_with_one_key_pass_where_the_check_allows_it(house: House, laptop: Member) -> None:
    """And the log names the other one."""
    check = house.ask(cn="laptop-1", check_private_key=True)
    other, copied = house.admit(), house.authority.issue(cn="laptop-2")
    laptop.prove(copied)
    other.prove(copied)
    house.ask_otherwise(check, cn="laptop-2", check_private_key=True)
    assert [PASSES, PASSES] == [outcome(laptop), outcome(other)]
    assert "shared_with" in house.log()[-1].entry.received


def test_a_revocation_finds_the_key_of_a_pass_that_was_judged_again(house: House, laptop: Member) -> None:
    """The certificate of a stolen laptop passes nowhere, whichever way it came to pass."""
    check = house.ask(cn="other")
    copied = house.authority.issue(cn="laptop-1")
    laptop.prove(copied)
    house.ask_otherwise(check, cn="laptop-1")
    assert PASSES == outcome(laptop)
    revoke(house.services, house.account, (laptop.registration.id,))
    thief = house.admit(Facts(hostname="laptop-1", serial_number="OTHER"))
    thief.prove(copied)
    assert Status.FAIL is outcome(thief)[0]


def test_a_result_that_lasts_longer_holds_its_key_longer(house: House, laptop: Member) -> None:
    """And one that ends sooner does not let go of it sooner."""
    check = house.ask(cn="laptop-1", fields={"expiration": "5m"})
    replace_options(house.services, house.account, check, CheckOptions(shared=Sharing.DENY))
    other, copied = house.admit(), house.authority.issue(cn="laptop-1")
    laptop.prove(copied)
    house.ask_otherwise(check, cn="laptop-1", fields={"expiration": "24h"})
    house.clock.time += 10 * MINUTE
    other.prove(copied)
    shared = (Status.FAIL, (Reason.CERTIFICATE_SHARED,))
    assert [shared, shared] == [outcome(laptop), outcome(other)]


def test_facts_are_kept_anew_where_the_issuer_is_another(house: House, laptop: Member) -> None:
    """The same claim under a renewed CA holds other facts: who issued it."""
    check, issued = house.ask(cn="laptop-1"), house.authority.issue(cn="laptop-1")
    laptop.prove(issued)
    first = laptop.result().claim_digest
    renewed = CertificateAuthority.create(cn="Example Root CA", key=house.authority.key)
    replace_rule(house.services, house.account, check, rule(house.upload(renewed), "laptop-1"))
    laptop.prove(issued)
    assert first != laptop.result().claim_digest


def test_an_expired_result_is_not_brought_back(house: House, laptop: Member) -> None:
    """Its time is over, whatever the check asks now."""
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.clock.time += 12 * MINUTE
    house.ask_otherwise(check, cn="laptop-2")
    assert 1 == laptop.result().result.check_version


def test_a_whole_fleet_is_gone_through_in_groups(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was revoked meanwhile is no part of it."""
    monkeypatch.setattr("gatepost.controlplane.rejudging._GROUP", 2)
    check = house.ask(cn="laptop-1")
    fleet = [house.admit() for _ in range(5)]
    for member in fleet:
        member.prove(house.authority.issue(cn="laptop-1"))
    house.revoke(fleet[2])
    house.ask_otherwise(check, cn="laptop-2")
    failed = [outcome(member)[0] is Status.FAIL for member in fleet]
    assert [True, True, False, True, True] == failed


def test_a_check_that_changed_again_is_left_to_whoever_changed_it(house: House, laptop: Member) -> None:
    """The older task finds another version and ends; the newer one finds evidence for a version that it does not know."""
    handed: list[ChangedCheck] = []
    services = msgspec.structs.replace(house.services, judge_again=handed.append)
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.services = services
    house.ask_otherwise(check, cn="laptop-2")
    house.ask_otherwise(check, cn="laptop-3")
    assert [0, 0] == [judge_check_again(services.storage, house.clock, task) for task in handed]
    house.forget(check)
    assert 0 == judge_check_again(services.storage, house.clock, handed[1])


def test_the_same_report_again_is_not_kept_again(house: House, laptop: Member) -> None:
    """Its times are renewed; what it held is written once."""
    house.ask(cn="laptop-1")
    issued = house.authority.issue(cn="laptop-1")
    laptop.prove(issued)
    first = laptop.result()
    house.clock.time += MINUTE
    laptop.prove(issued)
    second = laptop.result()
    with house.services.storage.reading() as records:
        (kept,) = records.evidence.scan(house.account, second.check, 0, 10)
    assert first.claim_digest == second.claim_digest
    assert (Result.counts(second.result, START + MINUTE), START + MINUTE) == (True, kept.measured_at)
    assert kept.facts


def test_a_worker_judges_again_beside_whoever_changed_the_check(house: House, laptop: Member) -> None:
    """One after the other; a database that cannot be used does not end it."""
    worker = Rejudger(house.services.storage, house.clock)
    check = house.ask(cn="laptop-1")
    laptop.prove(house.authority.issue(cn="laptop-1"))
    house.services = msgspec.structs.replace(house.services, judge_again=worker.submit)
    house.ask_otherwise(check, cn="laptop-2")
    assert PASSES == outcome(laptop)
    worker.start()
    worker.stop()
    assert Status.FAIL is outcome(laptop)[0]


def test_a_worker_that_ends_leaves_the_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the group at hand: a restart does not wait for a fleet."""
    monkeypatch.setattr("gatepost.controlplane.rejudging._GROUP", 1)
    check = house.ask(cn="laptop-1")
    for _ in range(2):
        house.admit().prove(house.authority.issue(cn="laptop-1"))
    handed: list[ChangedCheck] = []
    house.services = msgspec.structs.replace(house.services, judge_again=handed.append)
    house.ask_otherwise(check, cn="laptop-2")
    assert 1 == judge_check_again(house.services.storage, house.clock, handed[0], lambda: True)


class Broken:
    """A test double of a database that cannot be used."""

    def writing(self, *, alone: bool = True) -> NoReturn:
        """Refuse."""
        del alone
        raise StorageError("the disk is full")

    reading = writing


def test_a_worker_outlives_a_database_that_cannot_be_used(house: House) -> None:
    """What is left undone stands until devices report."""
    check = house.ask(cn="laptop-1")
    handed: list[ChangedCheck] = []
    house.services = msgspec.structs.replace(house.services, judge_again=handed.append)
    house.ask_otherwise(check, cn="laptop-2")
    worker = Rejudger(Broken(), house.clock)
    worker.submit(handed[0])
    worker.submit(handed[0])
    worker.start()
    worker.stop()
    with pytest.raises(StorageError):
        judge_check_again(Broken(), house.clock, handed[0])
