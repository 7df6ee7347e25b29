"""Watchers: threads that ring the agent's bell when a store changed, the network came back, or the server calls.

Each may fail without harm: then the schedule alone is left, and what failed is told once.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Final

from watchfiles import watch

from gatepost.agent.wake import Bell, Cause
from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.wire.device import Called

_ROUTES: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""Netlink groups RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE (linux/rtnetlink.h)."""
_NETLINK_READ: Final = 65_536
_AFTER_FAILURE: Final = 30.0
"""Seconds until the server is asked again to call us, when it could not be."""
_DOUBLINGS: Final = 16
"""Calls that are counted: more make no pause longer, and a server may call without end."""
_DEBOUNCE: Final = 50
"""ms in which changes of files are gathered."""
_SHORTEST_PAUSE: Final = 0.2
"""Seconds between two requests to be called: a server that answers each at once must not make us ask without end."""

Mark = tuple[tuple[str, int, int, int, int], ...]


class StoreWatch:
    """Rings when a file that a store consists of is changed, replaced, made or removed.

    The folders are watched, since files are replaced by renaming; the files' own marks tell a change from a neighbour's.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._files: tuple[str, ...] = ()
        self._mark: Mark = ()
        self._noted: dict[str, Mark] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Forget what was noted: a cycle begins."""
        self._noted = {}

    def note(self, files: tuple[str, ...]) -> None:
        """Note the files that are about to be read, as they are before the reading: no change after it is lost."""
        for path in files:
            self._noted.setdefault(path, mark_of((path,)))

    def follow(self) -> None:
        """Watch what was noted; called after each cycle, since checks change where they look."""
        files = tuple(self._noted)
        self._mark = tuple(mark for path in files for mark in self._noted[path])
        if files != self._files or self._thread is None or not self._thread.is_alive():
            self.stop()
            self._files = files
            self._stop = threading.Event()
            folders = sorted({_existing_folder(path) for path in files})
            if folders:
                self._thread = threading.Thread(target=self._watch, args=(folders, self._stop), daemon=True)
                self._thread.start()
        self._compare()

    def stop(self) -> None:
        """End watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def _watch(self, folders: list[str], stop: threading.Event) -> None:
        for _ in watch(
            *folders, stop_event=stop, recursive=False, debounce=_DEBOUNCE, step=_DEBOUNCE, raise_interrupt=False
        ):
            self._compare()

    def _compare(self) -> None:
        mark = mark_of(self._files)
        if mark != self._mark:
            self._mark = mark
            self._bell.ring(Cause.STORE_CHANGED)


def mark_of(files: tuple[str, ...]) -> Mark:
    """Return what tells one state of the files from another: inode, size, and both times, in ns. A missing file is zeros."""
    marks = []
    for path in files:
        try:
            status = os.stat(path)  # noqa: PTH116 - called at every change; a Path would be made for nothing.
        except (OSError, ValueError):
            # ValueError: what can be no path, such as one with a NUL in it. The reader says so.
            marks.append((path, 0, 0, 0, 0))
        else:
            marks.append((path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(marks)


def _existing_folder(path: str) -> str:
    """Return the nearest folder above ``path`` that exists: what is missing will be made in it. "/" where there is none."""
    folder = os.path.dirname(path)  # noqa: PTH120 - as in `mark_of`.
    # A path that is not absolute, which no server of ours sends, has no folder at its top.
    while folder.rstrip("/") and not os.path.isdir(folder):  # noqa: PTH112 - as above.
        folder = os.path.dirname(folder)  # noqa: PTH120 - as above.
    return folder or "/"


class NetworkWatch:
    """Rings when addresses or routes of this machine change, as the kernel tells it over netlink."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    def start(self) -> bool:
        """Begin; False where this system has no netlink."""
        family = getattr(socket, "AF_NETLINK", None)
        if family is None:
            return False
        try:
            listener = socket.socket(family, socket.SOCK_RAW, 0)
            listener.bind((0, _ROUTES))
        except OSError:
            return False
        threading.Thread(target=self._listen, args=(listener,), daemon=True).start()
        return True

    def _listen(self, listener: socket.socket) -> None:
        while not self._bell.stopped:
            try:
                listener.recv(_NETLINK_READ)
            except OSError:
                # ENOBUFS: more changed than the kernel could tell us, which is a change all the same.
                if listener.fileno() < 0:
                    return
            self._bell.ring(Cause.NETWORK_BACK)


class CallWatch:
    """Holds one request open at the server and rings when it is answered with a call. ``wait`` does one request."""

    def __init__(self, bell: Bell, wait: Callable[[], Called]) -> None:
        self._bell = bell
        self._wait = wait
        self._pause = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, once the first cycle is over: before it every check would be newer than those at hand."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, daemon=True)
            self._thread.start()

    def _listen(self) -> None:
        calls = 0
        while not self._bell.stopped:
            try:
                called = self._wait()
            except GatepostError:
                self._pause.wait(_AFTER_FAILURE)
                continue
            if called.report_now:
                # The cycle that follows takes the newer checks; asking before that would only be answered the same again.
                self._bell.ring(Cause.CALLED)
                calls = min(calls + 1, _DOUBLINGS)
                self._pause.wait(min(_AFTER_FAILURE, 2.0**calls / 2))
            else:
                calls = 0
                self._pause.wait(max(_SHORTEST_PAUSE, called.again_in))
