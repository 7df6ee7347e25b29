"""Processor time, read from where the kernel tells it. No test here says how long anything takes."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from bench.harness import MeasureError
from bench.processor_time import descendants, of_calls, of_child, read_tasks, spent

if TYPE_CHECKING:
    from pathlib import Path


def _write_task(proc: Path, process: int, task: int, content: str) -> None:
    folder = proc / str(process) / "task" / str(task)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schedstat").write_text(content)


def _write_process(proc: Path, process: int, parent: int, name: str = "python") -> None:
    (proc / str(process)).mkdir(parents=True)
    (proc / str(process) / "stat").write_text(f"{process} ({name}) S {parent} 1 1 0 -1\n")


def test_the_first_field_of_each_thread_is_taken_when_a_server_is_read(tmp_path: Path) -> None:
    """The other fields are waiting time and the number of turns."""
    _write_task(tmp_path, 7, 7, "1000 20 3\n")
    _write_task(tmp_path, 7, 8, "500 90 9\n")
    _write_task(tmp_path, 9, 9, "1 1 1\n")
    assert {(7, 7): 1000, (7, 8): 500, (9, 9): 1} == read_tasks((7, 9), tmp_path)


def test_a_new_thread_counts_from_its_beginning_when_it_came_between_two_readings() -> None:
    """Whatever it has used, it has used since."""
    assert spent({(7, 7): 1000}, {(7, 7): 1400, (7, 8): 30}) == 430


def test_a_reading_is_refused_when_a_thread_ended_meanwhile() -> None:
    """Its time is gone with it, and the rest would look cheaper than it was."""
    with pytest.raises(MeasureError, match=r"\(7, 8\)"):
        spent({(7, 7): 1000, (7, 8): 500}, {(7, 7): 1400})


def test_a_reading_is_refused_when_there_was_no_process() -> None:
    """Nothing measured is not a cost of nothing."""
    with pytest.raises(MeasureError):
        spent({}, {})


@pytest.mark.parametrize("content", ["", "many 1 1\n"])
def test_a_reading_is_refused_when_the_kernel_says_something_else(tmp_path: Path, content: str) -> None:
    """A file of another form is an error of measuring, in words."""
    _write_task(tmp_path, 7, 7, content)
    with pytest.raises(MeasureError, match="cannot be read"):
        read_tasks((7,), tmp_path)


def test_children_and_theirs_are_found_when_a_server_has_workers(tmp_path: Path) -> None:
    """Also where a process's name holds brackets and numbers."""
    _write_process(tmp_path, 5, 1)
    _write_process(tmp_path, 7, 5, "worker) S 99 (2")
    _write_process(tmp_path, 8, 7)
    _write_process(tmp_path, 9, 1)
    assert descendants(5, tmp_path) == (5, 7, 8)


def test_a_process_that_ended_is_left_out_when_the_others_are_listed(tmp_path: Path) -> None:
    """Its folder may be there without its file for a moment."""
    _write_process(tmp_path, 5, 1)
    (tmp_path / "6").mkdir()
    (tmp_path / "6" / "stat").write_text("")
    assert descendants(5, tmp_path) == (5,)


def test_every_thread_of_this_process_is_read_when_the_kernel_is_asked() -> None:
    """The real file system has what is read here, and a thread's number is the one that Python knows."""
    begun, finish = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        finish.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait()
    times = read_tasks((os.getpid(),))
    finish.set()
    thread.join()
    assert {(os.getpid(), os.getpid()), (os.getpid(), thread.native_id)} <= times.keys()
    assert times[os.getpid(), os.getpid()] > 0


def test_a_child_costs_something_when_it_ends_well() -> None:
    """Even the shortest Python uses a processor."""
    assert of_child([sys.executable, "-c", ""]).cost > 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('it broke')"], "ended with 1: it broke"),
        (["/nowhere/certutil"], "could not be measured"),
    ],
)
def test_a_child_is_not_measured_when_it_fails(command: list[str], words: str) -> None:
    """What a program costs that does not do its work is nobody's figure."""
    with pytest.raises(MeasureError, match=words):
        of_child(command)


def test_a_call_is_made_as_often_as_asked_when_it_is_measured() -> None:
    """The cost is of one of them, so their number must be right."""
    calls: list[int] = []
    assert of_calls(lambda: calls.append(1), 7).cost > 0
    assert len(calls) == 7
