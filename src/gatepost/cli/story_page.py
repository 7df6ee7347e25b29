"""The end that matters: a page behind a real nginx, which opens for the device while its checks pass and for nobody else."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Self

import httpx2
import msgspec

from gatepost.errors import ProcessError, TransportError
from gatepost.processes import Running

if TYPE_CHECKING:
    from types import TracebackType

    from gatepost.cli.story import Issued, Story

HOST: Final = "wiki.example.com"
_TEXT: Final = "Welcome to the wiki."
_TRIES: Final = 300


class Opened(msgspec.Struct, frozen=True):
    """What somebody got who asked for the page: the status, and the page's text or the reasons of a refusal."""

    status: int
    text: str
    reference: str = ""
    """By which a refusal is found in the access log."""

    @property
    def is_page(self) -> bool:
        """Whether it was the page."""
        return self.status == 200 and self.text == _TEXT  # noqa: PLR2004 - OK.


def find_nginx() -> str | None:
    """Return where nginx is; it lies where not everybody's path leads."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Page:
    """An application, nginx before it with the file that ``gatepost proxy-config`` prints, and whoever asks."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._folder = story.folder / "page"
        self._port, self._application = story.free_port(), story.free_port()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start both."""
        (self._folder / "files").mkdir(parents=True, mode=0o700)
        (self._folder / "files" / "index.html").write_text(_TEXT, encoding="utf-8")
        served = [sys.executable, "-m", "http.server", str(self._application), "--bind", "127.0.0.1"]
        nginx = [find_nginx() or "nginx", "-p", str(self._folder), "-e", str(self._folder / "nginx.log")]
        (self._folder / "nginx.conf").write_text(self._settings(), encoding="utf-8")
        try:
            self._start([*served, "--directory", str(self._folder / "files")], "application.log", self._application)
            self._start([*nginx, "-c", str(self._folder / "nginx.conf"), "-g", "daemon off;"], "nginx.out", self._port)
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both."""
        self._running.close()

    def publish(self, checks: list[str]) -> None:
        """Make the application with its one policy, and print nginx's file for it."""
        required = [{"device_posture": {"integration_uid": check}} for check in checks]
        policy: dict[str, Any] = {"name": "Managed devices", "decision": "allow", "include": [{"everyone": {}}]}
        document = {"type": "self_hosted", "name": "Wiki", "domain": HOST, "policies": [policy | {"require": required}]}
        self._story.call("POST", "/access/apps", document)
        self._folder.mkdir(mode=0o700)
        token = self._story.gatepost(
            *("server", "token", "create", "proxy", "--name", "nginx", "--app", HOST),
            *("--database", self._story.database),
        )
        (self._folder / "token").write_text(token.stdout, encoding="ascii")
        issued = self._story.issue("proxy", HOST, "--san", f"dns:{HOST}", "--eku", "serverAuth")
        printed = self._story.gatepost(
            *("proxy-config", "nginx", "--app", HOST, "--server", self._story.url),
            *("--upstream", f"http://127.0.0.1:{self._application}", "--token-file", str(self._folder / "token")),
            *("--listen", f"127.0.0.1:{self._port}", "--tls-cert", issued.certificate, "--tls-key", issued.key),
        )
        (self._folder / "site.conf").write_text(printed.stdout, encoding="utf-8")

    def open(self, issued: Issued | None) -> Opened:
        """Ask for the page, with a certificate and its key or without."""
        context = ssl.create_default_context(cafile=str(self._story.folder / "ca" / "ca.pem"))
        if issued is not None:
            context.load_cert_chain(issued.certificate, issued.key)
        url = f"https://127.0.0.1:{self._port}/"
        try:
            with httpx2.Client(verify=context, trust_env=False, timeout=30) as client:
                answer = client.get(url, headers={"Host": HOST}, extensions={"sni_hostname": HOST})
        except httpx2.HTTPError as error:
            raise TransportError(url, f"cannot be reached: {error}") from error
        if answer.headers.get("content-type", "").startswith("application/json"):
            refusal = answer.json()
            return Opened(answer.status_code, ", ".join(refusal["reasons"]), refusal["reference"])
        return Opened(answer.status_code, answer.text)

    def _settings(self) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self._folder}/{kind};" for kind in kinds)
        # As root nginx would work as somebody who cannot read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        return (
            f"{user} worker_processes 1; pid {self._folder}/nginx.pid; events {{}}\n"
            f"http {{ access_log off; {temporary} include {self._folder}/site.conf; }}\n"
        )

    def _start(self, command: list[str], log: str, port: int) -> None:
        running = self._running.enter_context(Running(command, self._folder / log))
        for _ in range(_TRIES):
            running.insist()
            with socket.socket() as probe:
                probe.settimeout(0.1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        raise ProcessError(command[0], 3, "does not listen after half a minute")
