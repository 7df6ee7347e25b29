"""Keeping the logs: what is exported can be verified, and what is dropped goes in whole segments."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.housekeeping import Housekeeper
from gatepost.controlplane.intake import Intake
from gatepost.controlplane.log_keeping import CHECKPOINT_AFTER, export_checkpoints, export_log
from gatepost.core.chain import Log, Place, follow
from gatepost.core.log import PostureDocument
from gatepost.core.log_proof import Verified, verify_proof
from gatepost.errors import StorageError
from gatepost.wire import jws
from gatepost.wire.log_file import CertificateLine, FileHead, LogLine, link_of, read_checkpoint, read_head, read_line
from tests.controlplane.house import HOUR, MINUTE, House, Member, open_house
from tests.kinds import KINDS, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.controlplane.ports import Account
    from gatepost.core.log import PostureEntry

DAY = 24 * HOUR


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give a house of one account with one check, on each kind of database."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        opened.ask(cn="${hostname}")
        yield opened


def account_of(house: House) -> Account:
    """Return its account."""
    with house.services.storage.reading() as records:
        (account,) = records.accounts.all()
    return account


def change(house: House, member: Member, times: int) -> None:
    """Make lines: what passed fails, and passes again."""
    for number in range(times):
        house.clock.time += MINUTE
        name = "laptop-1" if number % 2 == 0 else "another"
        member.prove(house.authority.issue(cn=name))


class Exported:
    """An exported log, read."""

    def __init__(self, house: House, *logs: Log) -> None:
        """Export it, and read it line by line."""
        storage, account = house.services.storage, account_of(house)
        lines = list(export_log(storage, account, logs or tuple(Log), house.clock))
        self.head: FileHead = read_head(lines[0])
        read = [read_line(line, number) for number, line in enumerate(lines[1:], 2)]
        self.certificates = [item.certificate for item in read if isinstance(item, CertificateLine)]
        self.lines = [item for item in read if isinstance(item, LogLine)]
        point = jws.from_jwk(self.head.account_key, "key")
        documents = [line.strip() for line in export_checkpoints(storage, account)]
        found = [read_checkpoint(item, point, account.public_id) for item in documents]
        self.checkpoints = {item.position: bytes.fromhex(item.head) for item in found}

    @property
    def flaws(self) -> list[object]:
        """What is wrong with it."""
        start = Place(self.head.position, bytes.fromhex(self.head.head))
        return list(follow(start, map(link_of, self.lines), self.checkpoints))

    def documents(self) -> list[PostureDocument]:
        """Return the lines of the posture log that are shown."""
        shown = (link_of(item).line for item in self.lines if item.log == Log.POSTURE)
        return [msgspec.json.decode(line, type=PostureDocument) for line in shown if line is not None]


def test_an_exported_log_is_whole_and_its_passes_are_proved(house: House) -> None:
    """The certificates that its lines name are in the file, before them."""
    change(house, house.admit(), 3)
    exported = Exported(house)
    assert [] == exported.flaws
    assert list(range(1, len(exported.lines) + 1)) == [item.position for item in exported.lines]
    assert {"posture", "audit"} == {item.log for item in exported.lines}
    named = {digest(item): item for item in exported.certificates}
    verified = [verify_proof(item, named) for item in exported.documents()]
    assert [Verified.PROVED, Verified.UNPROVED, Verified.PROVED] == verified
    assert Verified.UNKNOWN is verify_proof(exported.documents()[0], {})


def digest(content: bytes) -> str:
    """Return by what a line names a certificate."""
    return hashlib.sha256(content).hexdigest()


def test_a_line_whose_proof_was_changed_is_refuted(house: House) -> None:
    """Another nonce, another device, another signature, another certificate: nothing of it fits."""
    change(house, house.admit(), 1)
    exported = Exported(house)
    named = {digest(item): item for item in exported.certificates}
    (line,) = exported.documents()
    other = house.authority.issue(cn="laptop-1").der
    for changes in (
        {"nonce": bytes(40)},
        {"nonce": b""},
        {"signature": bytes(64)},
        {"device_key": "00" * 32},
        {"device_key": "zz"},
        {"audience": "https://another.example"},
        {"certificate": digest(other)},
        {"judged_at": 0},
        {"judged_at": 2**62},
    ):
        changed = msgspec.structs.replace(line, **changes)
        assert Verified.REFUTED is verify_proof(changed, {**named, digest(other): other}), changes
    assert Verified.REFUTED is verify_proof(line, dict.fromkeys(named, b"nonsense"))
    assert Verified.UNKNOWN is verify_proof(msgspec.structs.replace(line, received="[]"), named)
    assert Verified.UNKNOWN is verify_proof(msgspec.structs.replace(line, received="{}"), named)


def test_of_another_log_the_digests_alone_are_exported(house: House) -> None:
    """The chain has no hole, and nothing of what they say leaves."""
    change(house, house.admit(), 2)
    exported = Exported(house, Log.AUDIT)
    assert [] == exported.flaws
    assert ([], []) == (exported.documents(), exported.certificates)
    assert all(link_of(item).line for item in exported.lines if item.log == Log.AUDIT)


def test_an_export_of_many_lines_reads_them_in_pieces(house: House) -> None:
    """Some hundred lines of one log, and few of the other."""
    member = house.admit()
    line = _line(house, member)
    with house.services.storage.writing() as records:
        (stored,) = records.checks.all(house.account)
        for number in range(1_100):
            entry = msgspec.structs.replace(line, reports=number)
            records.posture_log.append(house.account, member.registration.number, stored.number, entry)
    exported = Exported(house)
    assert [] == exported.flaws
    assert list(range(1_100)) == [item.reports for item in exported.documents()][-1_100:]


def _line(house: House, member: Member) -> PostureEntry:
    member.prove(house.authority.issue(cn="laptop-1"))
    return house.log()[-1].entry


def test_every_report_has_a_line_where_that_is_asked_for(house: House) -> None:
    """Each with its own nonce and signature; otherwise what says the same is counted."""
    intake = Intake(house.services.storage, house.posture, house.clock, log_every=True)
    intake.start()
    member, issued = house.admit(), house.authority.issue(cn="laptop-1")
    for _ in range(3):
        nonce = member.synchronise().nonce
        report = member.compose(member.found(issued, nonce), nonce=nonce)
        intake.submit(member.sign(jws.Kind.REPORT, report)).result(timeout=30)
        house.clock.time += MINUTE
    intake.stop()
    assert [1, 1, 1] == [item.entry.reports for item in house.log()]
    assert 3 == len({item.entry.nonce for item in house.log()})
    exported = Exported(house)
    named = {digest(item): item for item in exported.certificates}
    assert [Verified.PROVED] * 3 == [verify_proof(item, named) for item in exported.documents()]


def test_housekeeping_confirms_a_chain_that_went_on(house: House) -> None:
    """Once an hour, and not where nothing happened."""
    keeper = Housekeeper(house.storage, house.clock, None)
    change(house, house.admit(), 1)
    keeper.keep()
    (first,) = Exported(house).checkpoints
    keeper.keep()
    change(house, house.admit(), 1)
    keeper.keep()
    house.clock.time += CHECKPOINT_AFTER
    keeper.keep()
    keeper.keep()
    with house.services.storage.reading() as records:
        found = [item.position for item in records.log_chain.checkpoints(house.account, 0, 10)]
        assert found == [first, records.log_chain.head(house.account).place.position]


def test_old_lines_are_dropped_up_to_a_checkpoint(house: House) -> None:
    """What remains is whole from there on, and can be verified; nothing else may be removed."""
    keeper = Housekeeper(house.storage, house.clock, 30)
    member = house.admit()
    change(house, member, 2)
    keeper.keep()
    house.clock.time += 20 * DAY
    change(house, member, 2)
    keeper.keep()
    before = len(Exported(house).lines)
    house.clock.time += 20 * DAY
    keeper.keep()
    exported = Exported(house)
    assert [] == exported.flaws
    assert 0 < exported.head.position < before
    assert exported.lines[0].position == exported.head.position + 1
    assert before - exported.head.position <= len(exported.lines)
    change(house, member, 1)
    assert [] == Exported(house).flaws
    with house.services.storage.writing() as records:
        assert 0 == records.log_chain.drop(house.account, exported.head.position, 100)


def test_a_line_that_is_not_there_ends_an_export(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that looked whole would be worse than none."""
    change(house, house.admit(), 3)
    monkeypatch.setattr("gatepost.storage.audit_log.SqlAuditLog.chained", lambda *_: ())
    with pytest.raises(StorageError, match="have no line of position"):
        Exported(house)


def test_a_checkpoint_of_another_key_or_account_is_refused(house: House) -> None:
    """Whoever signs with another key confirms nothing."""
    change(house, house.admit(), 1)
    exported = Exported(house)
    (document,) = export_checkpoints(house.services.storage, account_of(house))
    point = jws.from_jwk(exported.head.account_key, "key")
    with pytest.raises(Exception, match="not signed by the account's key"):
        read_checkpoint(document.strip(), house.admit().point, exported.head.account_id)
    with pytest.raises(Exception, match="is of account"):
        read_checkpoint(document.strip(), point, "another")


def test_housekeeping_runs_beside_everything_and_ends(house: House) -> None:
    """Its thread goes on when the database fails once."""
    change(house, house.admit(), 1)
    failing, told = Failing(house), list[str]()
    keeper = Housekeeper(failing, house.clock, 30, tell=told.append, every=0.01)  # type: ignore[arg-type]  # a double of storage
    keeper.start()
    assert failing.asked.wait(30)
    keeper.stop()
    assert ["ValueError", "once"] == told
    assert Exported(house).checkpoints


class Failing:
    """Storage that fails once, and then works; ``asked`` is set when it was asked again. A double."""

    def __init__(self, house: House) -> None:
        """Stand before the house's."""
        self._storage = house.storage
        self._failures = [StorageError("once"), ValueError("and otherwise")]
        self.asked = threading.Event()

    def reading(self) -> object:
        """Fail, or read."""
        if self._failures:
            raise self._failures.pop()
        return self._storage.reading()

    def keeping_house(self) -> object:
        """Write."""
        self.asked.set()
        return self._storage.keeping_house()
