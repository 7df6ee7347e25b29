"""Which stores a check looks into, on each system."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from gatepost.cli.places import PlaceSettings, find_stores
from gatepost.core.check import Locations, OperatingSystem, TrustStore
from gatepost.core.finding import StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.interface import Query
from tests.certificates import NOW, CertificateAuthority
from tests.stores import kych

if TYPE_CHECKING:
    from pathlib import Path

LIKE_A_MAC = """
import os, sys
sys.platform, os.O_EVTONLY, os.O_SYMLINK = "darwin", os.O_PATH, os.O_NOFOLLOW
del os.O_PATH
from gatepost.cli.main import main
main(sys.argv[1:])
"""
"""A double of a Mac: Python there has no O_PATH, and the flags in its place have other names."""


def test_the_store_of_macos_is_its_system_keychain() -> None:
    """Or what the device's settings name instead."""
    system = Locations((TrustStore.SYSTEM,))
    (store,) = find_stores(system, PlaceSettings(), OperatingSystem.MAC)
    assert ("/Library/Keychains/System.keychain",) == store.watched
    stores = find_stores(system, PlaceSettings(keychains=("/a", "/b")), OperatingSystem.MAC)
    assert [("/a",), ("/b",)] == [item.watched for item in stores]


def test_the_keychains_of_macos_s_users_are_not_read() -> None:
    """Which is said, and not passed over."""
    (store,) = find_stores(Locations((TrustStore.USER,)), PlaceSettings(), OperatingSystem.MAC)
    (fault,) = store.read(Query(issuers=frozenset())).faults
    assert (Reason.LOCATION_UNSUPPORTED, StoreKind.KEYCHAIN) == (fault.reason, fault.location.store)


def test_a_keychain_is_read_where_linux_s_own_flags_are_not_there(tmp_path: Path) -> None:
    """The whole command, in a Python that calls itself one on macOS; no more of a Mac is here."""
    authority = CertificateAuthority.create()
    issued = authority.issue(cn="laptop-1")
    tables = (
        kych.table(kych.CERTIFICATES, [kych.certificate(issued.der, "laptop")]),
        kych.table(kych.PRIVATE_KEYS, [kych.private_key(issued.der)]),
    )
    (tmp_path / "System.keychain").write_bytes(kych.keychain(kych.schema(), *tables))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "agent.toml").write_text(f'keychains = ["{tmp_path}/System.keychain"]\n')
    words = ["check", "--issuer", "ca.pem", "--config", "agent.toml", "--cn", "laptop-1", "--private-key"]
    done = subprocess.run(
        [sys.executable, "-c", LIKE_A_MAC, *words, "--now", NOW.isoformat()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("PASS  evidence: key_present\n")
