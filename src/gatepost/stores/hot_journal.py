"""What a writer that died has left beside a SQLite database: a *hot journal*, which the next reader must play back.

A reader that may not write cannot, not even as root, so database and journal are copied to a private folder and read there.
They are copied from folders alone that nobody else can write: a journal is obeyed, and a hostile one made SQLite as root
delete a file. SQL does not enter here. Sources: SQLite's file format, 3; ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from gatepost.core.reason import Reason
from gatepost.stores.safe_open import MAXIMUM_DATABASE, Obstacle, open_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.stores.safe_open import Access, OpenFile

_T = TypeVar("_T")

NOWHERE: Final = ""
"""No folder for copies: a database that was left half written is not read."""
UNDO_FIRST: Final = "an interrupted change must be undone first"
"""How an obstacle ends where a copy would be needed."""
_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
"""Ends a journal that names a super-journal (and begins every journal)."""
_LOCK_START: Final = 0x4000_0000
_LOCK_LENGTH: Final = 512
"""Where SQLite's locks lie in a database: pending, reserved, and the range of the readers."""
_CHUNK: Final = 1 << 20


def ask_copy(file: OpenFile, access: Access, scratch: str | None, question: Callable[[str], _T]) -> _T | Obstacle:
    """Copy a database and its journal into a folder of mode 0700 below ``scratch``, ask the copy's path, delete both.

    The copies are of one moment: meanwhile we hold SQLite's lock for readers, under which nobody plays the journal back.
    """
    # Imported here: it brings half a dozen modules, and hardly any reader ever meets such a journal.
    import tempfile  # noqa: PLC0415 - see above

    try:
        with tempfile.TemporaryDirectory(prefix="gatepost-", dir=scratch) as folder:
            copy = f"{folder}/copy.db"
            obstacle = _copy_both(file, access, copy)
            return question(copy) if obstacle is None else obstacle
    except OSError as error:
        detail = f"an interrupted change could not be undone in a copy: {error.strerror}"
        return Obstacle(Reason.STORE_UNREADABLE, detail)


def _copy_both(file: OpenFile, access: Access, target: str) -> Obstacle | None:
    try:
        fcntl.lockf(file.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, _LOCK_LENGTH, _LOCK_START)
    except BlockingIOError:
        return Obstacle(Reason.STORE_BUSY, "another program is undoing an interrupted change")
    with open_file(f"{file.path}-journal", access, MAXIMUM_DATABASE) as journal:
        if isinstance(journal, Obstacle) and journal.reason is Reason.STORE_MISSING:
            return Obstacle(Reason.STORE_BUSY, "another program has just undone an interrupted change")
        if isinstance(journal, Obstacle):
            return journal
        if journal.read(len(_MAGIC), max(0, journal.size - len(_MAGIC))) == _MAGIC:
            # The name of a super-journal stands before it. SQLite would look for that file, and delete it.
            detail = "an interrupted change to several databases at once is not undone here; its own program has to"
            return Obstacle(Reason.STORE_UNREADABLE, detail)
        return _copy(file, target) or _copy(journal, f"{target}-journal")


def _copy(file: OpenFile, target: str) -> Obstacle | None:
    with Path(target).open("xb") as copy:
        for offset in range(0, file.size, _CHUNK):
            chunk = file.read(_CHUNK, offset)
            if isinstance(chunk, Obstacle):
                return chunk
            copy.write(chunk)
    return None
