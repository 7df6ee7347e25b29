"""The commands in README, tutorial and how-to pages do what the pages show: each is run as it stands."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.docs.console import Command, Ran, read_commands, run_commands

ROOT = Path(__file__).parents[2]
PAGES = [
    page.relative_to(ROOT).as_posix()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if read_commands(page)
]


def _told(ran: Ran) -> str:
    lines = (f"$ {ran.command.text}", *ran.command.shown, f"--- exit code {ran.status}, and it printed:", *ran.printed)
    return "\n".join(lines)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_s_commands_print_what_it_shows(page: str, tmp_path: Path) -> None:
    """In one shell, in their order, with a real server where the page starts one."""
    commands = read_commands(ROOT / page)
    if shutil.which("chromium") is None and any("chromium" in item.text for item in commands):
        pytest.skip("chromium is not installed (Debian's package chromium)")
    ran = run_commands(commands, tmp_path)
    told = "\n\n".join(_told(item) for item in ran if not item.agrees())
    assert not told, told
    assert len(commands) == len(ran)


def test_the_pages_that_a_newcomer_follows_are_among_them() -> None:
    """A fence of another kind would leave a page untried."""
    assert {"README.md", "docs/tutorial.md"} <= set(PAGES)


@pytest.mark.parametrize(
    ("shown", "printed", "agrees"),
    [
        (("PASS",), ("PASS",), True),
        (("PASS",), ("PASS", "more"), False),
        (("PASS", "…"), ("PASS", "more", "and more"), True),
        (("…", "end"), ("end",), True),
        (("id …, done",), ("id 17, done",), True),
        (("id …, done",), ("id 17",), False),
        ((), ("anything",), True),
    ],
)
def test_an_ellipsis_stands_for_what_differs(shown: tuple[str, ...], printed: tuple[str, ...], *, agrees: bool) -> None:
    """Within a line for any text, alone on a line for any lines; nothing shown is nothing said."""
    assert Ran(Command("", shown), 0, printed).agrees() is agrees


def test_commands_of_several_lines_run_in_one_shell(tmp_path: Path) -> None:
    """Variables stay, here-documents end, exit codes and both streams are seen."""
    page = tmp_path / "page.md"
    page.write_text("```console\n$ A=1\n$ cat >&2 <<END\n> $A\n> END\n1\n$ (exit 3)\n```\n")
    ran = run_commands(read_commands(page), tmp_path)
    assert [(0, ()), (0, ("1",)), (3, ())] == [(item.status, item.printed) for item in ran]


def test_blocks_of_python_make_files_together(tmp_path: Path) -> None:
    """Each is a part of the file that its first line names; one without a name is only to be read."""
    page = tmp_path / "page.md"
    blocks = ("# a.py\nx = '$HOME'", "not to be run", "# a.py\nprint(x)")
    fences = "".join(f"```python\n{block}\n```\n" for block in blocks)
    page.write_text(fences + "```console\n$ python3 a.py\n$HOME\n```\n")
    ran = run_commands(read_commands(page), tmp_path)
    assert [(0, ()), (0, ()), (0, ("$HOME",))] == [(item.status, item.printed) for item in ran]


def test_a_command_behind_a_sleep_is_given_time(tmp_path: Path) -> None:
    """It is run again until it prints what is shown."""
    commands = [Command("(sleep 0.5; touch there) &"), Command("sleep 0"), Command("ls there", ("there",))]
    assert run_commands(commands, tmp_path)[-1].agrees()


def test_what_a_page_left_running_ends_with_it(tmp_path: Path) -> None:
    """A server that a reader would stop by closing the terminal."""
    [_, told] = run_commands([Command("sleep 60 &"), Command("echo $!")], tmp_path)
    assert ended(Path(f"/proc/{told.printed[0]}/status"))


def ended(status: Path) -> bool:
    """Tell whether a process is gone, or only waits to be collected; one that was killed takes a moment."""
    for _ in range(500):
        try:
            if "State:\tZ" in status.read_text(encoding="utf-8"):
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False
