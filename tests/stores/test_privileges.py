"""What is left of root once the child has become somebody: seen by the kernel, from the child's own /proc, and by trying."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gatepost.stores.privileges import ADDRESS_SPACE, LIFE, OPEN_FILES, SECONDS
from tests.stores.strangers import STRANGER, needs_root

BECOME = """
import os, sys
from gatepost.stores.privileges import become
become(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
"""


def after(code: str, uid: int = STRANGER, gid: int = 4_711, room: int = 0) -> subprocess.CompletedProcess[str]:
    """Run some code in a process that has become another account."""
    command = [sys.executable, "-I", "-c", BECOME + code, str(uid), str(gid), str(room)]
    return subprocess.run(command, capture_output=True, text=True, check=False, extra_groups=[4, 24, 27])


def status(**arguments: int) -> dict[str, str]:
    """Return what the kernel says of such a process."""
    lines = after("print(open('/proc/self/status').read())", **arguments).stdout.splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@needs_root
def test_a_child_has_the_owners_ids_and_no_group_and_no_way_back() -> None:
    """Real, effective, saved and of the file system; no capability; no program can give it more."""
    found = status()
    assert ["65534"] * 4 == found["Uid"].split()
    assert ["4711"] * 4 == found["Gid"].split()
    assert ("", "1") == (found["Groups"], found["NoNewPrivs"])
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert 0 == int(found[kind], 16)
    assert "Operation not permitted" in after("os.setuid(0)").stderr


@needs_root
def test_root_that_stays_root_is_bounded_all_the_same() -> None:
    """As it signs in the system's own database."""
    found = status(uid=0, gid=0)
    assert (["0"] * 4, "1") == (found["Uid"].split(), found["NoNewPrivs"])


@needs_root
def test_the_bounds_are_in_force() -> None:
    """Soft and hard alike, so that they cannot be widened."""
    code = "print(open('/proc/self/limits').read())"
    limits = {line[:26].strip(): line[26:].split()[:2] for line in after(code, room=77).stdout.splitlines()}
    assert [str(ADDRESS_SPACE)] * 2 == limits["Max address space"]
    assert ["0", "0"] == limits["Max core file size"]
    assert [str(SECONDS)] * 2 == limits["Max cpu time"]
    assert ["77", "77"] == limits["Max file size"]
    assert [str(OPEN_FILES)] * 2 == limits["Max open files"]
    assert ["0", "0"] == limits["Max processes"]


@needs_root
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.fork()", "Resource temporarily unavailable"),
        ("bytes(1 << 30)", "MemoryError"),
        ("open('/dev/shm/gatepost-test', 'wb', 0).write(b'a')", "File too large"),
        ("[open('/') for _ in range(99)]", "Is a directory"),
        ("[os.open('/', 0) for _ in range(99)]", "Too many open files"),
        ("open('/etc/shadow')", "Permission denied"),
    ],
)
def test_what_a_child_cannot_do(code: str, words: str) -> None:
    """Start a process, take memory, write a file, hold descriptors, read what its owner may not."""
    finally_removed = (
        "import atexit; atexit.register(lambda: os.path.exists(f := '/dev/shm/gatepost-test') and os.remove(f))\n"
    )
    assert words in after(finally_removed + code).stderr


@needs_root
def test_a_child_that_works_for_ever_is_ended_by_the_kernel() -> None:
    """After so many seconds of processor time, whatever became of us. Here after one, since a bound can be lowered."""
    code = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    assert after(code).returncode < 0


@needs_root
def test_a_child_dies_with_whoever_started_it() -> None:
    """Nothing of it stays when we are killed."""
    code = "import ctypes\nvalue = ctypes.c_int()\nctypes.CDLL(None).prctl(2, ctypes.byref(value))\nprint(value.value)"
    assert "9\n" == after(code).stdout
    assert 0 < int(after("import signal\nprint(signal.alarm(0))").stdout) <= LIFE


@needs_root
def test_its_owner_cannot_look_into_a_child() -> None:
    """The kernel gives /proc/PID of such a process to root: no other process of the owner's can take it over."""
    assert "0\n" == after("print(os.stat('/proc/self/mem').st_uid)").stdout


def test_an_account_that_is_no_root_stays_what_it_is() -> None:
    """There is nothing to become, but the bounds hold, and those that are narrower already stay."""
    code = f"""
import os, resource
from gatepost.stores.privileges import become
os.geteuid() or os.setuid({STRANGER})
resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))
become(os.geteuid(), os.getegid(), 5)
print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_FSIZE))
"""
    finished = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert "(9, 9) (5, 5)\n" == finished.stdout


@needs_root
def test_a_refusal_of_the_kernel_is_an_error_and_not_passed_over() -> None:
    """Whoever cannot become the owner ends before reading anything."""
    finished = after("become(1234, 1234, 0)")
    assert (1, True) == (finished.returncode, "PermissionError" in finished.stderr)
