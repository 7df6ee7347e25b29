"""One server process, put together: storage behind the ports, the device API beside the management API, granian in front.

granian starts a worker from `load`; everything that holds a thread or a connection is made there, in the worker.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from gatepost.controlplane.calls import Calls
    from gatepost.controlplane.intake import Intake
    from gatepost.controlplane.rejudging import Rejudger

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER_DEADLINE: Final = 15_000
"""ms in which the head of a request must have come; a silent connection is closed then."""
_HEADER_BYTES: Final = 32 * 1024
_WORKER_END: Final = 30
"""Seconds that a worker gets to finish what waits before it is killed."""


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
    long_polls: int = 1_000
    """Agents that may wait to be called, at 12 to 14 KiB each; the others ask again every half minute."""

    @property
    def backpressure(self) -> int:
        """Requests at once, the waiting ones included; more stay in the kernel's backlog."""
        return self.long_polls + 1_024


def serve(settings: ServerSettings) -> None:
    """Serve until a signal ends it; raises `StorageError` when another server holds the database."""
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings
    from granian.server import Server

    from gatepost.storage.server_lock import take_server_lock

    with take_server_lock(settings.database):
        server = Server(
            "gatepost",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=1,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_DEADLINE, max_buffer_size=_HEADER_BYTES),
            websockets=False,
            backpressure=settings.backpressure,
            ssl_cert=settings.tls_certificate,
            ssl_key=settings.tls_key,
            ssl_protocol_min=SSLProtocols.tls12,
            workers_kill_timeout=_WORKER_END,
            respawn_failed_workers=True,
        )
        server.serve(target_loader=partial(load, settings), wrap_loader=True)


def load(settings: ServerSettings, _target: str) -> Application:
    """Put the application together, in the worker."""
    from gatepost.cli.preview_process import PreviewProcesses, Task
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.calls import Calls
    from gatepost.controlplane.enrollment import Enroller
    from gatepost.controlplane.intake import Intake
    from gatepost.controlplane.posture import Posture
    from gatepost.controlplane.rejudging import Rejudger
    from gatepost.storage.database import open_storage
    from gatepost.storage.keybox import read_or_create_master_key
    from gatepost.web.app import create_app
    from gatepost.web.device import DeviceApi

    master_key = read_or_create_master_key(settings.master_key, secrets.token_bytes)
    storage = open_storage(settings.database, master_key, secrets.token_bytes)
    posture = Posture(storage, now, settings.public_urls, results_expire=settings.results_expire)
    intake = Intake(storage, posture, now)
    rejudger = Rejudger(storage, now)
    task = Task(database=settings.database, master_key=str(settings.master_key), results_expire=settings.results_expire)
    previews = PreviewProcesses(task, storage)
    services = Services(
        storage=storage,
        now=now,
        random=secrets.token_bytes,
        results_expire=settings.results_expire,
        judge_again=rejudger.submit,
        start_preview=previews.start,
    )
    enroller = Enroller(storage, now, secrets.token_bytes, settings.public_urls)
    calls = Calls(storage, settings.long_polls)
    device = DeviceApi(enroller, posture, intake, calls)

    def close() -> None:
        previews.stop()
        storage.close()

    return with_life(create_app(services, device), (intake, rejudger), calls, close)


def with_life(
    application: Application, workers: tuple[Intake | Rejudger, ...], calls: Calls, close: Callable[[], None]
) -> Application:
    """Start workers and calls when the application starts; let them finish, then ``close`` the database, when it ends."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return

        async def watched() -> MutableMapping[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.startup":
                for worker in workers:
                    worker.start()
                calls.start()
            elif message["type"] == "lifespan.shutdown":
                calls.stop()
                for worker in workers:
                    await asyncio.to_thread(worker.stop)
                close()
            return message

        await application(scope, watched, send)

    return wrapped


def now() -> int:
    """Return the clock's time in ms since 1970, UTC."""
    return time.time_ns() // 1_000_000
