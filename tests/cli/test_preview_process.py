"""Processes of previews: so many wait and no more, and none begins for a preview that was removed."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event, Semaphore
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.cli import preview_process
from gatepost.cli.preview_process import MAXIMUM_WAITING, PreviewProcesses, Task
from gatepost.controlplane.administration.previews import find_preview, remove_preview, start_preview
from gatepost.errors import OverloadedError
from gatepost.processes import Answered
from gatepost.storage.database import open_storage
from gatepost.wire.management.preview import PreviewBody, PreviewState
from tests.controlplane.house import open_house
from tests.services import MASTER_KEY, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.controlplane.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Open a house for one test."""
    with open_house(tmp_path) as opened:
        yield opened


class Held:
    """Processes whose programs are a test double: each is told, and ends when the test says so."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the double in the place of what starts a program."""
        self.storage = open_storage(house.database, MASTER_KEY, lambda size: b"x" * size)
        task = Task(database=house.database, master_key="", results_expire=True)
        self.processes = PreviewProcesses(task, self.storage)
        self.begun: list[str] = []
        self.begins, self.end = Semaphore(0), Event()
        monkeypatch.setattr(preview_process, "ask", self.ask)

    def ask(self, command: list[str], question: bytes, **bounds: object) -> Answered:
        """Stand where a program does."""
        del command, bounds
        self.begun.append(msgspec.json.decode(question, type=Task).preview_id)
        self.begins.release()
        assert self.end.wait(30)
        return Answered(b"", 0)

    def finish(self) -> None:
        """Let all programs end, and wait for them."""
        self.end.set()
        self.processes._threads.shutdown()  # noqa: SLF001 - the server never waits for them
        self.storage.close()


@pytest.fixture
def held(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Give processes that end when the test says so."""
    opened = Held(house, monkeypatch)
    house.services = msgspec.structs.replace(
        house.services, start_preview=opened.processes.start, preview_room=opened.processes.room
    )
    yield opened
    opened.finish()


def test_so_many_previews_wait_and_no_more(house: House, held: Held) -> None:
    """The next one is asked to come back; a place that was kept for nothing is free again."""
    body = PreviewBody(rule=rule_of(house.upload()))
    ids = [start_preview(house.services, house.account, body).id for _ in range(MAXIMUM_WAITING - 1)]
    with held.processes.room(), pytest.raises(OverloadedError) as refused:
        start_preview(house.services, house.account, body)
    assert 30 == refused.value.retry_after
    ids.append(start_preview(house.services, house.account, body).id)
    with pytest.raises(OverloadedError):
        start_preview(house.services, house.account, body)
    held.finish()
    assert sorted(ids) == sorted(held.begun)
    with ExitStack() as places:
        for _ in range(MAXIMUM_WAITING):
            places.enter_context(held.processes.room())


def test_no_process_begins_for_a_preview_that_was_removed(house: House, held: Held) -> None:
    """It waited behind two others."""
    body = PreviewBody(rule=rule_of(house.upload()))
    first, second, removed, last = (start_preview(house.services, house.account, body).id for _ in range(4))
    assert all(held.begins.acquire(timeout=30) for _ in range(2))
    remove_preview(house.services, house.account, removed)
    held.finish()
    assert {first, second} == set(held.begun[:2])
    assert [last] == held.begun[2:]
    assert PreviewState.RUNNING is find_preview(house.services, house.account, last).state
