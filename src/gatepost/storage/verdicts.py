"""A `Result` as columns, in the tables that hold one: words as short texts, reasons with commas between."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.core.result import Result

if TYPE_CHECKING:
    from gatepost.storage.tables import AnyRow

COLUMNS: Final = (
    "status",
    "reasons",
    "evidence",
    "check_version",
    "certificate",
    "measured_at",
    "judged_at",
    "ends_at",
)


def values_of(result: Result) -> dict[str, Any]:
    """Return the columns of ``result`` by name."""
    return {
        "status": result.status.value,
        "reasons": ",".join(result.reasons),
        "evidence": result.evidence,
        "check_version": result.check_version,
        "certificate": result.certificate,
        "measured_at": result.measured_at,
        "judged_at": result.judged_at,
        "ends_at": result.ends_at,
    }


def result_of(row: AnyRow, start: int) -> Result:
    """Return the result whose columns, in the order of `COLUMNS`, begin at ``start`` in ``row``."""
    evidence = row[start + 2]
    return Result(
        status=Status(row[start]),
        reasons=_reasons(row[start + 1]),
        evidence=None if evidence is None else Evidence(evidence),
        check_version=row[start + 3],
        certificate=row[start + 4],
        measured_at=row[start + 5],
        judged_at=row[start + 6],
        ends_at=row[start + 7],
    )


# A fleet has few combinations of reasons, and each is read millions of times.
@lru_cache(maxsize=4096)
def _reasons(words: str) -> tuple[Reason, ...]:
    return tuple(Reason(word) for word in words.split(",")) if words else ()
