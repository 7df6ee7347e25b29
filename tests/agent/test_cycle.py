"""The agent's cycle against the server's own application: what it believes, what it sends, and what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.agent.cycle import Agent, Disclosure, enroll
from gatepost.client.identity import LAST_REPORT, Progress
from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.presented import Memory
from gatepost.core.reason import Reason
from gatepost.errors import (
    CertificateWantedError,
    InputError,
    ReportRefusedError,
    ServerRefusedError,
    StateError,
    TransportError,
)
from gatepost.wire import jws
from gatepost.wire.checks import Checks
from gatepost.wire.device import MAXIMUM_REPORT, Report, Sync, Synced, decode
from tests.agent.direct import HOST, Laptop, outcome
from tests.certificates import DAY, NOW, dns
from tests.controlplane.house import HOUR, House
from tests.wire.documents import point_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.agent.cycle import Cycle


def sequence_of(document: bytes) -> int:
    """Read a report's sequence."""
    return decode(jws.split(jws.Kind.REPORT, document).payload, Report).sequence


# Enrolment.


def test_a_device_knows_who_it_is_when_it_was_admitted(laptop: Laptop) -> None:
    """And it reports as that."""
    enrolled = laptop.enroll()
    assert enrolled == laptop.state.load_registration()
    assert Progress() == laptop.state.load_progress()
    assert 1 == laptop.agent().run_once().acknowledgement.acknowledged


def test_nothing_is_kept_when_the_token_is_refused(laptop: Laptop) -> None:
    """No key, no registration: the next attempt begins anew, and succeeds."""
    with pytest.raises(ServerRefusedError, match="credential-refused"):
        laptop.enroll("gpe_" + "A" * 43)
    assert [] == [path for path in laptop.state.path.iterdir() if path.name != "agent.lock"]
    assert laptop.enroll().account_id == laptop.house.account_id


def test_enrolment_can_be_repeated_when_its_answer_was_lost(laptop: Laptop) -> None:
    """The server knows the first key, so that the second attempt needs another."""

    def lost(_status: int, _content: bytes) -> tuple[int, bytes]:
        raise TransportError("x", "cannot be reached")

    laptop.server.answers["enroll"] = lost
    with pytest.raises(TransportError):
        laptop.enroll()
    assert not laptop.state.enrolled
    laptop.server.answers.clear()
    laptop.enroll()
    assert 1 == laptop.agent().run_once().acknowledgement.acknowledged


@pytest.mark.parametrize("key", [{"x": "AA", "y": "AA"}, {"x": "A" * 43, "y": "A" * 43}])
def test_a_server_is_refused_when_its_accounts_key_is_none(laptop: Laptop, key: dict[str, str]) -> None:
    """Nothing that it signs could ever be believed; and nothing is kept."""

    def broken(status: int, content: bytes) -> tuple[int, bytes]:
        changed = msgspec.json.decode(content) | {"account_key": {**key, "kty": "EC", "crv": "P-256"}}
        return status, msgspec.json.encode(changed)

    laptop.server.answers["enroll"] = broken
    with pytest.raises(TransportError, match="not ours"):
        laptop.enroll()
    assert not laptop.state.enrolled


def test_a_device_is_enrolled_once(enrolled: Laptop) -> None:
    """What it is stays, and the server is not asked."""
    before = enrolled.state.load_registration()
    with pytest.raises(InputError, match="unenroll"):
        enrolled.enroll()
    assert before == enrolled.state.load_registration()
    assert [] == enrolled.server.names()


def test_nothing_is_sent_when_the_folder_can_be_read_by_others(laptop: Laptop) -> None:
    """A token is not spent on a key that others may take."""
    laptop.state.path.mkdir(mode=0o755)
    laptop.state.path.chmod(0o755)
    with pytest.raises(StateError):
        laptop.enroll()
    assert [] == laptop.server.names()


# A cycle.


def test_a_cycle_ends_with_the_servers_verdict(enrolled: Laptop) -> None:
    """Two requests: a nonce with the checks, and the report; the next cycle asks for no checks."""
    agent = enrolled.agent()
    assert ("pass", ()) == outcome(agent.run_once())
    assert ["sync", "report"] == enrolled.server.names()
    checks = enrolled.state.load_progress().checks
    assert ("pass", ()) == outcome(agent.run_once())
    assert checks == enrolled.state.load_progress().checks
    assert 2 == enrolled.state.load_progress().sequence


def carried(document: bytes) -> int:
    """Count the certificates that a report carries."""
    return len(decode(jws.split(jws.Kind.REPORT, document).payload, Report).certificates)


def test_a_certificate_is_sent_once(house: House, enrolled: Laptop) -> None:
    """Then it is named; a new one is sent, and what was kept to look at is whole."""
    agent = enrolled.agent()
    counts = []
    for other in (False, False, True, False):
        if other:
            enrolled.install(house.authority.issue(cn="laptop-1"))
        assert ("pass", ()) == outcome(agent.run_once())
        counts.append(carried(enrolled.server.sent[-1][1]))
    assert [1, 0, 1, 0] == counts
    kept = enrolled.state.load(LAST_REPORT)
    assert kept is not None
    assert 1 == len(decode(kept, Report).certificates)


def test_a_certificate_is_sent_again_when_the_server_lost_it(house: House, enrolled: Laptop) -> None:
    """As after a restored backup: within the same cycle, under a new sequence."""
    agent = enrolled.agent()
    agent.run_once()
    with house.services.storage.writing() as records:
        (check,) = records.checks.all(house.account)
        records.evidence.forget(house.account, check.number)
    house.posture._shown = Memory()  # noqa: SLF001 - as another process would begin.
    enrolled.server.names()
    before = enrolled.state.load_progress().sequence
    assert ("pass", ()) == outcome(agent.run_once())
    assert [0, 1] == [carried(document) for name, document in enrolled.server.sent if name == "report"]
    assert before + 2 == enrolled.state.load_progress().sequence


def test_a_server_that_never_has_a_certificate_ends_the_cycle(enrolled: Laptop) -> None:
    """It is sent once more, with all certificates, and no more."""
    agent = enrolled.agent()
    agent.run_once()
    enrolled.server.names()
    enrolled.server.answers["report"] = lambda *_: (409, b'{"reason":"certificate-not-shown","detail":"aa11"}')
    with pytest.raises(CertificateWantedError):
        agent.run_once()
    assert ["sync", "report", "report"] == enrolled.server.names()


def test_a_cycle_says_why_when_the_certificate_is_another(house: House, enrolled: Laptop) -> None:
    """The device's own answer and the server's say the same."""
    enrolled.install(house.authority.issue(cn="laptop-2"))
    cycle = enrolled.agent().run_once()
    assert ("fail", (Reason.COMMON_NAME_MISMATCH,)) == outcome(cycle)
    assert (Reason.COMMON_NAME_MISMATCH,) == cycle.answers[0].gathered.evaluation.reasons


def test_the_sequence_is_durable_before_the_report_leaves(enrolled: Laptop) -> None:
    """After a crash in the middle of sending, the number is not used again."""
    seen: list[tuple[int, int]] = []

    def look() -> None:
        seen.append((enrolled.state.load_progress().sequence, sequence_of(enrolled.server.sent[-1][1])))
        raise TransportError("x", "cannot be reached")

    enrolled.server.before["report"] = look
    with pytest.raises(TransportError):
        enrolled.agent().run_once()
    assert [(1, 1)] == seen
    enrolled.agent().run_once()
    assert 2 == sequence_of(enrolled.server.sent[-1][1])


def test_the_last_report_is_kept_as_it_was_sent(enrolled: Laptop) -> None:
    """The device's owner can read what left it."""
    enrolled.agent().run_once()
    sent = jws.split(jws.Kind.REPORT, enrolled.server.sent[-1][1]).payload
    assert sent == enrolled.state.load(LAST_REPORT)


def test_a_report_is_sent_again_when_its_nonce_was_too_old(enrolled: Laptop) -> None:
    """Once, over the fresh nonce that came with the refusal, and with fresh signatures."""

    def sleep() -> None:
        enrolled.house.clock.time += HOUR

    enrolled.server.before["report"] = sleep
    assert ("pass", ()) == outcome(enrolled.agent().run_once())
    assert ["sync", "report", "report"] == enrolled.server.names()
    assert 2 == enrolled.state.load_progress().sequence


def test_a_server_that_refuses_every_nonce_is_not_asked_for_ever(enrolled: Laptop) -> None:
    """The second refusal ends the cycle; the next one begins anew."""

    def old(_status: int, _content: bytes) -> tuple[int, bytes]:
        return 409, msgspec.json.encode({"reason": "nonce-expired", "detail": "again", "nonce": bytes(40)})

    enrolled.server.answers["report"] = old
    with pytest.raises(ReportRefusedError, match="nonce-expired"):
        enrolled.agent().run_once()
    assert ["sync", "report", "report"] == enrolled.server.names()


def test_the_cycle_is_done_again_when_the_checks_changed_meanwhile(house: House, enrolled: Laptop) -> None:
    """Between the nonce and the report: the verdict is on the check as it is now."""
    agent = enrolled.agent()
    agent.run_once()
    (check,) = decode(enrolled.state.load_progress().checks, Checks).checks
    enrolled.server.names()

    def change() -> None:
        locations = {"paths": [str(enrolled.pem)]}
        house.ask_otherwise(check.id, cn="laptop-2", locations=locations)

    enrolled.server.before["report"] = change
    assert ("fail", (Reason.COMMON_NAME_MISMATCH,)) == outcome(agent.run_once())
    assert ["sync", "report", "sync", "report"] == enrolled.server.names()


def test_a_revoked_device_hears_it(enrolled: Laptop) -> None:
    """The reason is of the closed list."""
    agent = enrolled.agent()
    agent.run_once()
    with enrolled.house.services.storage.writing() as records:
        (registration,) = records.devices.all(enrolled.house.account, 0, 10)
        records.devices.revoke(enrolled.house.account, registration.number, enrolled.house.clock())
    with pytest.raises(ReportRefusedError, match="device-revoked"):
        agent.run_once()


def test_a_device_whose_state_was_set_back_hears_it(enrolled: Laptop) -> None:
    """The copy counts from where it was copied."""
    before = enrolled.state.load_progress()
    enrolled.agent().run_once()
    enrolled.state.save_progress(before)
    enrolled.pem.unlink()
    with pytest.raises(ReportRefusedError, match="device-cloned"):
        enrolled.agent().run_once()


def test_an_agent_without_checks_reports_all_the_same(laptop: Laptop) -> None:
    """That it is there, and nothing else."""
    laptop.enroll()
    cycle = laptop.agent().run_once()
    assert ((), ()) == (cycle.answers, cycle.acknowledgement.verdicts)


def test_an_agent_waits_to_be_called(enrolled: Laptop) -> None:
    """With checks that are older than the server's it is called at once."""
    agent = enrolled.agent()
    agent.run_once()
    enrolled.ask(cn="another")
    assert agent.wait().report_now


# Checks that are not to be believed.


def current(house: House, laptop: Laptop) -> Checks:
    """Give the checks that the server would send, as good ones to begin with."""
    synced = msgspec.json.decode(_answered(laptop), type=Synced)
    assert house.account_id
    return decode(jws.split(jws.Kind.CHECKS, synced.checks.encode()).payload, Checks)


def _answered(laptop: Laptop) -> bytes:
    registration = laptop.state.load_registration()
    key = laptop.state.load_key()
    document = key.sign(jws.Kind.SYNC, Sync(aud=registration.audience, checks_version=-1))
    return msgspec.json.encode(laptop.house.posture.synchronise(document))


def signed(house: House, checks: object, kind: jws.Kind = jws.Kind.CHECKS) -> str:
    """Sign something with the account's own key."""
    with house.services.storage.reading() as records:
        keys = load_keys(records, house.account)
    return jws.sign(kind, msgspec.json.encode(checks), keys.signing_key, keys.thumbprint).decode()


def by_another_key(house: House, checks: Checks) -> str:
    """Sign with a key of somebody's, in its own name."""
    del house
    point = point_of(STRANGER)
    return jws.sign(jws.Kind.CHECKS, msgspec.json.encode(checks), STRANGER, jws.thumbprint(point)).decode()


def in_the_accounts_name(house: House, checks: Checks) -> str:
    """Sign with a key of somebody's, in the account's name."""
    with house.services.storage.reading() as records:
        keys = load_keys(records, house.account)
    return jws.sign(jws.Kind.CHECKS, msgspec.json.encode(checks), STRANGER, keys.thumbprint).decode()


def as_another_kind(house: House, checks: Checks) -> str:
    """Sign as something else."""
    return signed(house, checks, jws.Kind.SYNC)


def of_another_account(house: House, checks: Checks) -> str:
    """Name another account."""
    return signed(house, msgspec.structs.replace(checks, account_id="f" * 32))


def of_an_older_version(house: House, checks: Checks) -> str:
    """Go back to what was once true."""
    return signed(house, msgspec.structs.replace(checks, version=checks.version - 1))


def of_an_earlier_end(house: House, checks: Checks) -> str:
    """Send again what was sent before; a minute is left for servers whose clocks differ."""
    return signed(house, msgspec.structs.replace(checks, valid_until=checks.valid_until - 60_001))


def of_version_2(house: House, checks: Checks) -> str:
    """Speak a later wire."""
    return signed(house, msgspec.to_builtins(checks) | {"v": 2})


def with_an_unknown_level(house: House, checks: Checks) -> str:
    """Ask for something that this release does not know."""
    return signed(house, _changed(checks, evidence="telepathy"))


def with_an_unknown_variable(house: House, checks: Checks) -> str:
    """Ask for a name that cannot be filled in."""
    return signed(house, _changed(checks, cn="${shoe_size}"))


def without_an_authority(house: House, checks: Checks) -> str:
    """Ask for a certificate of nobody."""
    return signed(house, _changed(checks, authorities=[]))


def without_a_certificate(house: House, checks: Checks) -> str:
    """Name an authority, and leave its certificate out."""
    return signed(house, msgspec.structs.replace(checks, certificates={}))


def with_another_certificate(house: House, checks: Checks) -> str:
    """Put another certificate under an authority's name."""
    return signed(house, msgspec.structs.replace(checks, certificates=dict.fromkeys(checks.certificates, b"junk")))


def junk(_house: House, _checks: Checks) -> str:
    """Send no document at all."""
    return "junk"


def _changed(checks: Checks, **fields: object) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(checks)
    return document | {"checks": [item | fields for item in document["checks"]]}


STRANGER = ec.generate_private_key(ec.SECP256R1())
FORGERIES: list[Callable[[House, Checks], str]] = [
    by_another_key,
    in_the_accounts_name,
    as_another_kind,
    of_another_account,
    of_an_older_version,
    of_an_earlier_end,
    of_version_2,
    with_an_unknown_level,
    with_an_unknown_variable,
    without_an_authority,
    without_a_certificate,
    with_another_certificate,
    junk,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_checks_are_refused_when_they_are_not_to_be_believed(
    house: House, enrolled: Laptop, forge: Callable[[House, Checks], str]
) -> None:
    """No report is made from them, the last good ones are kept, and the server is to blame."""
    agent = enrolled.agent()
    agent.run_once()
    before = enrolled.state.load_progress()
    enrolled.server.names()
    forged = forge(house, current(house, enrolled))

    def send_forged(status: int, content: bytes) -> tuple[int, bytes]:
        synced = msgspec.json.decode(content, type=Synced)
        return status, msgspec.json.encode(msgspec.structs.replace(synced, checks=forged))

    enrolled.server.answers["sync"] = send_forged
    with pytest.raises(TransportError, match="sent checks that"):
        agent.run_once()
    assert ["sync"] == enrolled.server.names()
    assert before == enrolled.state.load_progress()
    enrolled.server.answers.clear()
    assert ("pass", ()) == outcome(agent.run_once())


def test_checks_are_taken_again_when_they_are_the_same(house: House, enrolled: Laptop) -> None:
    """The honest twin: signed anew, and with a later end."""
    agent = enrolled.agent()
    agent.run_once()
    checks = current(house, enrolled)
    later = msgspec.structs.replace(checks, valid_until=checks.valid_until + 1)
    assert ("pass", ()) == outcome(_with_checks(agent, enrolled, signed(house, later)))
    assert later == decode(enrolled.state.load_progress().checks, Checks)


def _with_checks(agent: Agent, laptop: Laptop, checks: str) -> Cycle:
    def send(status: int, content: bytes) -> tuple[int, bytes]:
        synced = msgspec.json.decode(content, type=Synced)
        return status, msgspec.json.encode(msgspec.structs.replace(synced, checks=checks))

    laptop.server.answers["sync"] = send
    return agent.run_once()


def test_checks_are_renewed_before_their_validity_ends(enrolled: Laptop) -> None:
    """When half of it has gone, though nothing changed."""
    agent = enrolled.agent()
    agent.run_once()
    first = decode(enrolled.state.load_progress().checks, Checks).valid_until
    enrolled.house.clock.time += 12 * HOUR
    agent.run_once()
    assert first == decode(enrolled.state.load_progress().checks, Checks).valid_until
    enrolled.house.clock.time += 1
    agent.run_once()
    assert enrolled.house.clock() + 24 * HOUR == decode(enrolled.state.load_progress().checks, Checks).valid_until


def test_a_server_that_does_not_renew_its_checks_is_not_believed(enrolled: Laptop) -> None:
    """What it once signed does not count for ever."""
    agent = enrolled.agent()
    agent.run_once()
    enrolled.house.clock.time += 13 * HOUR
    enrolled.server.names()
    with pytest.raises(TransportError, match="renew"):
        _with_checks(agent, enrolled, "")
    assert ["sync"] == enrolled.server.names()


# The size of a report.


def test_a_report_is_cut_to_its_bound_and_the_nearest_stay(house: House, enrolled: Laptop) -> None:
    """Sixteen certificates of eight KiB do not fit; the passing one is among those that go."""
    names = [dns(f"{number:060}.example") for number in range(110)]
    right = house.authority.issue(cn="laptop-1", sans=names, not_after=NOW + DAY)
    others = [house.authority.issue(cn="laptop-2", sans=names) for _ in range(15)]
    enrolled.install(*others, right)
    cycle = enrolled.agent().run_once()
    document = enrolled.server.sent[-1][1]
    report = decode(jws.split(jws.Kind.REPORT, document).payload, Report)
    assert ("pass", ()) == outcome(cycle)
    assert 0 < len(report.checks[0].candidates) < 16
    assert len(report.certificates) == len(report.checks[0].candidates)
    assert len(document) <= MAXIMUM_REPORT


def test_a_report_goes_without_certificates_when_not_one_fits(house: House, enrolled: Laptop) -> None:
    """It is a fail, and not silence."""
    names = [dns(f"{number:060}.example") for number in range(900)]
    enrolled.install(house.authority.issue(cn="laptop-1", sans=names))
    cycle = enrolled.agent().run_once()
    assert "pass" == cycle.answers[0].gathered.evaluation.status
    assert "fail" == outcome(cycle)[0]


def test_counts_alone_are_disclosed_when_the_device_says_so(house: House, enrolled: Laptop) -> None:
    """Nothing of certificates of other issuers but their number leaves it."""
    intermediate = house.authority.subordinate(cn="Issuing CA")
    enrolled.install(intermediate.issued, intermediate.issue(cn="laptop-1"))
    for disclosure, nearby in ((Disclosure.NEARBY, 1), (Disclosure.COUNTS, 0)):
        agent = Agent(enrolled.state, enrolled.server, enrolled.stores, lambda: HOST, enrolled.house.clock, disclosure)
        agent.run_once()
        report = decode(jws.split(jws.Kind.REPORT, enrolled.server.sent[-1][1]).payload, Report)
        assert (nearby, 1) == (len(report.checks[0].nearby), report.checks[0].others)


def test_a_host_that_says_too_much_enrols_all_the_same(laptop: Laptop) -> None:
    """Firmware and system are cut to what the wire takes, and odd characters are written as escapes."""
    odd = msgspec.structs.replace(
        HOST, name="\udcff", model="x" * 5_000, manufacturer="y" * 5_000, os_version="z" * 5_000
    )
    enroll(laptop.state, laptop.server, laptop.house.token(), odd, None)
    assert 1 == laptop.agent().run_once().acknowledgement.acknowledged
