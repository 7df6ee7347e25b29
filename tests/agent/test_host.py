"""What this host says of itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gatepost.agent.host import read_host


def test_the_host_is_named_as_the_system_names_it() -> None:
    """The short name for templates, the whole one for people."""
    host = read_host()
    assert (socket.gethostname().partition(".")[0], socket.gethostname()) == (host.facts.hostname, host.name)


def test_the_system_is_named_as_its_release_file_does() -> None:
    """Without the quotes around it."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    version = read_host().os_version
    assert version
    assert f'PRETTY_NAME="{version}"' in release or f"PRETTY_NAME={version}" in release


def test_facts_are_replaced_when_the_settings_say_so() -> None:
    """One of them; the others stay."""
    host = read_host({"serial_number": "S-7"})
    assert ("S-7", read_host().facts.hostname) == (host.facts.serial_number, host.facts.hostname)


@pytest.mark.parametrize(
    "value",
    ["", "None", "Default string", "To be filled by O.E.M.", "0", "000-000", "FFFF", "123456789", "a\nb", "x" * 254],
)
def test_a_filler_is_no_fact(value: str) -> None:
    """What many devices share, and what cannot be printed, is not known."""
    assert read_host({"serial_number": value}).facts.serial_number is None
