"""Figures, shown: as a table on the terminal, and as the page ``docs/benchmarks.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from bench.harness import MINIMUM_BUSY, MINIMUM_ROUNDS, Bound, Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

_INTRODUCTION: Final = f"""\
# Benchmarks

Written by `make bench`, which measures all of this again on your machine; one figure alone: `.venv/bin/python -m bench NAME`.

Cost is processor time, user and system, and never time on a wall's clock: of a command, of the whole process from start to
end (`getrusage`); of a server, of all its threads for each request that it answered (`/proc/PID/task/*/schedstat`); of a
call, of the thread that makes it. Subject and anchor are measured in turns, at least {MINIMUM_ROUNDS} of each, after one of
each that does not count; the median counts. A server's figure counts only when its core was {MINIMUM_BUSY:.0%} busy.
"""


def show_figures(figures: Sequence[Figure]) -> Table:
    """Make the table for the terminal."""
    table = Table("figure", "cost", "anchor", "ratio", "bound", "", title="processor time; the median of each")
    for figure in figures:
        subject, anchor = show_amount(figure, figure.subject_cost), show_amount(figure, figure.anchor_cost)
        table.add_row(
            figure.name,
            f"{subject} {figure.unit}",
            anchor,
            show_ratio(figure),
            show_bound(figure.bound),
            verdict(figure),
        )
    return table


def write_page(figures: Sequence[Figure], machine: Mapping[str, str], today: date) -> str:
    """Write the page."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_rows(("measured", "on"), (("date", today.isoformat()), *machine.items())),
            "",
            *_rows(("figure", "cost", "its anchor's", "ratio", "bound", "verdict"), map(_row, figures)),
            "",
            "## What was measured",
            "",
            *(line for figure in figures for line in _description(figure)),
        ]
    )


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        f"{show_amount(figure, figure.subject_cost)} {figure.unit}",
        show_amount(figure, figure.anchor_cost),
        show_ratio(figure),
        show_bound(figure.bound),
        verdict(figure),
    )


def _description(figure: Figure) -> list[str]:
    busy = "" if figure.busy is None else f", the server's core {figure.busy:.0%} busy"
    return [
        f"### {figure.name}",
        "",
        f"{figure.what}.",
        f"Anchor: {figure.anchor}.",
        f"{figure.rounds} turns of each{busy}.",
        "",
    ]


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Write a table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def show_amount(figure: Figure, amount: float) -> str:
    """Show a figure's cost: time, or memory."""
    return f"{amount / 1024:.1f} MiB" if figure.of_memory else show_cost(amount)


def show_cost(cost: float) -> str:
    """Show ns in the unit that leaves one to three digits before the point."""
    for limit, divisor, unit in ((1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if cost < limit:
            return f"{cost / divisor:.4g} {unit}"
    return f"{cost / 1e9:.4g} s"


def show_ratio(figure: Figure) -> str:
    """Show the ratio as its bound is written: a share in percent, a multiple with ×."""
    return _number(figure.ratio, as_share=_is_share(figure.bound))


def show_bound(bound: Bound | None) -> str:
    """Show a bound, and from which part on it counts."""
    if bound is None:
        return "for information"
    due = f"{bound.due}: " if bound.due else ""
    return f"{due}{bound.sense} {_number(bound.value, as_share=_is_share(bound))}"


def _is_share(bound: Bound | None) -> bool:
    return bound is not None and bound.value < 1


def _number(value: float, *, as_share: bool) -> str:
    if as_share:
        return f"{value:.0%}"
    return f"{value:.2f} ×" if value < 10 else f"{value:,.0f} ×"


def verdict(figure: Figure) -> str:
    """Say in a word or two what came of it."""
    if not figure.counts:
        return f"does not count: its core was {figure.busy:.0%} busy"
    if figure.bound is None:
        return "–"
    if figure.bound.due:
        return "met already" if figure.met else "not yet"
    return "met" if figure.met else "MISSED"
