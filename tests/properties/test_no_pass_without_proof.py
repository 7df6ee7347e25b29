"""The property on both kinds of database, and ten and more faults that it must find when they are put in on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import NoPassWithoutProof
from tests.properties.seeds import SEEDS

if TYPE_CHECKING:
    from tests.postgres import Cluster
    from tests.properties.seeds import Seed

_QUIET: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": list(hypothesis.HealthCheck),
}


def test_no_sequence_of_events_gives_a_pass_without_an_unexpired_proof() -> None:
    """On SQLite."""
    settings = hypothesis.settings(max_examples=60, stateful_step_count=40, **_QUIET)
    run_state_machine_as_test(NoPassWithoutProof, settings=settings)


@pytest.mark.postgresql
def test_nor_on_postgresql(cluster: Cluster) -> None:
    """The same, with fewer examples: each makes a database or two."""
    settings = hypothesis.settings(max_examples=8, stateful_step_count=40, **_QUIET)
    run_state_machine_as_test(
        type("OnPostgreSql", (NoPassWithoutProof,), {"new_database": staticmethod(cluster.create)}), settings=settings
    )


@pytest.mark.parametrize("seed", SEEDS, ids=[item.name.replace(" ", "-") for item in SEEDS])
def test_a_fault_that_was_put_in_is_found(seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, within some hundred sequences as a rule."""
    seed.put_in(monkeypatch)
    settings = hypothesis.settings(max_examples=600, stateful_step_count=30, phases=[Phase.generate], **_QUIET)
    with pytest.raises(AssertionError, match=r"passes|should pass"):
        run_state_machine_as_test(NoPassWithoutProof, settings=settings)
