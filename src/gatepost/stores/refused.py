"""A place that cannot be looked into at all, as a store: reading it gives its fault, so that nothing is left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatepost.core.finding import Candidate, Fault, Findings

if TYPE_CHECKING:
    from gatepost.stores.interface import Query


class RefusedPlace:
    """Stands for a place that this agent does not read."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    @property
    def watched(self) -> tuple[str, ...]:
        """Nothing to watch."""
        return ()

    def read(self, query: Query) -> Findings:
        """Report the fault."""
        del query
        return Findings(faults=(self._fault,))

    def sign(self, candidate: Candidate, statement: bytes) -> None:
        """Sign nothing."""
        del candidate, statement

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Nothing can be seen in it."""
        del candidate
        return ()
