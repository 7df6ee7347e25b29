"""Settings from files: each key known, each wrong one named, and nothing read by halves."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gatepost.cli.config import read_settings, read_text
from gatepost.errors import InputError


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Some settings."""

    nssdb: tuple[str, ...] = ("/etc/pki/nssdb",)
    allowed_paths: tuple[str, ...] = ()
    facts: dict[str, str] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a path where a settings file may be."""
    return tmp_path / "agent.toml"


def read(file: Path, text: str) -> Settings:
    """Write the file and read it."""
    file.write_text(text, encoding="utf-8")
    return read_settings(file, Path("/nowhere"), Settings)


def problem(file: Path, text: str | None) -> str:
    """Read a file that must be refused; the error names it."""
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_settings(file, Path("/nowhere"), Settings)
    assert f"settings file {file}" == refused.value.field
    return f"{refused.value.problem}; {refused.value.allowed}"


def test_what_is_given_counts_and_the_rest_is_as_usual(file: Path) -> None:
    """Every kind of value."""
    assert Settings() == read(file, "")
    written = read(file, 'nssdb = ["/a", "/b"]\n[facts]\nhostname = "laptop-1"\n')
    assert Settings(nssdb=("/a", "/b"), facts={"hostname": "laptop-1"}) == written


def test_the_usual_file_is_read_where_none_is_named(file: Path) -> None:
    """And is nothing where it is not there."""
    assert Settings() == read_settings(None, file, Settings)
    file.write_text('nssdb = ["/a"]', encoding="utf-8")
    assert Settings(nssdb=("/a",)) == read_settings(None, file, Settings)


def test_a_named_file_must_be_there(file: Path) -> None:
    """Unlike the usual one."""
    assert "No such file" in problem(file, None)


@pytest.mark.parametrize(
    ("key", "nearest"), [("nssdbs", "nssdb"), ("allowed_path", "allowed_paths"), ("fact", "facts"), ("nssDB", "nssdb")]
)
def test_an_unknown_key_is_named_with_the_nearest(file: Path, key: str, nearest: str) -> None:
    """And with all that there are."""
    words = problem(file, f'{key} = ["/a"]')
    assert repr(key) in words
    assert f"did you mean {nearest}? known are nssdb, allowed_paths, facts" in words


def test_an_unknown_key_without_a_near_one_is_named_all_the_same(file: Path) -> None:
    """No wild guess."""
    words = problem(file, "zzz = 1")
    assert "did you mean" not in words
    assert "known are" in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nssdb", "is not TOML"),
        ("nssdb = [", "is not TOML"),
        ("nssdb = ['/a']\nnssdb = ['/b']", "is not TOML"),
        ("x = " + "[" * 20_000, "is not TOML"),
        ('nssdb = "/a"', "has nssdb is a text; expected a list"),
        ("nssdb = [1]", "has nssdb.0 is a whole number; expected a text"),
        ("facts = []", "facts"),
        ("[facts]\nhostname = 1", "facts"),
        ("# " + "x" * 66_000, "larger than"),
    ],
    ids=["word", "open", "twice", "nested", "text", "number", "list", "fact", "large"],
)
def test_a_file_that_is_wrong_is_refused_as_a_whole(file: Path, text: str, words: str) -> None:
    """Nothing of it counts, and the message says where it is wrong."""
    assert words in problem(file, text)


def test_a_file_in_another_encoding_is_refused(file: Path) -> None:
    """TOML is UTF-8."""
    file.write_bytes(b"nssdb = ['/\xff']")
    assert "is not TOML" in problem(file, None)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """As a missing one."""
    assert "directory" in problem(tmp_path, None)


def test_a_small_text_is_read_and_a_large_one_refused(tmp_path: Path) -> None:
    """64 KiB are the bound; the flag is named."""
    path = tmp_path / "token"
    path.write_bytes(b"gpe_x\xff\n")
    assert "gpe_x\ufffd\n" == read_text(path, "--token-file")
    path.write_bytes(b"x" * 65_536)
    assert 65_536 == len(read_text(path, "--token-file"))
    path.write_bytes(b"x" * 65_537)
    for odd in (path, tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError) as refused:
            read_text(odd, "--token-file")
        assert "--token-file" == refused.value.field
        assert str(odd) in refused.value.problem
