"""One server process, put together: storage behind the ports, the device API beside the management API, granian in front.

A worker is started from `load` (`cli.workers`); everything that holds a thread or a connection is made there, in the worker.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import resource
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from gatepost.cli.operator_log import configure_log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

    from gatepost.cli.preview_process import PreviewProcesses
    from gatepost.cli.server_settings import ServerSettings
    from gatepost.cli.workers import Leaving
    from gatepost.controlplane.access.deciding import Access
    from gatepost.controlplane.access.memory import Memory
    from gatepost.controlplane.access.recording import AccessRecorder
    from gatepost.controlplane.access.vouching import Vouching
    from gatepost.controlplane.announcing import Announcer
    from gatepost.controlplane.calls import Calls
    from gatepost.controlplane.counters import Counters
    from gatepost.controlplane.housekeeping import Housekeeper
    from gatepost.controlplane.intake import Intake
    from gatepost.controlplane.ports import SharedStorage, Storage
    from gatepost.controlplane.rejudging import Rejudger
    from gatepost.storage.database import SqlStorage
    from gatepost.web.limit_sharing import LimitSharing
    from gatepost.web.metrics import PrometheusCounters
    from gatepost.web.surroundings import Surroundings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]
    Thread = Intake | Rejudger | Housekeeper | AccessRecorder | Memory | Announcer


_COLLECTIONS: Final = (50_000, 20, 50)
"""After how many new objects, and how many looks at younger ones, Python looks for circles."""


def serve(settings: ServerSettings, reread: Callable[[], ServerSettings]) -> None:
    """Serve until a signal ends it; raises `StorageError` when another server holds the database.

    ``reread`` gives the settings anew when SIGHUP asks for it, or raises a `GatepostError`.
    """
    import structlog

    from gatepost.cli.workers import Workers
    from gatepost.storage.server_lock import take_server_lock

    log = structlog.get_logger("gatepost.server")
    configure_log(settings.log_level, settings.log_format)
    with take_server_lock(settings.database):
        log.info("server starts", **settings.shown())
        Workers(settings, load, reread).run()
        log.info("server has ended")


def load(settings: ServerSettings, ready: Callable[[], None]) -> Application:
    """Put the application together, in the worker; ``ready`` is called when it can take requests."""
    from gatepost.cli.workers import Leaving
    from gatepost.controlplane.access.deciding import Access
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.calls import Calls
    from gatepost.controlplane.counters import UNCOUNTED, CountedStorage
    from gatepost.controlplane.enrollment import Enroller
    from gatepost.controlplane.intake import Intake
    from gatepost.controlplane.posture import Posture
    from gatepost.controlplane.rejudging import Rejudger
    from gatepost.storage.database import open_storage
    from gatepost.storage.keybox import read_or_create_master_key
    from gatepost.web.app import create_app
    from gatepost.web.device import DeviceApi, DeviceUseCases
    from gatepost.web.limit_sharing import LimitSharing
    from gatepost.web.metrics import PrometheusCounters

    configure_log(settings.log_level, settings.log_format)
    metrics = None if settings.metrics_token is None else PrometheusCounters()
    counters: Counters = UNCOUNTED if metrics is None else metrics
    master_key = read_or_create_master_key(settings.master_key, secrets.token_bytes)
    database = open_storage(settings.database, master_key, secrets.token_bytes)
    storage = CountedStorage(database, counters)
    posture = Posture(storage, now, settings.public_urls, results_expire=settings.results_expire, counters=counters)
    intake = Intake(storage, posture, now, counters, log_every=settings.log_every)
    rejudger = Rejudger(storage, now)
    recorder, memory = _access(storage, settings.access_log_sample)
    previews = _previews(settings, database)
    services = Services(
        storage=storage,
        now=now,
        random=secrets.token_bytes,
        results_expire=settings.results_expire,
        judge_again=rejudger.submit,
        start_preview=previews.start,
        preview_room=previews.room,
    )
    enroller = Enroller(storage, now, secrets.token_bytes, settings.public_urls)
    calls = Calls(storage, settings.long_polls)
    if metrics is not None:
        metrics.follow(lambda: intake.waiting, lambda: calls.waiting)
    around = _surround(settings, database, intake, metrics)
    device = DeviceApi(DeviceUseCases(enroller, posture, intake, calls), around)
    _prepare_process()
    tasks = (calls, LimitSharing(storage, around.limits, secrets.token_bytes(8), now))
    threads = (intake, rejudger, recorder, memory, *_keepers(settings, storage))
    life = _Life(threads, tasks, Leaving(calls, around), ready, _closing(previews, database))
    access = Access(storage, now, recorder, memory)
    return life.wrap(create_app(services, device, around, access, _vouching(settings, storage, access)))


def _access(storage: Storage, sample: int) -> tuple[AccessRecorder, Memory]:
    """Return what writes decisions down, and what they are made from."""
    from gatepost.controlplane.access.memory import Memory
    from gatepost.controlplane.access.recording import AccessRecorder

    recorder = AccessRecorder(storage, now, sample=sample, tell=_complain("the access log waits"))
    return recorder, Memory(storage, time.monotonic, _complain("decisions are read anew"))


def _vouching(settings: ServerSettings, storage: Storage, access: Access) -> Vouching | None:
    """Return what lets agents vouch for browsers; None where none is to."""
    from gatepost.controlplane.access.vouching import Vouching

    port = settings.agent_port
    return Vouching(storage, access, now, secrets.token_bytes, settings.public_urls, port) if port else None


def _keepers(settings: ServerSettings, storage: SharedStorage) -> tuple[Housekeeper, Announcer]:
    """Return what works without being asked: what keeps house, and what tells webhooks."""
    from gatepost.client.webhooks import WebhookClient
    from gatepost.controlplane.announcing import Announcer
    from gatepost.controlplane.housekeeping import Housekeeper

    return (
        Housekeeper(storage, now, settings.log_retention, tell=_complain("housekeeping failed")),
        Announcer(storage, now, WebhookClient().post, _complain("webhooks are not told")),
    )


def _closing(previews: PreviewProcesses, database: SqlStorage) -> Callable[[], None]:
    """Return what is to be done when everything else has ended."""

    def close() -> None:
        previews.stop()
        database.close()

    return close


def _complain(of_what: str) -> Callable[[str], None]:
    """Return what lets the operator know that something failed which is tried again."""
    import structlog

    log = structlog.get_logger("gatepost.housekeeping")
    return lambda detail: log.warning(of_what, detail=detail)


def _prepare_process() -> None:
    """Set what holds for the whole process."""
    _spare_collections()
    _allow_many_connections()


def _spare_collections() -> None:
    """Let Python look for circles of garbage less often: a report makes hundreds of objects and no circle.

    As it is by itself, a tenth of the processor time of reports went into looking through them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, 1,024 on most systems, to the hard one: each agent that waits is a connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _previews(settings: ServerSettings, database: SqlStorage) -> PreviewProcesses:
    from gatepost.cli.preview_process import PreviewProcesses, Task, absolute_url

    task = Task(
        database=absolute_url(settings.database),
        master_key=str(settings.master_key.absolute()),
        results_expire=settings.results_expire,
    )
    return PreviewProcesses(task, database)


def _surround(
    settings: ServerSettings, database: SqlStorage, intake: Intake, metrics: PrometheusCounters | None
) -> Surroundings:
    from gatepost.controlplane.counters import UNCOUNTED
    from gatepost.web.limits import Limits
    from gatepost.web.metrics import CONTENT_TYPE
    from gatepost.web.operations import Metrics, Operations, Readiness
    from gatepost.web.surroundings import Surroundings

    counters: Counters = UNCOUNTED if metrics is None else metrics
    limits = Limits(settings.limits, time.monotonic, counters)
    shown = None
    if metrics is not None and settings.metrics_token is not None:
        shown = Metrics(render=metrics.render, content_type=CONTENT_TYPE, token_digest=settings.metrics_token)
    return Surroundings(
        limits=limits,
        counters=counters,
        operations=Operations(Readiness(database.probe, lambda: intake.alive), limits, shown),
        request_ids=_request_ids(),
        issuer=settings.public_urls[0],
    )


def _request_ids() -> Iterator[str]:
    """Name requests: a word that this worker drew, and a number."""
    word = secrets.token_hex(4)
    return (f"{word}-{number}" for number in itertools.count(1))


class _Life:
    """What begins and ends with a worker's application."""

    def __init__(
        self,
        threads: tuple[Thread, ...],
        tasks: tuple[Calls | LimitSharing, ...],
        leaving: Leaving,
        ready: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        self._threads = threads
        self._tasks = tasks
        self._leaving = leaving
        self._ready = ready
        self._close = close

    def wrap(self, application: Application) -> Application:
        """Start threads and calls with the application; let them finish, then close the database, when it ends."""

        async def live(scope: Scope, receive: Receive, send: Send) -> None:
            async def watched() -> MutableMapping[str, Any]:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    self._begin()
                elif message["type"] == "lifespan.shutdown":
                    await self._end()
                return message

            await application(scope, watched, send)

        def wrapped(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            return (live if scope["type"] == "lifespan" else application)(scope, receive, send)

        return wrapped

    def _begin(self) -> None:
        for thread in self._threads:
            thread.start()
        for task in self._tasks:
            task.start()
        self._leaving.start()
        self._ready()

    async def _end(self) -> None:
        for task in self._tasks:
            task.stop()
        for thread in self._threads:
            await asyncio.to_thread(thread.stop)
        self._close()


def now() -> int:
    """Return the clock's time in ms since 1970, UTC."""
    return time.time_ns() // 1_000_000
