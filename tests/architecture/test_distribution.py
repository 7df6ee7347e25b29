"""What is shipped is the package, whole, with its types and its data, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel and a source distribution, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def _tree() -> set[str]:
    """Return the files of the package, as named below ``src``."""
    paths = (ROOT / "src" / "gatepost").rglob("*")
    return {str(path.relative_to(ROOT / "src")) for path in paths if path.is_file() and "__pycache__" not in path.parts}


def test_the_wheel_has_every_file_of_the_package(distributions: Path) -> None:
    """Python files, ``py.typed`` and data files are all there, and no test."""
    (wheel,) = distributions.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "gatepost/py.typed" in names
    assert _tree() == names


def test_the_wheel_carries_the_licence(distributions: Path) -> None:
    """Apache-2.0 asks that the licence goes along."""
    (wheel,) = distributions.glob("*.whl")
    assert any(name.endswith("/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_the_source_distribution_can_be_tested_and_has_no_junk(distributions: Path) -> None:
    """All that ``make test`` needs is there; no environment, no cache, no lock of another tool."""
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        tops = {Path(name).parts[1] for name in opened.getnames()}
    needed = {"src", "tests", "scripts", "Makefile", "pyproject.toml", "requirements.lock", "requirements-uv.lock"}
    needed |= {"fuzz", *(f"requirements-{name}.lock" for name in ("bench", "fuzz", "proxies", "windows"))}
    assert needed <= tops
    assert tops <= needed | {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "bench", "docs", ".gitignore"}
