"""What `gatepost check` looks into on a Windows, run as a person runs it, and what the service looks into."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gatepost.cli.windows_places import find_windows_stores
from gatepost.core.check import Locations, TrustStore
from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.stores.windows import WindowsStore
from gatepost.stores.windows_api import Refused
from gatepost.stores.windows_session import Session, SessionApi
from gatepost.stores.windows_users import SignedInUsers
from tests.windows.doubles import failing, with_doubles
from tests.windows.staging import Container
from tests.windows.subjects import CA, MACHINE, USER, Place, only, query, rsa_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.windows.staging import Stage


def _check(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    issuer = folder / "ca.pem"
    issuer.write_bytes(CA.pem)
    command = [sys.executable, "-m", "gatepost", "check", "--issuer", str(issuer), "--format", "json", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("place", [pytest.param(MACHINE, id="machine"), pytest.param(USER, id="user")])
def test_a_check_passes_with_possession(place: Place, stage: Stage, tmp_path: Path) -> None:
    """The whole command, in a process of its own."""
    key = rsa_key()
    container = stage.make_key(Container(name="gatepost-check", machine=place.is_machine), key)
    stage.add(place.owner, CA.issue(cn="laptop-1", key=key), key=container)
    status, answer = _check(tmp_path, "--store", place.scope, "--cn", "laptop-1", "--private-key")
    assert (0, "pass", "possession") == (status, answer["status"], answer["evidence"])
    assert {"store": "windows", "path": place.path} == answer["certificates"][0]["location"]


def test_an_answer_is_utf_8_when_it_goes_into_a_pipe(stage: Stage, tmp_path: Path) -> None:
    """Marks and names stand in it that no older encoding of Windows has."""
    stage.add(USER.owner, CA.issue(cn="laptop-1"), friendly_name="Büro ☂")
    issuer = tmp_path / "ca.pem"
    issuer.write_bytes(CA.pem)
    command = [sys.executable, "-m", "gatepost", "check", "--issuer", str(issuer), "--store", "user", "--explain"]
    done = subprocess.run(command, capture_output=True, check=True)
    text = done.stdout.decode("utf-8")
    assert "✔ CN=laptop-1" in text
    assert f'{USER.path}, "Büro ☂" (windows)' in text
    assert f'    see it  powershell -NoProfile -Command "Get-Item {USER.path}' in text


def test_a_check_fails_with_the_keys_reason(stage: Stage, tmp_path: Path) -> None:
    """The certificate is there, and its key is not."""
    stage.add(MACHINE.owner, CA.issue(cn="laptop-1"))
    status, answer = _check(tmp_path, "--store", "system", "--cn", "laptop-1", "--private-key")
    assert (1, "fail", ["private-key-missing"]) == (status, answer["status"], answer["reasons"])


def test_a_file_is_not_read(tmp_path: Path) -> None:
    """It is said so, instead of leaving it out."""
    status, answer = _check(tmp_path, "--path", "/certificate.pem")
    assert (3, ["location-unsupported"]) == (status, answer["reasons"])


class ServiceSessions(SessionApi):
    """The functions of Windows as the service sees them: it is SYSTEM, and Wine's one session is somebody's."""

    def own_account(self) -> str | Refused:
        """Say that this is SYSTEM."""
        return "S-1-5-18"

    def sessions(self) -> tuple[Session, ...]:
        """Return Wine's session."""
        return (Session(1, r"EXAMPLE\alice"),)


def test_the_service_looks_into_the_stores_of_whoever_is_signed_in(stage: Stage) -> None:
    """By a helper that is started with the token of that session."""
    issued = CA.issue()
    stage.add(USER.owner, issued)
    (store,) = find_windows_stores(Locations(trust_stores=(TrustStore.USER,)), ServiceSessions())
    assert isinstance(store, SignedInUsers)
    candidate = only(store.read(query()))
    assert (issued.der, r"EXAMPLE\alice") == (candidate.certificate.der, candidate.location.user)
    assert KeyState.MISSING is candidate.key


def test_everybody_else_looks_into_their_own_store() -> None:
    """And into the machine's."""
    stores = find_windows_stores(Locations(trust_stores=(TrustStore.SYSTEM, TrustStore.USER)))
    assert [WindowsStore, WindowsStore] == [type(store) for store in stores]


def test_a_path_is_a_fault() -> None:
    """Files and tokens."""
    (store,) = find_windows_stores(Locations(trust_stores=(), paths=("/certificate.pem",)))
    assert [Reason.LOCATION_UNSUPPORTED] == [fault.reason for fault in store.read(query()).faults]


def test_an_account_that_cannot_be_asked_is_none() -> None:
    """A double refuses this process's own token; then nobody is taken for SYSTEM."""
    from ctypes import c_void_p, wintypes  # noqa: PLC0415 - here alone

    load = with_doubles(advapi32={"OpenProcessToken": failing(5, wintypes.BOOL, *[c_void_p] * 3)})
    assert Refused("OpenProcessToken", 5) == SessionApi(load).own_account()
