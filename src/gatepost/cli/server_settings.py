"""What one server process is told, once, by `cli.server` from options, environment and file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from gatepost import __version__
from gatepost.cli.settings import AGENT_PORT
from gatepost.web.limits import LimitSettings

LONG_POLLS: Final = 1_000


def show_database(url: str) -> str:
    """Return the address of a database as people may see it: without name and password, and without a query, which may hold one."""
    address, _, _ = url.partition("?")
    scheme, slashes, rest = address.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One server process. ``public_urls``: the addresses by which agents know it, without a slash at the end."""

    database: str
    master_key: Path
    host: str
    port: int
    public_urls: tuple[str, ...]
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    results_expire: bool = True
    log_every: bool = False
    """Whether each report has a line in the posture log, and not changes alone."""
    access_log_sample: int = 1
    """Of how many allowed requests one has a line in the access log."""
    log_retention: int | None = None
    """Days for which lines of the logs are kept; None: for ever."""
    long_polls: int = LONG_POLLS
    """Agents that may wait to be called, at 12 to 14 KiB each; the others ask again every half minute."""
    agent_port: int = AGENT_PORT
    """Where agents listen on their own machines for browsers; 0: none is asked to vouch."""
    metrics_token: bytes | None = None
    """SHA-256 of the token that opens /metrics; None: there is no /metrics."""
    limits: LimitSettings = LimitSettings()
    log_level: str = "info"
    log_format: str = "auto"

    @property
    def backpressure(self) -> int:
        """Requests at once, the waiting ones included; more stay in the kernel's backlog."""
        return self.long_polls + 1_024

    def shown(self) -> dict[str, Any]:
        """Return what a log may show of it: no secret."""
        return {
            "version": __version__,
            "database": show_database(self.database),
            "listen": f"{self.host} {self.port}",
            "public_urls": list(self.public_urls),
            "tls": self.tls_certificate is not None,
            "metrics": self.metrics_token is not None,
            "trusted_proxies": list(self.limits.trusted_proxies),
            "posture_log": "every" if self.log_every else "changes",
            "access_log_sample": self.access_log_sample,
            "log_retention": self.log_retention,
            "long_polls": self.long_polls,
            "agent_port": self.agent_port,
            "log_level": self.log_level,
        }
