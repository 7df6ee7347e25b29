"""Processor time: of a child process from its end on, of a server while it runs, of this thread.

Source of the server's: ``/proc/PID/task/TID/schedstat``, whose first field is the time on a processor in ns (Linux,
Documentation/scheduler/sched-stats.rst). A thread that ends takes its time with it, and is therefore noticed.
"""

from __future__ import annotations

import resource
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import MeasureError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PROC: Final = Path("/proc")
_PATIENCE: Final = 120.0
"""Seconds for one child: ten times what the slowest takes."""
_LAST_WORDS: Final = 500

TaskTimes = dict[tuple[int, int], int]
"""By process and thread: ns on a processor so far."""


def of_child(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Sample:
    """Run a program to its end: user and system time, its own children's too. Raises `MeasureError` where it fails."""
    before = _children()
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MeasureError(f"{command[0]} could not be measured: {error}") from error
    if done.returncode:
        words = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-_LAST_WORDS:]
        raise MeasureError(f"{command[0]} ended with {done.returncode}: {words}")
    return Sample(_children() - before)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e9


def of_calls(call: Callable[[], object], times: int) -> Sample:
    """Call something in this thread ``times`` times; the cost is of one call."""
    began = time.thread_time_ns()
    for _ in range(times):
        call()
    return Sample((time.thread_time_ns() - began) / times)


def read_tasks(processes: Sequence[int], proc: Path = _PROC) -> TaskTimes:
    """Read the time of each thread of some processes."""
    try:
        return {
            (process, int(path.parent.name)): int(path.read_text(encoding="ascii").split()[0])
            for process in processes
            for path in (proc / str(process) / "task").glob("*/schedstat")
        }
    except (OSError, ValueError, IndexError) as error:
        raise MeasureError(f"the processor time of {processes} cannot be read: {error}") from error


def spent(before: TaskTimes, after: TaskTimes) -> int:
    """Return the ns that were spent between two readings; raises `MeasureError` where a thread ended meanwhile."""
    gone = before.keys() - after.keys()
    if gone or not before:
        raise MeasureError(f"threads ended while they were measured, and their time is lost: {sorted(gone)}")
    return sum(time - before.get(task, 0) for task, time in after.items())


def descendants(process: int, proc: Path = _PROC) -> tuple[int, ...]:
    """Return a process and all that come from it."""
    parents = {int(path.parent.name): _parent(path) for path in proc.glob("[0-9]*/stat")}
    found = [process]
    for member in found:
        found.extend(child for child, parent in parents.items() if parent == member)
    return tuple(found)


def _parent(path: Path) -> int | None:
    """Read a process's parent: the second field behind the name, which stands in brackets and may hold anything."""
    try:
        return int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        # It ended just now.
        return None
