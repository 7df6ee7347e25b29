"""Revoking a device denies what it came with, the deny-list fails what stands on it, and both are lifted again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gatepost.controlplane import denying
from gatepost.controlplane.administration import denials, devices
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.ports import AuditFilter, DenialKind
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import InputError, NotFoundError, ReportRefusedError
from gatepost.wire import jws
from gatepost.wire.device import Facts
from gatepost.wire.management.codes import Code
from gatepost.wire.management.denials import Basis, Cause, DenialBody
from tests.controlplane.house import House, Member, open_house
from tests.controlplane.test_sharing import PASSES, digest_of, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Issued

DENIED = (Status.FAIL, (Reason.CERTIFICATE_DENIED,))
FACTS = Facts(hostname="laptop-1", serial_number="S-9", device_uuid="0b6cb4c5-4a7d-4b5f-9b9c-3a3f0c7a1b11")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house with one check: any certificate of its authority, with its key."""
    with open_house(tmp_path) as opened:
        opened.ask(cn="", check_private_key=True)
        yield opened


def pem_of(issued: Issued) -> str:
    """Write a certificate as a person would paste it."""
    return issued.certificate.public_bytes(Encoding.PEM).decode()


def stolen(house: House) -> tuple[Member, Issued]:
    """Admit a device that proves a certificate, and is stolen then."""
    member, issued = house.admit(FACTS), house.authority.issue(cn="laptop-1")
    member.prove(issued)
    assert PASSES == outcome(member.result())
    return member, issued


def revoke(house: House, member: Member, **options: bool) -> list[int]:
    """Revoke a device over its registration, and return the numbers of the remarks."""
    remarks = devices.revoke(house.services, house.account, (member.registration.id,), **options)
    return [item.code for item in remarks]


def enroll(house: House, member: Member, facts: Facts) -> None:
    """Enrol with a token that is good."""
    member.enrolled = house.enroller.enroll(house.token(), member.enrollment(facts))


def test_a_revoked_device_reports_no_more(house: House) -> None:
    """And its registration says since when."""
    member, issued = stolen(house)
    assert [] == revoke(house, member)
    with pytest.raises(ReportRefusedError) as refused:
        member.prove(issued)
    assert (Reason.DEVICE_REVOKED, house.clock()) == (refused.value.reason, member.registration.revoked_at)


@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        Facts(serial_number="s-9 "),
        Facts(serial_number="other", device_uuid=FACTS.device_uuid),
    ],
    ids=["all", "serial number", "hardware id"],
)
def test_the_same_hardware_does_not_enrol_again(house: House, facts: Facts) -> None:
    """With a good token and a new key: one fact that is the same is enough, and no use of the token is spent."""
    member, _ = stolen(house)
    revoke(house, member)
    with pytest.raises(ReportRefusedError) as refused:
        enroll(house, Member(house), facts)
    assert Reason.DEVICE_REVOKED == refused.value.reason


def test_the_same_device_key_does_not_enrol_again(house: House) -> None:
    """Also where the registration is deleted, and the hardware says that it is another."""
    member, _ = stolen(house)
    revoke(house, member)
    with pytest.raises(ReportRefusedError) as refused:
        enroll(house, Member(house, member.key), Facts(serial_number="other"))
    assert Reason.DEVICE_REVOKED == refused.value.reason


def test_the_same_certificate_does_not_pass_on_other_hardware(house: House) -> None:
    """Its key is denied, whoever proves it: also in a renewed certificate."""
    member, issued = stolen(house)
    revoke(house, member)
    other = house.admit()
    other.prove(issued)
    assert DENIED == outcome(other.result())


def test_nothing_is_denied_when_the_administrator_says_so(house: House) -> None:
    """The registration alone is revoked: the device may enrol anew."""
    member, issued = stolen(house)
    revoke(house, member, deny=False)
    again = Member(house)
    enroll(house, again, FACTS)
    again.prove(issued)
    assert PASSES == outcome(again.result())


def test_all_is_as_before_when_the_revocation_is_lifted(house: House) -> None:
    """The registration reports again, and nothing is denied."""
    member, issued = stolen(house)
    revoke(house, member)
    devices.unrevoke(house.services, house.account, (member.registration.id,))
    member.prove(issued)
    assert (PASSES, None) == (outcome(member.result()), member.registration.revoked_at)
    assert ((), None) == denials.list_denials(house.services, house.account, 0, 10)
    lines, _ = read_audit_log(house.services, house.account, AuditFilter(kind="registration"), None, 10)
    assert ["unrevoke", "revoke"] == [line.action for line in lines]


def test_a_result_of_a_check_that_changed_meanwhile_does_not_come_back(house: House) -> None:
    """A revoked device is not judged again: what it proved was another question's answer."""
    with house.storage.reading() as records:
        (check,) = records.checks.all(house.account)
    member, issued = stolen(house)
    revoke(house, member, deny=False)
    house.ask_otherwise(check.id, cn="not-${hostname}")
    devices.unrevoke(house.services, house.account, (member.registration.id,))
    assert (Status.ERROR, (Reason.CHECK_CHANGED,)) == outcome(member.result())
    member.prove(issued)
    assert (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,)) == outcome(member.result())


def test_a_key_that_another_live_device_proves_still_counts_there_and_enrols_nothing(house: House) -> None:
    """A remark says so: revoking one of two is how sharing is mended."""
    member, copied = stolen(house)
    owner = house.admit()
    owner.prove(copied)
    assert [Code.KEY_STILL_PROVED] == revoke(house, member)
    owner.prove(copied)
    assert PASSES == outcome(owner.result())
    found, _ = denials.list_denials(house.services, house.account, 0, 10)
    assert {DenialKind.DEVICE_KEY, DenialKind.HARDWARE, DenialKind.ENROLLMENT_KEY} == {item.kind for item in found}


def test_a_device_is_revoked_with_all_its_registrations(house: House) -> None:
    """By its own id; what does not exist is said, and nothing is half done."""
    member, _ = stolen(house)
    devices.revoke_device(house.services, house.account, member.registration.device.id)
    assert house.clock() == member.registration.revoked_at
    other = house.admit().registration
    with pytest.raises(NotFoundError):
        devices.revoke_device(house.services, house.account, "x")
    with pytest.raises(NotFoundError):
        devices.revoke(house.services, house.account, (other.id, "x"))
    with house.services.storage.reading() as records:
        found = records.devices.find(house.account, other.id)
    assert found is not None
    assert found.revoked_at is None


def test_a_deleted_registration_reports_no_more_and_its_device_enrols_again(house: House) -> None:
    """Nothing is denied."""
    member, issued = stolen(house)
    devices.delete(house.services, house.account, (member.registration.id,))
    with pytest.raises(ReportRefusedError) as refused:
        member.prove(issued)
    assert Reason.DEVICE_NOT_ENROLLED == refused.value.reason
    again = Member(house)
    enroll(house, again, FACTS)
    again.prove(issued)
    assert PASSES == outcome(again.result())


# The deny-list.


def bodies(house: House, issued: Issued) -> dict[str, DenialBody]:
    """Name one certificate in every way there is."""
    serial = str(issued.certificate.serial_number)
    return {
        "key": DenialBody(public_key=digest_of(issued)),
        "certificate": DenialBody(certificate=pem_of(issued)),
        "its key": DenialBody(certificate=pem_of(issued), by=Basis.PUBLIC_KEY),
        "issuer": DenialBody(issuer=house.authority.pem.decode(), serial_number=serial),
        "upload": DenialBody(certificate_id=house.upload(), serial_number=serial),
    }


@pytest.mark.parametrize("way", ["key", "certificate", "its key", "issuer", "upload"])
def test_a_standing_result_fails_at_once_and_so_does_the_next_report(house: House, way: str) -> None:
    """However the certificate is named; the log has a line, and lifting lets it pass again."""
    member, issued = stolen(house)
    bystander = house.admit()
    bystander.prove(house.authority.issue(cn="laptop-2"))
    denial = denials.deny(house.services, house.account, bodies(house, issued)[way])
    assert (DENIED, PASSES) == (outcome(member.result()), outcome(bystander.result()))
    assert DENIED == (house.log()[-1].entry.result.status, house.log()[-1].entry.result.reasons)
    member.prove(issued)
    assert DENIED == outcome(member.result())
    denials.lift(house.services, house.account, denial.id)
    member.prove(issued)
    assert PASSES == outcome(member.result())


def test_the_reason_is_the_authority_s_when_it_is_its_word(house: House) -> None:
    """And of two causes the older one's, until it is lifted."""
    member, issued = stolen(house)
    serial = str(issued.certificate.serial_number)
    revoked = DenialBody(issuer=house.authority.pem.decode(), serial_number=serial, reason=Cause.REVOKED)
    first = denials.deny(house.services, house.account, revoked)
    assert first == denials.deny(house.services, house.account, revoked)
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(issued)))
    member.prove(issued)
    assert (Status.FAIL, (Reason.CERTIFICATE_REVOKED,)) == outcome(member.result())
    denials.lift(house.services, house.account, first.id)
    member.prove(issued)
    assert DENIED == outcome(member.result())


def test_a_device_passes_when_another_of_its_certificates_is_not_denied(house: House) -> None:
    """Any one is enough, and the denied one says why it is not it."""
    member, issued = stolen(house)
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(issued)))
    renewed = house.authority.issue(cn="laptop-1")
    nonce = member.synchronise().nonce
    member.send(member.compose(member.found(issued, nonce), member.found(renewed, nonce), nonce=nonce))
    received: Any = msgspec.json.decode(member.result().received)
    assert PASSES == outcome(member.result())
    assert ["certificate-denied"] == received["certificates"][1]["reasons"]


def test_a_report_that_was_judged_before_a_denial_does_not_pass_after_it(house: House) -> None:
    """It is held against the list once more when it is recorded."""
    member, issued = stolen(house)
    nonce = member.synchronise().nonce
    document = member.sign(jws.Kind.REPORT, member.compose(member.found(issued, nonce), nonce=nonce))
    with house.services.storage.reading() as records:
        judged = house.posture.judge(records, document)
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(issued)))
    with house.services.storage.writing() as records:
        (held,) = (denying.hold_against_denials(records, house.account, item) for item in judged.judgements)
    assert DENIED == (held.result.status, held.result.reasons)


def test_many_results_fail_in_several_transactions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One certificate on more devices than one transaction takes."""
    monkeypatch.setattr(denying, "REFUSED_AT_ONCE", 2)
    issued = house.authority.issue(cn="copied")
    members = [house.admit() for _ in range(5)]
    for member in members:
        member.prove(issued)
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(issued)))
    assert [DENIED] * 5 == [outcome(member.result()) for member in members]


def test_what_a_result_rests_on_is_noted_once_and_anew_with_another_certificate(house: House) -> None:
    """Reports that say the same write nothing there; a renewed certificate is found, and the old one no more."""
    member, issued = stolen(house)
    member.prove(issued)
    assert member.result().traced
    renewed = house.authority.issue(cn="laptop-1")
    member.prove(renewed)
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(issued)))
    assert PASSES == outcome(member.result())
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(renewed)))
    assert DENIED == outcome(member.result())


def test_what_names_nothing_or_too_much_is_refused(house: House) -> None:
    """In words, with the field."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "/certificate"),
        ({"public_key": "0" * 64, "certificate": "x"}, "/certificate"),
        ({"certificate_id": "x"}, "/serial_number"),
        ({"public_key": "0" * 64, "serial_number": "1"}, "/serial_number"),
    ]
    for fields, pointer in wrong:
        with pytest.raises(InputError) as refused:
            DenialBody(**fields)
        assert pointer == refused.value.field
    two = house.upload(house.authority, type(house.authority).create(cn="Other Root"))
    for body in (
        DenialBody(certificate="nothing"),
        DenialBody(issuer="nothing", serial_number="1"),
        DenialBody(certificate_id=two, serial_number="1"),
    ):
        with pytest.raises(InputError):
            denials.deny(house.services, house.account, body)
    with pytest.raises(NotFoundError):
        denials.deny(house.services, house.account, DenialBody(certificate_id="x", serial_number="1"))
    with pytest.raises(NotFoundError):
        denials.lift(house.services, house.account, "x")


def only_check(house: House) -> str:
    """Return the id of the house's one check."""
    with house.services.storage.reading() as records:
        (check,) = records.checks.all(house.account)
    return check.id


def unmet(house: House) -> tuple[Member, Issued, str]:
    """Let a device report a certificate that does not meet the check."""
    check = only_check(house)
    house.ask_otherwise(check, cn="other")
    member, issued = house.admit(FACTS), house.authority.issue(cn="laptop-1")
    member.prove(issued)
    assert Status.FAIL is member.result().result.status
    return member, issued, check


def test_a_changed_check_lets_nothing_pass_that_is_denied(house: House) -> None:
    """What was reported before is held against the list when it is judged again."""
    member, issued, check = unmet(house)
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(issued)))
    house.ask_otherwise(check, cn="laptop-1")
    assert Status.FAIL is member.result().result.status
    member.prove(issued)
    assert DENIED == outcome(member.result())


def test_a_result_that_was_judged_again_is_found_by_a_denial(house: House) -> None:
    """It rests on a certificate as any other."""
    member, issued, check = unmet(house)
    house.ask_otherwise(check, cn="laptop-1")
    assert PASSES == outcome(member.result())
    denials.deny(house.services, house.account, DenialBody(public_key=digest_of(issued)))
    assert DENIED == outcome(member.result())
