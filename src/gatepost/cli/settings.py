"""The device's own settings, `/etc/gatepost/agent.toml`: whoever can write that file decides where the agent looks.

``gatepost check`` reads them too, so that a person sees what the agent sees.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from gatepost.cli.places import PlaceSettings
from gatepost.core.device import VARIABLES
from gatepost.errors import InputError

SETTINGS: Final = Path("/etc/gatepost/agent.toml")
AGENT_PORT: Final = 8645
"""Where agents listen for browsers, unless both sides are told otherwise."""


class AgentSettings(PlaceSettings, frozen=True, kw_only=True):
    """All settings: where certificates lie (`PlaceSettings`), and what the agent says."""

    facts: dict[str, str] = msgspec.field(default_factory=dict)
    """Facts that replace what the host says: serial_number, hostname, device_uuid."""
    browser_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = AGENT_PORT
    """Where the agent listens on 127.0.0.1, to vouch for browsers; 0: it does not."""
    token_users: tuple[str, ...] = ()
    """Names or uids of those who get tokens for their programs, besides root and the agent's own account."""
    disclosure: Literal["nearby", "counts"] = "nearby"
    """What a report says of certificates of other issuers: which are one step away, or their number alone."""


def read_agent_settings(path: Path | None) -> AgentSettings:
    """Read ``path``, or the usual file where it exists; raises `InputError` naming file and key."""
    if path is None and not SETTINGS.exists():
        return AgentSettings()
    # Imported here: a device without the file needs no reader of TOML.
    from gatepost.cli.config import read_settings

    _insist_on_owner(path or SETTINGS)
    settings = read_settings(path, SETTINGS, AgentSettings)
    for name in settings.facts:
        if name not in VARIABLES:
            raise InputError(
                f"settings file {path or SETTINGS}", f"has the unknown fact {name!r}", ", ".join(VARIABLES)
            )
    return settings


def _insist_on_owner(path: Path) -> None:
    """Refuse a file that a lesser user can change: it says which modules are loaded, and which files may be read."""
    try:
        status = path.stat()
    except OSError:
        # Whoever reads it says why it cannot be.
        return
    owners = {0, os.geteuid()} if hasattr(os, "geteuid") else {status.st_uid}
    if status.st_uid not in owners or (os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise InputError(
            f"settings file {path}", "can be changed by others", "chown it to root or to yourself, and chmod go-w"
        )
