"""Whatever Windows hands out is given back: stores, certificates, keys, digests, and no handle is left after many rounds."""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections import Counter
from contextlib import closing
from ctypes import wintypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gatepost.core.finding import KeyState
from gatepost.stores.windows_api import Library, Refused, StoreApi, declare, load_library
from gatepost.stores.windows_key_api import KeyApi
from tests.windows.staging import ENHANCED, RSA_FULL, Container
from tests.windows.subjects import CA, MACHINE, USER, Place, query, rsa_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.staging import Stage

ROUNDS = 100


# What is handed out by which functions, and taken back by which.
HANDED_OUT = {
    "stores": (["CertOpenStore"], ["CertCloseStore"]),
    "certificates": (
        ["CertEnumCertificatesInStore", "CertFindCertificateInStore"],
        ["returned", "CertFreeCertificateContext"],
    ),
    "keys": (["CryptAcquireCertificatePrivateKey", "CryptAcquireContextW"], ["CryptReleaseContext"]),
    "digests": (["CryptCreateHash"], ["CryptDestroyHash"]),
}
NOTHING = dict.fromkeys(HANDED_OUT, 0)


class Counted:
    """A function of C that counts, by its name, how often it gave something."""

    def __init__(self, function: Any, name: str, done: Counter[str]) -> None:  # noqa: ANN401 - a function of C.
        self.__dict__.update(_function=function, _name=name, _done=done)

    def __setattr__(self, name: str, value: object) -> None:
        """Take the C types."""
        setattr(self.__dict__["_function"], name, value)

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 - whatever C takes and gives.
        """Call it."""
        result = self.__dict__["_function"](*arguments)
        done, name = self.__dict__["_done"], self.__dict__["_name"]
        done[name] += bool(result)
        # An enumeration takes back the certificate before the one that it gives.
        done["returned"] += name == "CertEnumCertificatesInStore" and bool(arguments[1])
        return result


class CountedLibrary:
    """A library whose functions count."""

    def __init__(self, name: str, done: Counter[str]) -> None:
        self._real = load_library(name)
        self._done = done

    def __getitem__(self, name: str) -> Counted:
        """Return a function that counts."""
        return Counted(self._real[name], name, self._done)


class Ledger:
    """Counts what functions of Windows hand out (they return something) and take back."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()

    def load(self, name: str) -> Library:
        """Load a library whose functions count."""
        return CountedLibrary(name, self.done)

    @property
    def held(self) -> dict[str, int]:
        """What was handed out and not taken back."""
        return {
            kind: sum(self.done[name] for name in given) - sum(self.done[name] for name in taken)
            for kind, (given, taken) in HANDED_OUT.items()
        }


@pytest.mark.parametrize("place", [pytest.param(MACHINE, id="machine"), pytest.param(USER, id="user")])
def test_everything_is_released_when_a_store_was_read_and_has_signed(place: Place, stage: Stage) -> None:
    """As many are closed as were opened, and Windows itself finds no certificate that is still held."""
    _stage_every_state(place, stage)
    ledger = Ledger()
    store = place.open(ledger.load)
    findings = store.read(query())
    states = {KeyState.PRESENT, KeyState.MISSING, KeyState.MISMATCH}
    assert states == {candidate.key for candidate in findings.candidates}
    for candidate in findings.candidates:
        store.sign(candidate, b"a statement")
    assert NOTHING == ledger.held
    assert {"CertEnumCertificatesInStore", "CertFindCertificateInStore", "CryptAcquireContextW", "CryptCreateHash"} <= (
        +ledger.done
    ).keys()


def test_what_is_not_released_is_seen(stage: Stage) -> None:
    """The measure itself: a certificate in hand, and its key in use."""
    stage.add(USER.owner, CA.issue(key=rsa_key()), key=_stage_key(stage))
    ledger = Ledger()
    stores, keys = StoreApi(ledger.load), KeyApi(ledger.load)
    with stores.open_store(USER.owner, "MY") as store:
        assert isinstance(store, int)
        with closing(stores.certificates(store)) as contexts:
            context = next(contexts)
            assert not isinstance(context, Refused)
            with keys.acquire_key(context):
                assert {**NOTHING, "stores": 1, "certificates": 1, "keys": 1} == ledger.held
    assert NOTHING == ledger.held


@pytest.mark.parametrize("limit", [1, 2])
def test_everything_is_released_when_reading_stops_early(limit: int, stage: Stage) -> None:
    """At the limit, with a certificate in hand."""
    _stage_every_state(USER, stage)
    ledger = Ledger()
    assert USER.open(ledger.load).read(query(limit=limit)).too_many
    assert NOTHING == ledger.held
    assert ledger.done["CertEnumCertificatesInStore"]


def test_no_handle_is_left_after_many_rounds(stage: Stage) -> None:
    """Reading many times over leaves no more handles than Windows does by itself.

    Wine leaves one for each key that it opens, also when nothing of ours is near; Windows should leave none.
    """
    _stage_every_state(USER, stage)
    ledger = Ledger()
    store = USER.open(ledger.load)
    store.read(query())
    opened = ledger.done["CryptAcquireCertificatePrivateKey"] + ledger.done["CryptAcquireContextW"]
    own = _handles_left(lambda: stage.open_and_release(Container(name="gatepost-mine")))
    assert _handles_left(lambda: store.read(query())) <= opened * own


def _handles_left(action: Callable[[], object]) -> int:
    """Return how many handles are left by each round."""
    action()
    before = _handles()
    for _ in range(ROUNDS):
        action()
    return (_handles() - before) // ROUNDS


def test_handles_are_seen_when_they_are_left() -> None:
    """The measure itself."""
    before = _handles()
    event = _create_event(None, 0, 0, None)
    assert before != _handles()
    _close_handle(event)
    assert before == _handles()


def test_a_library_is_loaded_from_the_systems_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in the working folder is not, where others would load it."""
    source = next(Path(sys.base_prefix, "DLLs").glob("libffi-*.dll"))
    shutil.copy(source, tmp_path / "gatepost-planted.dll")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="gatepost-planted"):
        load_library("gatepost-planted.dll")
    if sys.platform == "win32":
        ctypes.WinDLL("gatepost-planted.dll", winmode=0)


_kernel32 = load_library("kernel32.dll")
_create_event = declare(
    _kernel32, "CreateEventW", wintypes.HANDLE, ctypes.c_void_p, wintypes.BOOL, wintypes.BOOL, wintypes.LPCWSTR
)
_close_handle = declare(_kernel32, "CloseHandle", wintypes.BOOL, wintypes.HANDLE)
_this_process = declare(_kernel32, "GetCurrentProcess", wintypes.HANDLE)
_handle_count = declare(
    _kernel32, "GetProcessHandleCount", wintypes.BOOL, wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD)
)


def _handles() -> int:
    """Return the number of open handles; Wine does not count them, but gives the lowest free number to the next."""
    count = wintypes.DWORD(0)
    assert _handle_count(_this_process(), count)
    if count.value:
        return count.value
    lowest: int = _create_event(None, 0, 0, None)
    _close_handle(lowest)
    return lowest // 4


def _stage_every_state(place: Place, stage: Stage) -> None:
    """Put in certificates whose keys are there, there in an older provider, gone, another's, and never were."""
    key = rsa_key()
    mine = _stage_key(stage, machine=place.is_machine)
    older = Container(name="gatepost-older", provider=ENHANCED, provider_type=RSA_FULL, machine=place.is_machine)
    stage.add(place.owner, CA.issue(key=key), key=mine, friendly_name="mine")
    stage.add(place.owner, CA.issue(key=key), key=stage.make_key(older, key))
    stage.add(place.owner, CA.issue(key=key), key=Container(name="gatepost-gone", machine=place.is_machine))
    stage.add(place.owner, CA.issue(key=rsa_key("another")), key=mine)
    denied = CA.issue(cn="denied")
    stage.add(place.owner, denied)
    stage.add(place.owner, denied, store="Disallowed")


def _stage_key(stage: Stage, *, machine: bool = False) -> Container:
    return stage.make_key(Container(name="gatepost-mine", machine=machine), rsa_key())
