"""Sequences of events drawn at random, over real routes and a real database, each held against the model of the property.

The machine is that of ``tests/properties``: reports, renewals, replays, expiry, clocks that jump, restores, restarts and decisions.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import hypothesis
import structlog
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.campaign import Campaign, Tally
from tests.properties.machine import NoPassWithoutProof

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS: Final = 40
"""Events of a sequence at the most, its beginning among them; some have fewer, 38 as a rule."""
_MORE: Final = 3
"""Sequences more than are counted, beside one in ten: so that all events together are as many as they should be."""
HELD: Final = "no pass, and nobody let in, without an unexpired proof"
SHORT: Final = "fewer events than there should be"


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


@contextmanager
def _silent() -> Iterator[None]:
    """Let the server's parts say nothing: each refusal would be a line."""
    before = structlog.get_config()
    structlog.configure(processors=[_drop])
    try:
        yield
    finally:
        structlog.configure(**before)


def _run(folder: Path, rounds: int) -> Tally:
    del folder
    events = sequences = 0

    class Counted(NoPassWithoutProof):
        def check_invariants(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - handed on as they come.
            nonlocal events
            super().check_invariants(*arguments, **named)
            events += 1

        def teardown(self) -> None:
            nonlocal events, sequences
            super().teardown()
            sequences += 1
            events -= 1  # The invariants are checked once before the first event, too.

    settings = hypothesis.settings(
        max_examples=rounds + rounds // 10 + _MORE,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        with _silent():
            run_state_machine_as_test(Counted, settings=settings)
    except AssertionError as error:
        return Tally(outcomes={HELD: max(sequences - 1, 0)}, wrong=(str(error),))
    wrong = (SHORT,) if events < rounds * STEPS else ()
    return Tally(outcomes={HELD: min(sequences, rounds) - len(wrong)}, wrong=wrong)


CAMPAIGN: Final = Campaign(
    name="any sequence of events",
    what=(
        f"Sequences of up to {STEPS} events drawn at random, on SQLite: reports, renewals, replays, changed "
        "checks, revocations, expiry, clocks that jump, restores, restarts, and decisions by both ways of making them. After each "
        "event the results and the decisions are held against a model. With 2,500 sequences these are 100,000 events at least"
    ),
    rounds=2_500,
    few=6,
    run=_run,
)
