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
from gatepost.stores.windows_api import CryptoApi, Refused, declare, load_library
from tests.windows.staging import ENHANCED, RSA_FULL, Container
from tests.windows.subjects import CA, MACHINE, USER, Place, query, rsa_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.staging import Stage

ROUNDS = 100


class Ledger:
    """Counts what the functions of an API hand out (they return something) and take back, by name."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.api = CryptoApi()
        for name, function in vars(self.api).items():
            setattr(self.api, name, self._counted(name.removeprefix("_"), function))

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:  # noqa: ANN401 - whatever C takes and gives
            result = function(*arguments)
            self.done[name] += bool(result)
            # An enumeration takes back the certificate before the one that it gives.
            self.done["returned"] += name == "enumerate" and bool(arguments[1])
            return result

        return call

    @property
    def held(self) -> dict[str, int]:
        """What was handed out and not taken back."""
        done = self.done
        return {
            "stores": done["open_store"] - done["close_store"],
            "certificates": done["enumerate"] + done["find"] - done["returned"] - done["free"],
            "keys": done["acquire"] + done["acquire_context"] - done["release_context"],
            "digests": done["create_hash"] - done["destroy_hash"],
        }


NOTHING = {"stores": 0, "certificates": 0, "keys": 0, "digests": 0}


@pytest.mark.parametrize("place", [pytest.param(MACHINE, id="machine"), pytest.param(USER, id="user")])
def test_everything_is_released_when_a_store_was_read_and_has_signed(place: Place, stage: Stage) -> None:
    """As many are closed as were opened, and Windows itself finds no certificate that is still held."""
    _stage_every_state(place, stage)
    ledger = Ledger()
    store = place.open(ledger.api)
    findings = store.read(query())
    states = {KeyState.PRESENT, KeyState.MISSING, KeyState.MISMATCH}
    assert states == {candidate.key for candidate in findings.candidates}
    for candidate in findings.candidates:
        store.sign(candidate, b"a statement")
    assert NOTHING == ledger.held
    assert {"enumerate", "find", "acquire_context", "create_hash"} <= (+ledger.done).keys()


def test_what_is_not_released_is_seen(stage: Stage) -> None:
    """The measure itself: a certificate in hand, and its key in use."""
    stage.add(USER.owner, CA.issue(key=rsa_key()), key=_stage_key(stage))
    ledger = Ledger()
    with ledger.api.open_store(USER.owner, "MY") as store:
        assert isinstance(store, int)
        with closing(ledger.api.certificates(store)) as contexts:
            context = next(contexts)
            assert not isinstance(context, Refused)
            with ledger.api.acquire_key(context):
                assert {**NOTHING, "stores": 1, "certificates": 1, "keys": 1} == ledger.held
    assert NOTHING == ledger.held


@pytest.mark.parametrize("limit", [1, 2])
def test_everything_is_released_when_reading_stops_early(limit: int, stage: Stage) -> None:
    """At the limit, with a certificate in hand."""
    _stage_every_state(USER, stage)
    ledger = Ledger()
    assert USER.open(ledger.api).read(query(limit=limit)).too_many
    assert NOTHING == ledger.held
    assert ledger.done["enumerate"]


def test_no_handle_is_left_after_many_rounds(stage: Stage) -> None:
    """Reading many times over leaves no more handles than Windows does by itself.

    Wine leaves one for each key that it opens, also when nothing of ours is near; Windows should leave none.
    """
    _stage_every_state(USER, stage)
    ledger = Ledger()
    store = USER.open(ledger.api)
    store.read(query())
    opened = ledger.done["acquire"] + ledger.done["acquire_context"]
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
