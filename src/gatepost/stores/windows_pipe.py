r"""One question through a named pipe of Windows, and its answer: bounded in bytes, and in time from the first call to the last.

A named pipe, because Windows does not let a process of another session inherit handles. It is for one client of one account,
its name is drawn at random and must be new, and nobody from another machine can reach it. Nothing here starts a process, and
nothing is believed. Sources: Microsoft's documentation of CreateNamedPipeW, ConnectNamedPipe and OVERLAPPED.
"""

from __future__ import annotations

import ctypes
from contextlib import ExitStack, contextmanager
from ctypes import POINTER, wintypes
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gatepost.stores.windows_api import Refused, declare, last_error, load_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.stores.windows_api import Library

PREFIX: Final = "\\\\.\\pipe\\gatepost-"
INVALID: Final = ctypes.c_void_p(-1).value
"""INVALID_HANDLE_VALUE."""

_DUPLEX: Final = 0x3
"""PIPE_ACCESS_DUPLEX."""
_FIRST_AND_OVERLAPPED: Final = 0x0008_0000 | 0x4000_0000
"""FILE_FLAG_FIRST_PIPE_INSTANCE: nobody else has made a pipe of this name. FILE_FLAG_OVERLAPPED: no call waits."""
_LOCAL_ONLY: Final = 0x8
"""PIPE_REJECT_REMOTE_CLIENTS."""
_BUFFER: Final = 64 * 1024
_REVISION: Final = 1
"""SDDL_REVISION_1."""
_CONNECTED: Final = 535
"""ERROR_PIPE_CONNECTED: the client was quicker."""
_PENDING: Final = 997
"""ERROR_IO_PENDING."""
_FOR_EVER: Final = 0xFFFFFFFF
"""INFINITE; a timer is always among what is waited for."""
_TICKS: Final = 10_000_000
"""The unit of timers is 100 ns."""


class _Security(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = (("length", wintypes.DWORD), ("descriptor", wintypes.LPVOID), ("inherited", wintypes.BOOL))


class _Overlapped(ctypes.Structure):
    """OVERLAPPED."""

    _fields_ = (
        ("internal", ctypes.c_size_t),
        ("internal_high", ctypes.c_size_t),
        ("offset", ctypes.c_uint64),
        ("event", wintypes.HANDLE),
    )


class PipeApi:
    """The functions for pipes, loaded."""

    def __init__(self, load: Callable[[str], Library] = load_library) -> None:
        """Load the libraries; raises OSError on another system than Windows."""
        kernel32, advapi32 = load("kernel32.dll"), load("advapi32.dll")
        boolean, word, handle, pointer, text = (
            wintypes.BOOL,
            wintypes.DWORD,
            wintypes.HANDLE,
            wintypes.LPVOID,
            wintypes.LPCWSTR,
        )
        creating = text, word, word, word, word, word, word, POINTER(_Security)
        moving = handle, pointer, word, pointer, POINTER(_Overlapped)
        self._create = declare(kernel32, "CreateNamedPipeW", handle, *creating)
        self.connect = declare(kernel32, "ConnectNamedPipe", boolean, handle, POINTER(_Overlapped))
        self.read = declare(kernel32, "ReadFile", boolean, *moving)
        self.write = declare(kernel32, "WriteFile", boolean, *moving)
        self._cancel = declare(kernel32, "CancelIoEx", boolean, handle, POINTER(_Overlapped))
        result = handle, POINTER(_Overlapped), POINTER(word), boolean
        self._result = declare(kernel32, "GetOverlappedResult", boolean, *result)
        self._event = declare(kernel32, "CreateEventW", handle, pointer, boolean, boolean, text)
        self._timer = declare(kernel32, "CreateWaitableTimerW", handle, pointer, boolean, text)
        setting = handle, POINTER(ctypes.c_int64), ctypes.c_long, pointer, pointer, boolean
        self._set_timer = declare(kernel32, "SetWaitableTimer", boolean, *setting)
        self._wait = declare(kernel32, "WaitForMultipleObjects", word, word, POINTER(handle), boolean, word)
        self._close = declare(kernel32, "CloseHandle", boolean, handle)
        self._free = declare(kernel32, "LocalFree", pointer, pointer)
        describing = text, word, POINTER(pointer), pointer
        name = "ConvertStringSecurityDescriptorToSecurityDescriptorW"
        self._describe = declare(advapi32, name, boolean, *describing)

    @contextmanager
    def open(self, name: str, account: str, seconds: float) -> Iterator[Pipe | Refused]:
        """Make the pipe ``name``, which ``account`` (a SID) alone may open; its time begins now."""
        with ExitStack() as stack:
            descriptor = wintypes.LPVOID()
            # Protected, and nobody is named but this account; who made a pipe holds it already.
            if not self._describe(f"D:P(A;;GRGW;;;{account})", _REVISION, descriptor, None):
                yield Refused("ConvertStringSecurityDescriptorToSecurityDescriptorW", last_error())
                return
            stack.callback(self._free, descriptor)
            security = _Security(ctypes.sizeof(_Security), descriptor, 0)
            pipe = self._create(name, _DUPLEX | _FIRST_AND_OVERLAPPED, _LOCAL_ONLY, 1, _BUFFER, _BUFFER, 0, security)
            if pipe == INVALID:
                yield Refused("CreateNamedPipeW", last_error())
                return
            stack.callback(self._close, pipe)
            event, timer = self._event(None, 1, 0, None), self._timer(None, 1, None)
            stack.callback(self._close, event)
            stack.callback(self._close, timer)
            self._set_timer(timer, ctypes.c_int64(-int(seconds * _TICKS)), 0, None, None, 0)
            yield Pipe(self, pipe, event, timer)

    def wait(self, *handles: int) -> int:
        """Wait for the first of some handles: its place; of several that are ready, the first."""
        return int(self._wait(len(handles), (wintypes.HANDLE * len(handles))(*handles), 0, _FOR_EVER))

    def complete(self, pipe: int, event: int, others: tuple[int, ...], start: Callable[[Any], int]) -> int | None:
        """Do one thing with the pipe, unless one of ``others`` is ready before: the bytes moved; None where it was not done."""
        overlapped = _Overlapped(event=event)
        if not start(overlapped):
            if last_error() == _CONNECTED:
                return 0
            if last_error() != _PENDING:
                return None
            if self.wait(*others, event) < len(others):
                self._cancel(pipe, overlapped)
        # It waits until Windows no longer touches our memory: what was cancelled ends at once.
        count = wintypes.DWORD(0)
        return count.value if self._result(pipe, overlapped, count, 1) else None


class Pipe:
    """A pipe of ours, and the time that is left for everything that is done with it."""

    def __init__(self, api: PipeApi, pipe: int, event: int, timer: int) -> None:
        self._api = api
        self._pipe = pipe
        self._event = event
        self._timer = timer

    def connect(self, process: int) -> bool:
        """Wait for the client; False where the time is over or ``process`` (a handle) has ended without coming."""
        others = self._timer, process
        done = self._api.complete(self._pipe, self._event, others, partial(self._api.connect, self._pipe))
        return done is not None

    def write(self, content: bytes) -> bool:
        """Write all of ``content``; False where the client has gone or the time is over."""
        return self._move(partial(self._api.write, self._pipe, content, len(content), None)) == len(content)

    def read(self, limit: int) -> bytes:
        """Read until the client closes, until the time is over, or until there are more than ``limit`` bytes (and one)."""
        content = bytearray()
        chunk = ctypes.create_string_buffer(_BUFFER)
        while len(content) <= limit:
            room = min(_BUFFER, limit + 1 - len(content))
            count = self._move(partial(self._api.read, self._pipe, chunk, room, None))
            if count is None:
                break
            content += chunk.raw[:count]
        return bytes(content)

    def wait_for(self, process: int) -> bool:
        """Wait for the end of ``process`` (a handle); False where the time is over before."""
        return self._api.wait(process, self._timer) == 0

    def _move(self, start: Callable[[Any], int]) -> int | None:
        return self._api.complete(self._pipe, self._event, (self._timer,), start)
