"""Posture: what a report may bring a server to believe, and what it may not, whatever the device says."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatepost.controlplane.administration.rules import replace_options
from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.core.possession import build_statement
from gatepost.core.reason import Reason
from gatepost.errors import CertificateNotShownError, GatepostError, InputError, ReportRefusedError
from gatepost.wire import jws
from gatepost.wire.device import Acknowledgement, CheckAnswer, Facts, PlacedFault, Report, Sync
from gatepost.wire.management.check_options import CheckOptions
from tests.certificates import DAY, NOW, CertificateAuthority, KeyKind
from tests.controlplane.house import HOUR, MINUTE, PLACE, SECOND, URL, House, Member, open_house, prove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.certificates import Issued


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house of one account."""
    with open_house(tmp_path) as opened:
        yield opened


def outcome(acknowledgement: Acknowledgement) -> tuple[str, tuple[str, ...], str | None]:
    """Return status, reasons and evidence of the one verdict."""
    (verdict,) = acknowledgement.verdicts
    return verdict.status, verdict.reasons, verdict.evidence


def refused(member: Member, report: Report | bytes) -> ReportRefusedError:
    """Hand in a report that must be refused, and return why."""
    with pytest.raises(ReportRefusedError) as error:
        member.send(report)
    return error.value


# Possession.


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.P521, KeyKind.ED25519, KeyKind.RSA2048])
def test_a_device_passes_when_the_key_signed_the_servers_nonce(house: House, kind: KeyKind) -> None:
    """The honest twin of all that follows: with every kind of key."""
    house.ask(cn="${hostname}", extended_key_usage=["clientAuth"])
    member = house.admit()
    assert ("pass", (), "possession") == outcome(member.prove(house.authority.issue(cn="laptop-1", key=kind)))
    assert ("pass", "possession") == (member.result().result.status, member.result().result.evidence)


def another_nonce(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign the nonce before this one."""
    return prove(issued, member.statement(_digest(issued), nonce[:-1] + bytes([nonce[-1] ^ 1])))


def another_audience(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign for another server, as a relayed proof is."""
    audience = f"https://other.example/{member.house.account_id}"
    return prove(issued, build_statement(audience, member.thumbprint, nonce, _digest(issued)))


def another_account(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign for another account of this server."""
    return prove(issued, build_statement(f"{URL}/{'0' * 32}", member.thumbprint, nonce, _digest(issued)))


def another_device(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign with another device key's thumbprint in the statement."""
    return prove(issued, build_statement(member.audience, bytes(32), nonce, _digest(issued)))


def another_certificate(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign for another certificate of the same key."""
    return prove(issued, member.statement(bytes(32), nonce))


def another_key(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign with another certificate's key."""
    other = member.house.authority.issue(cn="laptop-1")
    return prove(other, member.statement(_digest(issued), nonce))


def device_key(member: Member, issued: Issued, nonce: bytes) -> bytes:
    """Sign with the device's own key, which the device always has."""
    return prove(msgspec.structs.replace(issued, key=member.key), member.statement(_digest(issued), nonce))


def nothing_signed(_member: Member, _issued: Issued, _nonce: bytes) -> bytes:
    """Send an empty signature."""
    return b""


def zeros(_member: Member, _issued: Issued, _nonce: bytes) -> bytes:
    """Send 64 zeros."""
    return bytes(64)


def _digest(issued: Issued) -> bytes:
    return hashlib.sha256(issued.der).digest()


@pytest.mark.parametrize(
    "sign",
    [
        another_nonce,
        another_audience,
        another_account,
        another_device,
        another_certificate,
        another_key,
        device_key,
        nothing_signed,
        zeros,
    ],
)
def test_possession_is_unproven_when_one_part_of_the_statement_is_another(
    house: House, sign: Callable[[Member, Issued, bytes], bytes]
) -> None:
    """Each part alone: the certificate is right, the report is the device's own, and the answer is no."""
    house.ask(cn="${hostname}")
    member = house.admit()
    issued = house.authority.issue(cn="laptop-1")
    nonce = member.synchronise().nonce
    found = member.found(issued, signature=sign(member, issued, nonce))
    assert ("fail", ("possession-unproven",), "key_present") == outcome(member.send(member.compose(found, nonce=nonce)))


def test_evidence_is_key_present_when_the_device_only_says_so(house: House) -> None:
    """A claim without a signature never reaches possession."""
    house.ask()
    member = house.admit()
    report = member.compose(member.found(house.authority.issue()))
    assert ("fail", ("possession-unproven",), "key_present") == outcome(member.send(report))


def test_evidence_is_reported_when_nothing_is_said_of_the_key(house: House) -> None:
    """Somebody else's certificate without a key: not above reported."""
    house.ask()
    member = house.admit()
    report = member.compose(member.found(house.authority.issue(), key=KeyState.NOT_ASKED))
    assert ("fail", ("private-key-missing",), "reported") == outcome(member.send(report))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (KeyState.MISSING, "private-key-missing"),
        (KeyState.NOT_ASKED, "private-key-missing"),
        (KeyState.MISMATCH, "private-key-mismatch"),
        (KeyState.UNUSABLE, "private-key-unusable"),
    ],
)
def test_a_good_signature_counts_whatever_else_is_said_of_the_key(house: House, state: KeyState, reason: str) -> None:
    """A device that contradicts itself is believed for its signature alone."""
    house.ask()
    member = house.admit()
    issued = house.authority.issue()
    nonce = member.synchronise().nonce
    assert "pass" == outcome(member.send(member.compose(member.found(issued, nonce, key=state), nonce=nonce)))[0]
    assert ("fail", (reason,)) == outcome(member.send(member.compose(member.found(issued, key=state))))[:2]


def test_a_claim_of_hardware_raises_nothing(house: House) -> None:
    """What a token says of itself is text; only the CA's policy stands for hardware."""
    check = house.ask()
    options = CheckOptions(evidence=Evidence.HARDWARE, hardware_policies=("1.2.3",))
    replace_options(house.services, house.account, check, options)
    member = house.admit()
    for issued, expected in (
        (house.authority.issue(), ("fail", ("evidence-too-weak",), "possession")),
        (house.authority.issue(policies=["1.2.3"]), ("pass", (), "hardware")),
    ):
        nonce = member.synchronise().nonce
        found = member.found(issued, nonce, key_detail="CKA_NEVER_EXTRACTABLE hardware", store=StoreKind.PKCS11)
        assert expected == outcome(member.send(member.compose(found, nonce=nonce)))


# What a report says, and what it may not say.


def test_the_device_is_not_believed_when_it_says_pass(house: House) -> None:
    """The server says fail, and its log shows what the device said."""
    house.ask(cn="${hostname}")
    member = house.admit()
    acknowledged = member.prove(house.authority.issue(cn="somebody-else"))
    received = msgspec.json.decode(member.result().received)
    assert ("fail", ("common-name-mismatch",)) == outcome(acknowledged)[:2]
    assert "pass" == received["device_status"]
    assert received == msgspec.json.decode(house.log()[0].entry.received)


def test_the_facts_of_the_enrolment_count_and_those_of_the_report_do_not(house: House) -> None:
    """A device cannot take another's name by saying so."""
    house.ask(cn="${hostname}")
    member = house.admit(Facts(hostname="laptop-1"))
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(cn="laptop-2"), nonce)
    report = member.compose(found, nonce=nonce, facts=Facts(hostname="laptop-2"))
    assert ("fail", ("common-name-mismatch",)) == outcome(member.send(report))[:2]
    assert "laptop-1" == member.registration.device.facts.hostname


@pytest.mark.parametrize("change", [{"version": 0}, {"version": 2}, {"version": -1}, {"id": "other"}])
def test_an_answer_is_passed_over_when_it_is_to_another_check(house: House, change: dict[str, Any]) -> None:
    """It is acknowledged without a verdict, nothing is recorded, and the older result stands."""
    house.ask()
    member = house.admit()
    member.prove(house.authority.issue())
    before = member.result()
    acknowledged = member.send(member.compose(checks=(member.answer(**change),)))
    assert () == acknowledged.verdicts
    assert before == member.result()


def test_an_answer_is_passed_over_when_its_check_has_changed(house: House) -> None:
    """The agent learns the newer version, and its next report answers that."""
    check = house.ask(cn="laptop-1")
    member = house.admit()
    nonce = member.synchronise().nonce
    report = member.compose(member.found(house.authority.issue(cn="laptop-2"), nonce), nonce=nonce)
    before = member.synchronise().checks_version
    house.ask_otherwise(check, cn="laptop-2")
    acknowledged = member.send(report)
    assert () == acknowledged.verdicts
    assert before < acknowledged.checks_version
    assert "pass" == outcome(member.prove(house.authority.issue(cn="laptop-2")))[0]


def test_an_answer_is_passed_over_when_its_check_was_removed(house: House) -> None:
    """Nothing is recorded for a check that is no more, and the report is acknowledged."""
    check = house.ask()
    member = house.admit()
    nonce = member.synchronise().nonce
    report = member.compose(member.found(house.authority.issue(), nonce), nonce=nonce)
    house.forget(check)
    assert () == member.send(report).verdicts
    assert () == member.results()


def test_an_answer_is_passed_over_when_its_check_is_disabled(house: House) -> None:
    """A disabled check is not sent, and not judged."""
    check = house.ask()
    member = house.admit()
    report = member.compose(member.found(house.authority.issue()))
    house.ask_otherwise(check, fields={"enabled": False})
    assert () == member.send(report).verdicts
    assert () == member.checks().checks


def test_an_answer_is_passed_over_when_its_check_is_for_another_system(house: House) -> None:
    """A device cannot answer what it is not asked."""
    member = house.admit()
    check = house.ask(operating_system="windows", locations={"trust_stores": ["system"]})
    assert () == member.checks().checks
    with house.services.storage.reading() as records:
        version = records.checks.all(house.account)[0].version
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(), nonce)
    answer = CheckAnswer(id=check, version=version, status=Status.PASS, candidates=(found.placed,))
    report = member.compose(found, nonce=nonce, checks=(answer,))
    assert () == member.send(report).verdicts
    assert () == member.results()


def test_a_report_is_refused_when_it_names_a_certificate_that_it_does_not_carry(house: House) -> None:
    """And when one stands under another's digest; nothing is recorded, and the sequence is not taken."""
    house.ask()
    member = house.admit()
    one, other = member.found(house.authority.issue()), member.found(house.authority.issue())
    for certificates, error in (({}, CertificateNotShownError), ({one.placed.sha256: other.der}, InputError)):
        with pytest.raises(error):
            member.send(member.compose(one, certificates=certificates))
    assert (0, ()) == (member.registration.last_sequence, member.results())


def test_a_report_is_judged_when_its_certificate_is_none(house: House) -> None:
    """Junk under its own digest is a candidate that cannot be read."""
    house.ask()
    member = house.admit()
    found = member.found(house.authority.issue())
    sha256 = _hexdigest(b"junk")
    junk = msgspec.structs.replace(found, der=b"junk", placed=msgspec.structs.replace(found.placed, sha256=sha256))
    assert ("fail", ("malformed-certificate",), None) == outcome(member.send(member.compose(junk)))


def test_the_same_answer_twice_in_a_report_counts_once(house: House) -> None:
    """The last one counts: a report says one thing of a check."""
    house.ask()
    member = house.admit()
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(), nonce)
    report = member.compose(found, nonce=nonce, checks=(member.answer(found), member.answer()))
    assert ("fail", ("no-certificate-found",)) == outcome(member.send(report))[:2]
    assert 1 == len(house.log())


def test_a_fault_is_an_error_and_never_hides_a_pass(house: House) -> None:
    """Could not look is its own status; beside a certificate that passes it is only told."""
    house.ask()
    member = house.admit()
    fault = PlacedFault(store=StoreKind.PEM_FILE, path=PLACE, reason=Reason.STORE_BUSY, detail="locked")
    assert ("error", ("store-busy",)) == outcome(member.send(member.compose(checks=(member.answer(faults=(fault,)),))))[
        :2
    ]
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(), nonce)
    report = member.compose(found, nonce=nonce, checks=(member.answer(found, faults=(fault,)),))
    assert "pass" == outcome(member.send(report))[0]
    assert "store-busy" == msgspec.json.decode(member.result().received)["faults"][0]["reason"]


def test_the_log_keeps_the_signature_of_the_place_that_was_judged(house: House) -> None:
    """One certificate in two places, the second of which signed."""
    house.ask()
    member = house.admit()
    issued = house.authority.issue()
    nonce = member.synchronise().nonce
    unsigned, signed = member.found(issued), member.found(issued, nonce, path="/etc/other.pem")
    acknowledged = member.send(member.compose(unsigned, signed, nonce=nonce))
    entry = house.log()[0].entry
    assert "pass" == outcome(acknowledged)[0]
    assert (signed.placed.signature, nonce) == (entry.signature, entry.nonce)


def test_the_log_keeps_no_signature_when_there_was_none(house: House) -> None:
    """No certificate, no signature."""
    house.ask()
    member = house.admit()
    member.send(member.compose())
    assert house.log()[0].entry.signature is None


# Who reports.


def test_a_stranger_is_refused(house: House) -> None:
    """A key that nobody enrolled, with a report that is right in everything else."""
    house.ask()
    member = house.admit()
    stranger = Member(house)
    report = member.compose()
    assert Reason.DEVICE_NOT_ENROLLED == refused(stranger, report).reason
    with pytest.raises(ReportRefusedError, match="device-not-enrolled"):
        stranger.synchronise()


def test_a_report_is_refused_when_another_signed_it_in_a_devices_name(house: House) -> None:
    """The header names an enrolled key; the signature is somebody else's."""
    house.ask()
    member, other = house.admit(), house.admit()
    document = jws.sign(jws.Kind.REPORT, msgspec.json.encode(member.compose()), other.key, member.thumbprint)
    with pytest.raises(ReportRefusedError, match="device-not-enrolled"):
        house.take(document)


def test_a_revoked_device_is_refused_everywhere(house: House) -> None:
    """Its report and its question for a nonce, from that moment on; what it said before stays."""
    house.ask()
    member = house.admit()
    member.prove(house.authority.issue())
    report = member.compose(nonce=member.synchronise().nonce)
    house.revoke(member)
    assert Reason.DEVICE_REVOKED == refused(member, report).reason
    with pytest.raises(ReportRefusedError, match="device-revoked"):
        member.synchronise()
    assert 1 == len(member.results())


@pytest.mark.parametrize(
    "audience",
    ["https://other.example/{account}", URL, URL + "/", URL + "/" + "0" * 32, "{account}", URL + "/{account}/"],
)
def test_a_document_is_refused_when_it_is_for_another_audience(house: House, audience: str) -> None:
    """Another server, another account, or none."""
    house.ask()
    member = house.admit()
    wrong = audience.format(account=house.account_id)
    with pytest.raises(InputError) as report:
        member.send(member.compose(aud=wrong))
    with pytest.raises(InputError) as sync:
        house.posture.synchronise(member.sign(jws.Kind.SYNC, Sync(aud=wrong, checks_version=-1)))
    assert "/aud" == report.value.field == sync.value.field


def test_a_report_of_another_account_is_refused(tmp_path: Path) -> None:
    """Two houses, one key enrolled in both: neither takes what was signed for the other."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with open_house(tmp_path / "a") as one, open_house(tmp_path / "b", "https://two.example") as two:
        one.ask()
        two.ask()
        here = one.admit()
        there = Member(two, here.key)
        two.enroller.enroll(two.token(), there.enrollment(Facts()))
        with pytest.raises(InputError, match="two"):
            two.take(here.sign(jws.Kind.REPORT, here.compose(here.found(one.authority.issue()))))


# Nonces.


def of_another_registration(member: Member) -> bytes:
    """Take a nonce that another device asked for."""
    return member.house.admit().synchronise().nonce


def made_up(member: Member) -> bytes:
    """Make one up around the right time."""
    return member.house.clock().to_bytes(8, "big") + bytes(32)


def with_a_later_time(member: Member) -> bytes:
    """Move the time in a good one."""
    nonce = member.synchronise().nonce
    return (int.from_bytes(nonce[:8], "big") + 1).to_bytes(8, "big") + nonce[8:]


def of_all_ones(_member: Member) -> bytes:
    """Take the farthest time there is."""
    return b"\xff" * 40


def too_old(member: Member) -> bytes:
    """Let twice the schedule pass, and a millisecond."""
    nonce = member.synchronise().nonce
    member.house.clock.time += 10 * MINUTE + 1
    return nonce


def from_the_future(member: Member) -> bytes:
    """Let the server's clock jump back by more than processes may be apart."""
    nonce = member.synchronise().nonce
    member.house.clock.time -= 5 * SECOND + 1
    return nonce


@pytest.mark.parametrize(
    "take", [of_another_registration, made_up, with_a_later_time, of_all_ones, too_old, from_the_future]
)
def test_a_report_is_refused_with_a_fresh_nonce_when_it_answers_none_of_ours(
    house: House, take: Callable[[Member], bytes]
) -> None:
    """The fresh one is good: the same report over it is taken."""
    house.ask()
    member = house.admit()
    issued = house.authority.issue()
    nonce = take(member)
    error = refused(member, member.compose(member.found(issued, nonce), nonce=nonce))
    assert (Reason.NONCE_EXPIRED, ()) == (error.reason, member.results())
    assert "pass" == outcome(member.send(member.compose(member.found(issued, error.nonce), nonce=error.nonce)))[0]


def test_a_nonce_of_another_server_is_refused(tmp_path: Path) -> None:
    """Each server has its own secret."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with open_house(tmp_path / "a") as one, open_house(tmp_path / "b") as two:
        one.ask()
        two.ask()
        nonce = two.admit().synchronise().nonce
        member = one.admit()
        assert Reason.NONCE_EXPIRED == refused(member, member.compose(nonce=nonce)).reason


@pytest.mark.parametrize(
    ("schedule", "age"),
    [("1m", 2 * MINUTE), ("5m", 10 * MINUTE), ("1h", 15 * MINUTE)],
)
def test_a_nonce_is_good_for_twice_the_schedule_and_a_quarter_of_an_hour_at_most(
    house: House, schedule: str, age: int
) -> None:
    """To the millisecond."""
    house.ask(fields={"schedule": schedule})
    member = house.admit()
    nonce = member.synchronise().nonce
    house.clock.time += age
    assert 1 == len(member.send(member.compose(nonce=nonce)).verdicts)
    house.clock.time += 1
    assert Reason.NONCE_EXPIRED == refused(member, member.compose(nonce=nonce)).reason


def test_clocks_of_two_processes_may_be_some_seconds_apart(house: House) -> None:
    """A nonce from five seconds ahead is taken."""
    house.ask()
    member = house.admit()
    nonce = member.synchronise().nonce
    house.clock.time -= 5 * SECOND
    assert 1 == len(member.send(member.compose(nonce=nonce)).verdicts)


# The result's time and its end.


def test_a_result_is_as_old_as_the_nonce_that_it_answers(house: House) -> None:
    """Its life begins when the nonce was issued, not when the report came."""
    house.ask()
    member = house.admit()
    nonce, issued_at = member.synchronise().nonce, house.clock()
    house.clock.time += 7 * MINUTE
    found = member.found(house.authority.issue(), nonce)
    acknowledged = member.send(member.compose(found, nonce=nonce))
    result = member.result().result
    assert (issued_at, house.clock()) == (result.measured_at, result.judged_at)
    assert issued_at + 11 * MINUTE == result.ends_at == acknowledged.verdicts[0].ends_at


@pytest.mark.parametrize(
    ("fields", "life"),
    [
        ({}, 11 * MINUTE),
        ({"schedule": "1h"}, 121 * MINUTE),
        ({"expiration": "3m"}, 3 * MINUTE),
        ({"schedule": "1h", "expiration": "90m"}, 90 * MINUTE),
    ],
)
def test_a_result_ends_by_its_expiration(house: House, fields: dict[str, Any], life: int) -> None:
    """As given, or twice the schedule and a minute."""
    house.ask(fields=fields)
    member = house.admit()
    member.prove(house.authority.issue())
    assert house.clock() + life == member.result().result.ends_at


def test_a_result_ends_with_its_certificate_when_that_ends_before(house: House) -> None:
    """The last second of a validity still counts; the millisecond behind it does not."""
    house.ask()
    member = house.admit()
    member.prove(house.authority.issue(not_after=NOW + DAY / 1440))
    result = member.result().result
    assert house.clock() + MINUTE + 1 == result.ends_at
    assert result.satisfies(house.clock() + MINUTE)
    assert not result.satisfies(house.clock() + MINUTE + 1)


def test_a_result_ends_with_its_authority_when_that_ends_before(house: House) -> None:
    """A certificate outlives the CA's certificate in vain."""
    short = CertificateAuthority.create(cn="Short", not_after=NOW + DAY / 720)
    house.ask(short)
    member = house.admit()
    member.prove(short.issue())
    assert house.clock() + 2 * MINUTE + 1 == member.result().result.ends_at


def test_a_certificate_is_judged_by_the_servers_clock(house: House) -> None:
    """It was good when the nonce was issued, and has ended since."""
    house.ask()
    member = house.admit()
    issued = house.authority.issue(not_after=NOW + DAY / 1440)
    nonce = member.synchronise().nonce
    house.clock.time += 2 * MINUTE
    report = member.compose(member.found(issued, nonce), nonce=nonce)
    assert ("fail", ("certificate-expired",)) == outcome(member.send(report))[:2]


def test_the_next_report_is_due_by_the_shortest_schedule(house: House) -> None:
    """Several checks, one cycle; without a check, five minutes."""
    member = house.admit()
    assert 300 == member.send(member.compose(checks=())).next_in
    house.ask(fields={"schedule": "1h", "name": "one"})
    house.ask(fields={"schedule": "2m", "name": "two"})
    assert 120 == member.send(member.compose(checks=())).next_in


def test_the_acknowledgements_nonce_is_good_for_the_next_report(house: House) -> None:
    """One request a cycle."""
    house.ask()
    member = house.admit()
    nonce = member.prove(house.authority.issue()).nonce
    report = member.compose(member.found(house.authority.issue(), nonce), nonce=nonce)
    assert "pass" == outcome(member.send(report))[0]


# Checks on their way to the device.


def test_checks_are_sent_when_they_are_newer_and_only_then(house: House) -> None:
    """Signed by the account's key, with an end of validity."""
    house.ask()
    member = house.admit()
    first = member.synchronise()
    assert "" == member.synchronise(first.checks_version).checks
    assert house.clock() + 24 * HOUR == member.checks().valid_until
    house.ask(fields={"name": "another"})
    second = member.synchronise(first.checks_version)
    assert first.checks_version < second.checks_version
    assert 2 == len(member.checks().checks)


def test_a_rule_of_a_type_that_is_not_evaluated_is_not_sent(house: House) -> None:
    """It is kept, and answers nothing."""
    house.ask(fields={"type": "file", "input": {"path": "/etc/passwd"}})
    assert () == house.admit().checks().checks


# Whatever a device may send.


class Honest(msgspec.Struct, frozen=True):
    """A report that passes, as JSON, and the three things that make it pass."""

    document: dict[str, Any]
    der: bytes
    nonce: bytes
    signature: bytes

    def intact(self, report: Report) -> bool:
        """Tell whether ``report`` still holds all three, in an answer to the check; what was shown before may be named alone."""
        sha256 = _hexdigest(self.der)
        placed = [(item.sha256, item.signature) for answer in report.checks for item in answer.candidates]
        return (
            report.nonce == self.nonce
            and report.certificates.get(sha256, self.der) == self.der
            and (sha256, self.signature) in placed
        )


def places(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - JSON.
    """Yield the way to every value in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def replaced(document: Any, path: tuple[str | int, ...], value: object) -> Any:  # noqa: ANN401 - JSON.
    """Return the document with another value in one place."""
    if not path:
        return value
    first, *rest = path
    items = document.items() if isinstance(document, dict) else enumerate(document)
    changed = {key: replaced(item, tuple(rest), value) if key == first else item for key, item in items}
    return changed if isinstance(document, dict) else list(changed.values())


@pytest.fixture
def sealed(house: House) -> tuple[Member, Honest]:
    """Give a device and a report of its own that passes."""
    house.ask(cn="${hostname}")
    member = house.admit()
    issued = house.authority.issue(cn="laptop-1")
    nonce = member.synchronise().nonce
    found = member.found(issued, nonce)
    report = member.compose(found, nonce=nonce)
    assert found.placed.signature is not None
    return member, Honest(msgspec.json.decode(msgspec.json.encode(report)), issued.der, nonce, found.placed.signature)


def passes(house: House, document: bytes) -> bool:
    """Judge a report, without recording it; tell whether anything in it passes."""
    with house.services.storage.reading() as records:
        judged = house.posture.judge(records, document)
    return any(item.result.status is Status.PASS for item in judged.judgements)


_bytes = st.sampled_from(b"AQgwabcd0123") | st.integers(0, 255)
_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=80)
    | st.binary(max_size=80).map(jws.encode_base64url)
    | st.sampled_from(["pass", "present", "possession", "hardware", "valid", "file"])
    | st.lists(st.none(), max_size=3)
    | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_a_report_passes_without_certificate_nonce_and_signature(
    house: House, sealed: tuple[Member, Honest], data: st.DataObject
) -> None:
    """Whatever else the device changes and signs anew: a pass has all three, or there is none."""
    member, good = sealed
    # What is drawn may not depend on the report, whose length is another in each run.
    numbers = st.integers(0, 10**6)
    document: Any = good.document
    for _ in range(data.draw(st.sampled_from([0, 0, 1, 2, 3]))):
        ways = list(places(document))
        document = replaced(document, ways[data.draw(numbers) % len(ways)], data.draw(_values)) if ways else document
    payload = bytearray(msgspec.json.encode(document))
    for _ in range(data.draw(st.integers(0, 2))):
        aim = data.draw(st.sampled_from([b"", good.der, good.nonce, good.signature]))
        # Most bytes go into one of the three, in its base64; the first means the whole payload.
        start = max(payload.find(base64.b64encode(aim)), 0)
        length = len(base64.b64encode(aim)) or len(payload)
        payload[(start + data.draw(numbers) % length) % len(payload)] = data.draw(_bytes)
    try:
        passed = passes(house, member.sign(jws.Kind.REPORT, bytes(payload)))
    except GatepostError:
        passed = False
    assert not passed or good.intact(msgspec.json.decode(payload, type=Report))
    assert passed or bytes(payload) != msgspec.json.encode(good.document)


def _hexdigest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
