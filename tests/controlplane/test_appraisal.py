"""Appraisal: a judgement that holds is taken over, and nothing that decided otherwise ever is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.intake import Intake
from gatepost.controlplane.posture import Posture
from gatepost.core.certificate import Certificate, parse_certificate, public_key_in
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.core.result import milliseconds
from gatepost.errors import OverloadedError
from gatepost.wire import jws
from tests.certificates import NOW, CertificateAuthority
from tests.controlplane.house import MINUTE, SECOND, House, Member, open_house
from tests.kinds import KINDS, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gatepost.controlplane.judgement import Judged
    from gatepost.controlplane.ports import Records
    from gatepost.errors import GatepostError
    from gatepost.wire.device import Acknowledgement
    from tests.certificates import Issued


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give a house of one account, on each kind of database."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def check(house: House) -> str:
    """Give the id of its one check."""
    return house.ask(cn="${hostname}")


@pytest.fixture
def laptop(house: House) -> Member:
    """Give a device that has not reported yet."""
    return house.admit()


@pytest.fixture
def issued(house: House) -> Issued:
    """Give its certificate."""
    return house.authority.issue(cn="laptop-1")


def _status(answer: Acknowledgement) -> tuple[Status, tuple[Reason, ...]]:
    (verdict,) = answer.verdicts
    return verdict.status, verdict.reasons


def _end(issued: Issued) -> int:
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    return milliseconds(certificate.not_after)


def test_the_same_report_later_is_the_same_judgement_with_new_times(
    house: House, laptop: Member, issued: Issued
) -> None:
    """What was explained stands word for word; when it was measured, judged and ends is new."""
    laptop.prove(issued)
    first = laptop.result()
    house.clock.time += MINUTE
    laptop.prove(issued)
    second = laptop.result()
    assert (first.received, first.expected, first.appraised_at) == (
        second.received,
        second.expected,
        second.appraised_at,
    )
    assert (first.result.judged_at + MINUTE, first.repeats + 1) == (second.result.judged_at, second.repeats)
    assert first.result.ends_at is not None
    assert first.result.ends_at + MINUTE == second.result.ends_at
    assert Status.PASS is second.result.status


def test_a_judgement_ends_with_the_certificate_to_the_millisecond(house: House, laptop: Member, issued: Issued) -> None:
    """Its last instant counts, the next one does not, whatever was judged a moment before."""
    end = _end(issued)
    house.clock.time = end - SECOND
    assert (Status.PASS, ()) == _status(laptop.prove(issued))
    house.clock.time = end
    assert (Status.PASS, ()) == _status(laptop.prove(issued))
    assert end + 1 == laptop.result().result.ends_at
    house.clock.time = end + 1
    assert (Status.FAIL, (Reason.CERTIFICATE_EXPIRED,)) == _status(laptop.prove(issued))


def test_a_judgement_ends_with_the_signing_certificate(house: House, check: str, laptop: Member) -> None:
    """Also where the device's own certificate goes on."""
    house.authority = CertificateAuthority.create(cn="Short CA", not_after=NOW + timedelta(minutes=2))
    house.ask_otherwise(check, cn="${hostname}")
    issued = house.authority.issue(cn="laptop-1")
    assert (Status.PASS, ()) == _status(laptop.prove(issued))
    house.clock.time += 2 * MINUTE
    assert (Status.PASS, ()) == _status(laptop.prove(issued))
    house.clock.time += 1
    assert (Status.FAIL, (Reason.SIGNING_CERTIFICATE_EXPIRED,)) == _status(laptop.prove(issued))


def test_a_clock_that_is_set_back_before_a_judgement_judges_anew(house: House, laptop: Member, issued: Issued) -> None:
    """What holds from an instant on says nothing of the time before it."""
    house.clock.time += 10 * MINUTE
    laptop.prove(issued)
    house.clock.time -= 5 * MINUTE
    laptop.prove(issued)
    assert house.clock.time == laptop.result().appraised_at


def test_every_proof_is_verified_though_the_judgement_holds(laptop: Member, issued: Issued) -> None:
    """The same certificate in the same place, and another signature: that is another claim."""
    laptop.prove(issued)
    nonce = laptop.synchronise().nonce
    forged = laptop.found(issued, nonce, signature=b"\1" * 64)
    assert (Status.FAIL, (Reason.POSSESSION_UNPROVEN,)) == _status(laptop.send(laptop.compose(forged, nonce=nonce)))
    assert (Status.PASS, ()) == _status(laptop.prove(issued))


def test_a_changed_check_is_judged_anew(house: House, check: str, laptop: Member, issued: Issued) -> None:
    """Whatever stands in the result is of another version."""
    laptop.prove(issued)
    house.ask_otherwise(check, cn="another-name")
    assert (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,)) == _status(laptop.prove(issued))


def test_a_result_that_changed_since_it_was_taken_over_makes_the_report_come_again(
    house: House, laptop: Member, issued: Issued
) -> None:
    """The judge saw the older result; what is written rests on the newer one or on nothing."""
    laptop.prove(issued)

    class Late(Posture):
        """Lets somebody change the result between judgement and commit."""

        def judge_all(self, records: Records, documents: Sequence[bytes]) -> tuple[Judged | GatepostError, ...]:
            """Judge, then change."""
            outcomes = super().judge_all(records, documents)
            with house.services.storage.writing() as others:
                changed = msgspec.structs.replace(laptop.result(), appraised_until=0)
                others.results.put(house.account, changed)
            return outcomes

    intake = Intake(house.services.storage, Late(house.services.storage, house.clock, (house.url,)), house.clock)
    intake.start()
    nonce = laptop.synchronise().nonce
    document = laptop.sign(jws.Kind.REPORT, laptop.compose(laptop.found(issued, nonce), nonce=nonce))
    before = laptop.registration.last_sequence
    error = intake.submit(document).exception(timeout=30)
    intake.stop()
    assert isinstance(error, OverloadedError)
    assert before == laptop.registration.last_sequence
    assert (Status.PASS, ()) == _status(house.take(document))


def test_one_certificate_in_two_places_is_judged_anew(house: House, laptop: Member, issued: Issued) -> None:
    """Which of the two signatures the log keeps is a matter of judging."""
    for _ in range(2):
        nonce = laptop.synchronise().nonce
        places = [laptop.found(issued, nonce, path=f"/etc/{name}.pem") for name in ("one", "two")]
        laptop.send(laptop.compose(*places, nonce=nonce))
        house.clock.time += MINUTE
    assert house.clock.time - MINUTE == laptop.result().appraised_at


@pytest.mark.parametrize("content", [b"", b"\x30\x00", b"\x30\x02\x30\x00", b"nonsense"])
def test_what_is_no_certificate_has_no_key(content: bytes) -> None:
    """It is not asked further: whoever judges it says why."""
    assert public_key_in(content) is None


def test_the_key_that_is_read_alone_is_the_certificates_own(issued: Issued) -> None:
    """Both readings are of the same bytes."""
    certificate = parse_certificate(issued.der)
    assert isinstance(certificate, Certificate)
    assert certificate.public_key == public_key_in(issued.der)
