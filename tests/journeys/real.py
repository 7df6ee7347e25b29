"""The real command in processes of its own: servers on free ports, and an agent with a folder and stores of its own."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx2
import msgspec

from tests.certificates import CertificateAuthority
from tests.running import free_port
from tests.services import rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.certificates import Issued

PATIENCE = 60
"""Seconds in which a server must have begun to answer, on a machine that is busy with other things."""


class Ended(msgspec.Struct, frozen=True):
    """A command that ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON of any kind.
        """What stands on stdout, which must be one JSON document and nothing else."""
        return msgspec.json.decode(self.stdout)


def gatepost(*words: object, **environment: str) -> Ended:
    """Run a command to its end."""
    command = [sys.executable, "-m", "gatepost", *map(str, words)]
    ended = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    return Ended(ended.returncode, ended.stdout, ended.stderr)


class RealServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answers, its first account, and the certificate authority that was uploaded there."""

    url: str
    account: str
    token: str
    console: tuple[str, ...]
    """What a command on its console needs to find its database."""
    port: int
    authority: CertificateAuthority
    process: int
    """The parent of its workers."""
    trust: str | None = None
    """The authority of its TLS certificate, a file."""

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON of any kind.
        """Send a request to the management API and return its result."""
        url = f"{self.url}/client/v4/accounts/{self.account}{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        verify = ssl.create_default_context(cafile=self.trust)
        with httpx2.Client(verify=verify, trust_env=False, timeout=PATIENCE) as client:
            answer = client.request(method, url, json=body, headers=headers).json()
        assert answer["success"], answer
        return answer["result"]

    def ask(self, options: dict[str, Any] | None = None, **changes: Any) -> str:  # noqa: ANN401 - as above.
        """Upload the authority and make a check; ``changes`` replace fields of its ``input``."""
        upload = {"ca": True, "certificates": self.authority.pem.decode()}
        certificate = self.call("POST", "/mtls_certificates", upload)["id"]
        check: str = self.call("POST", "/devices/posture", rule_of(certificate, **changes))["id"]
        if options is not None:
            self.call("PUT", f"/gatepost/checks/{check}/options", options)
        return check

    def enrollment_token(self) -> str:
        """Make a token that enrols a device."""
        made = gatepost("server", "token", "create", "enrollment", *self.console, "--format", "json")
        token: str = made.document["token"]
        return token


@contextmanager
def real_server(
    folder: Path, *more: object, scheme: str = "http", trust: Path | None = None, database: str = ""
) -> Iterator[RealServer]:
    """Make a database, in ``folder`` or where it is said, and serve it; ``more`` are further words of ``server run``."""
    url = database or f"sqlite:///{folder / 'gatepost.db'}"
    console, port = ("--database", url, "--master-key", str(folder / "master-key")), free_port()
    made = gatepost("server", "init", *console, "--format", "json").document
    with serving(folder / "log", port, *console, *more) as process:
        yield RealServer(
            url=f"{scheme}://127.0.0.1:{port}",
            account=made["account_id"],
            token=made["token"],
            console=console,
            port=port,
            process=process.pid,
            authority=CertificateAuthority.create(cn="Example Root CA"),
            trust=None if trust is None else str(trust),
        )


@contextmanager
def serving(log: Path, port: int, *words: object, module: str = "gatepost") -> Iterator[subprocess.Popen[bytes]]:
    """Run one server process on a port, until the block ends; ``module`` is run with the words of the command."""
    listen = ("--listen", f"127.0.0.1:{port}")
    command = [sys.executable, "-m", module, "server", "run", *listen, *map(str, words)]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            _wait_for(port, process)
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def workers_of(process: subprocess.Popen[bytes]) -> tuple[int, ...]:
    """Name the processes below a server's own."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    return tuple(map(int, children.split()))


def kill_server(process: subprocess.Popen[bytes]) -> None:
    """Kill a server process and its workers, as a power failure would: nobody is asked to finish anything."""
    for pid in (process.pid, *workers_of(process)):
        os.kill(pid, signal.SIGKILL)
    process.wait(PATIENCE)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
        else:
            return


class RealAgent:
    """A device: a folder with its state, its settings and its stores."""

    def __init__(self, folder: Path) -> None:
        """Write its settings: its name, and where its stores are."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.state = folder / "state"
        self.pem = folder / "laptop.pem"
        self.nssdb = folder / "nssdb"
        self.settings = folder / "agent.toml"
        # A machine of its own: two with one serial number or hardware id would wait for each other.
        facts = f'hostname = "laptop-1"\nserial_number = "S-{uuid4().hex}"\ndevice_uuid = "{uuid4()}"\n'
        self.browser_port = free_port()
        places = f'nssdb = ["{self.nssdb}"]\nbrowser_port = {self.browser_port}\n'
        self.settings.write_text(f"{places}[facts]\n{facts}", encoding="utf-8")

    def install(self, issued: Issued, *, key: bool = True) -> None:
        """Put a certificate into the PEM file, with its key or without."""
        self.pem.write_bytes(issued.pem + (issued.key_pem() if key else b""))
        self.pem.chmod(0o600)

    def run(self, *words: object, **environment: str) -> Ended:
        """Run a command of the agent's with this device's state."""
        config = ("--config", self.settings) if words[0] in {"enroll", "run"} else ()
        return gatepost("agent", *words, "--state", self.state, *config, **environment)

    def enroll(self, server: RealServer, *more: object) -> Ended:
        """Enrol it, with the token in the environment."""
        token = server.enrollment_token()
        return self.run("enroll", "--server", server.url, *more, GATEPOST_ENROLLMENT_TOKEN=token)

    def cycle(self) -> tuple[int, list[tuple[str, str, list[str]]]]:
        """Do one cycle; return the exit code, and name, status and reasons of each verdict."""
        ended = self.run("run", "--once", "--format", "json")
        verdicts = [(item["name"], item["status"], item["reasons"]) for item in ended.document["verdicts"]]
        return ended.code, verdicts

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run it as a service until the block ends; it listens for browsers when the block begins."""
        words = ["agent", "run", "--state", str(self.state), "--config", str(self.settings)]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "gatepost", *words], stdout=log, stderr=log)
        try:
            _wait_for(self.browser_port, process)
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)
