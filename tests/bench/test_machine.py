"""The machine that was measured on, without its name."""

from __future__ import annotations

import platform
import socket

from bench.machine import describe_machine


def test_a_machine_is_described_without_its_name() -> None:
    """Processor, system and versions are there; who it is is nobody's business."""
    described = describe_machine()
    assert platform.python_version() == described["Python"]
    assert described["OpenSSL"].startswith("OpenSSL ")
    assert "unknown" not in {described["processor"], described["system"]}
    assert socket.gethostname() not in described.values()
