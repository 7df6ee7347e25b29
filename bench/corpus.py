"""The costliest certificate of a corpus: whatever lies in a store, its judgement takes no more than a set time.

The files are those of ``tests/corpus``: each as candidate against its issuers, a fixed CA and itself, and as CA.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bench.harness import Bound, Comparison, Figure, Sample, Sense, Side
from bench.processor_time import of_calls
from tests.corpus.files import files
from tests.corpus.pairs import pairs
from tests.corpus.verdicts import judge_file

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST: Final = 250e6
"""ns of processor time that one file may take."""


def measure(folder: Path) -> tuple[Figure, ...]:
    """Judge every file of the corpus once, find the costliest, and measure that one."""
    del folder
    pairs()  # Who issued what is looked up once, and belongs to no file.
    costs = {path: of_calls(partial(judge_file, path), 1).cost for path in files()}
    costliest = max(costs, key=lambda path: costs[path])
    comparison = Comparison(
        name="costliest file of the corpus",
        subject=Side(
            f"`{costliest.name}`, the costliest of {len(costs):,} X.509 files, read and judged under a check of every"
            " criterion, by each of its issuers and as a signing certificate itself",
            lambda: of_calls(partial(judge_file, costliest), 4),
        ),
        anchor=Side("the 250 ms that one file may take", lambda: Sample(_LONGEST)),
        unit="a file",
        bound=Bound(Sense.AT_MOST, 1.0),
    )
    return (comparison.run(),)
