"""What administrators' lists, a single get and a preview cost with a million devices, on both kinds of database."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from bench.harness import Bound, Comparison, Figure, MeasureError, Sample, Sense, Side
from bench.large_fleet import LargeFleet, make_large_fleet
from bench.processor_time import descendants, read_tasks, spent
from gatepost.controlplane.administration.devices import find_device, list_devices
from gatepost.controlplane.administration.history import list_results
from gatepost.controlplane.administration.previews import start_preview
from gatepost.controlplane.ports import DeviceFilter, DeviceOrder, Mark
from gatepost.wire.management.preview import PreviewBody, PreviewState
from tests.postgres import Cluster, programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FEW: Final = 1_000
_MANY: Final = 1_000_000
_PAGE: Final = 100
_TIMES: Final = 50
_SECONDS_OF_A_PREVIEW: Final = 10
_NO_MORE: Final = Bound(Sense.AT_MOST, 2.0)


class _Databases(msgspec.Struct, frozen=True):
    """Two databases of one kind, few devices in one and many in the other; ``server`` is PostgreSQL's process, or None."""

    kind: str
    few: LargeFleet
    many: LargeFleet
    server: int | None


def measure(folder: Path) -> tuple[Figure, ...]:
    """Measure on SQLite, and on PostgreSQL."""
    few, many = (make_large_fleet(f"sqlite:///{folder / str(size)}.db", size) for size in (_FEW, _MANY))
    figures = _measure(_Databases("SQLite", few, many, None))
    found = programs()
    if found is None:
        raise MeasureError("PostgreSQL is not installed")
    cluster = Cluster(found)
    try:
        server = int((cluster.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        few, many = (make_large_fleet(cluster.create(), size) for size in (_FEW, _MANY))
        figures += _measure(_Databases("PostgreSQL", few, many, server))
    finally:
        cluster.remove()
    return figures


def _measure(databases: _Databases) -> tuple[Figure, ...]:
    figures = (
        _compare(databases, "a page of devices", _page_of_devices),
        _compare(databases, "a page of devices by name", _page_by_name),
        _compare(databases, "a page of results", _page_of_results),
        _compare(databases, "one device", _one_device),
        _preview(databases),
    )
    for fleet in (databases.few, databases.many):
        fleet.close()
    return figures


def _compare(databases: _Databases, name: str, act: Callable[[LargeFleet], Callable[[], None]]) -> Figure:
    few, many = (
        Side(f"{name}, of {fleet.size:,}", partial(_cost, act(fleet), databases.server))
        for fleet in (databases.few, databases.many)
    )
    return Comparison(
        name=f"{name} on {databases.kind}, {_MANY:,} beside {_FEW:,}",
        subject=many,
        anchor=few,
        unit="a call",
        bound=_NO_MORE,
    ).run()


def _cost(call: Callable[[], None], server: int | None) -> Sample:
    """Return the processor time of one call: this thread's, and where there is a server of its own, that one's."""
    processes = () if server is None else descendants(server)
    before, began = read_tasks(processes) if processes else {}, time.thread_time_ns()
    for _ in range(_TIMES):
        call()
    own = time.thread_time_ns() - began
    return Sample((own + (spent(before, read_tasks(processes)) if processes else 0)) / _TIMES)


def _page_of_devices(fleet: LargeFleet) -> Callable[[], None]:
    """Read a page from the middle, in the order of enrolment."""
    return _reading(fleet, DeviceFilter())


def _page_by_name(fleet: LargeFleet) -> Callable[[], None]:
    return _reading(fleet, DeviceFilter(order=DeviceOrder.NAME))


def _reading(fleet: LargeFleet, wanted: DeviceFilter) -> Callable[[], None]:
    after = _middle(fleet, wanted)

    def read() -> None:
        found, _ = list_devices(fleet.services, fleet.account, wanted, after, _PAGE)
        if len(found) != _PAGE:
            raise MeasureError(f"a page has {len(found)} devices")

    return read


def _middle(fleet: LargeFleet, wanted: DeviceFilter) -> Mark | None:
    """Return a mark some pages in."""
    mark: Mark | None = None
    for _ in range(3):
        _, mark = list_devices(fleet.services, fleet.account, wanted, mark, _PAGE)
    return mark


def _page_of_results(fleet: LargeFleet) -> Callable[[], None]:
    after = fleet.size // 2, 0

    def read() -> None:
        found, _ = list_results(fleet.services, fleet.account, after, _PAGE)
        if len(found) != _PAGE:
            raise MeasureError(f"a page has {len(found)} results")

    return read


def _one_device(fleet: LargeFleet) -> Callable[[], None]:
    found, _ = list_devices(fleet.services, fleet.account, DeviceFilter(), None, 1)
    device_id = found[0].listed.device.id

    def read() -> None:
        find_device(fleet.services, fleet.account, device_id)

    return read


def _preview(databases: _Databases) -> Figure:
    """Run previews of a changed check over all; seconds by a wall's clock, since that is what somebody waits."""
    fleet = databases.many
    rule = {**fleet.rule, "input": {**fleet.rule["input"], "extended_key_usage": ["clientAuth"]}}
    body = PreviewBody(rule=rule, replaces=fleet.check.id)

    def run() -> Sample:
        began = time.perf_counter_ns()
        shown = start_preview(fleet.services, fleet.account, body)
        if shown.state is not PreviewState.DONE or shown.outlook is None or shown.outlook.stay != fleet.size:
            raise MeasureError(f"the preview came out otherwise: {shown.state} {shown.detail} {shown.outlook}")
        return Sample(time.perf_counter_ns() - began)

    return Comparison(
        name=f"preview of a changed check on {databases.kind}, {_MANY:,} devices",
        subject=Side(
            "One preview, from its request to its outlook, by a wall's clock; progress is told every second", run
        ),
        anchor=Side(f"{_SECONDS_OF_A_PREVIEW} s, on a wall's clock", lambda: Sample(_SECONDS_OF_A_PREVIEW * 1e9)),
        unit="a preview",
        bound=Bound(Sense.AT_MOST, 1.0),
        rounds=4,
    ).run()
