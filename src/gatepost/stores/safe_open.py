"""Opening a path that a check names, so that nobody but root and this account can choose what is read.

A path is walked from the root folder on, one component after another, each pinned by a descriptor before it is judged, so
that nothing can be exchanged between looking and opening. It is *trusted* when every component belongs to root or to the
effective account and cannot be written by others; a sticky folder such as /tmp lets pass, because others cannot exchange
what is ours in it. What is not trusted is read under the device's own ``allowed_paths`` alone. Nothing but regular files
of bounded size is ever opened for reading. Source: ``docs/reference/semantics.md``, section 6.

No certificate, key or database is understood here. On Linux the walk stands on ``O_PATH``, on macOS on ``O_EVTONLY``.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

MAXIMUM_PEM_FILE: Final = 1 << 20
"""Bytes in a PEM file; the largest bundle of a distribution's authorities has a quarter of it."""
MAXIMUM_DATABASE: Final = 1 << 29
"""Bytes in a database file; 100,000 certificates with their keys need about half of it."""
_MAXIMUM_LINKS: Final = 16
"""Links followed in one path: far more than any system lays, and an end to circles."""
_MAXIMUM_COMPONENTS: Final = 256
"""Components walked in one path, those of followed links included."""

# Pins a component without opening it: no FIFO waits, no device wakes, a link is seen as a link, and no lock of SQLite's
# is lost when the descriptor is closed. macOS has other names for it, and nobody has run this there.
_PIN: Final[int] = os.O_CLOEXEC | (
    os.O_PATH | os.O_NOFOLLOW
    if hasattr(os, "O_PATH")
    else getattr(os, "O_EVTONLY", 0) | getattr(os, "O_SYMLINK", 0) | os.O_NONBLOCK
)
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH
_REASONS: Final = {
    errno.ENOENT: Reason.STORE_MISSING,
    errno.ENOTDIR: Reason.STORE_MISSING,
    errno.EACCES: Reason.PERMISSION_DENIED,
    errno.EPERM: Reason.PERMISSION_DENIED,
    errno.ELOOP: Reason.PATH_REFUSED,
    errno.ENAMETOOLONG: Reason.PATH_REFUSED,
}
_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """The device's own settings of this room: absolute paths (folders or files) that are read though others may write there."""

    allowed_paths: tuple[str, ...] = ()
    as_owner: bool = False
    """Whether this process has become the owner of what it reads: then trust is judged for the owner, and nothing is allowed."""


class Obstacle(msgspec.Struct, frozen=True):
    """Why something was not read: the ``reason`` and ``detail`` of a `Fault`."""

    reason: Reason
    detail: str


class OpenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file, open for reading. ``path`` is its real path, without links."""

    descriptor: int
    path: str
    size: int
    trusted: bool
    private: bool
    """Whether its folder, too, can be written by root and this account alone, so that no stranger's file lies beside it."""

    def read(self, count: int, offset: int = 0) -> bytes | Obstacle:
        """Read up to ``count`` bytes from ``offset`` on. A file that calls itself empty is not read at all.

        (Files of /proc have size 0, and reading some of them changes the system.)
        """
        chunks = []
        try:
            while self.size and count and (chunk := os.pread(self.descriptor, count, offset)):
                chunks.append(chunk)
                count -= len(chunk)
                offset += len(chunk)
        except OSError as error:
            return _obstacle(error, self.path)
        return b"".join(chunks)


@contextmanager
def open_file(path: str, access: Access, limit: int) -> Iterator[OpenFile | Obstacle]:
    """Open the regular file at the absolute ``path``, of at most ``limit`` bytes, or say why not; close it at the end."""
    walk = _Walk(access)
    descriptor = -1
    try:
        obstacle = walk.go(path)
        if obstacle is None:
            descriptor, obstacle = walk.open()
        yield obstacle or walk.judge(descriptor, limit)
    finally:
        walk.close()
        if descriptor >= 0:
            os.close(descriptor)


def read_file(path: str, access: Access, limit: int) -> bytes | Obstacle:
    """Return the whole content of the file at ``path``, or why not; never more than ``limit`` bytes, and never waits."""
    with open_file(path, access, limit) as file:
        if isinstance(file, Obstacle):
            return file
        content = file.read(limit + 1)
        if isinstance(content, bytes) and len(content) > limit:
            return _too_large(path, len(content), limit)
        return content


def find_owner(path: str, access: Access) -> int | Obstacle:
    """Return the uid of whoever owns what is not trusted at ``path`` and is allowed: who may read it, is to read it as that.

    Nothing is opened. What root owns can be read as nobody lesser, so it is refused where others could have laid it there.
    """
    walk = _Walk(access)
    try:
        return walk.go(path) or walk.owner()
    finally:
        walk.close()


def shown(text: str) -> str:
    """Make a path or a name fit for a message: what does not print, and the backslash, are escaped."""
    return "".join(char if char.isprintable() and char != "\\" else ascii(char)[1:-1] for char in text)


class _Step(msgspec.Struct, frozen=True):
    """One component that was gone through; its descriptor pins it."""

    name: str
    descriptor: int
    status: os.stat_result


class _Walk:
    """The way to one file: the components behind it, pinned, and those still to go (the next one last)."""

    def __init__(self, access: Access) -> None:
        self._allowed = access.allowed_paths
        self._as_owner = access.as_owner
        self._steps: list[_Step] = []
        self._pending: list[str] = []
        self._trusted = True
        self._links = 0

    def close(self) -> None:
        """Let all components go."""
        self._retreat(0)

    def go(self, path: str) -> Obstacle | None:
        """Walk to the end of ``path``."""
        if not path.startswith("/") or ".." in path.split("/"):
            return Obstacle(Reason.PATH_REFUSED, f"{shown(path)} is not an absolute path without '..'")
        self._pending = _components(path)
        return self._walk()

    def open(self) -> tuple[int, Obstacle | None]:
        """Open the last component for reading, when it is a regular file; the descriptor is -1 where it cannot be."""
        last = self._steps[-1]
        if not stat.S_ISREG(last.status.st_mode):
            return -1, _wrong_kind(self._path(), last.status)
        try:
            return os.open(last.name, _READ, dir_fd=self._steps[-2].descriptor), None
        except OSError as error:
            return -1, _obstacle(error, self._path())

    def owner(self) -> int | Obstacle:
        """Return the owner of the last component, unless that is root."""
        status = self._steps[-1].status
        path = shown(self._path())
        if not status.st_uid:
            return Obstacle(Reason.PATH_REFUSED, f"{path} belongs to root, but others decide what lies there")
        return status.st_uid

    def judge(self, descriptor: int, limit: int) -> OpenFile | Obstacle:
        """Judge what was opened in the pinned folder; it may be another file than the one that was pinned."""
        status = os.fstat(descriptor)
        path = self._path()
        if not stat.S_ISREG(status.st_mode):
            return _wrong_kind(path, status)
        if self._trusted and (stranger := _stranger(status)):
            return Obstacle(Reason.PATH_REFUSED, f"{shown(path)} was exchanged, and now {stranger}")
        if status.st_size > limit:
            return _too_large(path, status.st_size, limit)
        private = self._trusted and not self._steps[-2].status.st_mode & _WRITABLE
        if not private and status.st_nlink > 1:
            return Obstacle(
                Reason.PATH_REFUSED, f"{shown(path)} has another name, which another user may have given it"
            )
        return OpenFile(descriptor=descriptor, path=path, size=status.st_size, trusted=self._trusted, private=private)

    def _walk(self) -> Obstacle | None:
        obstacle = self._step("/", None)
        for _ in range(_MAXIMUM_COMPONENTS):
            if obstacle is not None or not self._pending:
                return obstacle
            name = self._pending.pop()
            if name == "..":
                # Only links have it. What stays was judged when it was entered.
                self._retreat(max(1, len(self._steps) - 1))
            else:
                obstacle = self._step(name, self._steps[-1].descriptor)
        problem = f"{shown(self._path())}: more than {_MAXIMUM_COMPONENTS} components"
        return Obstacle(Reason.PATH_REFUSED, problem)

    def _step(self, name: str, folder: int | None) -> Obstacle | None:
        try:
            self._steps.append(_pin(name, folder))
        except OSError as error:
            return _obstacle(error, _join(self._steps, name))
        except ValueError as error:
            # A NUL, or characters that no file's name can have.
            return Obstacle(Reason.PATH_REFUSED, f"{_join(self._steps, shown(name))} can be no path: {error}")
        if stat.S_ISLNK(self._steps[-1].status.st_mode):
            return self._follow()
        stranger = _stranger(self._steps[-1].status) if self._trusted else ""
        return self._refuse(stranger) if stranger else None

    def _refuse(self, stranger: str) -> Obstacle | None:
        """Trust no longer, and say why this is the end, unless the settings allow the whole of the way all the same."""
        self._trusted = False
        here, path = shown(_join(self._steps)), shown(self._path())
        if self._as_owner:
            return Obstacle(Reason.PATH_REFUSED, f"{here} {stranger}, so that others than its owner decide on {path}")
        if self._is_allowed():
            return None
        detail = f"{here} {stranger}, and this device's settings do not allow {path} all the same"
        return Obstacle(Reason.PATH_REFUSED, detail)

    def _follow(self) -> Obstacle | None:
        """Go on at the target of a link, when no lesser user can have laid it."""
        link = self._steps[-1]
        path = shown(_join(self._steps))
        if not self._trusted or _owned_by_stranger(link.status) or self._steps[-2].status.st_mode & _WRITABLE:
            return Obstacle(Reason.PATH_REFUSED, f"{path} is a link that another user may have laid")
        self._links += 1
        if self._links > _MAXIMUM_LINKS:
            return Obstacle(Reason.PATH_REFUSED, f"{path} is one of more than {_MAXIMUM_LINKS} links")
        # By its name, which only Linux can do without: in a folder in which nobody else can lay another in its place.
        try:
            target = os.readlink(link.name, dir_fd=self._steps[-2].descriptor)
        except OSError as error:
            return _obstacle(error, _join(self._steps))
        self._retreat(1 if target.startswith("/") else len(self._steps) - 1)
        self._pending.extend(_components(target))
        return None

    def _is_allowed(self) -> bool:
        """Tell whether the whole of the way, also the part still to go, lies under one of the allowed paths."""
        whole = self._path()
        return ".." not in self._pending and any(_is_under(whole, allowed) for allowed in self._allowed)

    def _path(self) -> str:
        """Return the real path so far, and what is still to go behind it."""
        return _join(self._steps, *reversed(self._pending))

    def _retreat(self, length: int) -> None:
        while len(self._steps) > length:
            os.close(self._steps.pop().descriptor)


def _pin(name: str, folder: int | None) -> _Step:
    descriptor = os.open(name, _PIN, dir_fd=folder)
    return _Step(name, descriptor, os.fstat(descriptor))


def _join(steps: list[_Step], *names: str) -> str:
    """Return the path through ``steps``, the first of which is the root folder, and on through ``names``."""
    return "/" + "/".join((*(step.name for step in steps[1:]), *names))


def _components(path: str) -> list[str]:
    """Return the components of a path, the first one last."""
    return [name for name in reversed(path.split("/")) if name not in {"", "."}]


def _is_under(path: str, allowed: str) -> bool:
    folder = allowed.rstrip("/")
    return allowed.startswith("/") and (path == folder or path.startswith(f"{folder}/"))


def _owned_by_stranger(status: os.stat_result) -> bool:
    return status.st_uid not in {0, os.geteuid()}


def _stranger(status: os.stat_result) -> str:
    """Say how somebody else than root and this account can change a component; empty: nobody can."""
    if _owned_by_stranger(status):
        return f"belongs to uid {status.st_uid}"
    sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if not status.st_mode & _WRITABLE or sticky:
        return ""
    return "can be written by everybody" if status.st_mode & stat.S_IWOTH else "can be written by its group"


def _obstacle(error: OSError, path: str) -> Obstacle:
    reason = _REASONS.get(error.errno or 0, Reason.STORE_UNREADABLE)
    return Obstacle(reason, f"{shown(path)}: {error.strerror}")


def _wrong_kind(path: str, status: os.stat_result) -> Obstacle:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "of an unknown kind")
    return Obstacle(Reason.PATH_REFUSED, f"{shown(path)} is {kind}, not a regular file")


def _too_large(path: str, size: int, limit: int) -> Obstacle:
    return Obstacle(Reason.STORE_UNREADABLE, f"{shown(path)} has {size} bytes; at most {limit} are read")
