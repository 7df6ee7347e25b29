"""Where programs keep a person's databases: each place is found, the older before the newer, and oddities are not passed over."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from gatepost.core.reason import Reason
from gatepost.stores.profiles import MAXIMUM_DATABASES, find_profiles
from tests.stores.strangers import as_stranger, needs_root


def make(home: Path, *folders: str, name: str = "cert9.db") -> None:
    """Make folders with a database."""
    for folder in folders:
        (home / folder).mkdir(parents=True)
        (home / folder / name).touch()


def found(home: Path) -> list[str]:
    """Return the folders that are found, from the home on."""
    profiles = find_profiles(str(home))
    assert () == profiles.obstacles
    return [folder.removeprefix(f"{home}/") for folder in profiles.folders]


@pytest.mark.parametrize(
    "folder",
    [
        ".pki/nssdb",
        ".local/share/pki/nssdb",
        "snap/chromium/current/.pki/nssdb",
        "snap/chromium/current/.local/share/pki/nssdb",
        ".mozilla/firefox/x3k.default-release",
        ".config/mozilla/firefox/x3k.default-release",
        "snap/firefox/common/.mozilla/firefox/x3k.default",
        ".var/app/org.mozilla.firefox/.mozilla/firefox/x3k.default",
    ],
)
@pytest.mark.parametrize("name", ["cert9.db", "cert8.db"])
def test_each_programs_database_is_found(tmp_path: Path, folder: str, name: str) -> None:
    """Also one in the legacy format alone, which is then said to be that."""
    make(tmp_path, folder, name=name)
    assert [folder] == found(tmp_path)


def test_a_home_without_a_database_has_none_and_that_is_no_obstacle(tmp_path: Path) -> None:
    """Nor is a home that is not there, nor folders that are empty, nor files where folders would be."""
    assert [] == found(tmp_path)
    assert [] == found(tmp_path / "none")
    (tmp_path / ".pki/nssdb").mkdir(parents=True)
    (tmp_path / ".mozilla").touch()
    (tmp_path / ".config/mozilla/firefox/Crash Reports").mkdir(parents=True)
    (tmp_path / ".config/mozilla/firefox/profiles.ini").touch()
    assert [] == found(tmp_path)


def test_the_older_of_two_places_counts(tmp_path: Path) -> None:
    """As for Chromium, which goes on using it; the snap's is another's."""
    make(tmp_path, ".pki/nssdb", ".local/share/pki/nssdb", "snap/chromium/current/.local/share/pki/nssdb")
    assert [".pki/nssdb", "snap/chromium/current/.local/share/pki/nssdb"] == found(tmp_path)
    (tmp_path / ".pki/nssdb/cert9.db").unlink()
    assert ".local/share/pki/nssdb" == found(tmp_path)[0]


def test_all_profiles_are_found_in_a_fixed_order(tmp_path: Path) -> None:
    """Whatever order the folder has them in."""
    make(tmp_path, *(f".mozilla/firefox/{name}" for name in ("c", "a", "b")))
    assert [f".mozilla/firefox/{name}" for name in ("a", "b", "c")] == found(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "link", "circle", "folder"])
def test_what_stands_in_a_databases_place_is_found(tmp_path: Path, kind: str) -> None:
    """So that its reader refuses it, and nobody takes the store for empty."""
    folder = tmp_path / ".pki/nssdb"
    folder.mkdir(parents=True)
    match kind:
        case "fifo":
            os.mkfifo(folder / "cert9.db")
        case "link":
            (folder / "cert9.db").symlink_to("nowhere")
        case "circle":
            folder.rmdir()
            folder.symlink_to("nssdb")
        case _:
            (folder / "cert9.db").mkdir()
    assert [".pki/nssdb"] == found(tmp_path)


def test_more_databases_than_are_read_are_an_obstacle(tmp_path: Path) -> None:
    """Sixteen are read, and the others not passed over in silence."""
    make(tmp_path, *(f".mozilla/firefox/{number:02}" for number in range(MAXIMUM_DATABASES)))
    assert MAXIMUM_DATABASES == len(found(tmp_path))
    make(tmp_path, ".config/mozilla/firefox/one-more")
    profiles = find_profiles(str(tmp_path))
    ((place, obstacle),) = profiles.obstacles
    assert MAXIMUM_DATABASES == len(profiles.folders)
    assert (str(tmp_path), "there are 17 databases; 16 of them are read") == (place, obstacle.detail)


def test_a_folder_of_very_many_entries_is_an_obstacle(tmp_path: Path) -> None:
    """It takes time to list, and no browser makes it."""
    folder = tmp_path / ".mozilla/firefox"
    folder.mkdir(parents=True)
    for number in range(1_001):
        (folder / str(number)).touch()
    ((place, obstacle),) = find_profiles(str(tmp_path)).obstacles
    assert (str(folder), Reason.STORE_UNREADABLE) == (place, obstacle.reason)
    assert "more than 1000 entries" in obstacle.detail


@pytest.mark.parametrize("name", ["\x1b[2J", "d\udce4", "a\nb"])
def test_a_profile_whose_name_does_not_print_is_an_obstacle(tmp_path: Path, name: str) -> None:
    """Its name would do something to a terminal, or is no text."""
    make(tmp_path, f".mozilla/firefox/{name}", ".pki/nssdb")
    profiles = find_profiles(str(tmp_path))
    assert (f"{tmp_path}/.pki/nssdb",) == profiles.folders
    ((_, obstacle),) = profiles.obstacles
    assert Reason.PATH_REFUSED is obstacle.reason
    assert obstacle.detail.isprintable()


@needs_root
def test_a_folder_that_may_not_be_looked_into_is_taken_for_one_with_a_database() -> None:
    """Its reader then says that it may not; to pass it over would be to call the store empty."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / ".pki/nssdb").mkdir(parents=True)
        (Path(name) / ".pki/nssdb").chmod(0o700)
        Path(name).chmod(0o755)
        assert f"{name}/.pki/nssdb" == as_stranger(lambda: " ".join(find_profiles(name).folders))


@needs_root
def test_a_folder_that_may_not_be_listed_is_an_obstacle() -> None:
    """Its profiles are not known; whoever looks is told."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / ".mozilla/firefox"
        folder.mkdir(parents=True)
        folder.chmod(0o700)
        Path(name).chmod(0o755)

        def look() -> str:
            ((place, obstacle),) = find_profiles(name).obstacles
            return f"{place} {obstacle.reason} {obstacle.detail}"

        assert f"{folder} permission-denied {folder}: Permission denied" == as_stranger(look)


def test_a_folder_that_cannot_be_listed_for_another_cause_is_an_obstacle(tmp_path: Path) -> None:
    """Here a link that leads to itself."""
    (tmp_path / ".mozilla").mkdir()
    (tmp_path / ".mozilla/firefox").symlink_to("firefox")
    ((_, obstacle),) = find_profiles(str(tmp_path)).obstacles
    assert Reason.STORE_UNREADABLE is obstacle.reason
