"""What the agent tells the service manager: that it is ready, alive, and what it does (systemd's sd_notify protocol)."""

from __future__ import annotations

import socket
from typing import Final

_PATIENCE: Final = 0.5
"""Seconds until a manager that does not read what it is told is left alone."""


class Supervisor:
    """Speaks to systemd's socket. ``address`` is NOTIFY_SOCKET's value; without one, nothing is said to nobody."""

    def __init__(self, address: str | None) -> None:
        # A leading @ stands for the abstract namespace's NUL (sd_notify(3)).
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address

    def ready(self) -> None:
        """Say that the agent is up: its first cycle is over, well or not."""
        self._say("READY=1")

    def alive(self) -> None:
        """Keep the watchdog content."""
        self._say("WATCHDOG=1")

    def doing(self, text: str) -> None:
        """Show one line in ``systemctl status``."""
        self._say(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        """Say that the agent ends because it was asked to."""
        self._say("STOPPING=1")

    def _say(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
                speaker.settimeout(_PATIENCE)
                speaker.sendto(message.encode(), self._address)
        except OSError:
            # A manager that does not listen must not stop the agent from reporting.
            return
