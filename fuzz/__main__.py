"""``python -m fuzz [--seconds N] [TARGET…]``: fuzz the targets one after another, and say what came of it.

Exit codes: 0 nothing was found, 1 something was, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from fuzz import access, core, stores, wire

_FOLDER = Path(".fuzz") / "work"
_TARGETS = (*core.TARGETS, *wire.TARGETS, *stores.TARGETS, *access.TARGETS)
_UNITS = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")


def main() -> int:
    """Fuzz what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument(
        "target", nargs="*", metavar="TARGET", help=f"of {', '.join(_TARGETS)}; all where none is named"
    )
    given = parser.parse_args()
    unknown = set(given.target) - set(_TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    found = [name for name in given.target or _TARGETS if _fuzz(name, given.seconds)]
    return int(bool(found))


def _fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target, and tell whether something was found."""
    folder = _FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzz.one", name, str(seconds), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    units, covered = _UNITS.search(done.stderr), _COVERED.findall(done.stderr)
    counts = f"{int(units[1]) if units else 0:>12,} executions, {covered[-1] if covered else '0':>5} places covered"
    print(f"{name:<16} {counts}{'' if not done.returncode else ', FOUND'}", flush=True)
    if done.returncode:
        (folder / "log").write_text(done.stdout + done.stderr, encoding="utf-8")
        print(f"  see {folder}/log and {folder}/finding-*", flush=True)
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
