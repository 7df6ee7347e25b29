"""The server is away for a day: the agent keeps a bounded list of what it saw, tells it once, and nothing is concluded from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.agent.absence import Absence
from gatepost.client.identity import ABSENCE, StateFolder
from gatepost.core.certificate import rfc3339
from gatepost.core.check import Check
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.reason import Reason
from gatepost.errors import ServerRefusedError, StateError, TransportError
from gatepost.wire import jws
from gatepost.wire.device import (
    MAXIMUM_CHANGE_REASONS,
    MAXIMUM_CHANGES,
    MAXIMUM_REPORT,
    Change,
    Meanwhile,
    Report,
    decode,
    instant,
)
from tests.agent.direct import Laptop, outcome
from tests.certificates import CertificateAuthority, dns
from tests.controlplane.house import HOUR, MINUTE
from tests.core.subjects import parsed

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.agent.cycle import Agent
    from tests.controlplane.house import House

AUTHORITY = parsed(CertificateAuthority.create(cn="Example Root CA"))
PASS = Evaluation(status=Status.PASS)
FAIL = Evaluation(status=Status.FAIL, reasons=(Reason.CERTIFICATE_EXPIRED,))


def check(number: int = 1, version: int = 1) -> Check:
    """Make a check."""
    return Check(id=f"check-{number}", version=version, authorities=(AUTHORITY,))


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """Give an agent's folder."""
    folder = StateFolder(tmp_path / "state")
    folder.create()
    return folder


# What is kept.


def test_the_first_answers_are_kept_and_then_what_changes(folder: StateFolder) -> None:
    """The same answer again is no change; a new version of the check is one."""
    absence = Absence(folder)
    for now, found, version in ((10, PASS, 1), (20, PASS, 1), (30, FAIL, 1), (40, FAIL, 2), (50, PASS, 2)):
        absence.note([(check(version=version), found)], now)
    assert absence.told is not None
    assert 10 == absence.told.since
    assert [(10, 1, "pass"), (30, 1, "fail"), (40, 2, "fail"), (50, 2, "pass")] == [
        (item.at, item.version, item.status) for item in absence.told.changes
    ]


def test_the_list_is_bounded_and_says_how_many_are_not_in_it(folder: StateFolder) -> None:
    """A certificate that comes and goes a thousand times: the latest changes are kept."""
    absence = Absence(folder)
    for now in range(1_000):
        absence.note([(check(), (PASS, FAIL)[now % 2])], now)
    kept = absence.told
    assert kept is not None
    assert (0, 1_000 - MAXIMUM_CHANGES, MAXIMUM_CHANGES) == (kept.since, kept.earlier, len(kept.changes))
    assert list(range(1_000 - MAXIMUM_CHANGES, 1_000)) == [item.at for item in kept.changes]


def test_an_absence_without_any_check_has_its_beginning_all_the_same(folder: StateFolder) -> None:
    """That the server was away is worth knowing."""
    absence = Absence(folder)
    absence.note([], 10)
    absence.note([], 20)
    assert Meanwhile(since=10) == absence.told


def test_an_agent_that_is_started_anew_goes_on_with_the_list(folder: StateFolder) -> None:
    """The machine was switched off and on in between."""
    Absence(folder).note([(check(), PASS)], 10)
    again = Absence(folder)
    again.note([(check(), FAIL)], 20)
    assert again.told is not None
    assert (10, [10, 20]) == (again.told.since, [item.at for item in again.told.changes])
    again.forget()
    assert [] == [item.told for item in (again, Absence(folder)) if item.told is not None]


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff", b"[" * 10_000, b'{"since":-1}', b'{"since":1e99}'])
def test_a_damaged_list_is_begun_anew(folder: StateFolder, content: bytes) -> None:
    """It decides nothing, so nothing is held up by it."""
    folder.save(ABSENCE, content)
    absence = Absence(folder)
    assert absence.told is None
    absence.note([(check(), PASS)], 10)
    assert absence.told == Absence(folder).told


def test_nothing_is_written_where_nothing_was_kept(folder: StateFolder) -> None:
    """A cycle without an absence costs no writing."""
    Absence(folder).forget()
    assert folder.load(ABSENCE) is None


# A day without a server.


def away(laptop: Laptop) -> None:
    """Take the server away."""

    def gone(_status: int, _content: bytes) -> tuple[int, bytes]:
        raise TransportError(laptop.house.url, "cannot be reached")

    laptop.server.answers["sync"] = gone


def try_once(agent: Agent) -> None:
    """Do a cycle that finds no server."""
    with pytest.raises(TransportError):
        agent.run_once()


def last_report(laptop: Laptop) -> Report:
    """Return the report that was sent last."""
    (*_, (_, document)) = (item for item in laptop.server.sent if item[0] == "report")
    return decode(jws.split(jws.Kind.REPORT, document).payload, Report)


def shown(now: int) -> str:
    """Show an instant as the log does."""
    return rfc3339(instant(now))


def told(house: House) -> list[dict[str, Any]]:
    """Return what the lines of the log tell of absences."""
    received = (msgspec.json.decode(line.entry.received) for line in house.log())
    return [item["meanwhile"] for item in received if "meanwhile" in item]


def test_a_day_without_a_server_is_told_once_and_judged_by_what_is_there_now(house: House, enrolled: Laptop) -> None:
    """Its certificate went and came back: the log says so in the device's words, and the results know nothing of it."""
    right, wrong = house.authority.issue(cn="laptop-1"), house.authority.issue(cn="laptop-2")
    enrolled.install(right)
    agent = enrolled.agent()
    agent.run_once()
    began = house.clock.time
    before = house.log()
    away(enrolled)
    for number in range(24 * 12):
        house.clock.time = began + number * 5 * MINUTE
        enrolled.install(wrong if 6 * 12 <= number < 7 * 12 else right)
        try_once(agent)
    assert before == house.log()
    assert len(enrolled.state.load(ABSENCE) or b"") < 1_000
    enrolled.server.answers.clear()
    enrolled.install(wrong)
    house.clock.time = began + 24 * HOUR
    assert ("fail", (Reason.COMMON_NAME_MISMATCH,)) == outcome(agent.run_once())
    ((since, earlier, changes),) = ((item["since"], item["earlier"], item["changes"]) for item in told(house))
    assert (shown(began), 0) == (since, earlier)
    assert [("pass", []), ("fail", ["common-name-mismatch"]), ("pass", [])] == [
        (item["device_status"], item["reasons"]) for item in changes
    ]
    assert [shown(began + hours * HOUR) for hours in (0, 6, 7)] == [item["at"] for item in changes]
    # Once: the next report tells nothing, and the result shows nothing.
    agent.run_once()
    assert (None, 1) == (last_report(enrolled).meanwhile, len(told(house)))
    with house.services.storage.reading() as records:
        (registration,) = records.devices.all(house.account, 0, 10)
        (result,) = records.results.find(house.account, registration.number)
    assert (Status.FAIL, False) == (result.result.status, "meanwhile" in result.received)


def test_a_line_is_written_for_an_absence_also_where_nothing_else_changed(house: House, enrolled: Laptop) -> None:
    """The result is the same as before; that nobody looked in between is what the line is for."""
    agent = enrolled.agent()
    agent.run_once()
    away(enrolled)
    try_once(agent)
    enrolled.server.answers.clear()
    agent.run_once()
    agent.run_once()
    assert ["pass", "pass"] == [line.entry.result.status for line in house.log()]
    assert 1 == len(told(house))


def test_an_old_pass_never_counts_as_fresh(house: House, enrolled: Laptop) -> None:
    """All through the absence the device says "pass"; the server's result ends when it ends, and no report changes that."""
    agent = enrolled.agent()
    agent.run_once()
    away(enrolled)
    house.clock.time += 3 * HOUR
    try_once(agent)
    with house.services.storage.reading() as records:
        (registration,) = records.devices.all(house.account, 0, 10)
        (result,) = records.results.find(house.account, registration.number)
    assert not result.result.satisfies(house.clock())
    enrolled.pem.unlink()
    enrolled.server.answers.clear()
    assert ("fail", (Reason.NO_CERTIFICATE_FOUND,)) == outcome(agent.run_once())
    assert ["pass"] == [item["device_status"] for item in told(house)[0]["changes"]]


def test_nothing_signs_while_the_server_is_away(house: House, enrolled: Laptop) -> None:
    """There is no nonce; a key that is there is taken for one that would sign."""
    agent = enrolled.agent()
    agent.run_once()
    away(enrolled)
    enrolled.install(house.authority.issue(cn="laptop-1"), key=False)
    try_once(agent)
    kept = Absence(enrolled.state).told
    assert kept is not None
    assert [(Status.FAIL, (Reason.PRIVATE_KEY_MISSING,))] == [(item.status, item.reasons) for item in kept.changes]


@pytest.mark.parametrize(("status", "kept"), [(503, True), (500, True), (400, False), (403, False)])
def test_a_server_that_is_not_well_is_away_and_one_that_refuses_is_not(
    enrolled: Laptop,
    status: int,
    kept: bool,  # noqa: FBT001 - what is expected.
) -> None:
    """A refusal is an answer."""
    agent = enrolled.agent()
    agent.run_once()
    refusal = msgspec.json.encode({"reason": "try-later", "detail": "no room"})
    enrolled.server.answers["report"] = lambda _status, _content: (status, refusal)
    with pytest.raises(ServerRefusedError):
        agent.run_once()
    assert kept == (Absence(enrolled.state).told is not None)


def test_a_full_disk_does_not_hide_that_the_server_is_away(enrolled: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept is not kept."""
    agent = enrolled.agent()
    agent.run_once()
    away(enrolled)

    def full(name: str, content: bytes) -> None:
        del content
        raise StateError(name, "cannot be written: No space left on device")

    monkeypatch.setattr(enrolled.state, "save", full)
    try_once(agent)


def fill(kept: Meanwhile, laptop: Laptop) -> None:
    """Keep as much as may be kept."""
    longest = sorted(Reason, key=len)[-MAXIMUM_CHANGE_REASONS:]
    change = Change(check="x" * 64, version=2**53, status=Status.ERROR, reasons=tuple(longest), at=253_402_300_799_999)
    full = msgspec.structs.replace(kept, earlier=1_000_000, changes=(change,) * MAXIMUM_CHANGES)
    laptop.state.save(ABSENCE, msgspec.json.encode(full))


def test_a_list_that_fills_the_report_gives_way_to_certificates(house: House, enrolled: Laptop) -> None:
    """What the device says of then is worth less than what it proves now."""
    enrolled.install(*(house.authority.issue(cn=f"laptop-{number}") for number in range(1, 17)))
    fill(Meanwhile(since=0), enrolled)
    assert ("pass", ()) == outcome(enrolled.agent().run_once())
    sent = last_report(enrolled)
    assert MAXIMUM_CHANGES == len(sent.meanwhile.changes if sent.meanwhile else ())
    names = [dns(f"{number:060}.example") for number in range(90)]
    enrolled.install(*(house.authority.issue(cn=f"laptop-{number}", sans=names) for number in range(1, 17)))
    fill(Meanwhile(since=0), enrolled)
    assert ("pass", ()) == outcome(enrolled.agent().run_once())
    sent = last_report(enrolled)
    assert (None, 4) == (sent.meanwhile, len(sent.certificates))
    assert max(len(document) for name, document in enrolled.server.sent if name == "report") <= MAXIMUM_REPORT
