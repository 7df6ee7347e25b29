"""What the figures were measured on: processor, system, versions. No name of the machine, nothing of its owner."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography.hazmat.backends.openssl.backend import backend

_LIBRARIES: Final = ("click", "cryptography", "granian", "msgspec", "pyopenssl", "sqlalchemy")


def describe_machine() -> dict[str, str]:
    """Return what matters of this machine, by name."""
    return {
        "processor": _field(Path("/proc/cpuinfo"), "model name", ":"),
        "cores": str(os.cpu_count()),
        "system": _field(Path("/etc/os-release"), "PRETTY_NAME", "="),
        "Python": platform.python_version(),
        "OpenSSL": backend.openssl_version_text(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _field(path: Path, name: str, separator: str) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip().strip('"')
    return "unknown"
