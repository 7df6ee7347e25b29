"""Other people's programs that judge what the toolkit makes: OpenSSL's command and NSS's; and a made-up randomness."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def fixed_randomness() -> Callable[[int], bytes]:
    """Give bytes that are the same in each run and different at each call."""
    calls = itertools.count()
    return lambda length: hashlib.shake_128(next(calls).to_bytes(8)).digest(length)


def run(*command: str | Path, check: bool = True) -> str:
    """Run a program and return what it says, on both of its outputs."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 or not check, f"{words} exited with {done.returncode}: {done.stdout}"
    return done.stdout


def text(certificate: Path) -> str:
    """Return the certificate as ``openssl x509 -text`` prints it, with names as RFC 2253 has them."""
    return run("openssl", "x509", "-in", certificate, "-noout", "-text", "-nameopt", "RFC2253")


def verify(authority: Path, certificate: Path, *options: str | Path, at: datetime = NOW) -> str:
    """Ask ``openssl verify`` at the instant ``at``, strictly: "OK", or what it says."""
    instant = str(int(at.timestamp()))
    command = ("openssl", "verify", "-x509_strict", "-attime", instant, *options, "-trusted", authority, certificate)
    said = run(*command, check=False)
    return "OK" if said == f"{certificate}: OK\n" else said


def new_nss_database(folder: Path) -> str:
    """Make an NSS database without a password; return its name for ``-d``."""
    folder.mkdir()
    run("certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
    return f"sql:{folder}"
