"""Run a server for a test, in a process of its own: ``python -m tests.serve FOLDER PORT``.

The database is in FOLDER. The first line on standard output is JSON: the account's id and its first token. The device's
routes are not there; a journey that needs them starts the real command.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.services import Services
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.web.app import create_app
from tests.services import access_of, surround

if TYPE_CHECKING:
    from gatepost.web.front import Receive, Scope, Send


async def _no_device(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _services(folder: Path) -> Services:
    url = f"sqlite:///{folder / 'gatepost.db'}"
    migrate(url)
    storage = open_storage(url, b"m" * 32, os.urandom)
    return Services(storage=storage, now=lambda: time.time_ns() // 1_000_000, random=os.urandom)


def main() -> None:
    """Serve until the process is ended."""
    services = _services(Path(sys.argv[1]))
    sys.stdout.write(msgspec.json.encode(create_account(services, "owner@example.com")).decode() + "\n")
    sys.stdout.flush()
    server = Server(
        create_app(services, _no_device, surround(), access_of(services)),
        address="127.0.0.1",
        port=int(sys.argv[2]),
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
