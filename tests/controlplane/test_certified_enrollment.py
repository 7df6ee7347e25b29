"""Enrolment by a certificate, by a list of serial numbers, and for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.administration import denials, devices, enrollment, uploads
from gatepost.core.possession import build_enrollment_statement, build_statement
from gatepost.core.reason import Reason
from gatepost.errors import ConflictError, InputError, ReportRefusedError
from gatepost.wire import jws
from gatepost.wire.device import CertifiedEnrollment, Challenge, Facts
from gatepost.wire.management.denials import DenialBody
from gatepost.wire.management.enrollment import EnrollmentSettings
from tests.certificates import NOW, CertificateAuthority
from tests.controlplane.house import MINUTE, House, Member, open_house, prove
from tests.controlplane.test_revocation import pem_of
from tests.controlplane.test_sharing import PASSES, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Issued

FACTS = Facts(hostname="laptop-1", serial_number="S-9")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house whose authority's certificates enrol devices."""
    with open_house(tmp_path) as opened:
        settings = EnrollmentSettings(certificate_ids=(opened.upload(),))
        enrollment.replace_settings(opened.services, opened.account, settings)
        yield opened


def challenge(member: Member, **changes: Any) -> bytes:  # noqa: ANN401 - the fields are of several types.
    """Ask for a nonce."""
    document = msgspec.structs.replace(Challenge(aud=member.audience, key=jws.to_jwk(member.point)), **changes)
    return member.house.enroller.challenge(member.sign(jws.Kind.CHALLENGE, document)).nonce


def document(member: Member, issued: Issued, **changes: Any) -> bytes:  # noqa: ANN401 - as above.
    """Write an enrolment by a certificate; ``changes`` replace what is said after it was signed."""
    nonce = challenge(member)
    (digest,) = {member.found(issued).placed.sha256}
    statement = build_enrollment_statement(member.audience, member.thumbprint, nonce, bytes.fromhex(digest))
    said = CertifiedEnrollment(
        aud=member.audience,
        key=jws.to_jwk(member.point),
        facts=FACTS,
        nonce=nonce,
        certificate=issued.der,
        signature=prove(issued, statement),
    )
    return member.sign(jws.Kind.PROOF, msgspec.structs.replace(said, **changes))


def enroll(member: Member, issued: Issued, **changes: Any) -> None:  # noqa: ANN401 - as above.
    """Enrol by a certificate."""
    member.enrolled = member.house.enroller.enroll_by_certificate(document(member, issued, **changes))


def why(member: Member, issued: Issued, **changes: Any) -> str:  # noqa: ANN401 - as above.
    """Return the reason of a refusal."""
    with pytest.raises(ReportRefusedError) as refused:
        enroll(member, issued, **changes)
    return refused.value.reason


def test_the_holder_of_a_certificate_s_key_is_enrolled_without_a_token(house: House) -> None:
    """And reports as any other."""
    house.ask(cn="laptop-1", check_private_key=True)
    member, issued = Member(house), house.authority.issue(cn="laptop-1")
    enroll(member, issued)
    member.prove(issued)
    assert (PASSES, None) == (outcome(member.result()), member.registration.user_email)


def test_a_certificate_enrols_nothing_when_it_is_not_of_a_named_authority(house: House) -> None:
    """Of another, expired, or where no authority is named at all."""
    stranger = CertificateAuthority.create(cn="Example Root CA").issue(cn="laptop-1")
    old = house.authority.issue(cn="laptop-1", not_after=NOW.replace(year=NOW.year - 1))
    assert Reason.CERTIFICATE_EXPIRED == why(Member(house), old)
    assert why(Member(house), stranger) in {Reason.AUTHORITY_KEY_MISMATCH, Reason.SIGNATURE_INVALID}
    enrollment.replace_settings(house.services, house.account, EnrollmentSettings())
    assert Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE == why(Member(house), house.authority.issue(cn="laptop-1"))


def test_a_certificate_enrols_nothing_without_its_key_s_signature(house: House) -> None:
    """Of another key, or over the statement of a report: neither stands for the other."""
    issued = house.authority.issue(cn="laptop-1")
    member = Member(house)
    nonce = challenge(member)
    digest = bytes.fromhex(member.found(issued).placed.sha256)
    of_a_report = prove(issued, build_statement(member.audience, member.thumbprint, nonce, digest))
    assert Reason.POSSESSION_UNPROVEN == why(member, issued, nonce=nonce, signature=of_a_report)
    assert Reason.POSSESSION_UNPROVEN == why(member, issued, signature=b"")
    assert Reason.MALFORMED_CERTIFICATE == why(member, issued, certificate=b"x")


def test_a_proof_is_for_one_device_key_and_for_a_quarter_of_an_hour(house: House) -> None:
    """A nonce of another device, one that is too old, and none of ours: each is answered with a fresh one."""
    issued, member = house.authority.issue(cn="laptop-1"), Member(house)
    stale = document(member, issued)
    house.clock.time += 15 * MINUTE + 1
    with pytest.raises(ReportRefusedError) as refused:
        house.enroller.enroll_by_certificate(stale)
    assert (Reason.NONCE_EXPIRED, 40) == (refused.value.reason, len(refused.value.nonce))
    assert Reason.NONCE_EXPIRED == why(member, issued, nonce=challenge(Member(house)))


@pytest.mark.parametrize("audience", ["https://elsewhere.example/{}", "https://gatepost.example/" + "0" * 32, "x"])
def test_a_proof_for_another_server_or_account_is_refused(house: House, audience: str) -> None:
    """Already where a nonce is asked for."""
    with pytest.raises(InputError, match="/aud"):
        challenge(Member(house), aud=audience.format(house.account_id))


def test_what_was_revoked_enrols_no_more(house: House) -> None:
    """The same certificate on other hardware: the device was revoked; a certificate on the deny-list says so."""
    member, issued = Member(house), house.authority.issue(cn="laptop-1")
    enroll(member, issued)
    devices.revoke(house.services, house.account, (member.registration.id,))
    assert Reason.DEVICE_REVOKED == why(Member(house), issued, facts=Facts(serial_number="other"))
    listed = house.authority.issue(cn="laptop-2")
    denials.deny(house.services, house.account, DenialBody(certificate=pem_of(listed)))
    assert Reason.CERTIFICATE_DENIED == why(Member(house), listed, facts=Facts(serial_number="other"))


def test_the_same_certificate_enrols_the_same_device_anew(house: House) -> None:
    """In the place of the live one; with another certificate it waits."""
    first, issued = Member(house), house.authority.issue(cn="laptop-1")
    enroll(first, issued)
    second, third = Member(house), Member(house)
    enroll(second, issued)
    enroll(third, house.authority.issue(cn="laptop-1"))
    assert [False, True, False] == [item.registration.counts for item in (first, second, third)]


def test_an_upload_that_enrols_devices_cannot_be_removed(house: House) -> None:
    """It is named in the settings, and its associations say so."""
    (named,) = enrollment.find_settings(house.services, house.account).certificate_ids
    used = uploads.list_associations(house.services, house.account, named)
    assert ["device enrolment"] == [item.service for item in used]
    with pytest.raises(ConflictError, match="enrolment settings"):
        uploads.remove_upload(house.services, house.account, named)
    with pytest.raises(InputError, match="certificate_ids/0"):
        enrollment.replace_settings(house.services, house.account, EnrollmentSettings(certificate_ids=("x",)))


def test_a_person_is_known_once_a_device_is_enrolled_for_them(house: House) -> None:
    """By the token's address, in lower case."""
    member = Member(house)
    member.enrolled = house.enroller.enroll(house.token(user_email="Jo@Example.com"), member.enrollment(FACTS))
    with house.services.storage.reading() as records:
        person = records.users.by_email(house.account, "jo@example.com")
    assert person is not None
    assert person.email == member.registration.user_email


# Serial numbers.


def test_only_listed_serial_numbers_enrol_when_the_settings_say_so(house: House) -> None:
    """ASCII case set aside; what is missing is told."""
    settings = EnrollmentSettings(require_listed_serial_number=True)
    enrollment.replace_settings(house.services, house.account, settings)
    content = b"serial_number,note\r\nS-1,desk\r\nS-2\r\n"
    assert 2 == enrollment.replace_serial_numbers(house.services, house.account, content)
    house.admit(Facts(serial_number="s-1"))
    for facts in (Facts(serial_number="S-3"), Facts(), Facts(serial_number="None")):
        with pytest.raises(InputError, match="serial_number"):
            house.admit(facts)
    missing, following = enrollment.list_missing(house.services, house.account, "", 10)
    assert (["S-2"], None) == ([item.serial_number for item in missing], following)
    assert ((), None) == enrollment.list_missing(house.services, house.account, "s-2", 10)
    page, following = enrollment.list_missing(house.services, house.account, "", 1)
    assert (1, "s-2") == (len(page), following)


def test_a_list_is_replaced_as_a_whole_and_read_in_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of its serial numbers."""
    monkeypatch.setattr(enrollment, "_PAGE", 2)
    enrollment.replace_serial_numbers(house.services, house.account, b"S-9\n")
    enrollment.replace_serial_numbers(house.services, house.account, b"S-3\nS-1\nS-2\n")
    listed = enrollment.list_serial_numbers(house.services, house.account)
    assert ["S-1", "S-2", "S-3"] == [item.serial_number for item in listed]
    assert 0 == enrollment.replace_serial_numbers(house.services, house.account, b"")
    assert () == enrollment.list_serial_numbers(house.services, house.account)
