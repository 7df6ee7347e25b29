"""PINs: which file holds whose, what is no PIN, and that a refused one is not given again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatepost.core.token_uri import TokenUri, parse_token_uri
from gatepost.errors import StateError
from gatepost.stores.pins import Pin, PinFiles, RefusedPins
from tests.stores.strangers import STRANGER, acting_as, needs_root

URI = TokenUri(token="device", serial="0123")


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    """Give a file with a PIN."""
    return write(tmp_path / "pin", b"1234\n")


def write(path: Path, content: bytes) -> Path:
    """Write a file that only its owner can use."""
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def files(pin_file: Path, name: str = "device") -> PinFiles:
    """Give the settings that name one PIN file."""
    return PinFiles({name: str(pin_file)}, RefusedPins(pin_file.parent / "state" / "refused.json"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkcs11:token=device", "/by-label"),
        ("pkcs11:token=device;serial=0123", "/by-serial"),
        ("pkcs11:serial=0123", "/by-serial"),
        ("pkcs11:token=device;serial=9", "/by-label"),
        ("pkcs11:token=another", ""),
        ("pkcs11:model=device", ""),
        ("pkcs11:", ""),
    ],
)
def test_a_pin_file_is_that_of_the_token_that_the_uri_names(text: str, expected: str, tmp_path: Path) -> None:
    """By its serial number rather than by its label; by nothing else."""
    named = PinFiles({"device": "/by-label", "0123": "/by-serial"}, RefusedPins(tmp_path / "refused.json"))
    assert expected == named.path(parse_token_uri(text, "uri"))


def test_a_pin_is_one_line(pin_file: Path) -> None:
    """With or without an end of line, of either kind; a blank belongs to it."""
    for content, pin in ((b"1234", "1234"), (b"1234\r\n", "1234"), (b" 12 34\n", " 12 34"), ("ü".encode(), "ü")):
        assert pin == files(write(pin_file, content)).find(URI).text


@pytest.mark.parametrize("content", [b"", b"\n", b"1234\n5678\n", b"12\x0034", b"1" * 256, b"1" * 4096])
def test_what_is_no_pin_is_not_tried(content: bytes, pin_file: Path) -> None:
    """Empty, of several lines, with what does not print, too long."""
    found = files(write(pin_file, content)).find(URI)
    assert (None, f"its PIN file {pin_file} holds no PIN: one line, and nothing else") == (found.text, found.words)


def test_a_file_larger_than_any_pin_is_not_read(pin_file: Path) -> None:
    """It may be anything."""
    assert "4097 bytes" in files(write(pin_file, b"1" * 4097)).find(URI).words


def test_a_pin_that_others_can_read_is_not_tried(pin_file: Path) -> None:
    """It is no secret any more, and the file's owner is told."""
    pin_file.chmod(0o640)
    found = files(pin_file).find(URI)
    assert (None, f"its PIN file {pin_file} can be used by others than its owner: chmod 600 it") == (
        found.text,
        found.words,
    )


def test_without_a_pin_file_it_is_said_why(pin_file: Path) -> None:
    """None is named for this token, the token is not named, or the file is not there."""
    named = files(pin_file)
    assert "this device's settings name no PIN file for it" == named.find(TokenUri(token="x")).words
    assert "the URI names no token= or serial=" == named.find(TokenUri(model="x")).words
    pin_file.unlink()
    assert f"its PIN file cannot be used: {pin_file}: No such file or directory" == named.find(URI).words


def test_a_refused_pin_is_not_given_again_until_its_file_changes(pin_file: Path) -> None:
    """In this process, and in the next one."""
    named = files(pin_file)
    pin = named.find(URI)
    assert ("1234", "") == (pin.text, named.refuse(pin))
    for again in (named, files(pin_file)):
        found = again.find(URI)
        assert (None, f"the PIN in {pin_file} was refused, and is not tried again until that file changes") == (
            found.text,
            found.words,
        )
    os.utime(pin_file, ns=(0, 0))
    assert "1234" == files(pin_file).find(URI).text


def test_a_refusal_of_one_pin_says_nothing_of_another(pin_file: Path) -> None:
    """Each file has its own, also in one memory."""
    other = write(pin_file.with_name("other"), b"5678\n")
    named = PinFiles(
        {"device": str(pin_file), "card": str(other)}, RefusedPins(pin_file.parent / "state" / "refused.json")
    )
    named.refuse(named.find(TokenUri(token="device")))
    named.refuse(named.find(TokenUri(token="card")))
    write(other, b"9999\n")
    os.utime(other, ns=(0, 0))
    assert [None, "9999"] == [named.find(TokenUri(token=name)).text for name in ("device", "card")]


def test_no_part_of_a_pin_is_kept(pin_file: Path) -> None:
    """Nor is it shown with the value that carries it."""
    named = files(write(pin_file, b"471199\n"))
    pin = named.find(URI)
    named.refuse(pin)
    kept = pin_file.parent / "state" / "refused.json"
    assert "471199" not in kept.read_text() + repr(pin)
    assert 0o600 == kept.stat().st_mode & 0o777
    assert [kept] == list(kept.parent.iterdir())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"{" + b'"a": "b"' * 9_000 + b"}"])
def test_no_pin_is_tried_where_the_refusals_cannot_be_read(content: bytes, pin_file: Path) -> None:
    """To forget one may cost a card; the words say what to do."""
    named = files(pin_file)
    named.refuse(named.find(URI))
    kept = pin_file.parent / "state" / "refused.json"
    kept.write_bytes(content)
    words = (
        f"no PIN is tried, as a refusal could not be kept: {kept} is damaged: remove it, once the PIN files are right"
    )
    assert Pin(words=words) == files(pin_file).find(URI)


def test_no_pin_is_tried_where_the_refusals_are_a_folder(pin_file: Path) -> None:
    """It cannot be read, which is not the same as missing."""
    (pin_file.parent / "state" / "refused.json").mkdir(parents=True)
    assert files(pin_file).find(URI).words.endswith("refused.json cannot be read: Is a directory")


def test_no_pin_is_tried_where_a_refusal_could_not_be_kept(pin_file: Path) -> None:
    """Its folder cannot be made."""
    (pin_file.parent / "state").write_bytes(b"")
    assert files(pin_file).find(URI).words.endswith("state cannot be made: File exists")


@needs_root
def test_no_pin_is_tried_where_the_folder_cannot_be_written() -> None:
    """Which root always can."""
    with acting_as(STRANGER), pytest.raises(StateError) as raised:
        RefusedPins(Path("/refused.json")).has("/pin", "")
    assert "cannot be written" == raised.value.detail


def test_a_refusal_that_cannot_be_written_counts_in_this_process(pin_file: Path) -> None:
    """And what stands in the way is told."""
    named = files(pin_file)
    pin = named.find(URI)
    (pin_file.parent / "state" / "refused.json.new").mkdir()
    assert named.refuse(pin).endswith("refused.json cannot be written: Is a directory")
    assert named.find(URI).words.startswith(f"the PIN in {pin_file} was refused")
