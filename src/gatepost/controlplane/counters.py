"""Counters: what is counted for whoever operates the server. A port: `web.metrics` is its form for Prometheus.

Everything that is counted comes from closed lists of ours. No text of a device, a certificate or a client may enter: each
different one would be another time series, for as long as the process lives.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gatepost.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from gatepost.controlplane.ports import Records, SharedStorage
    from gatepost.core.evaluation import Status
    from gatepost.core.reason import Reason

_R = TypeVar("_R")


class Counters(Protocol):
    """What happened. Any thread may call these; none may raise, wait, or cost more than a few microseconds."""

    def acknowledged(self, *, again: bool) -> None:
        """Count a report that is durable; ``again``: it was durable before, and was sent once more."""
        ...

    def refused(self, reason: str) -> None:
        """Count a report that does not count; ``reason`` is the word that the device is told."""
        ...

    def took(self, seconds: float) -> None:
        """Count the time from a whole report to its acknowledgement."""
        ...

    def committed(self, reports: int) -> None:
        """Count a group of reports that were committed together."""
        ...

    def judged(self, status: Status, reason: Reason | None) -> None:
        """Count a verdict that was recorded; ``reason`` is its first, None for a pass."""
        ...

    def verified(self, *, valid: bool) -> None:
        """Count a certificate's signature that was verified."""
        ...

    def enrolled(self, outcome: str) -> None:
        """Count an attempt to enrol; ``outcome`` is empty, or the word that the device is told."""
        ...

    def decided(self, *, allowed: bool, reason: Reason | None) -> None:
        """Count a decision for a proxy; ``reason`` is its first, None where who was let in needed none."""
        ...

    def answered(self, status: int) -> None:
        """Count a request of the management API, or of the pages, by the status of its answer."""
        ...

    def limited(self, what: str) -> None:
        """Count a request that was turned away before its credential was looked at; ``what`` is the limit's name."""
        ...

    def database_failed(self) -> None:
        """Count a transaction that the database could not do."""
        ...


class NoCounters:
    """Nobody counts: for servers whose metrics nobody reads, and for tests that ask for other things."""

    def acknowledged(self, *, again: bool) -> None:
        """Leave it uncounted."""

    def refused(self, reason: str) -> None:
        """Leave it uncounted."""

    def took(self, seconds: float) -> None:
        """Leave it uncounted."""

    def committed(self, reports: int) -> None:
        """Leave it uncounted."""

    def judged(self, status: Status, reason: Reason | None) -> None:
        """Leave it uncounted."""

    def verified(self, *, valid: bool) -> None:
        """Leave it uncounted."""

    def enrolled(self, outcome: str) -> None:
        """Leave it uncounted."""

    def decided(self, *, allowed: bool, reason: Reason | None) -> None:
        """Leave it uncounted."""

    def answered(self, status: int) -> None:
        """Leave it uncounted."""

    def limited(self, what: str) -> None:
        """Leave it uncounted."""

    def database_failed(self) -> None:
        """Leave it uncounted."""


UNCOUNTED: Final[Counters] = NoCounters()


class CountedStorage:
    """`ports.Storage`, its failures counted."""

    def __init__(self, storage: SharedStorage, counters: Counters) -> None:
        self._storage = storage
        self._counters = counters

    def reading(self) -> AbstractContextManager[Records]:
        """Open a transaction that only reads."""
        return self._counted(self._storage.reading)

    def writing(self, *, alone: bool = True) -> AbstractContextManager[Records]:
        """Open a transaction that writes."""
        return self._counted(partial(self._storage.writing, alone=alone))

    def keeping_house(self) -> AbstractContextManager[Records | None]:
        """Open a transaction that writes, for housekeeping."""
        return self._counted(self._storage.keeping_house)

    @contextmanager
    def _counted(self, begin: Callable[[], AbstractContextManager[_R]]) -> Iterator[_R]:
        try:
            with begin() as records:
                yield records
        except StorageError:
            self._counters.database_failed()
            raise
