"""What a draft would come to: for a whole fleet, from what devices reported last, and nothing that was not reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import pytest

from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.administration.previews import (
    MAXIMUM_PREVIEWS,
    MAXIMUM_TRIALS,
    find_preview,
    remove_preview,
    run_preview,
    start_preview,
)
from gatepost.controlplane.administration.rules import find_rule, list_rules, replace_options, replace_rule
from gatepost.controlplane.ports import AuditFilter
from gatepost.controlplane.previewing import Previewing
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import ConflictError, InputError, NotFoundError, OverloadedError
from gatepost.wire.device import CheckAnswer, Facts
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.preview import Outlook, PreviewBody, PreviewState
from gatepost.wire.management.scopes import Scope
from tests.certificates import CertificateAuthority
from tests.controlplane.house import MINUTE, PLACE, open_house
from tests.services import as_json, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.controlplane.house import House, Member


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house for one test."""
    with open_house(tmp_path) as opened:
        yield opened


class Fleet:
    """A house with one check and four devices: two that pass it, one that does not, and one that never reported."""

    def __init__(self, house: House) -> None:
        """Let them report."""
        self.house = house
        self.upload = house.upload()
        self.check = house.ask(cn="${hostname}")
        replace_rule(house.services, house.account, self.check, as_json(self.rule(cn="${hostname}")))
        self.members = [house.admit(Facts(hostname=f"laptop-{n}", serial_number=f"S-{n}")) for n in range(4)]
        for member, name in zip(self.members[:3], ("laptop-0", "LAPTOP-1", "somebody"), strict=True):
            member.prove(house.authority.issue(cn=name))

    def rule(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a rule are of many types.
        """Write a rule of the fleet's own upload."""
        upload = changes.pop("certificate_id", self.upload)
        return rule_of(upload, **{"locations": {"paths": [PLACE]}, **changes})

    def preview(self, **changes: Any) -> Outlook:  # noqa: ANN401 - as above.
        """Tell what a changed check would come to."""
        body = PreviewBody(rule=self.rule(**changes), replaces=self.check)
        shown = start_preview(self.house.services, self.house.account, body)
        assert PreviewState.DONE is shown.state, shown.detail
        assert shown.outlook is not None
        return shown.outlook


@pytest.fixture
def fleet(house: House) -> Fleet:
    """Give the fleet."""
    return Fleet(house)


def counted(outlook: Outlook) -> tuple[int, int, int, int, int]:
    """Give the counts: stay, would pass, would fail, unknown, and those of them that pass now."""
    return outlook.stay, outlook.would_pass, outlook.would_fail, outlook.unknown, outlook.unknown_passing


def test_a_change_is_told_before_it_is_saved(fleet: Fleet) -> None:
    """Which devices change, and why; who has not reported cannot be told."""
    outlook = fleet.preview(cn="laptop-0")
    assert (4, (2, 0, 1, 1, 0)) == (outlook.devices, counted(outlook))
    (cause,), (changed,) = outlook.causes, outlook.changes
    assert (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,), 1) == (cause.status, cause.reasons, cause.devices)
    assert ("S-1", Status.PASS, Status.FAIL) == (changed.serial_number, changed.now, changed.then)
    assert fleet.members[1].registration.id == changed.registration_id
    outlook = fleet.preview(cn="somebody")
    assert (0, 1, 2, 1, 0) == counted(outlook)
    assert ["S-0", "S-1", "S-2"] == [item.serial_number for item in outlook.changes]
    assert (Status.FAIL, Status.PASS, ()) == (
        outlook.changes[2].now,
        outlook.changes[2].then,
        outlook.changes[2].reasons,
    )


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        (Scope.CHECKS_READ, 0),
        (Scope.CHECKS_WRITE, 0),
        (Scope.DEVICES_READ, 1),
        (Scope.DEVICES_WRITE, 1),
        (Scope.ALL, 1),
    ],
)
def test_devices_are_named_for_those_alone_who_may_read_devices(fleet: Fleet, scope: Scope, named: int) -> None:
    """The numbers and the causes are for everybody who may read the preview."""
    house = fleet.house
    body = PreviewBody(rule=fleet.rule(cn="laptop-0"), replaces=fleet.check)
    shown = start_preview(house.services, house.account, body)
    limited = msgspec.structs.replace(house.services, scopes=(scope,))
    for outlook in (
        find_preview(limited, house.account, shown.id).outlook,
        run_preview(limited, house.account, shown.id).outlook,
    ):
        assert outlook is not None
        assert ((2, 0, 1, 1, 0), 1, named) == (counted(outlook), len(outlook.causes), len(outlook.changes))


def test_nothing_is_told_where_other_places_would_be_looked_into(fleet: Fleet) -> None:
    """Two of those that cannot be told pass now."""
    outlook = fleet.preview(locations={"paths": ["/elsewhere.pem"]})
    assert (0, 0, 0, 4, 2) == counted(outlook)


def test_a_preview_changes_nothing(fleet: Fleet) -> None:
    """Neither the rule, nor a result, nor the log, nor what devices are asked."""
    house = fleet.house
    before = list_rules(house.services, house.account), house.log(), fleet.members[0].checks().version
    fleet.preview(cn="nobody")
    assert before == (list_rules(house.services, house.account), house.log(), fleet.members[0].checks().version)


def test_a_new_rule_is_told_from_what_another_of_its_issuer_gathered(fleet: Fleet) -> None:
    """All of it would be new: there is nothing to stay as it is."""
    house = fleet.house
    shown = start_preview(house.services, house.account, PreviewBody(rule=fleet.rule(cn="laptop-0")))
    assert shown.outlook is not None
    assert (0, 1, 2, 1, 0) == counted(shown.outlook)
    assert [None] * 3 == [item.now for item in shown.outlook.changes]
    other = house.upload(CertificateAuthority.create(cn="Other CA"))
    shown = start_preview(house.services, house.account, PreviewBody(rule=fleet.rule(certificate_id=other)))
    assert shown.outlook is not None
    assert (0, 0, 0, 4, 0) == counted(shown.outlook)


def test_evidence_that_is_too_old_tells_nothing(fleet: Fleet) -> None:
    """Of a device that has fallen silent nobody knows."""
    fleet.house.clock.time += 12 * MINUTE
    assert (0, 0, 0, 4, 0) == counted(fleet.preview(cn="nobody"))


def test_evidence_for_an_older_version_tells_nothing(fleet: Fleet) -> None:
    """What was asked then is not known any more; what passes still counts as passing."""
    house = fleet.house
    house.services = msgspec.structs.replace(house.services, judge_again=lambda _: None)
    replace_rule(house.services, house.account, fleet.check, as_json(fleet.rule(cn="nobody")))
    assert (0, 0, 0, 4, 2) == counted(fleet.preview(cn="laptop-0"))


def test_a_draft_is_collected_without_being_used(fleet: Fleet) -> None:
    """Devices answer it beside the checks that count; it has no result, no line, no verdict, and no client sees it."""
    house, elsewhere = fleet.house, {"locations": {"paths": ["/elsewhere.pem"]}}
    body = PreviewBody(rule=fleet.rule(cn="${hostname}", **elsewhere), replaces=fleet.check, collect=True)
    shown = start_preview(house.services, house.account, body)
    assert (True, (0, 0, 0, 4, 2)) == (shown.collect, counted(shown.outlook or pytest.fail("no outlook")))
    lines = len(house.log())
    for member, name in ((fleet.members[0], "laptop-0"), (fleet.members[1], "somebody")):
        acknowledged = answer_all(member, name, house)
        assert [fleet.check] == [item.id for item in acknowledged]
    assert 2 == len(member.results()) + 1
    assert lines + 2 == len(house.log())  # of the check that counts: both hold other certificates than before
    assert 1 == len(list_rules(house.services, house.account))
    with pytest.raises(NotFoundError):
        find_rule(house.services, house.account, shown.id)
    again = run_preview(house.services, house.account, shown.id).outlook
    assert again is not None
    assert (2, 0, 0, 2, 0) == counted(again)
    remove_preview(house.services, house.account, shown.id)
    assert [fleet.check] == [item.id for item in fleet.members[0].checks().checks]
    with pytest.raises(NotFoundError):
        find_preview(house.services, house.account, shown.id)


def answer_all(member: Member, name: str, house: House) -> list[Any]:
    """Answer every check with one proved certificate."""
    nonce = member.synchronise().nonce
    found = member.found(house.authority.issue(cn=name), nonce)
    answers = tuple(
        CheckAnswer(id=item.id, version=item.version, status=Status.PASS, candidates=(found.placed,))
        for item in member.checks().checks
    )
    return list(member.send(member.compose(found, nonce=nonce, checks=answers)).verdicts)


@pytest.mark.parametrize(
    ("rule", "field", "words"),
    [
        ({"type": "client_certificate_v2"}, "/rule/name", "is missing"),
        ({"name": "x", "type": "file"}, "/rule/type", "it would never pass"),
        ({"name": "x", "type": "client_certificate_v2", "input": {}}, "/rule/input/certificate_id", "is missing"),
    ],
)
def test_a_draft_is_refused_as_the_rule_would_be(fleet: Fleet, rule: dict[str, Any], field: str, words: str) -> None:
    """With the place in the draft."""
    with pytest.raises(InputError, match=words) as refused:
        start_preview(fleet.house.services, fleet.house.account, PreviewBody(rule=rule))
    assert field == refused.value.field


def test_a_draft_that_names_what_is_not_there_is_refused(fleet: Fleet) -> None:
    """An upload, or the rule that it replaces."""
    house = fleet.house
    with pytest.raises(InputError, match="names no uploaded certificate"):
        start_preview(house.services, house.account, PreviewBody(rule=rule_of("nothing")))
    with pytest.raises(NotFoundError):
        start_preview(house.services, house.account, PreviewBody(rule=fleet.rule(), replaces="nothing"))


def test_the_options_of_the_rule_that_is_replaced_are_kept_unless_others_are_given(fleet: Fleet) -> None:
    """As a PUT of the rule would keep them."""
    house = fleet.house
    replace_options(house.services, house.account, fleet.check, CheckOptions(message="Ask the help desk."))
    body = PreviewBody(rule=fleet.rule(), replaces=fleet.check)
    shown = start_preview(house.services, house.account, body)
    assert "Ask the help desk." == shown.options.message
    body = msgspec.structs.replace(body, options=CheckOptions(message="Other."))
    assert "Other." == start_preview(house.services, house.account, body).options.message


def test_a_fleet_is_gone_through_in_pages_with_progress(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pages, the outlook is the same; evidence of a draft and of its rule are told to one device."""
    house = fleet.house
    body = PreviewBody(rule=fleet.rule(cn="laptop-0"), replaces=fleet.check, collect=True)
    whole = start_preview(house.services, house.account, body)
    answer_all(fleet.members[2], "laptop-0", house)
    answer_all(fleet.members[0], "laptop-0", house)
    expected = run_preview(house.services, house.account, whole.id).outlook
    told: list[int] = []

    def clock() -> int:
        told.append(find_preview(house.services, house.account, whole.id).progress.seen)
        return house.clock()

    monkeypatch.setattr("gatepost.controlplane.previewing._PAGE", 1)
    monkeypatch.setattr("gatepost.controlplane.previewing._TOLD_EVERY", 0)
    Previewing(house.services.storage, clock, house.account, results_expire=True).run(whole.id)
    assert expected == find_preview(house.services, house.account, whole.id).outlook
    assert {1, 2, 3} <= set(told)
    assert sorted(told[told.index(1) :]) == told[told.index(1) :]


def test_a_preview_that_fails_says_why(fleet: Fleet) -> None:
    """Its upload may be gone when it comes to run."""
    house, queue = fleet.house, []
    house.services = msgspec.structs.replace(house.services, start_preview=lambda *task: queue.append(task))
    upload = house.upload()
    body = PreviewBody(rule=fleet.rule(certificate_id=upload))
    shown = start_preview(house.services, house.account, body)
    assert PreviewState.RUNNING is shown.state
    with pytest.raises(ConflictError, match="still running"):
        run_preview(house.services, house.account, shown.id)
    assert Previewing(house.services.storage, house.clock, house.account, results_expire=True).wanted(shown.id)
    with house.services.storage.writing() as records:
        records.certificates.remove(house.account, upload)
    ((account, preview_id),) = queue
    previewing = Previewing(house.services.storage, house.clock, account, results_expire=True)
    previewing.run(preview_id)
    shown = find_preview(house.services, house.account, preview_id)
    assert PreviewState.FAILED is shown.state
    assert "names no uploaded certificate" in shown.detail
    remove_preview(house.services, house.account, preview_id)
    previewing.fail(preview_id, "nobody asks any more")
    assert not previewing.wanted(preview_id)
    with pytest.raises(NotFoundError):
        previewing.run(preview_id)


def test_so_many_previews_and_trials_are_kept_and_no_more(fleet: Fleet) -> None:
    """The oldest preview gives way; a trial does not, since devices answer it."""
    house = fleet.house
    body = PreviewBody(rule=fleet.rule(), replaces=fleet.check)
    first = start_preview(house.services, house.account, body)
    for _ in range(MAXIMUM_PREVIEWS):
        start_preview(house.services, house.account, body)
    with pytest.raises(NotFoundError):
        find_preview(house.services, house.account, first.id)
    collecting = msgspec.structs.replace(body, collect=True)
    for _ in range(MAXIMUM_TRIALS):
        start_preview(house.services, house.account, collecting)
    with pytest.raises(ConflictError, match="collected already"):
        start_preview(house.services, house.account, collecting)


def test_what_runs_or_is_collected_does_not_give_way(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of the others does; where there is none, the new one is refused."""
    monkeypatch.setattr("gatepost.controlplane.administration.previews.MAXIMUM_PREVIEWS", 3)
    house, queue = fleet.house, []
    waiting = msgspec.structs.replace(house.services, start_preview=lambda *task: queue.append(task))
    body = PreviewBody(rule=fleet.rule(), replaces=fleet.check)
    running = start_preview(waiting, house.account, body)
    collected = start_preview(house.services, house.account, msgspec.structs.replace(body, collect=True))
    done = start_preview(house.services, house.account, body)
    newer = start_preview(waiting, house.account, body)
    with pytest.raises(NotFoundError):
        find_preview(house.services, house.account, done.id)
    with pytest.raises(ConflictError, match="each is running or collected"):
        start_preview(house.services, house.account, body)
    for kept in (running, collected, newer):
        assert kept.id == find_preview(house.services, house.account, kept.id).id


def test_the_audit_log_tells_what_is_collected_and_what_goes(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that devices answer, its end, and a preview that gives way; one that its maker removes changed nothing."""
    monkeypatch.setattr("gatepost.controlplane.administration.previews.MAXIMUM_PREVIEWS", 1)
    house, body = fleet.house, PreviewBody(rule=fleet.rule(), replaces=fleet.check)
    collected = start_preview(house.services, house.account, msgspec.structs.replace(body, collect=True))
    remove_preview(house.services, house.account, collected.id)
    evicted = start_preview(house.services, house.account, body)
    last = start_preview(house.services, house.account, body)
    remove_preview(house.services, house.account, last.id)
    lines, _ = read_audit_log(house.services, house.account, AuditFilter(kind="preview"), None, 50)
    assert [("collect", collected.id), ("delete", collected.id), ("delete", evicted.id)] == [
        (line.action, line.reference) for line in lines[::-1]
    ]
    assert lines[0].before == lines[2].after == collected.rule


def test_a_preview_whose_server_ended_is_run_again(fleet: Fleet) -> None:
    """It may when it has told nothing for as long as none may take; then it gives way, too."""
    house, queue = fleet.house, []
    waiting = msgspec.structs.replace(house.services, start_preview=lambda *task: queue.append(task))
    shown = start_preview(waiting, house.account, PreviewBody(rule=fleet.rule(), replaces=fleet.check))
    house.clock.time += 15 * MINUTE - 1
    with pytest.raises(ConflictError, match="still running"):
        run_preview(house.services, house.account, shown.id)
    house.clock.time += 1
    assert PreviewState.RUNNING is run_preview(waiting, house.account, shown.id).state
    with pytest.raises(ConflictError, match="still running"):
        run_preview(house.services, house.account, shown.id)
    house.clock.time += 15 * MINUTE
    assert PreviewState.DONE is run_preview(house.services, house.account, shown.id).state


def test_nothing_is_written_when_there_is_no_room(fleet: Fleet) -> None:
    """Neither a preview nor a draft for devices."""
    house = fleet.house
    shown = start_preview(house.services, house.account, PreviewBody(rule=fleet.rule(), replaces=fleet.check))

    def none() -> NoReturn:
        raise OverloadedError(30)

    full = msgspec.structs.replace(house.services, preview_room=none)
    with pytest.raises(OverloadedError):
        start_preview(full, house.account, PreviewBody(rule=fleet.rule(), collect=True))
    with pytest.raises(OverloadedError):
        run_preview(full, house.account, shown.id)
    assert shown == find_preview(house.services, house.account, shown.id)
    assert [fleet.check] == [item.id for item in fleet.members[0].checks().checks]
