"""The accounts of this machine: whose a store is, and into whose homes to look. Linux.

People are the accounts of ``/etc/passwd`` from 1000 on (UID_MIN of ``/etc/login.defs``, as every distribution has it), and those
that are signed in, whose folder below ``/run/user`` systemd makes: so accounts of a directory are found without asking it for
everybody. Root is an account of this machine and no person, and its files are the system's.
"""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Final

import msgspec

from gatepost.stores.safe_open import shown

FIRST_PERSON: Final = 1_000
"""The lowest uid of a person's account."""
NOBODY: Final = 65_534
"""The account that owns nothing, and its group (``nogroup``, ``nobody``)."""
ACCOUNTS: Final = "/etc/passwd"
SIGNED_IN: Final = "/run/user"
_MAXIMUM_FILE: Final = 1 << 20
"""Bytes of the list of accounts that are looked at: ten thousand of them."""
_HOME: Final = re.compile(r"(/(?!\.\.?(/|$))[^/\x00-\x1f\x7f]+)+")
"""An absolute path that is itself: nothing doubled, no way back, no control character."""
_FIELDS: Final = 7
"""Fields in a line of it (passwd(5))."""


class Account(msgspec.Struct, frozen=True):
    """One account, by its entry: never the group of a file, which says only where that was made."""

    name: str
    uid: int
    gid: int


class Person(Account, frozen=True):
    """An account with a home."""

    home: str
    """Absolute, without a slash at its end."""


def account_of(uid: int) -> Account:
    """Return the account with this number; one that has no entry has its number for a name, and no group."""
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Account(str(uid), uid, NOBODY)
    return Account(shown(entry.pw_name), uid, entry.pw_gid)


def list_people(accounts: str = ACCOUNTS, signed_in: str = SIGNED_IN) -> tuple[Person, ...]:
    """Return the people of this machine, each once, those that are signed in first; raises OSError without the list."""
    with Path(accounts).open("rb") as file:
        lines = file.read(_MAXIMUM_FILE).decode("utf-8", "replace").splitlines()
    people: dict[int, Person] = {}
    for person in (*_signed_in(signed_in), *map(_parse, lines)):
        if person and person.uid >= FIRST_PERSON and person.uid != NOBODY and _HOME.fullmatch(person.home):
            people.setdefault(person.uid, person)
    return tuple(people.values())


def _parse(line: str) -> Person | None:
    """Parse a line of the list; None for what is no account, such as a comment."""
    fields = line.split(":")
    if len(fields) != _FIELDS or not fields[2].isdecimal() or not fields[3].isdecimal():
        return None
    return Person(shown(fields[0]), int(fields[2]), int(fields[3]), fields[5].rstrip("/"))


def _signed_in(folder: str) -> tuple[Person, ...]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.isdecimal())  # noqa: PTH208 - names are all that is wanted.
    except OSError:
        return ()
    return tuple(person for name in names if (person := _entry(int(name))))


def _entry(uid: int) -> Person | None:
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return None
    return Person(shown(entry.pw_name), uid, entry.pw_gid, entry.pw_dir.rstrip("/"))
