"""What keeps the start of ``gatepost check`` short, seen by what it loads, not by how long it takes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.nss_databases import LAPTOP, make_database
from tests.certificates import CertificateAuthority

if TYPE_CHECKING:
    from pathlib import Path

# Runs the command line, then says which modules were loaded, on a line of its own.
LOADED = """
import sys
from gatepost.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print("\\n" + " ".join(sys.modules))
    raise
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give the arguments of a check that passes."""
    folder: Path = tmp_path_factory.mktemp("check")
    authority = CertificateAuthority.create(cn="Example Issuing CA 1")
    (folder / "ca.pem").write_bytes(authority.pem)
    database = make_database(folder, authority, 5)
    return ["check", "--issuer", str(folder / "ca.pem"), "--nssdb", str(database), "--cn", LAPTOP]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_check_loads_nothing_that_its_answer_does_not_need(arguments: list[str], form: str) -> None:
    """No log, no HTTP, no tables; no signature algorithm for a check that asks for no key."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments, "--format", form], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    unwanted = {
        "asyncio",
        "gatepost.core.possession",
        "gatepost.core.signature",
        "gatepost.wire",
        "httpx2",
        "rich",
        "ssl",
        "structlog",
        "tempfile",
    }
    assert {"OpenSSL", "gatepost.stores.nssdb"} <= loaded
    assert set() == loaded & unwanted


def test_the_garbage_collector_is_back_when_the_command_runs(arguments: list[str]) -> None:
    """It is kept from what was imported, and from nothing that comes later."""
    code = LOADED.replace('" ".join(sys.modules)', "str(gc.isenabled()) + ' ' + str(gc.get_freeze_count() > 0)")
    done = subprocess.run(
        [sys.executable, "-c", f"import gc\n{code}", *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "True True"
