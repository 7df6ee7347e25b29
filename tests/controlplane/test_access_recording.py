"""Decisions on their way into the access log: written together, waiting while nothing can be written, never lost in silence."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.access.recording import AccessRecorder
from gatepost.controlplane.ports import AccessFilter, AuditFilter
from gatepost.errors import StorageError
from tests.controlplane.house import open_house
from tests.controlplane.test_log_keeping import Exported
from tests.kinds import KINDS, new_database
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.controlplane.ports import Records
    from gatepost.core.log import AccessDocument
    from tests.controlplane.house import House

ALL = AccessFilter()


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give a house without anybody in it, on each kind of database."""
    with open_house(tmp_path, database=new_database(request)) as opened:
        yield opened


class Unwritable:
    """The house's storage, into which nothing can be written until it is healed. A double."""

    def __init__(self, house: House) -> None:
        """Stand before it, broken."""
        self._storage = house.storage
        self.broken = True
        self.tried = threading.Event()

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[Records]:
        """Write, or say that nobody can."""
        self.tried.set()
        if self.broken:
            raise StorageError("no space left")
        with self._storage.writing(alone=alone) as records:
            yield records


def recorder_on(house: House, storage: Unwritable | None = None, **more: Any) -> AccessRecorder:  # noqa: ANN401 - options.
    """Give a recorder."""
    chosen: Any = storage or house.storage
    return AccessRecorder(chosen, house.clock, **more)


def written(house: House, wanted: AccessFilter = ALL) -> list[AccessDocument]:
    """Give the access log, oldest line first."""
    with house.storage.reading() as records:
        return [line.document for line in records.access_log.read_upwards(house.account, wanted, 1_000, skip=0)]


def lost(house: House) -> list[dict[str, int]]:
    """Give what the audit log says of lost lines."""
    with house.storage.reading() as records:
        lines = records.audit_log.read(house.account, AuditFilter(kind="access-log", action="lose"), None, 10)
    return [msgspec.json.decode(line.entry.after or "") for line in reversed(lines)]


def test_lines_are_written_together_and_stand_in_the_chain(house: House) -> None:
    """Beside those of the other logs; the export has them and holds."""
    recorder = recorder_on(house)
    lines = [samples.decision(reference=f"ab-{number}", at=samples.NOW + number) for number in range(1_203)]
    for line in lines:
        recorder.note(house.account, line)
    assert [] == written(house)
    recorder.write()
    recorder.write()
    with house.storage.reading() as records:
        found = records.access_log.read_upwards(house.account, ALL, 2_000, skip=0)
    assert lines == [line.document for line in found]
    exported = Exported(house)
    assert [] == exported.flaws
    assert 1_203 == len([line for line in exported.lines if line.log == "access"])


def test_of_allows_alone_a_sample_is_written_where_that_is_asked(house: House) -> None:
    """One in three, which says so; each refusal, and whatever was let in for a reason."""
    recorder = recorder_on(house, sample=3)
    plain = samples.decision(reasons=(), unmet=())
    for number in range(9):
        recorder.note(house.account, msgspec.structs.replace(plain, reference=f"allow-{number}"))
        recorder.note(house.account, msgspec.structs.replace(plain, reference=f"deny-{number}", allowed=False))
        recorder.note(house.account, samples.decision(reference=f"exempted-{number}"))
    recorder.write()
    found = written(house)
    assert [("allow-2", 3), ("allow-5", 3), ("allow-8", 3)] == [
        (line.reference, line.stands_for) for line in found if line.reference.startswith("allow")
    ]
    assert 18 == len([line for line in found if not line.reference.startswith("allow")])


def test_lines_wait_while_nothing_can_be_written_and_what_finds_no_room_is_told(house: House) -> None:
    """In the audit log, once, with how many and of which time."""
    storage, told = Unwritable(house), list[str]()
    recorder = recorder_on(house, storage, room=5, tell=told.append)
    recorder.start()
    for number in range(8):
        recorder.note(house.account, samples.decision(reference=f"ab-{number}", at=samples.NOW + number))
    assert storage.tried.wait(30)
    storage.broken = False
    recorder.stop()
    assert {"no space left"} == set(told)
    assert [f"ab-{number}" for number in range(5)] == [line.reference for line in written(house)]
    assert [{"decisions": 3, "since": samples.NOW + 5, "until": samples.NOW + 7}] == lost(house)
    assert [] == Exported(house).flaws


def test_what_is_lost_while_the_loss_is_written_is_told_next(house: House) -> None:
    """Nothing is told twice, and nothing forgotten."""
    storage = Unwritable(house)
    recorder = recorder_on(house, storage, room=0)
    recorder.note(house.account, samples.decision(at=samples.NOW))
    storage.broken = False
    real = storage.writing

    @contextmanager
    def meanwhile(*, alone: bool = True) -> Iterator[Records]:
        with real(alone=alone) as records:
            yield records
        storage.writing = real  # type: ignore[method-assign]  # the double's own
        recorder.note(house.account, samples.decision(at=samples.NOW + 3))

    storage.writing = meanwhile  # type: ignore[method-assign]  # the double's own
    recorder.write()
    assert [1, 1] == [item["decisions"] for item in lost(house)]


def test_a_recorder_that_can_never_write_ends_all_the_same(house: House) -> None:
    """After a few tries; an error that nobody expected is no end either."""
    storage, told = Unwritable(house), list[str]()
    recorder = recorder_on(house, storage, tell=told.append)
    recorder.note(99, samples.decision())
    recorder.start()
    recorder.stop()
    assert ["no space left"] * 3 == told[-3:]
    storage.broken = False
    recorder = recorder_on(house, storage, tell=told.append)
    recorder.note(house.account, samples.decision(path=object()))
    recorder.start()
    recorder.stop()
    assert "TypeError" == told[-1]
