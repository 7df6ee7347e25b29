"""The parts that the demo moves: a certificate authority, a device's two stores, a server, an agent; each the real one.

Every step here is a command that a person could type, or a request that a script could send; what is shown is what they
answered. Everything lies in one temporary folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import httpx2
import msgspec

from gatepost.errors import ProcessError, ServerRefusedError, TransportError
from gatepost.processes import Finished, Running, run

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE: Final = 60.0
NICKNAME: Final = "device"


class Issued(msgspec.Struct, frozen=True):
    """A certificate that the toolkit issued: the files it wrote."""

    certificate: str
    key: str
    pkcs12: str


class Story:
    """The machine of the demo. ``folder`` is private to this run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nssdb = folder / "nssdb"
        self.pem = folder / "device.pem"
        self.pem_key = folder / "device.key"
        self.state = folder / "agent"
        self.settings = folder / "agent.toml"
        self.database = f"sqlite:///{folder / 'server' / 'gatepost.db'}"
        self.port = self.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.account = ""
        self.token = ""

    @staticmethod
    def free_port() -> int:
        """Ask the system for a port that nobody uses."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    def gatepost(self, *arguments: str, expect: tuple[int, ...] = (0,), token: str = "") -> Finished:
        """Run a command of ours in a process of its own."""
        environment = _environment() | ({"GATEPOST_ENROLLMENT_TOKEN": token} if token else {})
        command = [sys.executable, "-m", "gatepost", *arguments]
        return run(command, timeout=_PATIENCE, environment=environment, expect=expect)

    def tool(self, *command: str) -> None:
        """Run one of NSS's own tools."""
        run(command, timeout=_PATIENCE)

    # The certificate authority.

    def make_authority(self, folder: str, name: str) -> None:
        """Make a root CA."""
        self.gatepost("pki", "root", "--ca", str(self.folder / folder), "--cn", name)

    def issue(self, name: str, common_name: str, *more: str, authority: str = "ca") -> Issued:
        """Issue a client certificate with its key, as PEM and PKCS #12."""
        out = self.folder / "issued"
        answer = self.gatepost(
            *("pki", "issue", "--ca", str(self.folder / authority), "--cn", common_name, "--name", name),
            *("--out", str(out), "--p12", "--format", "json", *more),
        )
        document = msgspec.json.decode(answer.stdout)
        return Issued(document["certificate"], document["key"], document["pkcs12"])

    # The device's stores.

    def make_stores(self) -> None:
        """Make an empty NSS database, and the agent's settings that name it as the system's."""
        self.nssdb.mkdir(mode=0o700)
        self.tool("certutil", "-N", "-d", f"sql:{self.nssdb}", "--empty-password")
        self.settings.write_text(f'nssdb = ["{self.nssdb}"]\n', encoding="utf-8")

    def empty_stores(self) -> None:
        """Take certificate and key out of both stores."""
        shutil.rmtree(self.nssdb)
        self.make_stores()
        self.pem.unlink(missing_ok=True)
        self.pem_key.unlink(missing_ok=True)

    def install(self, nss: Issued, pem: Issued, *, with_key: bool = True) -> None:
        """Put one certificate into the NSS database, by NSS's own tools, and another into PEM files."""
        self.empty_stores()
        database = f"sql:{self.nssdb}"
        if with_key:
            self.tool("pk12util", "-i", nss.pkcs12, "-d", database, "-W", "", "-K", "")
            shutil.copy(pem.key, self.pem_key)
            self.pem_key.chmod(0o600)
        else:
            self.tool("certutil", "-A", "-d", database, "-n", NICKNAME, "-t", ",,", "-i", nss.certificate)
        shutil.copy(pem.certificate, self.pem)

    # The server, over HTTP.

    def start_server(self) -> Running:
        """Make the database, start the server, and wait until it answers."""
        (self.folder / "server").mkdir(mode=0o700)
        made = self.gatepost("server", "init", "--database", self.database, "--format", "json")
        document = msgspec.json.decode(made.stdout)
        self.account, self.token = document["account_id"], document["token"]
        listen = f"127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "gatepost", "server", "run", "--database", self.database, "--listen", listen]
        running = Running(command, self.folder / "server.log", _environment())
        try:
            self._wait_for(running)
        except BaseException:
            running.stop()
            raise
        return running

    def _wait_for(self, running: Running) -> None:
        for _ in range(600):
            running.insist()
            with socket.socket() as probe:
                probe.settimeout(0.1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise ProcessError("gatepost server run", 3, "does not listen after a minute")

    def is_logged(self, reference: str) -> bool:
        """Tell whether a decision stands in the access log; lines are written a moment later."""
        for _ in range(50):
            if self.call("GET", f"/gatepost/decisions?reference={reference}"):
                return True
            time.sleep(0.1)
        return False

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON, as the server sends it.
        """Send one request to the management API and return its ``result``."""
        url = f"{self.url}/client/v4/accounts/{self.account}{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = httpx2.request(method, url, json=body, headers=headers, timeout=30, trust_env=False)
        except httpx2.HTTPError as error:
            raise TransportError(url, f"cannot be reached: {error}") from error
        document = answer.json()
        if not document["success"]:
            first = document["errors"][0]
            raise ServerRefusedError(answer.status_code, first["code"], first["message"])
        return document["result"]

    def enrollment_token(self) -> str:
        """Make a token that enrols one device."""
        created = self.gatepost(
            *("server", "token", "create", "enrollment", "--database", self.database, "--uses", "1"),
            *("--format", "json"),
        )
        token: str = msgspec.json.decode(created.stdout)["token"]
        return token

    # The agent.

    def enroll(self) -> str:
        """Enrol this device and return what the command said."""
        token = self.enrollment_token()
        arguments = ("--server", self.url, "--state", str(self.state), "--config", str(self.settings))
        return self.gatepost("agent", "enroll", *arguments, token=token).stdout.strip()

    def cycle(self) -> dict[str, Any]:
        """Let the agent do one cycle and return what it came to."""
        arguments = ("--state", str(self.state), "--config", str(self.settings), "--format", "json")
        answer = self.gatepost("agent", "run", "--once", *arguments, expect=(0, 1, 3))
        document: dict[str, Any] = msgspec.json.decode(answer.stdout)
        return document


def _environment() -> dict[str, str]:
    """Return what a command of the story finds around it: none of a person's own settings of Gatepost."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    return kept | {"NO_COLOR": "1"}
