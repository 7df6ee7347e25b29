"""The worker processes of one server: how they are started, replaced without a failed request, and ended.

The parent holds the listening socket, and every worker accepts from that one: what waits to be accepted is lost with no
worker. On SIGHUP the parent reads the settings again; where they are good it starts a new worker, waits until that one
serves, and only then lets the old one go. A worker that is let go accepts nothing more, answers with ``Connection: close`` for a
moment, sends those home who wait to be called, finishes what it has accepted, and ends.

granian starts workers and tells of their end; its own way of replacing them lets each listen on a socket of its own, whose
queue goes with it, and waits for no readiness (granian 2.8). So the three methods that do this are ours here; the journeys
hold them against a real client.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketSpec  # type: ignore[attr-defined]  # granian names it so, and does not say so
from granian.server.mp import MPServer

from gatepost.cli.operator_log import granian_log
from gatepost.cli.words import explain_error
from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from gatepost.cli.server_settings import ServerSettings
    from gatepost.controlplane.calls import Calls
    from gatepost.web.surroundings import Surroundings

    Loader = Callable[[ServerSettings, Callable[[], None]], Any]

_HEADER_DEADLINE: Final = 15_000
"""ms in which the head of a request must have come; a silent connection is closed then."""
_HEADER_BYTES: Final = 32 * 1024
WORKER_END: Final = 30
"""Seconds that a worker gets to finish what waits before it is killed."""
_WORKER_START: Final = 60
"""Seconds that a new worker gets until it serves; the old one serves until then."""
_GLANCE: Final = 0.1
LEAVING: Final = 0.5
"""Seconds for which a worker that goes closes each connection with its answer; whoever has just connected can still ask."""
_HAND_OVER: Final = signal.SIGUSR1
"""What tells a worker that another one accepts from now on."""
_log = structlog.get_logger("gatepost.server")


class Workers(MPServer):
    """granian's server, its one worker replaceable. ``reread`` gives new settings, or raises a `GatepostError`."""

    def __init__(self, settings: ServerSettings, loader: Loader, reread: Callable[[], ServerSettings]) -> None:
        super().__init__(
            "gatepost",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=1,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_DEADLINE, max_buffer_size=_HEADER_BYTES),
            websockets=False,
            log_level=LogLevels.warning,
            log_dictconfig=granian_log(),
            workers_kill_timeout=WORKER_END,
            respawn_failed_workers=True,
        )
        self._loader = loader
        self._reread = reread
        self._settings = settings
        self._heard: Connection | None = None
        self._take(settings)

    def run(self) -> None:
        """Serve until a signal ends it."""
        self.serve(target_loader=self._loader, wrap_loader=False)

    def _take(self, settings: ServerSettings) -> None:
        """Let workers that start from now on have these settings."""
        self._settings = settings
        self.backpressure = settings.backpressure
        certificate, key = _absolute(settings.tls_certificate), _absolute(settings.tls_key)
        self.build_ssl_context(certificate, key, None, SSLProtocols.tls12, None, [], False)  # noqa: FBT003 - granian's own.

    def _init_shared_socket(self) -> None:
        listener = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        shared: Any = self  # granian's attributes, whose types it learns from other systems' branches
        shared._ssp, shared._shd, shared._sfd = None, listener, listener.get_fd()  # noqa: SLF001 - our own, in truth.
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)

    def _spawn_worker(
        self,
        idx: int,
        target: Any,  # noqa: ANN401 - granian's.
        callback_loader: Any,  # noqa: ANN401 - granian's.
        socket_loader: Any = None,  # noqa: ANN401 - granian's.
    ) -> Any:  # noqa: ANN401 - granian's.
        """Make a worker with the settings as they are now, which may be newer than those of the first."""
        del callback_loader, socket_loader
        heard, told = multiprocessing.Pipe(duplex=False)
        loader = partial(_load, self._loader, self._settings, told)
        # Process.start forgets its arguments: from then on the worker alone holds ``told``, and we hear when it dies.
        self._heard = heard
        return super()._spawn_worker(idx=idx, target=target, callback_loader=loader)

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:  # noqa: ANN401 - granian's.
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        before = self._settings, self.backpressure, self.ssl_ctx
        try:
            self._take(self._reread())
        except (GatepostError, OSError) as error:
            _log.error("reload refused: the server goes on as it was", problem=_words(error))
            return
        if self._replace(spawn_target, target_loader):
            _log.info("reloaded", **self._settings.shown())
        else:
            self._settings, self.backpressure, self.ssl_ctx = before
            _log.error("reload failed: the new worker does not serve, and the server goes on as it was")

    def _replace(self, spawn_target: Any, target_loader: Any) -> bool:  # noqa: ANN401 - granian's.
        new: Any = self._spawn_worker(0, spawn_target, target_loader)
        # Until it serves, its end is a failed attempt and no crash of the server.
        new.interrupt_by_parent = True
        new.start()
        if not self._hears_of_it():
            new.kill()
            new.join()
            return False
        new.interrupt_by_parent = False
        old: Any = self.wrks[0]
        self.wrks[0] = new
        old.interrupt_by_parent = True
        os.kill(old.inner.pid, _HAND_OVER)
        for _ in range(int(WORKER_END / _GLANCE)):
            old.join(_GLANCE)
            if not old.is_alive():
                return True
            if self.interrupt_signal:
                # The server ends: both are waited for there.
                self.wrks.append(old)
                return True
        _log.warning("the worker before did not end in time", killed=True)
        old.kill()
        old.join()
        return True

    def _hears_of_it(self) -> bool:
        """Wait until the newest worker serves; False where it ended, took too long, or the server is to end."""
        assert self._heard is not None  # noqa: S101 - a worker was made just now.
        for _ in range(int(_WORKER_START / _GLANCE)):
            if self._heard.poll(_GLANCE):
                return _hears(self._heard)
            if self.interrupt_signal:
                return False
        return False


def _load(loader: Loader, settings: ServerSettings, told: Connection) -> Any:  # noqa: ANN401 - an application.
    """Put the application together, in the worker."""

    def ready() -> None:
        # Where nobody waits to hear it, it serves all the same.
        with contextlib.suppress(OSError):
            told.send_bytes(b"1")
        told.close()

    return loader(settings, ready)


def _hears(heard: Connection) -> bool:
    try:
        return heard.recv_bytes(1) == b"1"
    except (EOFError, OSError):
        return False


class Leaving:
    """A worker's way out: on SIGTERM, or when its parent has gone."""

    def __init__(self, calls: Calls, around: Surroundings) -> None:
        self._calls = calls
        self._around = around
        self._parent = os.getppid()
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen for the signal; called in the event loop, after granian listens for it."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.begin)
        loop.add_signal_handler(_HAND_OVER, self.hand_over)
        self._watch = loop.create_task(self._follow_parent())

    def hand_over(self) -> None:
        """Go, and leave what is not accepted yet to the worker that has come."""
        _stop_accepting()
        self.begin()

    def begin(self) -> None:
        """Let go of all that can be let go of, and a moment later end as granian does it, on its other signal."""
        if self._around.leaving:
            return
        self._around.leaving = True
        self._calls.stop()
        asyncio.get_running_loop().call_later(LEAVING, signal.raise_signal, signal.SIGINT)

    async def _follow_parent(self) -> None:
        """End with the parent, however that ended: nobody else would replace this worker or let go of the database."""
        while os.getppid() == self._parent:  # noqa: ASYNC110 - the kernel tells no event of it.
            await asyncio.sleep(_GLANCE)
        _log.error("the server's parent process is gone; this worker ends")
        self.begin()


def _stop_accepting() -> None:
    """Put a socket at which nobody calls in the place of the one that all workers accept from, in this worker alone.

    granian ends at once the connections on which no request has come yet: those that were accepted a moment ago too, unless
    accepting ends before everything else. It cannot be told to.
    """
    with socket.socket(socket.AF_UNIX) as nobody:
        # No name is asked for: the kernel gives one that is no file.
        nobody.bind("")
        nobody.listen(1)
        nobody.settimeout(0)
        for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as held:
                if held.family != socket.AF_UNIX and held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    os.dup2(nobody.fileno(), number)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.resolve()


def _words(error: GatepostError | OSError) -> str:
    return explain_error(error)[1] if isinstance(error, GatepostError) else str(error)
