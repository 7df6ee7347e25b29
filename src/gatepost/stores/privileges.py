"""Becoming the owner of a store, for good: what the child does before it looks at anything, so that it can do no more than they.

Whatever a hostile store makes of the reader, it then has the rights that its owner has anyway: no group of ours, no way back,
no program that could give more (``no_new_privs``), no second process, no file written, little memory, little time. Linux.
Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

SECONDS: Final = 5
"""Seconds of processor time; an ordinary store takes a hundredth of one."""
LIFE: Final = 4 * SECONDS
"""Seconds by the clock after which it ends by itself, should whoever started it have died before it could be told."""
ADDRESS_SPACE: Final = 1 << 29
"""Bytes of address space; Python with its libraries needs a tenth of it."""
OPEN_FILES: Final = 64
"""Descriptors: one for each folder on the way to a file, and a few."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def become(
    uid: int, gid: int, room: int
) -> None:  # pragma: no cover - only in a process of its own: test_privileges.py
    """Become the account ``uid`` with the group ``gid`` alone, and write no file of more than ``room`` bytes.

    Raises OSError (a program that goes on after that would have rights that it must not have).
    """
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    for kind, bound in _bounds(room).items():
        _, hard = resource.getrlimit(kind)
        least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (least, least))
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    # Last, since becoming another account clears it: whoever started us is not outlived, or not for long.
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.alarm(LIFE)


def _bounds(room: int) -> dict[int, int]:  # pragma: no cover - as above
    return {
        resource.RLIMIT_AS: ADDRESS_SPACE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: room,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
    }


def _control(option: int, value: int) -> None:  # pragma: no cover - as above
    """Call prctl(2)."""
    library = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    if library.prctl(option, ctypes.c_ulong(value), nothing, nothing, nothing):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
