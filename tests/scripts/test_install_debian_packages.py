"""The script that installs Debian packages: only what is missing, and in words when it cannot.

The package tools are stand-ins in a folder that is the whole PATH: a test must not change the machine that it runs on.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "install-debian-packages"


class Machine:
    """A folder of commands, and a record of how apt-get was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("env", "cat", "sh"):
            found = shutil.which(name)
            assert found is not None
            (folder / name).symlink_to(found)
        self.record = folder / "record"
        self.record.touch()

    def has(self, name: str, script: str) -> None:
        """Give the machine a command."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, *packages: str) -> subprocess.CompletedProcess[str]:
        """Run the script for ``packages``."""
        return subprocess.run(
            [str(SCRIPT), *packages],
            env={"PATH": str(self.folder), "RECORD": str(self.record)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine whose only installed package is ``here``, where this is root and apt-get works at once."""
    made = Machine(tmp_path)
    made.has("dpkg-query", 'case "$*" in *" here") printf installed;; *) exit 1;; esac')
    made.has("id", "echo 0")
    made.has("apt-get", 'echo "$*" >>"$RECORD"')
    return made


def test_nothing_is_done_when_all_packages_are_there(machine: Machine) -> None:
    """A second `make` costs nothing and says nothing."""
    outcome = machine.run("here")
    assert (0, "", "") == (outcome.returncode, outcome.stdout, outcome.stderr)
    assert machine.record.read_text() == ""


def test_only_missing_packages_are_installed_when_some_are_there(machine: Machine) -> None:
    """What is installed is not named to apt-get, and the rest is announced."""
    outcome = machine.run("here", "gone")
    assert outcome.returncode == 0
    assert outcome.stdout == "Installing Debian packages: gone\n"
    calls = machine.record.read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].startswith("--quiet --quiet install --yes")
    assert calls[0].endswith(" gone")


def test_the_package_lists_are_renewed_when_the_first_try_fails(machine: Machine) -> None:
    """A fresh machine has no lists: apt-get update, then once more."""
    machine.has(
        "apt-get",
        'echo "$*" >>"$RECORD"; case "$*" in *update) : >"$RECORD.renewed";; *) [ -e "$RECORD.renewed" ];; esac',
    )
    outcome = machine.run("gone")
    assert outcome.returncode == 0
    verbs = [call.split()[2] for call in machine.record.read_text().splitlines()]
    assert verbs == ["install", "update", "install"]


def test_it_ends_with_2_and_the_names_when_apt_cannot_install(machine: Machine) -> None:
    """What apt-get cannot do is left to the person, in words."""
    machine.has("apt-get", "exit 100")
    outcome = machine.run("gone", "lost")
    assert outcome.returncode == 2
    assert "Please have these Debian packages installed: gone lost" in outcome.stderr


def test_it_ends_with_2_and_the_names_when_neither_root_nor_sudo_is_possible(machine: Machine) -> None:
    """Without root and sudo nothing is tried."""
    machine.has("id", "echo 1000")
    outcome = machine.run("here", "gone")
    assert outcome.returncode == 2
    assert "neither root nor is sudo here" in outcome.stderr
    assert outcome.stderr.endswith("packages installed: gone\n")
    assert machine.record.read_text() == ""


def test_sudo_is_used_when_this_is_not_root(machine: Machine) -> None:
    """Not root: apt-get runs by way of sudo."""
    machine.has("id", "echo 1000")
    machine.has("sudo", 'echo "sudo $*" >>"$RECORD"; exec "$@"')
    outcome = machine.run("gone")
    assert outcome.returncode == 0
    assert machine.record.read_text().startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get")


def test_it_says_what_is_needed_and_goes_on_when_this_is_no_debian(machine: Machine) -> None:
    """On other systems the programs may be there under other names; the person is told."""
    (machine.folder / "dpkg-query").unlink()
    outcome = machine.run("gone")
    assert outcome.returncode == 0
    assert "gone" in outcome.stderr
