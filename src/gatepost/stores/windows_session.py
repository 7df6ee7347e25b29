r"""Who is signed in to this Windows, and starting the helper in their session, where it answers one request and ends.

The helper runs as the user, with the user's own environment, without a window, in a job that ends it and all that it has
started when it has answered or its time is over. It gets no handle of ours: it opens the pipe that was made for it.
``WTSQueryUserToken`` needs the SYSTEM account. **Starting a process in another session was never run on a Windows**; all
the rest runs under Wine, in the session of the test. Sources: Microsoft's documentation of CreateProcessAsUserW and of jobs.
"""

from __future__ import annotations

import ctypes
from contextlib import ExitStack, contextmanager
from ctypes import POINTER, wintypes
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.errors import ProcessError
from gatepost.processes import Answered
from gatepost.stores.windows_answers import MAXIMUM_ANSWER, PATIENCE
from gatepost.stores.windows_api import Refused, declare, last_error, load_library
from gatepost.stores.windows_pipe import PREFIX, PipeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from gatepost.stores.windows_api import Library

_Outcome = TypeVar("_Outcome")

_ACTIVE: Final = 0
_DISCONNECTED: Final = 4
"""WTSActive, WTSDisconnected: somebody is signed in; the latter has only closed the window to a remote session."""
_USER_NAME: Final = 5
_DOMAIN_NAME: Final = 7
"""WTSUserName, WTSDomainName."""
_THIS_PROCESS: Final = -1
"""What GetCurrentProcess returns."""
_QUERY: Final = 0x8
"""TOKEN_QUERY."""
_TOKEN_USER: Final = 1
"""TokenUser: a pointer to the account's SID, and flags."""
_MAXIMUM_TOKEN: Final = 256
"""Bytes of TOKEN_USER; a SID has at most 68."""
_SUSPENDED: Final = 0x4
_UNICODE_ENVIRONMENT: Final = 0x400
_NO_WINDOW: Final = 0x0800_0000
"""CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, CREATE_NO_WINDOW."""
_EXTENDED_LIMITS: Final = 9
"""JobObjectExtendedLimitInformation."""
_END_WITH_JOB: Final = 0x2000
"""JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE."""
_NOT_STARTED: Final = 126
_NAME_LENGTH: Final = 16
"""Random bytes in a pipe's name."""


class Session(msgspec.Struct, frozen=True):
    r"""A session in which somebody is signed in: its number, and the account as ``DOMAIN\name``."""

    identifier: int
    user: str


class _Session(ctypes.Structure):
    """WTS_SESSION_INFOW."""

    _fields_ = (("identifier", wintypes.DWORD), ("station", wintypes.LPWSTR), ("state", ctypes.c_int))

    identifier: int
    state: int


class _Startup(ctypes.Structure):
    """STARTUPINFOW."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("reserved", wintypes.LPWSTR),
        ("desktop", wintypes.LPWSTR),
        ("title", wintypes.LPWSTR),
        ("numbers", wintypes.DWORD * 8),
        ("show", wintypes.WORD),
        ("reserved_size", wintypes.WORD),
        ("reserved_bytes", wintypes.LPVOID),
        ("handles", wintypes.HANDLE * 3),
    )


class _Process(ctypes.Structure):
    """PROCESS_INFORMATION."""

    _fields_ = (
        ("process", wintypes.HANDLE),
        ("thread", wintypes.HANDLE),
        ("process_id", wintypes.DWORD),
        ("thread_id", wintypes.DWORD),
    )

    process: int
    thread: int


class _Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, whose third field is the flags; the others stay 0."""

    _fields_ = (
        ("times", ctypes.c_int64 * 2),
        ("flags", wintypes.DWORD),
        ("others", ctypes.c_size_t * 15),
    )


class SessionApi:
    """The functions for sessions, tokens, processes and jobs, loaded."""

    def __init__(self, load: Callable[[str], Library] = load_library) -> None:
        """Load the libraries; raises OSError on another system than Windows."""
        boolean, word, handle, pointer = wintypes.BOOL, wintypes.DWORD, wintypes.HANDLE, wintypes.LPVOID
        out, size = POINTER(pointer), POINTER(word)
        sessions, advapi32, userenv = load("wtsapi32.dll"), load("advapi32.dll"), load("userenv.dll")
        listing = handle, word, word, POINTER(POINTER(_Session)), size
        self._list = declare(sessions, "WTSEnumerateSessionsW", boolean, *listing)
        asking = handle, word, ctypes.c_int, out, size
        self._ask = declare(sessions, "WTSQuerySessionInformationW", boolean, *asking)
        self._free_sessions = declare(sessions, "WTSFreeMemory", None, pointer)
        self._user_token = declare(sessions, "WTSQueryUserToken", boolean, word, POINTER(handle))
        self._own_token = declare(advapi32, "OpenProcessToken", boolean, handle, word, POINTER(handle))
        about = handle, ctypes.c_int, pointer, word, size
        self._token_information = declare(advapi32, "GetTokenInformation", boolean, *about)
        self._sid_text = declare(advapi32, "ConvertSidToStringSidW", boolean, pointer, out)
        starting = handle, wintypes.LPCWSTR, wintypes.LPWSTR, pointer, pointer, boolean, word, pointer
        where = wintypes.LPCWSTR, POINTER(_Startup), POINTER(_Process)
        self._start = declare(advapi32, "CreateProcessAsUserW", boolean, *starting, *where)
        self._environment = declare(userenv, "CreateEnvironmentBlock", boolean, out, handle, boolean)
        self._free_environment = declare(userenv, "DestroyEnvironmentBlock", boolean, pointer)
        self._declare_kernel(load("kernel32.dll"))

    def _declare_kernel(self, kernel32: Library) -> None:
        boolean, word, handle, pointer = wintypes.BOOL, wintypes.DWORD, wintypes.HANDLE, wintypes.LPVOID
        self._close = declare(kernel32, "CloseHandle", boolean, handle)
        self._free = declare(kernel32, "LocalFree", pointer, pointer)
        self._job = declare(kernel32, "CreateJobObjectW", handle, pointer, wintypes.LPCWSTR)
        self._limit = declare(kernel32, "SetInformationJobObject", boolean, handle, ctypes.c_int, pointer, word)
        self._assign = declare(kernel32, "AssignProcessToJobObject", boolean, handle, handle)
        self._resume = declare(kernel32, "ResumeThread", word, handle)
        self._terminate = declare(kernel32, "TerminateProcess", boolean, handle, wintypes.UINT)
        self._exit_code = declare(kernel32, "GetExitCodeProcess", boolean, handle, POINTER(word))

    # --- Sessions and their users --------------------------------------------------------------------------------------

    def sessions(self) -> tuple[Session, ...]:
        """Return the sessions in which somebody is signed in."""
        found, count = POINTER(_Session)(), wintypes.DWORD(0)
        if not self._list(None, 0, 1, found, count):
            return ()
        try:
            taken = [item.identifier for item in found[: count.value] if item.state in {_ACTIVE, _DISCONNECTED}]
        finally:
            self._free_sessions(found)
        named = ((identifier, self._name(identifier)) for identifier in taken)
        return tuple(Session(identifier, name) for identifier, name in named if name)

    def _name(self, session: int) -> str:
        """Return the account of a session; empty where nobody is signed in."""
        domain, name = (self._fact(session, kind) for kind in (_DOMAIN_NAME, _USER_NAME))
        return f"{domain}\\{name}" if domain and name else name

    def _fact(self, session: int, kind: int) -> str:
        value, size = wintypes.LPVOID(), wintypes.DWORD(0)
        if not self._ask(None, session, kind, value, size):
            return ""
        try:
            return ctypes.wstring_at(value.value or 0) if value.value else ""
        finally:
            self._free_sessions(value)

    @contextmanager
    def token(self, session: int) -> Iterator[int | Refused]:
        """Open the token of a session's user; for the SYSTEM account alone."""
        token = wintypes.HANDLE()
        if not self._user_token(session, token):
            yield Refused("WTSQueryUserToken", last_error())
            return
        try:
            yield token.value or 0
        finally:
            self._close(token)

    def own_account(self) -> str | Refused:
        """Return the SID of the account that this process runs as."""
        token = wintypes.HANDLE()
        if not self._own_token(_THIS_PROCESS, _QUERY, token):
            return Refused("OpenProcessToken", last_error())
        try:
            return self.account(token.value or 0)
        finally:
            self._close(token)

    def account(self, token: int) -> str | Refused:
        """Return the SID of a token's account."""
        value, size = ctypes.create_string_buffer(_MAXIMUM_TOKEN), wintypes.DWORD(0)
        if not self._token_information(token, _TOKEN_USER, value, _MAXIMUM_TOKEN, size):
            return Refused("GetTokenInformation", last_error())
        text = wintypes.LPVOID()
        if not self._sid_text(wintypes.LPVOID.from_buffer(value), text):
            return Refused("ConvertSidToStringSidW", last_error())
        try:
            return ctypes.wstring_at(text.value or 0)
        finally:
            self._free(text)

    # --- A process in a session ----------------------------------------------------------------------------------------

    @contextmanager
    def start(self, token: int, program: str, command: str) -> Iterator[int | Refused]:
        """Start a program as a token's user: its handle. It ends with the block, and so does what it has started."""
        with self._make_job() as job, self._make_environment(token) as environment:
            if isinstance(environment, Refused):
                yield environment
                return
            startup = _Startup(size=ctypes.sizeof(_Startup), desktop="winsta0\\default")
            flags = _SUSPENDED | _UNICODE_ENVIRONMENT | _NO_WINDOW
            started, line = _Process(), ctypes.create_unicode_buffer(command)
            if not self._start(token, program, line, None, None, 0, flags, environment, None, startup, started):
                yield Refused("CreateProcessAsUserW", last_error())
                return
            try:
                yield self._release(job, started)
            finally:
                self._close(started.thread)
                self._close(started.process)

    def _release(self, job: int, started: _Process) -> int | Refused:
        """Let a process run that was started suspended, once it can no longer outlive its job."""
        if not self._assign(job, started.process):
            refused = Refused("AssignProcessToJobObject", last_error())
            self._terminate(started.process, _NOT_STARTED)
            return refused
        self._resume(started.thread)
        return started.process

    @contextmanager
    def _make_job(self) -> Iterator[int]:
        job = self._job(None, None)
        try:
            limits = _Limits(flags=_END_WITH_JOB)
            self._limit(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
            yield job
        finally:
            self._close(job)

    @contextmanager
    def _make_environment(self, token: int) -> Iterator[int | Refused]:
        """Make the environment that a token's user gets at their sign-in; nothing of ours is in it."""
        environment = wintypes.LPVOID()
        if not self._environment(environment, token, 0):
            yield Refused("CreateEnvironmentBlock", last_error())
            return
        try:
            yield environment.value or 0
        finally:
            self._free_environment(environment)

    def exit_code(self, process: int) -> int:
        """Return the exit code of a process that has ended."""
        code = wintypes.DWORD(0)
        self._exit_code(process, code)
        return ctypes.c_int32(code.value).value


class Helper:
    """Reaches the helper in one session: give it to `SessionStore` as its ``ask``.

    ``open_token`` opens the user's token (`SessionApi.token`), ``command`` is the helper's program and first arguments, to
    which the name of the pipe comes; ``draw`` gives random bytes.
    """

    def __init__(
        self,
        open_token: Callable[[], AbstractContextManager[int | Refused]],
        command: tuple[str, ...],
        draw: Callable[[int], bytes],
        *,
        seconds: float = PATIENCE,
        load: Callable[[str], Library] = load_library,
    ) -> None:
        """Load the libraries; raises OSError on another system than Windows."""
        self._open_token = open_token
        self._command = command
        self._draw = draw
        self._seconds = seconds
        self._sessions = SessionApi(load)
        self._pipes = PipeApi(load)

    def __call__(self, request: bytes) -> Answered:
        """Have one framed request answered; raises `ProcessError` where the helper cannot be started."""
        with ExitStack() as stack:
            token = _insist(stack.enter_context(self._open_token()))
            name = PREFIX + self._draw(_NAME_LENGTH).hex()
            account = _insist(self._sessions.account(token))
            pipe = _insist(stack.enter_context(self._pipes.open(name, account, self._seconds)))
            line = _line((*self._command, name))
            process = _insist(stack.enter_context(self._sessions.start(token, self._command[0], line)))
            output = pipe.read(MAXIMUM_ANSWER) if pipe.connect(process) and pipe.write(request) else b""
            has_ended = len(output) <= MAXIMUM_ANSWER and pipe.wait_for(process)
            return Answered(output, self._sessions.exit_code(process) if has_ended else None)


def _insist(outcome: _Outcome | Refused) -> _Outcome:
    if isinstance(outcome, Refused):
        raise ProcessError("helper", _NOT_STARTED, f"cannot be started ({outcome})")
    return outcome


def _line(words: tuple[str, ...]) -> str:
    """Put words into the one line that Windows starts a program by; no file's name can have what would break this."""
    if any('"' in word or word.endswith("\\") for word in words):
        raise ProcessError("helper", _NOT_STARTED, "has a name that cannot be quoted")
    return " ".join(f'"{word}"' for word in words)
