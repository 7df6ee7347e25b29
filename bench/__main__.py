"""``python -m bench [NAME…]``: measure, print a table and, when everything was measured, write ``docs/benchmarks.md``.

Exit codes: 0 all bounds are kept to, 1 one is missed, 2 wrong usage, 3 could not measure.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from bench import administration, agent, check_process, corpus, evaluation, long_polls, server, worst_case
from bench.harness import Figure, MeasureError, exit_code
from bench.machine import describe_machine
from bench.page import show_figures, write_page
from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PAGE: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_MEASUREMENTS: Final[dict[str, Callable[[Path], tuple[Figure, ...]]]] = {
    "check_process": check_process.measure,
    "evaluation": evaluation.measure,
    "worst_case": worst_case.measure,
    "corpus": corpus.measure,
    "agent": agent.measure,
    "server": server.measure,
    "long_polls": long_polls.measure,
    "administration": administration.measure,
}


def main(names: Sequence[str]) -> int:
    """Measure what is named, or everything."""
    unknown = [name for name in names if name not in _MEASUREMENTS]
    if unknown:
        print(f"there is no figure {', '.join(unknown)}; there are {', '.join(_MEASUREMENTS)}", file=sys.stderr)
        return 2
    try:
        figures = [figure for name in names or _MEASUREMENTS for figure in _measure(name)]
    except (MeasureError, GatepostError) as error:
        print(f"could not measure: {error}", file=sys.stderr)
        return 3
    Console(width=140).print(show_figures(figures))
    if not names:
        _PAGE.write_text(write_page(figures, describe_machine(), datetime.now(UTC).date()), encoding="utf-8")
        print(f"written: {_PAGE.relative_to(Path.cwd())}")
    return exit_code(figures)


def _measure(name: str) -> tuple[Figure, ...]:
    """Measure one in a folder of its own."""
    print(f"measuring {name} …", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
        return _MEASUREMENTS[name](Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
