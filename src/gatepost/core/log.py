"""The posture log: when a result is worth a line, and what the line holds.

A line is written when status, reasons, evidence or certificate change, and once in 24 hours with the number of reports
that said the same; a line for each report of a large fleet would bury the changes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gatepost.core.result import Result

REPEAT_AFTER: Final = 24 * 60 * 60 * 1000
"""After so many ms without a change a line is written all the same."""


class PostureEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line: the result, what was expected and received (JSON text), the proof, and how many reports it stands for."""

    result: Result
    expected: str
    received: str
    nonce: bytes
    signature: bytes | None
    reports: int


def is_news(previous: Result | None, logged_at: int | None, current: Result) -> bool:
    """Tell whether ``current`` deserves a line, given the result before it and when (ms) the last line was written."""
    if previous is None or logged_at is None:
        return True
    same = (previous.status, previous.reasons, previous.evidence, previous.certificate) == (
        current.status,
        current.reasons,
        current.evidence,
        current.certificate,
    )
    return not same or current.judged_at - logged_at >= REPEAT_AFTER
