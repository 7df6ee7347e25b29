"""The accounts of this machine: whose a store is, and whose homes are looked into. Linux."""

from __future__ import annotations

import pwd
from typing import Final

import msgspec

from gatepost.stores.safe_open import shown

NO_GROUP: Final = 65_534
"""The group of an account that has no entry (``nogroup``, ``nobody``): it owns nothing."""


class Account(msgspec.Struct, frozen=True):
    """One account, by its entry: never the group of a file, which says only where that was made."""

    name: str
    uid: int
    gid: int


def account_of(uid: int) -> Account:
    """Return the account with this number; one that has no entry has its number for a name, and no group."""
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Account(str(uid), uid, NO_GROUP)
    return Account(shown(entry.pw_name), uid, entry.pw_gid)
