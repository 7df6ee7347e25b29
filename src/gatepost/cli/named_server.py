"""A server that a command is to tell something, by its address, an account, and the token in the environment."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from gatepost.cli.config import read_text
from gatepost.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.client.management import Management

TOKEN_VARIABLE: Final = "GATEPOST_TOKEN"  # noqa: S105 - the name of a variable.
_ACCOUNT: Final = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


def named_server(url: str, account: str | None, authorities: Path | None, *, scope: str) -> Management:
    """Return the management API of the server that is named; ``scope`` is what the token needs."""
    from gatepost.client.management import Management

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise InputError("--server", f"needs a token in {TOKEN_VARIABLE}", f"one with the scope {scope}")
    if account is None or not _ACCOUNT.fullmatch(account):
        raise InputError("--account", f"is {account!r}", "the account's id: 32 hex digits")
    trusted = None if authorities is None else read_text(authorities, "--server-ca")
    return Management(url, account.lower(), token, trusted)
