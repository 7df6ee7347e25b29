"""Intake: what is acknowledged is durable, once, and no report stands in another's way."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.intake import Intake, Recorded
from gatepost.controlplane.posture import Posture
from gatepost.core.reason import Reason
from gatepost.errors import (
    GatepostError,
    InputError,
    NotFoundError,
    OverloadedError,
    ReportRefusedError,
    StorageError,
)
from gatepost.wire import jws
from tests.controlplane.house import HOUR, MINUTE, House, Member, open_house
from tests.kinds import KINDS, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from gatepost.controlplane.judgement import Judged
    from gatepost.controlplane.ports import Records
    from gatepost.wire.device import Acknowledgement, Report


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give a house of one account with one check, on each kind of database."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        opened.ask(cn="${hostname}")
        yield opened


def good(house: House, member: Member) -> Report:
    """Write a report that passes."""
    nonce = member.synchronise().nonce
    return member.compose(member.found(house.authority.issue(cn="laptop-1"), nonce), nonce=nonce)


def signed(member: Member, report: Report) -> bytes:
    """Sign it."""
    return member.sign(jws.Kind.REPORT, report)


# Sequences.


def test_the_same_report_twice_is_acknowledged_twice_and_recorded_once(house: House) -> None:
    """A device that did not hear the first answer asks again with the same bytes."""
    member = house.admit()
    document = signed(member, good(house, member))
    first = house.take(document)
    before = (member.result(), house.log(), member.registration)
    second = house.take(document)
    assert (first.acknowledged, first.verdicts) == (second.acknowledged, second.verdicts)
    assert before == (member.result(), house.log(), member.registration)


def test_the_same_report_signed_anew_is_the_same(house: House) -> None:
    """Its digest is of what is signed: ECDSA gives another signature each time."""
    member = house.admit()
    report = good(house, member)
    assert house.take(signed(member, report)).acknowledged == house.take(signed(member, report)).acknowledged
    assert 1 == len(house.log())


def test_another_report_under_a_taken_sequence_is_refused(house: House) -> None:
    """Two devices with one state: the second is told so, and the first's result stands."""
    member = house.admit()
    report = good(house, member)
    member.send(report)
    before = member.result()
    with pytest.raises(ReportRefusedError) as refused:
        member.send(msgspec.structs.replace(report, checks=()))
    assert Reason.DEVICE_CLONED == refused.value.reason
    assert before == member.result()


def test_an_older_report_is_refused(house: House) -> None:
    """A state that was set back, and also the very bytes that were taken before the last."""
    member = house.admit()
    first, second = good(house, member), good(house, member)
    document = signed(member, first)
    house.take(document)
    member.send(second)
    for older in (document, signed(member, msgspec.structs.replace(first, checks=()))):
        with pytest.raises(ReportRefusedError, match="device-cloned"):
            house.take(older)
    assert second.sequence == member.registration.last_sequence


def test_a_sequence_may_leave_gaps(house: House) -> None:
    """An agent counts before it sends, and what it sends may be lost."""
    member = house.admit()
    member.sequence = 40
    assert 41 == member.send(good(house, member)).acknowledged


def test_a_refused_report_takes_no_sequence(house: House) -> None:
    """The same number is free for a report that is right."""
    member = house.admit()
    report = good(house, member)
    with pytest.raises(ReportRefusedError):
        member.send(msgspec.structs.replace(report, nonce=bytes(40)))
    assert report.sequence == member.send(report).acknowledged


def test_one_of_two_reports_of_one_sequence_is_taken_when_they_come_together(house: House) -> None:
    """In one group as in two: the database decides."""
    member = house.admit()
    report = good(house, member)
    documents = [signed(member, report), signed(member, msgspec.structs.replace(report, checks=()))]
    answers = together(house, documents)
    assert report.sequence == answers[0].result().acknowledged
    assert Reason.DEVICE_CLONED == refusal(answers[1]).reason


def test_a_device_revoked_between_judgement_and_commit_is_refused(house: House) -> None:
    """The commit asks again."""
    member = house.admit()

    def revoke(judged: Judged) -> Judged:
        house.revoke(member)
        return judged

    with pytest.raises(ReportRefusedError, match="device-revoked"):
        take_after(house, signed(member, good(house, member)), revoke)
    assert () == member.results()


def test_answers_are_passed_over_when_checks_change_between_judgement_and_commit(house: House) -> None:
    """Removed just then: nothing is recorded, and the agent hears of the newer version."""
    member = house.admit()
    (check,) = member.checks().checks

    def remove(judged: Judged) -> Judged:
        house.forget(check.id)
        return judged

    acknowledged = take_after(house, signed(member, good(house, member)), remove)
    assert () == acknowledged.verdicts
    assert member.synchronise().checks_version == acknowledged.checks_version
    assert ((), ()) == (member.results(), house.log())


# The log.


def test_the_log_has_a_line_for_each_change_and_none_for_the_same_again(house: House) -> None:
    """Pass, pass, fail, fail, pass: three lines."""
    member = house.admit()
    mine, others = house.authority.issue(cn="laptop-1"), house.authority.issue(cn="laptop-2")
    for issued in (mine, mine, others, others, mine):
        member.prove(issued)
        house.clock.time += MINUTE
    lines = house.log()
    assert ["pass", "fail", "pass"] == [line.entry.result.status for line in lines]


@pytest.mark.parametrize("what", ["certificate", "evidence", "reasons"])
def test_the_log_has_a_line_when_anything_that_counts_changes(house: House, what: str) -> None:
    """Another certificate, another level, other reasons: with the same status."""
    member = house.admit()
    issued = house.authority.issue(cn="laptop-2")
    member.prove(issued)
    changed = {
        "certificate": lambda: member.prove(house.authority.issue(cn="laptop-2")),
        "evidence": lambda: member.send(member.compose(member.found(issued))),
        "reasons": lambda: member.prove(house.authority.issue(cn=("laptop-2", "laptop-3"))),
    }
    changed[what]()
    assert 2 == len(house.log())


def test_the_log_has_a_line_once_a_day_with_the_number_of_reports(house: House) -> None:
    """The clock is the server's; a millisecond before the day is over there is none."""
    member = house.admit()
    issued = house.authority.issue(cn="laptop-1")
    member.prove(issued)
    began = house.clock()
    for _ in range(3):
        house.clock.time += 7 * HOUR
        member.prove(issued)
    house.clock.time = began + 24 * HOUR - 1
    member.prove(issued)
    assert (1, 4) == (len(house.log()), member.result().repeats)
    house.clock.time = began + 24 * HOUR
    member.prove(issued)
    assert [1, 5] == [line.entry.reports for line in house.log()]
    assert (0, house.clock()) == (member.result().repeats, member.result().logged_at)


def test_every_report_that_was_acknowledged_is_counted_once(house: House) -> None:
    """The lines, and the repeats since the last one, add up to the reports."""
    member = house.admit()
    mine, others = house.authority.issue(cn="laptop-1"), house.authority.issue(cn="laptop-2")
    sequence = [mine, mine, mine, others, mine, others, others, mine]
    for issued in sequence:
        member.prove(issued)
    assert len(sequence) == sum(line.entry.reports for line in house.log()) + member.result().repeats


def test_a_line_says_what_was_true_then(house: House) -> None:
    """The device, the check, what was expected and found, the nonce and the signature."""
    member = house.admit()
    report = good(house, member)
    member.send(report)
    (line,) = house.log()
    assert (member.registration.id, "laptops", "client_certificate_v2") == (
        line.registration_id,
        line.check_name,
        line.check_type,
    )
    assert "laptop-1" == msgspec.json.decode(line.entry.expected)["common_name"]
    assert (report.nonce, report.checks[0].candidates[0].signature) == (line.entry.nonce, line.entry.signature)


# Groups, and what may go wrong in one.


class Gated(Posture):
    """Judges as ever, when it is let; ``then`` is called with what was judged, and ``reached`` is set."""

    def __init__(self, house: House) -> None:
        """Take the house's own parts."""
        super().__init__(house.services.storage, house.clock, (house.url,))
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.then: Any = lambda judged: judged

    def judge_all(self, records: Records, documents: Sequence[bytes]) -> tuple[Judged | GatepostError, ...]:
        """Wait at the gate, then judge."""
        self.reached.set()
        assert self.gate.wait(30)
        return super().judge_all(records, documents)

    def _judge(self, records: Records, opened: Any) -> Judged:  # noqa: ANN401 - a report on its way, of the judge's own.
        return self.then(super()._judge(records, opened))  # type: ignore[no-any-return]  # a test's own function


@contextmanager
def gated(house: House) -> Iterator[tuple[Gated, Intake]]:
    """Give an intake whose judge waits at a gate."""
    posture = Gated(house)
    intake = Intake(house.services.storage, posture, house.clock)
    intake.start()
    try:
        yield posture, intake
    finally:
        posture.gate.set()
        intake.stop()


def take_after(house: House, document: bytes, then: Any) -> Acknowledgement:  # noqa: ANN401 - a test's own function.
    """Take a report; between its judgement and its commit, ``then`` is called."""
    with gated(house) as (posture, intake):
        posture.then = then
        posture.gate.set()
        return intake.submit(document).result(timeout=30)


def together(house: House, documents: list[bytes], then: Any = None) -> list[Future[Acknowledgement]]:  # noqa: ANN401 - as above.
    """Hand in several reports so that they are taken in one group, behind one that opens the gate."""
    with gated(house) as (posture, intake):
        posture.then = then or posture.then
        first = intake.submit(b"")
        assert posture.reached.wait(30)
        answers = [intake.submit(document) for document in documents]
        posture.gate.set()
        assert isinstance(first.exception(timeout=30), InputError)
        for answer in answers:
            answer.exception(timeout=30)
        return answers


def refusal(answer: Future[Acknowledgement]) -> ReportRefusedError:
    """Return the refusal that a future ended with."""
    error = answer.exception(timeout=30)
    assert isinstance(error, ReportRefusedError), error
    return error


def members(house: House, count: int) -> list[Member]:
    """Enrol several devices."""
    return [house.admit() for _ in range(count)]


def test_a_group_is_one_transaction(house: House) -> None:
    """Twenty reports that wait are committed together."""
    fleet = members(house, 20)
    storage = Counting(house)
    posture = Gated(house)
    intake = Intake(storage, posture, house.clock)
    intake.start()
    first = intake.submit(signed(fleet[0], good(house, fleet[0])))
    assert posture.reached.wait(30)
    answers = [intake.submit(signed(member, good(house, member))) for member in fleet[1:]]
    posture.gate.set()
    acknowledged = [answer.result(timeout=30) for answer in (first, *answers)]
    intake.stop()
    assert (20, 2) == (len(acknowledged), storage.writings)


class Counting:
    """The house's storage, which counts transactions that write, and fails in them when it is told to."""

    def __init__(self, house: House) -> None:
        """Take the house's storage."""
        self._storage = house.services.storage
        self.writings = 0
        self.failure: Exception | None = None
        self.failures: list[Exception] = []

    def reading(self) -> Any:  # noqa: ANN401 - as in the port.
        """Read."""
        return self._storage.reading()

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[Records]:
        """Count, write, and fail where the commit would be."""
        self.writings += 1
        with self._storage.writing(alone=alone) as records:
            yield records
            if self.failures:
                raise self.failures.pop()
            if self.failure is not None:
                raise self.failure


@pytest.mark.parametrize("failure", [StorageError("the disk is full"), OSError(28, "No space left on device")])
def test_nothing_is_acknowledged_when_the_commit_fails(house: House, failure: Exception) -> None:
    """Every report of the group hears it; nothing is stored, and once the disk has room the same reports are taken."""
    fleet = members(house, 3)
    documents = [signed(member, good(house, member)) for member in fleet]
    storage = Counting(house)
    storage.failure = failure
    intake = Intake(storage, house.posture, house.clock)
    intake.start()
    answers = [intake.submit(document) for document in documents]
    assert all(isinstance(answer.exception(timeout=30), StorageError) for answer in answers)
    assert [()] * 3 == [member.results() for member in fleet]
    assert [0] * 3 == [member.registration.last_sequence for member in fleet]
    storage.failure = None
    assert [1] * 3 == [intake.submit(document).result(timeout=30).acknowledged for document in documents]
    intake.stop()


def test_a_report_that_breaks_the_judge_hits_itself_alone(house: House) -> None:
    """An exception that nobody thought of is an error of that report, and the thread lives on."""
    one, other = members(house, 2)
    documents = [signed(one, good(house, one)), signed(other, good(house, other))]
    seen = []

    def break_first(judged: Judged) -> Judged:
        seen.append(judged)
        if judged.registration.id == one.registration.id:
            raise ZeroDivisionError
        return judged

    broken, whole = together(house, documents, break_first)
    assert (Reason.EVALUATION_CRASHED, "ZeroDivisionError") == (refusal(broken).reason, refusal(broken).detail)
    assert 1 == whole.result().acknowledged
    assert ((), 1) == (one.results(), len(other.results()))
    assert 1 == house.take(documents[0]).acknowledged


@pytest.mark.parametrize("failure", [NotFoundError("posture rule", "x"), ZeroDivisionError()])
def test_a_report_that_cannot_be_written_hits_itself_alone(house: House, failure: Exception) -> None:
    """The group is undone, and each report is written by itself."""
    one, other = members(house, 2)
    documents = [signed(one, good(house, one)), signed(other, good(house, other))]
    victim = one.registration.id

    class Breaking(Intake):
        """Cannot write what one device sent."""

        def _record(self, records: Records, versions: dict[int, int], judged: Judged) -> Recorded:
            acknowledged = super()._record(records, versions, judged)
            if judged.registration.id == victim:
                raise failure
            return acknowledged

    posture = Gated(house)
    intake = Breaking(house.services.storage, posture, house.clock)
    intake.start()
    first = intake.submit(b"")
    assert posture.reached.wait(30)
    broken, whole = (intake.submit(document) for document in documents)
    posture.gate.set()
    assert isinstance(first.exception(timeout=30), InputError)
    expected = type(failure) if isinstance(failure, GatepostError) else StorageError
    assert isinstance(broken.exception(timeout=30), expected)
    assert 1 == whole.result(timeout=30).acknowledged
    intake.stop()
    assert (0, 1) == (one.registration.last_sequence, other.registration.last_sequence)


def test_a_client_that_went_away_does_not_take_the_others_answers_with_it(house: House) -> None:
    """A cancelled future is passed over while it waits; once its report is taken, it can no longer be cancelled."""
    fleet = members(house, 4)
    documents = [signed(member, good(house, member)) for member in fleet]
    with gated(house) as (posture, intake):
        first = intake.submit(documents[0])
        assert posture.reached.wait(30)
        answers = [intake.submit(document) for document in documents[1:]]
        assert answers[0].cancel()
        assert not first.cancel()
        posture.gate.set()
        assert [1, 1] == [answer.result(timeout=30).acknowledged for answer in answers[1:]]
        assert 1 == first.result(timeout=30).acknowledged
    assert [1, 0, 1, 1] == [len(member.results()) for member in fleet]


def fill(intake: Intake) -> None:
    """Hand in more than may wait."""
    for _ in range(5_000):
        intake.submit(b"")


def test_a_report_is_asked_to_come_back_when_the_queue_is_full(house: House) -> None:
    """With the seconds after which it may."""
    with gated(house) as (posture, intake):
        intake.submit(b"")
        assert posture.reached.wait(30)
        with pytest.raises(OverloadedError) as overloaded:
            fill(intake)
        assert overloaded.value.retry_after > 0
        posture.gate.set()


def test_what_waits_is_finished_when_the_server_stops(house: House) -> None:
    """And what comes later is asked to come back, instead of waiting for ever."""
    fleet = members(house, 3)
    documents = [signed(member, good(house, member)) for member in fleet]
    posture = Gated(house)
    intake = Intake(house.services.storage, posture, house.clock)
    intake.start()
    answers = [intake.submit(document) for document in documents]
    assert posture.reached.wait(30)
    stopping = threading.Thread(target=intake.stop)
    stopping.start()
    posture.gate.set()
    stopping.join(30)
    assert [True] * 3 == [answer.done() for answer in answers]
    assert [1] * 3 == [answer.result().acknowledged for answer in answers]
    with pytest.raises(OverloadedError):
        intake.submit(documents[0])


def test_the_database_is_asked_again_when_it_could_not_be_read(house: House) -> None:
    """An error before the judgement is every report's of the group, and the next group is taken."""
    member = house.admit()
    document = signed(member, good(house, member))

    class Failing(Counting):
        """Cannot be read once."""

        failing = True

        def reading(self) -> Any:  # noqa: ANN401 - as in the port.
            """Fail, or read."""
            if self.failing:
                raise StorageError("locked")
            return super().reading()

    storage = Failing(house)
    intake = Intake(storage, house.posture, house.clock)
    intake.start()
    assert isinstance(intake.submit(document).exception(timeout=30), StorageError)
    storage.failing = False
    assert 1 == intake.submit(document).result(timeout=30).acknowledged
    intake.stop()


# Several processes.


@pytest.mark.parametrize("failures", [1, 2])
def test_a_group_that_another_process_stood_in_the_way_of_is_written_again(house: House, failures: int) -> None:
    """Nothing of the first attempt is left, and the device hears of none."""
    member = house.admit()
    storage = Counting(house)
    storage.failures = [StorageError("deadlock", undone=True)] * failures
    intake = Intake(storage, house.posture, house.clock)
    intake.start()
    assert 1 == intake.submit(signed(member, good(house, member))).result(timeout=30).acknowledged
    intake.stop()
    assert (failures + 1, 1) == (storage.writings, len(house.log()))


def test_a_group_is_not_written_again_for_ever(house: House) -> None:
    """After three attempts its devices are asked to come back."""
    member = house.admit()
    storage = Counting(house)
    storage.failure = StorageError("deadlock", undone=True)
    intake = Intake(storage, house.posture, house.clock)
    intake.start()
    assert isinstance(intake.submit(signed(member, good(house, member))).exception(timeout=30), StorageError)
    intake.stop()
    assert (3, ()) == (storage.writings, house.log())
