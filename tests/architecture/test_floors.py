"""The floors hold, and each contract of import-linter catches the import that it is there to catch."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# For each contract, lines that break it: file under src/gatepost -> what is added to it (new where there is none).
BREACHES: dict[str, list[dict[str, str]]] = {
    "floors": [
        {"core/reason.py": "import gatepost.wire"},
        {"agent/__init__.py": "import gatepost.web"},
        {"storage/__init__.py": "import gatepost.pki"},
        {"attic/__init__.py": "'''A room without a floor.'''"},
    ],
    "core-in-order": [
        {"core/reason.py": "import gatepost.core.certificate"},
        {"core/attic.py": "'''A file without a place.'''"},
    ],
    "device-side": [
        {"stores/__init__.py": "import sqlalchemy"},
        {"agent/__init__.py": "import gatepost.controlplane"},
    ],
    "gateway": [{"gateway/__init__.py": "import gatepost.storage"}],
    "only-cli-composes": [{"web/__init__.py": "import gatepost.storage"}],
    "sql": [{"controlplane/__init__.py": "import sqlalchemy"}],
    "x509": [{"pki/__init__.py": "from OpenSSL import crypto"}],
    "core-is-pure": [{"core/reason.py": "import os"}, {"core/reason.py": "from pathlib import Path"}],
    "stores": [{"stores/nssdb.py": "import gatepost.stores.pem_files"}],
    "circles": [
        {"pki/hither.py": "import gatepost.pki.thither", "pki/thither.py": "import gatepost.pki.hither"},
    ],
}

# Who is meant by which contract, now or when the room is built: contract -> (its key, the modules).
MEMBERS: dict[str, dict[str, set[str]]] = {
    "device-side": {
        "source_modules": {"agent", "client", "stores"},
        "forbidden_modules": {"controlplane", "storage", "enforcement", "pki", "web"},
    },
    "gateway": {
        "source_modules": {"gateway"},
        "forbidden_modules": {"controlplane", "storage", "stores"},
    },
    "only-cli-composes": {
        "source_modules": {"web"},
        "forbidden_modules": {"storage", "stores", "client", "pki"},
    },
    "sql": {
        "source_modules": {"core", "wire", "controlplane", "web", "enforcement", "gateway", "simulator"},
    },
    "x509": {
        "source_modules": {
            "wire",
            "controlplane",
            "stores",
            "client",
            "storage",
            "enforcement",
            "pki",
            "agent",
            "web",
            "gateway",
            "simulator",
        },
    },
    "stores": {
        "modules": {"stores.pem_files", "stores.nssdb", "stores.pkcs11", "stores.keychain", "stores.windows"},
    },
}


def _lint(folder: Path, contract: str = "") -> subprocess.CompletedProcess[str]:
    """Run the linter on the tree under ``folder``, with one contract or all of them."""
    only = ["--contract", contract] if contract else []
    return subprocess.run(
        [str(LINTER), "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml"), *only],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def _copy_with(folder: Path, breach: dict[str, str]) -> None:
    """Copy the sources into ``folder`` and add the lines of ``breach``."""
    source = ROOT / "src" / "gatepost"
    package = folder / "src" / "gatepost"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, line in breach.items():
        path = package / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{line}\n")


def _exists(module: str) -> bool:
    path = ROOT / "src" / "gatepost" / module.replace(".", "/")
    return (path / "__init__.py").exists() or path.with_suffix(".py").exists()


def test_all_contracts_hold_on_the_tree_as_it_is(tmp_path: Path) -> None:
    """An untouched copy passes, so that what the breaches show is theirs."""
    _copy_with(tmp_path, {})
    outcome = _lint(tmp_path)
    assert outcome.returncode == 0, outcome.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in outcome.stdout


@pytest.mark.parametrize(
    ("contract", "breach"),
    [
        pytest.param(contract, breach, id=f"{contract['id']}-{number}")
        for contract in CONTRACTS
        for number, breach in enumerate(BREACHES[contract["id"]])
    ],
)
def test_a_contract_is_broken_when_its_wall_is_breached(
    contract: dict[str, str], breach: dict[str, str], tmp_path: Path
) -> None:
    """Each contract fails by its own name when an import that it forbids is added."""
    _copy_with(tmp_path, breach)
    outcome = _lint(tmp_path, contract["id"])
    assert outcome.returncode == 1
    assert f"{contract['name']} BROKEN" in outcome.stdout


@pytest.mark.parametrize(("contract", "key"), [(contract, key) for contract, keys in MEMBERS.items() for key in keys])
def test_a_room_stands_in_every_contract_meant_for_it_when_it_exists(contract: str, key: str) -> None:
    """A room that has been built is named wherever the walls around it are drawn."""
    sources = MEMBERS[contract].get("source_modules") or MEMBERS[contract]["modules"]
    is_due = any(_exists(module) for module in sources)
    expected = {f"gatepost.{module}" for module in MEMBERS[contract][key] if is_due and _exists(module)}
    named = {name for found in CONTRACTS if found["id"] == contract for name in found[key]}
    assert expected == {name for name in named if name.startswith("gatepost.")}


def test_a_room_has_no_brackets_when_it_exists() -> None:
    """Brackets in a list of layers say "not built yet", and say so truly."""
    bracketed = [
        f"{container.removeprefix('gatepost').lstrip('.')}.{room.strip(' ()')}".lstrip(".")
        for contract in CONTRACTS
        for container in contract.get("containers", [])
        for layer in contract["layers"]
        for room in layer.split("|")
        if "(" in room
    ]
    assert [] == [room for room in bracketed if _exists(room)]
