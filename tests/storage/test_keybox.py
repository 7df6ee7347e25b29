"""Secrets are opened only by the key, account and name that they were wrapped for; the key is its owner's alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import StateError, StorageError
from gatepost.storage.database import SqlStorage
from gatepost.storage.keybox import KEY_LENGTH, Keybox, read_or_create_master_key
from tests.storage import samples
from tests.storage.conftest import predictable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

BOX = Keybox(samples.MASTER_KEY, os.urandom)


@given(account=st.integers(0, 2**63 - 1), name=st.text(), value=st.binary())
def test_a_secret_comes_back_from_its_wrapping(account: int, name: str, value: bytes) -> None:
    """Whatever it is, and never the same wrapping twice."""
    wrapped = BOX.wrap(account, name, value)
    assert value == BOX.unwrap(account, name, wrapped)
    assert wrapped != BOX.wrap(account, name, value)


@given(position=st.integers(0, 60), bit=st.integers(0, 7))
def test_a_wrapping_is_refused_when_one_bit_is_changed(position: int, bit: int) -> None:
    """Form, nonce, text and tag are all held together."""
    wrapped = bytearray(BOX.wrap(1, "name", b"x" * 32))
    wrapped[position] ^= 1 << bit
    with pytest.raises(StorageError):
        BOX.unwrap(1, "name", bytes(wrapped))


@pytest.mark.parametrize("length", [0, 1, 12, 13, 28, 60])
def test_a_wrapping_is_refused_when_it_is_cut(length: int) -> None:
    """However much is missing."""
    with pytest.raises(StorageError):
        BOX.unwrap(1, "name", BOX.wrap(1, "name", b"x" * 32)[:length])


@pytest.mark.parametrize(
    ("box", "account", "name"),
    [
        (Keybox(bytes(KEY_LENGTH), os.urandom), 1, "name"),
        (BOX, 2, "name"),
        (BOX, 1, "other"),
    ],
    ids=["another key", "another account", "another name"],
)
def test_a_secret_stays_shut_when_it_is_not_meant(box: Keybox, account: int, name: str) -> None:
    """Neither another master key nor another place opens it, and the words tell which secret."""
    wrapped = BOX.wrap(1, "name", b"value")
    with pytest.raises(StorageError, match=f"{name!r}.*another master key"):
        box.unwrap(account, name, wrapped)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_of_another_length_is_refused(length: int) -> None:
    """No shorter key is ever used by mistake."""
    with pytest.raises(StorageError, match=f"{length} bytes"):
        Keybox(bytes(length), os.urandom)


def test_secrets_lie_wrapped_in_the_database(storage: SqlStorage, readers: Engine, writer: Engine, path: Path) -> None:
    """Neither the file nor another master key gives one away."""
    with storage.writing() as records:
        records.secrets.put(1, "nonce-secret", b"plain and secret", samples.NOW)
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"nonce-secret" in files
    assert b"plain and secret" not in files
    other = SqlStorage(readers, writer, Keybox(bytes(KEY_LENGTH), predictable))
    with pytest.raises(StorageError, match="another master key"), other.reading() as records:
        records.secrets.get(1, "nonce-secret")


# --- The file of the master key ---------------------------------------------------------------------------------------


def test_a_master_key_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    """Nothing but the key is left in the folder, for its owner alone."""
    path = tmp_path / "master.key"
    key = read_or_create_master_key(path, os.urandom)
    assert len(key) == KEY_LENGTH
    assert key == read_or_create_master_key(path, predictable)
    assert [path] == list(tmp_path.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    """The first key to be whole stands."""
    path = tmp_path / "master.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_or_create_master_key(path, os.urandom), range(8)))
    assert keys == {path.read_bytes()}
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o777])
def test_a_master_key_is_refused_when_others_reach_it(tmp_path: Path, mode: int) -> None:
    """The words name the file, its mode and the cure."""
    path = tmp_path / "master.key"
    read_or_create_master_key(path, os.urandom)
    path.chmod(mode)
    with pytest.raises(StateError, match=f"{mode:04o}.*0600") as caught:
        read_or_create_master_key(path, os.urandom)
    assert caught.value.path == str(path)


@pytest.mark.parametrize("length", [0, 31, 33, 10_000])
def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, length: int) -> None:
    """A damaged key is never replaced in silence: all secrets would be lost with it."""
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_bytes(b"k" * length)
    with pytest.raises(StateError, match="no master key"):
        read_or_create_master_key(path, os.urandom)
    assert b"k" * length == path.read_bytes()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe that would never answer, a link to nowhere, a folder that is missing."""
    (tmp_path / "folder").mkdir(0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "pipe", "link", "missing/master.key"):
        with pytest.raises(StateError):
            read_or_create_master_key(tmp_path / name, os.urandom)


def test_a_linked_key_is_read(tmp_path: Path) -> None:
    """Container platforms mount secrets as links; what counts is the file that is opened."""
    key = read_or_create_master_key(tmp_path / "real.key", os.urandom)
    (tmp_path / "master.key").symlink_to(tmp_path / "real.key")
    assert key == read_or_create_master_key(tmp_path / "master.key", os.urandom)
