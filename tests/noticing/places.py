"""What can be taken away from a device and given back: a certificate in each kind of place, and what else wakes an agent."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, Protocol

from tests.stores import nss
from tests.stores.tokens import MODULE, PIN, Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import CertificateAuthority, Issued
    from tests.journeys.real import RealAgent

ANNA = 4_242
NOBODY = 65_534


class Place(Protocol):
    """A place with the right certificate in it, which comes and goes."""

    name: str
    noticed: str
    locations: dict[str, Any]
    schedule: str

    def remove(self) -> None:
        """Take the certificate away, as its owner would."""
        ...

    def restore(self) -> None:
        """Bring it back."""
        ...


class PemPlace:
    """A PEM file that is renamed."""

    name = "PEM files"
    noticed = "the files' folders are watched (inotify)"
    schedule = "5m"

    def __init__(self, agent: RealAgent, authority: CertificateAuthority) -> None:
        """Put it there."""
        agent.install(authority.issue(cn="laptop-1"))
        self._file = agent.pem
        self.locations: dict[str, Any] = {"paths": [str(agent.pem)]}

    def remove(self) -> None:
        """Rename it away."""
        self._file.rename(self._file.with_suffix(".aside"))

    def restore(self) -> None:
        """Rename it back."""
        self._file.with_suffix(".aside").rename(self._file)


class NssPlace:
    """A certificate in an NSS database, which ``certutil`` deletes; its key stays."""

    schedule = "5m"

    def __init__(self, name: str, folder: Path, issued: Issued, store: str, owner: int | None = None) -> None:
        """Make the database, as its owner's where it has one."""
        self.name = name
        self.noticed = "both files' folder is watched (inotify)"
        self.locations: dict[str, Any] = {"trust_stores": [store]}
        self._folder, self._issued = folder, issued
        nss.create_database(folder)
        nss.add_pair(folder, issued, "laptop")
        for path in (folder, *folder.iterdir()) if owner else ():
            os.chown(path, owner or 0, NOBODY)

    def remove(self) -> None:
        """Delete it."""
        nss.delete_certificate(self._folder, "laptop")

    def restore(self) -> None:
        """Import it again."""
        nss.add_certificate(self._folder, self._issued, "laptop")


class TokenPlace:
    """A certificate in a token, which nothing watches."""

    name = "PKCS#11 tokens"
    noticed = "at the next check on schedule; a new PIN file at once"
    locations: dict[str, Any] = {"paths": ["pkcs11:token=device"]}  # noqa: RUF012 - never changed.
    schedule = "1m"

    def __init__(self, tokens: Tokens, authority: CertificateAuthority) -> None:
        """Put it there, with its key."""
        self._tokens = tokens
        self._issued = authority.issue(cn="laptop-1")
        tokens.add()
        tokens.add_key(self._issued, b"\1")
        self.restore()

    def remove(self) -> None:
        """Delete it."""
        words = ("--batch", "--login", f"--set-pin={PIN}", "--delete")
        self._tokens.run("p11tool", f"--provider={MODULE}", *words, "pkcs11:token=device;type=cert")

    def restore(self) -> None:
        """Import it again."""
        self._tokens.add_certificate(self._issued, b"\1")


def make_home(folder: Path) -> Path:
    """Make Anna's home, and return the folder in it where her browser keeps its database."""
    home = folder / "anna"
    (home / ".pki").mkdir(parents=True)
    for path in (home, home / ".pki"):
        os.chown(path, ANNA, NOBODY)
        path.chmod(0o700)
    return home / ".pki" / "nssdb"


def change_network(*, there: bool) -> None:
    """Give this network namespace another address, or take it away."""
    words = ("ip", "address", "add" if there else "del", "192.0.2.1/32", "dev", "lo")
    subprocess.run(words, check=True)
