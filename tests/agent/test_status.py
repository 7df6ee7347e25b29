"""The last cycle, for whoever asks: everybody may read it, and nobody reads in it what is another user's."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.agent.cycle import Answered, Cycle, NamedCheck
from gatepost.agent.gather import Gathered
from gatepost.agent.status import StatusFolder, describe_cycle, describe_refusal
from gatepost.core.check import Check, Evidence
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.finding import Candidate, Fault, Location, StoreKind
from gatepost.core.nearest import Judged
from gatepost.core.reason import Reason
from gatepost.errors import StateError
from gatepost.wire.device import Acknowledgement, Verdict
from tests import der
from tests.certificates import CertificateAuthority
from tests.core.subjects import parsed

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
LAPTOP = parsed(AUTHORITY.issue(cn="laptop-1"))
SYSTEM = Location(store=StoreKind.NSSDB, path="/etc/pki/nssdb", label="laptop")
USERS = Location(store=StoreKind.NSSDB, path="/home/u/.pki/nssdb", user="u")


def judged(location: Location) -> Judged:
    """Judge a certificate in some place."""
    candidate = Candidate(certificate=LAPTOP, location=location)
    return Judged(candidate=candidate, judgements=(), authority=None, evidence=Evidence.REPORTED)


def cycle(*verdicts: Verdict) -> Cycle:
    """Make a cycle with one answer, from a place of the system's and from one of a user's."""
    faults = tuple(Fault(location=place, reason=Reason.STORE_BUSY, detail="locked") for place in (SYSTEM, USERS))
    evaluation = Evaluation(status=Status.PASS, certificates=(judged(SYSTEM), judged(USERS)), faults=faults)
    named = NamedCheck(Check(id="one", authorities=(parsed(AUTHORITY),)), "One")
    gathered = Gathered(evaluation=evaluation, signatures={}, too_many=False, commands={})
    acknowledgement = Acknowledgement(acknowledged=7, nonce=bytes(40), checks_version=1, next_in=300, verdicts=verdicts)
    return Cycle(answers=(Answered(named, gathered),), acknowledgement=acknowledgement)


def verdict(check: str, status: Status = Status.FAIL) -> Verdict:
    """Make the server's verdict on a check."""
    reasons = (Reason.COMMON_NAME_MISMATCH,)
    return Verdict(id=check, name=check.title(), status=status, reasons=reasons, evidence=None, ends_at=9)


def test_the_servers_verdict_stands_beside_what_the_device_saw() -> None:
    """The device said pass; what counts is the server's word."""
    last = describe_cycle(cycle(verdict("one")), 5)
    (only,) = last.verdicts
    assert (7, 5, 300) == (last.acknowledged, last.at, last.next_in)
    assert (Status.FAIL, (Reason.COMMON_NAME_MISMATCH,), 9) == (only.status, only.reasons, only.ends_at)
    assert "CN=laptop-1" == only.certificates[0].subject


def test_a_device_that_is_shut_out_shows_no_pass_any_more() -> None:
    """What the server said before is over, and the reason is the one that the user needs."""
    last = describe_cycle(cycle(verdict("one", Status.PASS)), 5)
    (only,) = describe_refusal(last, Reason.DEVICE_REVOKED, 9).verdicts
    assert (Status.ERROR, (Reason.DEVICE_REVOKED,), None) == (only.status, only.reasons, only.ends_at)


def test_what_lies_in_a_users_store_is_not_shown() -> None:
    """Neither a certificate nor a fault: the others on this device may read the file."""
    (only,) = describe_cycle(cycle(verdict("one")), 5).verdicts
    assert [SYSTEM] == [item.location for item in only.certificates] == [item.location for item in only.faults]


def test_a_verdict_on_what_this_device_did_not_answer_is_shown_all_the_same() -> None:
    """Without certificates."""
    (only,) = describe_cycle(cycle(verdict("two")), 5).verdicts
    assert ("two", (), ()) == (only.id, only.certificates, only.faults)


def test_everybody_reads_and_the_owner_writes(tmp_path: Path) -> None:
    """Whatever the umask, and whatever was there before."""
    folder = StatusFolder(tmp_path / "a" / "status")
    assert folder.load() is None
    last = describe_cycle(cycle(verdict("one")), 5)
    before = os.umask(0o077)
    try:
        folder.save(last)
        folder.save(last)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a" / "status").iterdir()]
    assert ([0o644], last) == (modes, folder.load())
    assert 0o755 == stat.S_IMODE((tmp_path / "a" / "status").stat().st_mode)


def test_a_status_is_forgotten(tmp_path: Path) -> None:
    """And forgetting it twice does no harm."""
    folder = StatusFolder(tmp_path / "status")
    folder.save(describe_cycle(cycle(), 5))
    folder.remove()
    folder.remove()
    assert folder.load() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"acknowledged":"x"}'])
def test_a_damaged_status_is_said_in_words(tmp_path: Path, content: bytes) -> None:
    """The next cycle writes it anew."""
    (tmp_path / "status.json").write_bytes(content)
    with pytest.raises(StateError, match="is damaged"):
        StatusFolder(tmp_path).load()


def test_a_status_that_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    """A file in the folder's place, a folder in the file's."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(StateError, match="cannot be written"):
        StatusFolder(file).save(describe_cycle(cycle(), 5))
    (tmp_path / "status.json").mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        StatusFolder(tmp_path).load()


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_status_is_not_written_where_others_may_write(tmp_path: Path, mode: int) -> None:
    """They could exchange the new file for a link, and have a file of their choice made readable for everybody."""
    folder = tmp_path / "status"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StateError, match="yours alone to write"):
        StatusFolder(folder).save(describe_cycle(cycle(), 5))
    assert [] == list(folder.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_status_is_not_written_into_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    """Whoever made it first, beside a state in a place such as /tmp, decides what lies in it."""
    folder = tmp_path / "status"
    folder.mkdir()
    os.chown(folder, 65_534, 65_534)
    with pytest.raises(StateError, match="yours alone to write"):
        StatusFolder(folder).save(describe_cycle(cycle(), 5))
    assert [] == list(folder.iterdir())


def test_a_status_is_not_written_through_a_link(tmp_path: Path) -> None:
    """A link in the folder's place leads to another folder of the agent's account, whose own file would be lost."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "status.json").write_bytes(b"precious")
    (tmp_path / "status").symlink_to(elsewhere)
    with pytest.raises(StateError, match="cannot be written"):
        StatusFolder(tmp_path / "status").save(describe_cycle(cycle(), 5))
    with pytest.raises(StateError, match="cannot be opened"):
        StatusFolder(tmp_path / "status").remove()
    assert ([elsewhere / "status.json"], b"precious") == (
        list(elsewhere.iterdir()),
        (elsewhere / "status.json").read_bytes(),
    )


def test_a_link_beside_the_file_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    """Whatever the crash of an earlier agent, or somebody else, has left there."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    precious.chmod(0o600)
    folder = tmp_path / "status"
    folder.mkdir(mode=0o755)
    for name in (".status.json.new", "status.json"):
        (folder / name).symlink_to(precious)
    StatusFolder(folder).save(describe_cycle(cycle(), 5))
    assert (b"precious", 0o600) == (precious.read_bytes(), stat.S_IMODE(precious.stat().st_mode))
    assert not (folder / "status.json").is_symlink()


def test_a_subject_without_end_does_not_hide_the_status(tmp_path: Path) -> None:
    """Sixteen certificates of a megabyte each would make a file that nobody reads to its end."""
    giant = parsed(AUTHORITY.issue(subject=der.name(("CN", "\x01" * 300_000))))
    candidate = Candidate(certificate=giant, location=SYSTEM)
    seen = Judged(candidate=candidate, judgements=(), authority=None, evidence=Evidence.REPORTED)
    named = NamedCheck(Check(id="one", authorities=(parsed(AUTHORITY),)), "One")
    evaluation = Evaluation(status=Status.FAIL, certificates=(seen,) * 16)
    gathered = Gathered(evaluation=evaluation, signatures={}, too_many=False, commands={})
    whole = msgspec.structs.replace(cycle(verdict("one")), answers=(Answered(named, gathered),))
    folder = StatusFolder(tmp_path / "status")
    folder.save(describe_cycle(whole, 5))
    loaded = folder.load()
    assert loaded is not None
    assert [512] * 16 == [len(item.subject) for item in loaded.verdicts[0].certificates]
