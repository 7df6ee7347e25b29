"""``python -m bench [--resume | NAME…]``: measure, print a table and, when everything was measured, write ``docs/benchmarks.md``.

Exit codes: 0 all bounds are kept to, 1 one is missed, 2 wrong usage, 3 could not measure.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from bench import (
    administration,
    agent,
    check_process,
    corpus,
    cutting,
    decisions,
    evaluation,
    long_polls,
    policy,
    resume,
    server,
    worst_case,
)
from bench.harness import Figure, MeasureError, exit_code
from bench.keeping import find_kept, forget_all, keep
from bench.machine import describe_machine
from bench.page import show_figures, write_page
from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_RESUME: Final = "--resume"
_PAGE: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_MEASUREMENTS: Final[dict[str, Callable[[Path], tuple[Figure, ...]]]] = {
    "check_process": check_process.measure,
    "evaluation": evaluation.measure,
    "worst_case": worst_case.measure,
    "corpus": corpus.measure,
    "agent": agent.measure,
    "server": server.measure,
    "long_polls": long_polls.measure,
    "policy": policy.measure,
    "decisions": decisions.measure,
    "cutting": cutting.measure,
    "resume": resume.measure,
    "administration": administration.measure,
}


def main(words: Sequence[str]) -> int:
    """Measure what is named, or everything; ``--resume``: only what was not measured since everything was begun."""
    names = [word for word in words if word != _RESUME]
    unknown = [name for name in names if name not in _MEASUREMENTS]
    if unknown or (names and _RESUME in words):
        problem = f"there is no figure {', '.join(unknown)}" if unknown else f"{_RESUME} goes with everything"
        print(f"{problem}; there are {', '.join(_MEASUREMENTS)}", file=sys.stderr)
        return 2
    machine = describe_machine()
    if not words:
        forget_all()
    try:
        figures = [figure for name in names or _MEASUREMENTS for figure in _measure(name, machine, kept=not names)]
    except (MeasureError, GatepostError) as error:
        print(f"could not measure: {error}", file=sys.stderr)
        return 3
    Console(width=140).print(show_figures(figures))
    if not names:
        _PAGE.write_text(write_page(figures, machine, datetime.now(UTC).date()), encoding="utf-8")
        forget_all()
        print(f"written: {_PAGE.relative_to(Path.cwd())}")
    return exit_code(figures)


def _measure(name: str, machine: dict[str, str], *, kept: bool) -> tuple[Figure, ...]:
    """Measure one in a folder of its own; of everything, what is done is kept, and shown at once."""
    known = find_kept(name, machine) if kept else None
    if known is not None:
        return known
    print(f"measuring {name} …", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
        figures = _MEASUREMENTS[name](Path(folder))
    if kept:
        keep(name, figures, machine)
        Console(width=140, stderr=True).print(show_figures(figures))
    return figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
