"""Files are written whole or not at all, and never over another."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gatepost.errors import InputError, StateError
from gatepost.pki.folder import (
    MAXIMUM_FILE_LENGTH,
    MAXIMUM_INDEX_LENGTH,
    Entry,
    Issuance,
    ListMade,
    NewFile,
    Revocation,
    append,
    make_folder,
    read_bounded,
    read_index,
    replace,
    write_new,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
# Longer than a file's name can be, once the unfinished file's own ending has come to it.
LONG = "a" * 254


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder, also hidden ones, with what they hold."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_there_when_they_were_written(tmp_path: Path) -> None:
    """Content and permissions are as asked for, and nothing else is left behind."""
    write_new([NewFile(tmp_path / "a", b"1", 0o600), NewFile(tmp_path / "b", b"2", 0o640)], "n", "--name")

    assert contents(tmp_path) == {"a": b"1", "b": b"2"}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_no_file_stays_when_a_later_one_cannot_be_written(tmp_path: Path) -> None:
    """The ones before it go again."""
    with pytest.raises(StateError, match="cannot be written: File name too long"):
        write_new([NewFile(tmp_path / "a", b"1"), NewFile(tmp_path / LONG, b"2")], "n", "--name")

    assert contents(tmp_path) == {}


@pytest.mark.parametrize("target", ["taken", "nowhere"])
def test_a_link_is_in_the_way_when_it_has_the_files_name(tmp_path: Path, target: str) -> None:
    """Also a link into nothing: writing through it would be writing elsewhere."""
    (tmp_path / "taken").write_bytes(b"mine")
    (tmp_path / "a").symlink_to(tmp_path / target)

    with pytest.raises(InputError, match=r"--name: .* exists already"):
        write_new([NewFile(tmp_path / "a", b"1")], "n", "--name")

    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_an_unfinished_file_of_another_stays_when_it_has_our_name(tmp_path: Path) -> None:
    """It may be somebody's at work, and what we would write is not written."""
    (tmp_path / ".a.n").write_bytes(b"mine")

    with pytest.raises(InputError, match="cannot be written: File exists"):
        write_new([NewFile(tmp_path / "a", b"1")], "n", "--name")

    assert contents(tmp_path) == {".a.n": b"mine"}


def test_a_file_is_refused_when_its_folder_is_missing(tmp_path: Path) -> None:
    """The refusal names the option and the file."""
    with pytest.raises(InputError, match=f"--out: {tmp_path}/x/a cannot be written: No such file"):
        replace(NewFile(tmp_path / "x" / "a", b"1"), "n", "--out")


def test_a_file_is_the_new_one_when_it_was_replaced(tmp_path: Path) -> None:
    """The old one is gone, and nothing else is left behind."""
    for content in (b"1", b"2"):
        replace(NewFile(tmp_path / "a", content), "n", "--out")

    assert contents(tmp_path) == {"a": b"2"}


def test_a_folder_is_made_with_those_above_it_when_none_is_there(tmp_path: Path) -> None:
    """Once, and again without complaint."""
    for _ in range(2):
        make_folder(tmp_path / "a" / "b", "--out")

    assert (tmp_path / "a" / "b").is_dir()


def test_a_file_is_refused_when_it_is_longer_than_its_bound(tmp_path: Path) -> None:
    """A file of exactly the bound is read; one without an end is not read to its end."""
    (tmp_path / "a").write_bytes(b"x" * MAXIMUM_FILE_LENGTH)
    assert len(read_bounded(tmp_path / "a", "--csr")) == MAXIMUM_FILE_LENGTH

    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=f"--csr: .* is longer than {MAXIMUM_FILE_LENGTH} bytes"):
        read_bounded(tmp_path / "a", "--csr")


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_is_refused_when_it_cannot_be_read(tmp_path: Path, name: str) -> None:
    """Missing, or a folder."""
    with pytest.raises(InputError, match=r"--csr: .* cannot be read: "):
        read_bounded(tmp_path / name, "--csr")


def test_the_index_gives_back_what_was_appended_when_it_is_read(tmp_path: Path) -> None:
    """Each kind of entry, in the order in which it came."""
    entries: list[Entry] = [
        Issuance(serial="01", subject="CN=å\n", sha256="00", not_after=NOW, at=NOW),
        Revocation(serial="01", reason="keyCompromise", at=NOW),
        ListMade(number=1, at=NOW),
    ]
    for entry in entries:
        append(tmp_path, entry)

    assert entries == read_index(tmp_path)
    assert stat.S_IMODE((tmp_path / "issued.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b'{"event":"lost"}', b'{"event":"crl","number":"1"}'])
def test_the_index_is_refused_when_a_line_is_no_entry(tmp_path: Path, line: bytes) -> None:
    """The line is named; a list made from half an index would set revoked certificates free."""
    append(tmp_path, ListMade(number=1, at=NOW))
    with (tmp_path / "issued.jsonl").open("ab") as stream:
        stream.write(line + b"\n")

    with pytest.raises(StateError, match="line 2 is no entry"):
        read_index(tmp_path)


def test_the_index_is_refused_when_it_is_missing(tmp_path: Path) -> None:
    """A missing index is not an empty one."""
    with pytest.raises(StateError, match="cannot be read"):
        read_index(tmp_path)


def test_the_index_is_refused_when_it_is_longer_than_its_bound(tmp_path: Path) -> None:
    """It is refused before it is read; the file here has no blocks at all."""
    with (tmp_path / "issued.jsonl").open("wb") as file:
        file.truncate(MAXIMUM_INDEX_LENGTH + 1)

    with pytest.raises(StateError, match=f"is longer than {MAXIMUM_INDEX_LENGTH} bytes"):
        read_index(tmp_path)
