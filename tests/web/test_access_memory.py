"""Decisions from memory: whatever ends a pass ends it there too, with the next look; and without looks nothing is served."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.access.answers import Question
from gatepost.controlplane.access.deciding import Access
from gatepost.controlplane.access.memory import KEPT_FOR, TRUSTED_FOR, Memory
from gatepost.controlplane.access.recording import AccessRecorder
from gatepost.controlplane.administration import denials, devices
from gatepost.controlplane.administration.access import apps, exemptions
from gatepost.controlplane.administration.access.emergencies import declare_emergency, end_emergency
from gatepost.controlplane.administration.access.policies import replace_policy_options
from gatepost.controlplane.administration.tokens import list_tokens, revoke_token
from gatepost.core.check import Evidence
from gatepost.errors import CredentialError, StorageError
from gatepost.wire.management.denials import Cause, DenialBody
from gatepost.wire.management.emergencies import EmergencyBody
from gatepost.wire.management.exemptions import ExemptionBody
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.tokens import TokenKind
from tests.services import as_json
from tests.web.door import HOST, proved

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.certificates import Issued
    from tests.controlplane.house import Member
    from tests.web.door import Door


class Remembering:
    """A process that decides for the door's proxy, its memory in our hands; and a device that it lets in."""

    def __init__(self, door: Door, laptop: Member) -> None:
        """Let the device prove its certificate, and the process remember it."""
        self.door, self.laptop, self.house = door, laptop, door.house
        self.seconds = 1_000.0
        self.told: list[str] = []
        self.memory = Memory(self.house.storage, lambda: self.seconds, self.told.append)
        recorder = AccessRecorder(self.house.storage, self.house.clock)
        self.access = Access(self.house.storage, self.house.clock, recorder, self.memory)
        self.issued = proved(self.house, laptop)
        self.warm_up()
        assert self.recalls()

    def question(self, issued: Issued | None = None, **changes: Any) -> Question:  # noqa: ANN401 - fields of a question.
        """Ask for the page with the device's certificate."""
        digest = hashlib.sha256((issued or self.issued).der).digest()
        asked = Question(
            credential=self.door.proxy, app=HOST, host=HOST, target="/", address="192.0.2.7", certificate=digest
        )
        return msgspec.structs.replace(asked, **changes)

    def warm_up(self) -> None:
        """Ask the database, look, and ask again: from now on it is remembered, where it is let in."""
        self.access.decide(self.question())
        self.memory.refresh()
        self.access.decide(self.question())

    def recalls(self, **changes: Any) -> bool:  # noqa: ANN401 - fields of a question.
        """Tell whether the device is let in from memory."""
        answer = self.access.recall(self.question(**changes))
        assert answer is None or answer.verdict.allowed
        return answer is not None

    def is_let_in(self) -> bool:
        """Tell what the database says."""
        return self.access.decide(self.question()).verdict.allowed


@pytest.fixture
def process(door: Door, laptop: Member) -> Remembering:
    """Give a process that remembers a device."""
    return Remembering(door, laptop)


def _fails(process: Remembering) -> None:
    process.laptop.send(process.laptop.compose())


def _is_revoked(process: Remembering) -> None:
    process.house.revoke(process.laptop)


def _is_deleted(process: Remembering) -> None:
    device = process.laptop.registration.device.id
    devices.delete_device(process.house.services, process.house.account, device)


def _check_goes(process: Remembering) -> None:
    app, none = process.door.app, dict[str, Any](policies=[])
    apps.replace_app(process.house.services, process.house.account, app["id"], as_json(_plain(app) | none))
    process.house.forget(process.door.check)


def _check_changes(process: Remembering) -> None:
    process.house.ask_otherwise(process.door.check, cn="another")


def _is_denied(process: Remembering) -> None:
    body = DenialBody(certificate=process.issued.pem.decode(), reason=Cause.DENIED)
    denials.deny(process.house.services, process.house.account, body)


def _key_is_copied(process: Remembering) -> None:
    process.house.admit().prove(process.issued)


def _policy_wants_more(process: Remembering) -> None:
    policy = process.door.app["policies"][0]["id"]
    options = PolicyOptions(minimum_evidence=Evidence.HARDWARE)
    replace_policy_options(process.house.services, process.house.account, policy, options)


def _proxy_is_revoked(process: Remembering) -> None:
    (token,) = list_tokens(process.house.services, process.house.account, TokenKind.PROXY)
    revoke_token(process.house.services, process.house.account, token.id)


def _application_goes(process: Remembering) -> None:
    apps.remove_app(process.house.services, process.house.account, process.door.app["id"])


def _restore_ends_all(process: Remembering) -> None:
    with process.house.storage.writing() as records:
        records.results.end_all(process.house.account, process.house.clock())


def _plain(app: dict[str, Any]) -> dict[str, Any]:
    return {name: app[name] for name in ("type", "name", "self_hosted_domains")}


@pytest.mark.parametrize(
    "end",
    [
        _fails,
        _is_revoked,
        _is_deleted,
        _check_goes,
        _check_changes,
        _is_denied,
        _key_is_copied,
        _policy_wants_more,
        _proxy_is_revoked,
        _application_goes,
        _restore_ends_all,
    ],
)
def test_whatever_ends_a_pass_ends_it_in_memory(process: Remembering, end: Callable[[Remembering], None]) -> None:
    """With the next look, at every process; and it stays so, also where the process reads it anew."""
    end(process)
    process.memory.refresh()
    assert not process.recalls()
    # A proxy that is known no longer hears nothing at all.
    with suppress(CredentialError):
        process.warm_up()
    assert not process.recalls()


def test_a_pass_by_exemption_or_emergency_ends_with_it(process: Remembering) -> None:
    """By its end, and by being ended."""
    services, account = process.house.services, process.house.account
    _fails(process)
    body = ExemptionBody(
        app_id=process.door.app["id"], registration_id=process.laptop.registration.id, reason="r", expires_in="1h"
    )
    made = exemptions.create_exemption(services, account, body)
    process.warm_up()
    assert process.recalls()
    exemptions.end_exemption(services, account, made.id)
    process.memory.refresh()
    assert not process.recalls()
    declare_emergency(services, account, EmergencyBody(reason="r", expires_in="1m"))
    process.warm_up()
    assert process.recalls()
    process.house.clock.time += 60_000
    assert not process.recalls()
    declare_emergency(services, account, EmergencyBody(reason="r", expires_in="1h"))
    process.warm_up()
    assert process.recalls()
    end_emergency(services, account)
    process.memory.refresh()
    assert not process.recalls()


def test_a_holder_of_the_key_who_counts_again_ends_it(process: Remembering) -> None:
    """The certificate is nobody's then."""
    other = process.house.admit()
    other.prove(process.issued)
    devices.revoke(process.house.services, process.house.account, (other.registration.id,), deny=False)
    process.laptop.prove(process.issued)
    process.warm_up()
    assert process.recalls()
    devices.unrevoke(process.house.services, process.house.account, (other.registration.id,))
    process.memory.refresh()
    assert not process.recalls()


def test_a_report_that_says_the_same_ends_nothing(process: Remembering) -> None:
    """Nor does a device that enrols, or another's that says the same: a fleet that is well costs no memory."""
    other = process.house.admit()
    theirs = process.house.authority.issue(cn="laptop-1")
    other.prove(theirs)
    process.warm_up()
    process.house.clock.time += 1_000
    process.laptop.prove(process.issued)
    other.prove(theirs)
    process.house.admit()
    process.memory.refresh()
    assert process.recalls()


def test_a_result_ends_in_memory_to_the_millisecond(process: Remembering) -> None:
    """Without any look; where it was renewed meanwhile the database is asked."""
    ends_at = process.laptop.result().result.ends_at
    assert ends_at is not None
    process.house.clock.time = ends_at - KEPT_FOR + 1
    process.warm_up()
    process.house.clock.time = ends_at - 1
    assert process.recalls()
    process.house.clock.time = ends_at
    assert not process.recalls()


def test_evidence_is_too_old_in_memory_as_elsewhere(process: Remembering) -> None:
    """To the millisecond."""
    policy = process.door.app["policies"][0]["id"]
    options = PolicyOptions(maximum_evidence_age="1m")
    replace_policy_options(process.house.services, process.house.account, policy, options)
    measured_at = process.laptop.result().result.measured_at
    process.house.clock.time = measured_at + 30_000
    process.warm_up()
    process.house.clock.time = measured_at + 60_000
    assert process.recalls()
    process.house.clock.time += 1
    assert not process.recalls()


def test_a_device_is_read_anew_after_a_while(process: Remembering) -> None:
    """And where a clock went back."""
    start = process.house.clock.time
    process.house.clock.time = start + KEPT_FOR - 1
    assert process.recalls()
    process.house.clock.time = start + KEPT_FOR
    assert not process.recalls()
    process.house.clock.time = start - 1
    assert not process.recalls()


def test_without_a_look_nothing_is_served(process: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last began too long ago, or failed: then the database is asked, which says so itself."""
    process.seconds += TRUSTED_FOR - 0.01
    assert process.recalls()
    process.seconds += 0.01
    assert not process.recalls()
    process.memory.refresh()
    assert process.recalls()
    for error, word in ((StorageError("gone"), "gone"), (ZeroDivisionError(), "ZeroDivisionError")):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(process.house.storage, "reading", fail)
            process.memory.refresh()
        assert word == process.told[-1]
        assert not process.recalls()
        process.memory.refresh()
        assert not process.recalls()
        process.warm_up()
        assert process.recalls()


def test_what_was_read_before_a_look_that_saw_more_is_not_kept(process: Remembering) -> None:
    """A thread that took long to hand it in changes nothing; grounds that fell are another database's."""
    known = process.memory.recall(hashlib.sha256(process.door.proxy.encode()).digest())
    assert known is not None
    token, kept = known
    device = next(iter(kept.devices.items()))
    _fails(process)
    process.memory.refresh()
    process.memory.keep(token, kept.grounds, kept.view, device)
    assert not process.recalls()
    newer = msgspec.structs.replace(kept.grounds, endings=kept.grounds.endings + 100)
    process.memory.keep(token, newer, kept.view, device)
    process.memory.keep(token, kept.grounds, kept.view, device)
    assert process.recalls()
    process.memory.refresh()
    assert process.recalls()
    process.memory.refresh()


def test_grounds_that_fell_are_those_of_another_database(process: Remembering) -> None:
    """A standby that lacks the last transactions: what came after them is forgotten."""
    with process.house.storage.writing() as records:
        records.accounts._connection.exec_driver_sql("UPDATE accounts SET endings = endings - 1")  # type: ignore[attr-defined]  # noqa: SLF001 - past the port, on purpose.
    process.memory.refresh()
    assert not process.recalls()


def test_whoever_is_not_let_in_is_asked_about_each_time(process: Remembering) -> None:
    """No certificate, another one, another application, and rules about the certificate itself."""
    other = process.house.authority.issue(cn="laptop-1")
    assert None is process.access.recall(process.question(other))
    assert not process.recalls(certificate=None)
    assert not process.recalls(host="other.example.com")
    assert not process.recalls(credential="gpx_" + "A" * 43)
    process.door.install("open.example.com", decision="bypass", include=[{"everyone": {}}])
    process.door.install("ours.example.com", include=[{"certificate": {}}])
    process.door.proxy = process.door.token("open.example.com", "ours.example.com")
    asked = {"app": "open.example.com", "host": "open.example.com", "certificate": None}
    for name in ("open.example.com", "ours.example.com"):
        changes = dict[str, Any](app=name, host=name, certificate=None)
        process.access.decide(process.question(**changes))
        process.memory.refresh()
        process.access.decide(process.question(**changes))
    assert process.recalls(**asked)
    assert not process.recalls(app="ours.example.com", host="ours.example.com", certificate=None)


def test_as_many_are_kept_as_there_is_room_for(process: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was read first goes."""
    monkeypatch.setattr("gatepost.controlplane.access.memory._DEVICES", 1)
    monkeypatch.setattr("gatepost.controlplane.access.memory._TOKENS", 1)
    other = process.house.admit()
    theirs = process.house.authority.issue(cn="laptop-1")
    other.prove(theirs)
    process.warm_up()
    process.access.decide(process.question(theirs))
    assert not process.recalls()
    first, process.door.proxy = process.door.proxy, process.door.token(HOST)
    process.access.decide(process.question(theirs))
    assert None is not process.access.recall(process.question(theirs))
    process.door.proxy = first
    assert None is process.access.recall(process.question(theirs))


def test_its_thread_looks_until_it_is_ended(process: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times a second."""
    monkeypatch.setattr("gatepost.controlplane.access.memory._EVERY", 0.001)
    process.seconds += 10
    assert not process.recalls()
    process.memory.start()
    for _ in range(3_000):
        if process.recalls():
            break
        process.memory._ending.wait(0.01)  # noqa: SLF001 - a pause.
    process.memory.stop()
    assert process.recalls()
