"""Where a person's programs keep NSS databases, below their home. Looked for by the child, as that person, and by nobody else.

Chromium and its kin share one database; since release 146 a newer folder, but the older where there is one. Firefox has one in
each profile, since release 147 below ``.config``. Both may come as a snap or flatpak, with a home of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from gatepost.core.reason import Reason
from gatepost.stores.safe_open import Obstacle, shown

MAXIMUM_DATABASES: Final = 16
"""As many databases as are read for one person."""
_MAXIMUM_ENTRIES: Final = 1_000
"""As many entries as are looked at in a folder of profiles."""

# Of each line, the first that has a database.
_SHARED: Final = (
    (".pki/nssdb", ".local/share/pki/nssdb"),
    ("snap/chromium/current/.pki/nssdb", "snap/chromium/current/.local/share/pki/nssdb"),
)
_PROFILES: Final = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
)
_FILES: Final = ("cert9.db", "cert8.db")
"""A database, and one in the older format, which is then said to be that."""


class Profiles(msgspec.Struct, frozen=True):
    """The folders with a database, at most `MAXIMUM_DATABASES`, and the folders that could not be looked into, each with why."""

    folders: tuple[str, ...]
    obstacles: tuple[tuple[str, Obstacle], ...]


def find_profiles(home: str) -> Profiles:
    """Find the databases below ``home``. What is not there is nothing to say; never raises."""
    folders: list[str] = []
    obstacles: list[tuple[str, Obstacle]] = []
    for places in _SHARED:
        folders += [folder for place in places if _has_database(folder := f"{home}/{place}")][:1]
    for place in _PROFILES:
        found = _list_profiles(f"{home}/{place}")
        if isinstance(found, Obstacle):
            obstacles.append((f"{home}/{place}", found))
        else:
            folders += found
    for folder in [item for item in folders if not item.isprintable()]:
        # Also characters that are no text (surrogates): no honest program names a profile so.
        folders.remove(folder)
        obstacles.append((home, Obstacle(Reason.PATH_REFUSED, f"{shown(folder)} has a name that cannot be printed")))
    if len(folders) > MAXIMUM_DATABASES:
        detail = f"there are {len(folders)} databases; {MAXIMUM_DATABASES} of them are read"
        obstacles.append((home, Obstacle(Reason.STORE_UNREADABLE, detail)))
    return Profiles(tuple(folders[:MAXIMUM_DATABASES]), tuple(obstacles))


def _list_profiles(folder: str) -> list[str] | Obstacle:
    """List the profiles in a folder that have a database."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > _MAXIMUM_ENTRIES:
                    return Obstacle(Reason.STORE_UNREADABLE, f"{folder} has more than {_MAXIMUM_ENTRIES} entries")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        reason = Reason.PERMISSION_DENIED if isinstance(error, PermissionError) else Reason.STORE_UNREADABLE
        return Obstacle(reason, f"{folder}: {error.strerror}")
    return [path for name in sorted(names) if _has_database(path := f"{folder}/{name}")]


def _has_database(folder: str) -> bool:
    """Tell whether there is a database, or something in its place, or whatever we may not see: its reader says why not."""
    for name in _FILES:
        try:
            Path(folder, name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
        return True
    return False
