"""The agent's folder: nobody else reads it, a crash leaves it whole, and what is wrong with it is said in words."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from gatepost.client.identity import LAST_REPORT, EnrolledAs, Progress, StateFolder
from gatepost.errors import StateError
from gatepost.wire import jws
from gatepost.wire.device import Sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.keys import PrivateKey

FILES = ("device.key", "registration.json", "progress.json")


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """Give a folder in which a device is enrolled."""
    state = StateFolder(tmp_path / "state")
    state.create()
    key = state.make_key()
    state.save_progress(Progress(sequence=7, checks_version=3, checks=b"{}"))
    state.save_registration(registration(key.point))
    return state


def registration(point: bytes) -> EnrolledAs:
    """Give a registration."""
    return EnrolledAs(
        server="https://gatepost.example",
        account_id="0" * 32,
        registration_id="r",
        device_id="d",
        account_key=jws.to_jwk(point),
    )


def test_what_was_saved_is_loaded(folder: StateFolder) -> None:
    """The key signs as it did, and the rest is what it was."""
    key = folder.load_key()
    document = key.sign(jws.Kind.SYNC, Sync(aud="x", checks_version=1))
    assert jws.verify(jws.split(jws.Kind.SYNC, document), key.point)
    assert registration(key.point) == folder.load_registration()
    assert Progress(sequence=7, checks_version=3, checks=b"{}") == folder.load_progress()
    assert f"https://gatepost.example/{'0' * 32}" == folder.load_registration().audience


def test_everything_is_the_owners_alone(folder: StateFolder) -> None:
    """0700 and 0600, whatever the umask."""
    before = os.umask(0)
    try:
        state = StateFolder(folder.path.parent / "another")
        state.create()
        state.make_key()
        state.save(LAST_REPORT, b"{}")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.path.iterdir()}
    assert 0o700 == stat.S_IMODE(state.path.stat().st_mode)
    assert {"device.key": 0o600, LAST_REPORT: 0o600} == modes


def test_making_a_folder_again_does_no_harm(folder: StateFolder) -> None:
    """What is in it stays."""
    folder.create()
    assert folder.enrolled
    assert 7 == folder.load_progress().sequence


def test_every_key_is_a_new_one(folder: StateFolder) -> None:
    """One that an unfinished enrolment left may be known to a server already."""
    before = folder.load_key().point
    after = folder.make_key().point
    assert before != after
    assert after == folder.load_key().point


def test_an_unused_folder_is_not_enrolled(tmp_path: Path) -> None:
    """Neither missing nor empty."""
    state = StateFolder(tmp_path / "none")
    assert not state.enrolled
    state.create()
    assert not state.enrolled
    assert state.load(LAST_REPORT) is None


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o705, 0o770, 0o701, 0o777])
def test_a_folder_is_refused_when_others_may_look_into_it(folder: StateFolder, mode: int) -> None:
    """With the command that mends it."""
    folder.path.chmod(mode)
    with pytest.raises(StateError, match="chmod 700") as refused:
        folder.check()
    assert str(folder.path) == refused.value.path
    with pytest.raises(StateError), folder.alone():
        pass


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_a_file_is_refused_when_others_may_read_or_write_it(folder: StateFolder, name: str, mode: int) -> None:
    """Each of the three."""
    (folder.path / name).chmod(mode)
    with pytest.raises(StateError, match="chmod 600") as refused:
        load(folder, name)
    assert str(folder.path / name) == refused.value.path


def load(folder: StateFolder, name: str) -> object:
    """Load what lies in a file."""
    loaders: dict[str, Callable[[], object]] = {
        "device.key": folder.load_key,
        "registration.json": folder.load_registration,
        "progress.json": folder.load_progress,
    }
    return loaders[name]()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_refused_when_it_is_somebody_elses(folder: StateFolder, name: str) -> None:
    """Whoever owns it can change it at any time."""
    os.chown(folder.path / name, 65_534, 65_534)
    with pytest.raises(StateError, match="chown"):
        load(folder, name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_is_refused_when_it_is_somebody_elses(folder: StateFolder) -> None:
    """As the files."""
    os.chown(folder.path, 65_534, 65_534)
    with pytest.raises(StateError, match="chown"):
        folder.check()


@pytest.mark.parametrize("name", FILES)
def test_a_link_is_not_followed(folder: StateFolder, name: str, tmp_path: Path) -> None:
    """Also to a file that is right in everything else."""
    target = tmp_path / "target"
    (folder.path / name).rename(target)
    (folder.path / name).symlink_to(target)
    with pytest.raises(StateError):
        load(folder, name)


@pytest.mark.parametrize("name", FILES)
def test_a_link_is_replaced_and_not_written_through(folder: StateFolder, name: str, tmp_path: Path) -> None:
    """What it pointed to stays as it was."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (folder.path / name).unlink()
    (folder.path / name).symlink_to(target)
    (folder.path / f".{name}.new").symlink_to(target)
    folder.save(name, b"new")
    assert b"precious" == target.read_bytes()
    assert (b"new", False) == ((folder.path / name).read_bytes(), (folder.path / name).is_symlink())


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_said(folder: StateFolder, name: str) -> None:
    """A folder that has lost its counter is not a new one: its sequence would be taken for a copy's."""
    (folder.path / name).unlink()
    with pytest.raises(StateError, match="No such file"):
        load(folder, name)


@pytest.mark.parametrize("name", ["registration.json", "progress.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"sequence":"x"}', b'{"unknown":1}', b"\xff\xfe", b'{"server":"\xff"}', b"[" * 9_000],
)
def test_a_damaged_file_is_said_in_words(folder: StateFolder, name: str, content: bytes) -> None:
    """With its path, and what to do."""
    folder.save(name, content)
    with pytest.raises(StateError, match="is damaged") as refused:
        load(folder, name)
    assert str(folder.path / name) == refused.value.path


def pem(key: PrivateKey, encryption: KeySerializationEncryption | None = None) -> bytes:
    """Write a private key."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.BrainpoolP256R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"secret")),
    ],
    ids=["empty", "junk", "broken", "P-384", "brainpool", "Ed25519", "encrypted"],
)
def test_a_key_of_another_kind_is_said_in_words(folder: StateFolder, content: bytes) -> None:
    """Nothing but an unencrypted P-256 key will do."""
    folder.save("device.key", content)
    with pytest.raises(StateError, match="key") as refused:
        folder.load_key()
    assert str(folder.path / "device.key") == refused.value.path


def test_a_crash_before_the_rename_leaves_the_old_file_whole(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new content is beside it, and is written over the next time."""
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", _crash)
        with pytest.raises(KeyboardInterrupt):
            folder.save_progress(Progress(sequence=8))
    assert 7 == folder.load_progress().sequence
    folder.save_progress(Progress(sequence=9))
    assert 9 == folder.load_progress().sequence
    assert not (folder.path / ".progress.json.new").exists()


def _crash(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_the_content_is_on_the_disk_before_its_name_is(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, then the rename, then the folder: in no other order is a crash harmless."""
    seen: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        seen.append("new" if (folder.path / ".progress.json.new").exists() else "renamed")
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", watched)
    folder.save_progress(Progress(sequence=8))
    assert ["file", "new", "folder", "renamed"] == seen


def test_a_folder_that_cannot_be_made_or_written_is_said(folder: StateFolder, tmp_path: Path) -> None:
    """A file in its place, a missing folder, and a name that is a folder."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(StateError, match="cannot be made"):
        StateFolder(file).create()
    with pytest.raises(StateError, match="cannot be made"):
        StateFolder(file / "below").create()
    with pytest.raises(StateError, match="is not a folder"):
        StateFolder(file).check()
    with pytest.raises(StateError, match="cannot be looked at"):
        StateFolder(tmp_path / "missing").check()
    with pytest.raises(StateError, match="cannot be written"):
        StateFolder(tmp_path / "missing").save_progress(Progress())
    (folder.path / ".x.new").mkdir()
    with pytest.raises(StateError, match="cannot be written"):
        folder.save("x", b"")


def test_everything_that_says_who_this_device_is_is_forgotten(folder: StateFolder) -> None:
    """Also what it last reported; forgetting twice does no harm."""
    folder.save(LAST_REPORT, b"{}")
    folder.forget()
    folder.forget()
    assert [] == list(folder.path.iterdir())
    assert not folder.enrolled


def test_a_file_that_cannot_be_forgotten_is_said(folder: StateFolder) -> None:
    """Something else stands in its place."""
    (folder.path / "registration.json").unlink()
    (folder.path / "registration.json").mkdir()
    with pytest.raises(StateError, match="cannot be removed"):
        folder.forget()


def test_one_agent_at_a_time_uses_a_folder(folder: StateFolder) -> None:
    """The second is refused while the first is there, and admitted afterwards."""
    with folder.alone(), pytest.raises(StateError, match="another agent"), StateFolder(folder.path).alone():
        pass
    with folder.alone():
        pass


def test_what_breaks_under_the_lock_stays_what_it_is(folder: StateFolder) -> None:
    """An error of the work itself is not taken for one of the lock, and lets the lock go."""
    with pytest.raises(BlockingIOError), folder.alone():
        raise BlockingIOError
    with folder.alone():
        pass


def test_a_lock_is_not_made_through_a_link(folder: StateFolder, tmp_path: Path) -> None:
    """Nothing is made where somebody points."""
    (folder.path / "agent.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="cannot be made"), folder.alone():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_later_releases_field_is_not_dropped_in_silence(folder: StateFolder) -> None:
    """After a downgrade, a registration that this release does not understand is not written over."""
    kept = msgspec.json.decode((folder.path / "registration.json").read_bytes())
    folder.save("registration.json", msgspec.json.encode(kept | {"pin": "x"}))
    with pytest.raises(StateError, match="pin"):
        folder.load_registration()
