"""The helper, started for real through a token, a job and a named pipe: honest ones, and programs put in its place.

The token is that of the account that runs the tests, in its own session. Another session's was never tried on a Windows;
docs/how-to/check-windows-stores.md says so.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import contextmanager
from ctypes import POINTER, wintypes
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gatepost.core.finding import KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.windows_answers import MAXIMUM_ANSWER, Found, Read, SessionStore, decode, frame
from gatepost.stores.windows_api import Refused, declare, load_library
from gatepost.stores.windows_pipe import PREFIX, PipeApi
from gatepost.stores.windows_session import Helper, Session, SessionApi
from tests.windows.doubles import Played, failing, leave_error, with_doubles
from tests.windows.staging import Container
from tests.windows.subjects import CA, OTHER_CA, USER, only, parsed, query, rsa_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.windows.doubles import Loader
    from tests.windows.staging import Stage

NAME = r"EXAMPLE\alice"
WHO = rf"the process in the session of {NAME}"
STATEMENT = b"a statement"
HELPER = (sys.executable, "-I", "-m", "gatepost.stores.windows_user")
PATIENT, HASTY = 60.0, 2.0


@contextmanager
def _own_token() -> Iterator[int]:
    """Open the token of this process."""
    token = wintypes.HANDLE()
    open_token = declare(
        load_library("advapi32.dll"),
        "OpenProcessToken",
        wintypes.BOOL,
        wintypes.HANDLE,
        wintypes.DWORD,
        POINTER(wintypes.HANDLE),
    )
    assert open_token(-1, 0xF01FF, token)
    yield token.value or 0
    declare(load_library("kernel32.dll"), "CloseHandle", wintypes.BOOL, wintypes.HANDLE)(token)


def _helper(*command: str, seconds: float = PATIENT) -> Helper:
    return Helper(_own_token, command or HELPER, os.urandom, seconds=seconds)


def _store(*command: str, seconds: float = PATIENT) -> SessionStore:
    return SessionStore(NAME, _helper(*command, seconds=seconds), os.urandom)


def _imposter(script: str, seconds: float = PATIENT) -> SessionStore:
    """Put a program in the helper's place; the pipe's name is its last argument."""
    return _store(sys.executable, "-I", "-c", script.replace("\n", ";"), seconds=seconds)


def test_the_helper_finds_certificates_and_lets_their_keys_sign(stage: Stage) -> None:
    """The real helper, a real store, a real key, the real pipe."""
    key = rsa_key()
    issued = CA.issue(key=key)
    stage.add(USER.owner, issued, friendly_name="laptop", key=stage.make_key(Container(name="gatepost-user"), key))
    stage.add(USER.owner, OTHER_CA.issue())
    store = _store()
    candidate = only(store.read(query()))
    assert (issued.der, KeyState.PRESENT, "") == (candidate.certificate.der, candidate.key, candidate.key_detail)
    assert Location(store=StoreKind.WINDOWS, path=USER.path, label="laptop", user=NAME) == candidate.location
    signature = store.sign(candidate, STATEMENT)
    assert isinstance(signature, bytes)
    assert verify_signature(parsed(issued).public_key, signature, STATEMENT)


def test_the_helper_says_which_state_a_key_is_in(stage: Stage) -> None:
    """One without a key, one whose key is another's."""
    container = stage.make_key(Container(name="gatepost-user"), rsa_key("another"))
    stage.add(USER.owner, CA.issue(key=rsa_key()), key=container)
    stage.add(USER.owner, CA.issue())
    found = _store().read(query())
    assert {KeyState.MISMATCH, KeyState.MISSING} == {item.key for item in found.candidates}


def test_the_helper_writes_to_its_output_when_it_has_no_pipe(stage: Stage) -> None:
    """As a person may run it, and as another system starts it."""
    issued = CA.issue()
    stage.add(USER.owner, issued)
    request = Read(issuers=tuple(query().issuers), challenge=None, limit=10)
    done = subprocess.run(HELPER, input=frame(request), capture_output=True, check=True)
    assert [issued.der] == [seen.certificate for seen in decode(done.stdout, Found).seen]


OPEN = "import sys, time\np = open(sys.argv[-1], 'r+b', buffering=0)\n"


@pytest.mark.parametrize(
    ("script", "seconds", "complaint"),
    [
        pytest.param(
            OPEN + "[p.write(b' ' * 65536) for _ in iter(int, 1)]",
            PATIENT,
            f"answered more than {MAXIMUM_ANSWER} bytes",
            id="endless",
        ),
        pytest.param(
            OPEN + "[p.write(b' ') or time.sleep(0.01) for _ in iter(int, 1)]",
            HASTY,
            "did not end in time",
            id="trickle",
        ),
        pytest.param(OPEN + "time.sleep(60)", HASTY, "did not end in time", id="silent"),
        pytest.param("import time\ntime.sleep(60)", HASTY, "did not end in time", id="never comes"),
        pytest.param(
            OPEN + "p.write(b'{}')\np.close()\ntime.sleep(60)", HASTY, "did not end in time", id="does not end"
        ),
        pytest.param("raise SystemExit(3)", PATIENT, "failed (exit code 3)", id="ends before it comes"),
        pytest.param(OPEN + "raise SystemExit(4)", PATIENT, "failed (exit code 4)", id="ends without a word"),
        pytest.param(OPEN + "p.write(b'\\xff')", PATIENT, "answered what is no answer", id="not UTF-8"),
        pytest.param(OPEN + "p.write(b'{}')", PATIENT, "answered what is no answer", id="wrong JSON"),
        pytest.param(OPEN + "p.read(9)", PATIENT, "answered what is no answer", id="nothing"),
    ],
)
def test_a_program_in_the_helpers_place_is_a_fault(script: str, seconds: float, complaint: str) -> None:
    """Each ends, and is said to be what it was."""
    store = _imposter(script, seconds)
    (fault,) = store.read(query()).faults
    assert (Reason.STORE_UNREADABLE, f"{WHO} {complaint}") == (fault.reason, fault.detail)


LIAR = """
import sys, json, base64
p = open(sys.argv[-1], 'r+b', buffering=0)
r = json.loads(p.read(int.from_bytes(p.read(4), 'big')))
s = dict(certificate=sys.argv[1], label=None, distrusted=False, key='present', key_detail='', signature=sys.argv[2])
p.write(json.dumps(dict(seen=[s], others=0, too_many=False, troubles=[])).encode())
"""


def test_a_lie_about_a_key_is_a_fault() -> None:
    """A program that holds a certificate and not its key says that the key is there."""
    arguments = b64encode(CA.issue().der).decode(), b64encode(bytes(64)).decode()
    store = _store(sys.executable, "-I", "-c", _one_line(LIAR), *arguments)
    (fault,) = store.read(query()).faults
    assert f"{WHO} answered what cannot be: a signature that does not verify" == fault.detail


CHILD = """
import ctypes, sys, time
ctypes.WinDLL('kernel32').CreateEventW(None, 1, 0, 'gatepost-test-of-the-job')
print('ready', flush=True)
time.sleep(600)
"""
BEGETTER = """
import subprocess, sys
p = open(sys.argv[-1], 'r+b', buffering=0)
c = subprocess.Popen([sys.executable, '-I', '-c', sys.argv[1]], stdout=subprocess.PIPE)
c.stdout.readline()
p.write(b'{}')
"""


def test_what_a_program_has_started_ends_with_it() -> None:
    """It leaves a child behind, which would run for ten minutes; the job ends it."""
    child = _one_line(CHILD)
    with subprocess.Popen((sys.executable, "-I", "-c", child), stdout=subprocess.PIPE) as twin:
        assert twin.stdout is not None
        twin.stdout.readline()
        assert _event_exists()
        twin.kill()
    assert _goes_away()
    _store(sys.executable, "-I", "-c", _one_line(BEGETTER), child).read(query())
    assert _goes_away()


def _one_line(script: str) -> str:
    return script.strip().replace("\n", ";")


_open_event = declare(
    load_library("kernel32.dll"), "OpenEventW", wintypes.HANDLE, wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR
)
_close = declare(load_library("kernel32.dll"), "CloseHandle", wintypes.BOOL, wintypes.HANDLE)


def _event_exists() -> bool:
    event = _open_event(0x100000, 0, "gatepost-test-of-the-job")
    if event:
        _close(event)
    return bool(event)


def _goes_away() -> bool:
    """Wait for the child's event to go, which does not take ten minutes."""
    for _ in range(100):
        if not _event_exists():
            return True
        time.sleep(0.1)
    return False


def test_a_helper_that_cannot_be_started_is_a_fault() -> None:
    """Its program is not there."""
    (fault,) = _store(r"C:\no\such\program.exe").read(query()).faults
    assert fault.detail.startswith(f"{WHO} cannot be started (CreateProcessAsUserW: 0x0000000")


def test_a_helper_whose_name_cannot_be_quoted_is_not_started() -> None:
    """No file is called so, and nothing is guessed."""
    (fault,) = _store(sys.executable, 'a"b').read(query()).faults
    assert f"{WHO} has a name that cannot be quoted" == fault.detail


@pytest.mark.parametrize(
    ("library", "function", "types"),
    [
        ("advapi32", "GetTokenInformation", [wintypes.BOOL, *[ctypes.c_void_p] * 5]),
        ("advapi32", "ConvertSidToStringSidW", [wintypes.BOOL, *[ctypes.c_void_p] * 2]),
        (
            "advapi32",
            "ConvertStringSecurityDescriptorToSecurityDescriptorW",
            [wintypes.BOOL, *[ctypes.c_void_p] * 4],
        ),
        ("userenv", "CreateEnvironmentBlock", [wintypes.BOOL, *[ctypes.c_void_p] * 3]),
        ("kernel32", "AssignProcessToJobObject", [wintypes.BOOL, *[ctypes.c_void_p] * 2]),
    ],
)
def test_nothing_is_left_running_when_windows_refuses(library: str, function: str, types: list[type]) -> None:
    """Doubles refuse at each step; the function and its code are said."""
    load = with_doubles(**{library: {function: failing(5, *types)}})
    helper = Helper(_own_token, HELPER, os.urandom, seconds=PATIENT, load=load)
    (fault,) = SessionStore(NAME, helper, os.urandom).read(query()).faults
    assert f"{WHO} cannot be started ({function}: 0x00000005)" == fault.detail


def test_a_pipe_is_refused_when_somebody_has_made_one_of_its_name() -> None:
    """Who guessed the name beforehand is not spoken with."""
    pipes, sessions = PipeApi(), SessionApi()
    name = PREFIX + "test-of-the-name"
    with _own_token() as token:
        account = sessions.account(token)
        assert isinstance(account, str)
        with pipes.open(name, account, HASTY) as first, pipes.open(name, account, HASTY) as second:
            assert not isinstance(first, Refused)
            assert isinstance(second, Refused)
            assert "CreateNamedPipeW" == second.function


def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    """It opened the pipe and closed it again."""
    pipes, sessions = PipeApi(), SessionApi()
    name = PREFIX + "test-of-the-client"
    with _own_token() as token:
        account = sessions.account(token)
        assert isinstance(account, str)
        with pipes.open(name, account, PATIENT) as pipe:
            assert not isinstance(pipe, Refused)
            with open(name, "r+b", buffering=0):  # noqa: PTH123 - a pipe's name is no path
                pass
            assert not pipe.write(STATEMENT)
            assert b"" == pipe.read(10)


def test_what_windows_refuses_is_handed_on() -> None:
    """Token, environment, program and pipe: each refusal comes out of its block as it is."""
    pointer, boolean = ctypes.c_void_p, wintypes.BOOL
    refusing = with_doubles(
        wtsapi32={"WTSQueryUserToken": failing(5, boolean, *[pointer] * 2)},
        userenv={"CreateEnvironmentBlock": failing(5, boolean, *[pointer] * 3)},
    )
    with SessionApi(refusing).token(1) as token, SessionApi(refusing).start(0, "", "") as unstarted:
        assert ["WTSQueryUserToken: 0x00000005", "CreateEnvironmentBlock: 0x00000005"] == [str(token), str(unstarted)]
    with _own_token() as own, SessionApi().start(own, r"C:\no\such\program.exe", "") as missing:
        assert isinstance(missing, Refused)
        assert "CreateProcessAsUserW" == missing.function
    with PipeApi().open(PREFIX + "test-of-the-account", "no account", HASTY) as pipe:
        assert isinstance(pipe, Refused)


def test_a_client_that_comes_first_is_waited_for_no_longer() -> None:
    """It opens the pipe before anybody waits for it."""
    with _own_token() as token:
        account = SessionApi().account(token)
        assert isinstance(account, str)
        name = PREFIX + "test-of-the-first"
        with PipeApi().open(name, account, PATIENT) as pipe:
            assert not isinstance(pipe, Refused)
            with open(name, "r+b", buffering=0) as client:  # noqa: PTH123 - a pipe's name is no path
                assert pipe.connect(token)
                assert pipe.write(STATEMENT)
                assert client.read(len(STATEMENT)) == STATEMENT


def test_a_session_without_facts_has_no_name() -> None:
    """A double knows the session and nothing of it."""
    station = Station()
    station.names = {}
    assert () == SessionApi(station.load()).sessions()


def test_a_token_is_refused_with_its_code() -> None:
    """Only the SYSTEM account gets another's token; a double refuses as Windows does."""
    load = with_doubles(
        wtsapi32={
            "WTSQueryUserToken": failing(1314, wintypes.BOOL, wintypes.DWORD, ctypes.c_void_p),
        }
    )
    api = SessionApi(load)
    helper = Helper(partial(api.token, 1), HELPER, os.urandom)
    (fault,) = SessionStore(NAME, helper, os.urandom).read(query()).faults
    assert f"{WHO} cannot be started (WTSQueryUserToken: 0x00000522)" == fault.detail


def test_a_token_of_a_session_starts_the_helper(stage: Stage) -> None:
    """Wine gives the token of its one session; Windows gives it to the SYSTEM account."""
    issued = CA.issue()
    stage.add(USER.owner, issued)
    helper = Helper(partial(SessionApi().token, 1), HELPER, os.urandom, seconds=PATIENT)
    candidate = only(SessionStore(NAME, helper, os.urandom).read(query(asks_key=False)))
    assert issued.der == candidate.certificate.der


class _Listed(ctypes.Structure):
    """WTS_SESSION_INFOW."""

    _fields_ = (("identifier", wintypes.DWORD), ("station", wintypes.LPWSTR), ("state", ctypes.c_int))


class Station:
    """Plays wtsapi32: the services' session, one of a user at the screen, one left disconnected, one that listens."""

    def __init__(self) -> None:
        self.names = {(1, 5): "alice", (1, 7): "EXAMPLE", (2, 5): "bob", (2, 7): "", (0, 5): "", (9, 5): "nobody"}
        self.freed = 0
        self.given = 0
        self._list = (_Listed * 4)(
            _Listed(0, "Services", 4), _Listed(1, "Console", 0), _Listed(2, "", 4), _Listed(9, "RDP-Tcp", 6)
        )
        self._texts: list[ctypes.Array[ctypes.c_wchar]] = []

    def load(self) -> Loader:
        """Return what loads the libraries with this one among them."""
        pointer, word, boolean = ctypes.c_void_p, wintypes.DWORD, wintypes.BOOL
        return with_doubles(
            wtsapi32={
                "WTSEnumerateSessionsW": Played(
                    (boolean, pointer, word, word, POINTER(pointer), POINTER(word)), self._enumerate
                ),
                "WTSQuerySessionInformationW": Played(
                    (boolean, pointer, word, ctypes.c_int, POINTER(pointer), POINTER(word)), self._ask
                ),
                "WTSFreeMemory": Played((boolean, pointer), self._free),
            }
        )

    def _enumerate(self, *arguments: Any) -> int:  # noqa: ANN401 - pointers of C.
        _server, _reserved, _version, found, count = arguments
        found[0], count[0] = ctypes.addressof(self._list), len(self._list)
        self.given += 1
        return 1

    def _ask(self, *arguments: Any) -> int:  # noqa: ANN401 - pointers of C.
        _server, session, kind, value, size = arguments
        if (session, kind) not in self.names:
            leave_error(2)
            return 0
        text = ctypes.create_unicode_buffer(self.names[session, kind])
        self._texts.append(text)
        value[0], size[0] = ctypes.addressof(text), ctypes.sizeof(text)
        self.given += 1
        return 1

    def _free(self, _address: int) -> int:
        self.freed += 1
        return 1


def test_the_sessions_of_those_who_are_signed_in_are_found() -> None:
    """Not the services' own, nor one that only listens; what Windows gave is freed."""
    station = Station()
    assert (Session(1, NAME), Session(2, "bob")) == SessionApi(station.load()).sessions()
    assert station.given == station.freed > 0


def test_nobody_is_signed_in_when_sessions_cannot_be_listed() -> None:
    """A double refuses."""
    types = wintypes.BOOL, *[ctypes.c_void_p] * 5
    assert () == SessionApi(with_doubles(wtsapi32={"WTSEnumerateSessionsW": failing(5, *types)})).sessions()
