"""The command of the measurements: what it refuses, and when it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.__main__ import _MEASUREMENTS

ROOT = Path(__file__).parents[2]


def test_an_unknown_figure_is_refused_with_the_names_of_all() -> None:
    """A wrong name ends with 2, and nothing is measured."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "server", "speed"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"there is no figure speed; there are {', '.join(_MEASUREMENTS)}\n"


def test_measuring_ends_in_words_when_a_tool_is_missing() -> None:
    """Without NSS's tools there is no database to measure on."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "check_process"],
        cwd=ROOT,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "could not measure: " in done.stderr
    assert "certutil" in done.stderr
    assert "Traceback" not in done.stderr
