"""The locks pin everything by hash, and say nothing of the machine that made them."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
REQUIREMENT = re.compile(r"(?m)^([a-z0-9][a-z0-9._-]*)((?:.*\\\n)*.*)")


def _requirements(lock: str) -> dict[str, str]:
    """Return what a lock says of each distribution, by name."""
    return dict(REQUIREMENT.findall((ROOT / lock).read_text()))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_one_version_and_hashes(lock: str) -> None:
    """Nothing is installed whose bytes the lock does not know."""
    requirements = _requirements(lock)
    assert requirements
    assert [] == [
        name for name, rest in requirements.items() if not rest.startswith("==") or "--hash=sha256:" not in rest
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock: str) -> None:
    """Which registry serves a package is a setting of the machine, not of the project."""
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert [] == re.findall(r"(?m)^\s*--(?!hash=).*", text)


def test_the_lock_has_every_direct_dependency() -> None:
    """What pyproject.toml asks for, the lock has."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [settings["project"]["dependencies"], *settings["project"]["optional-dependencies"].values()]
    groups += settings["dependency-groups"].values()
    asked = {re.split(r"[^\w.-]", line)[0] for group in groups for line in group if isinstance(line, str)}
    assert set() == asked - _requirements("requirements.lock").keys()


def test_the_environment_has_nothing_but_the_lock() -> None:
    """The tests run on what is locked, so that the licences read are the licences of the lock."""
    installed = {_normal(distribution.name) for distribution in distributions()}
    assert {"gatepost"} == installed - _requirements("requirements.lock").keys()
