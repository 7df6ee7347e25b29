"""An absence: the server is away, and the agent goes on looking. What it saw change is kept, and told with the next report.

Every report answers a fresh nonce, so that no report of then can count later. What is kept are therefore no reports but words of
the device's own: from when on the server was away, and when which check's answer changed, by the device's clock and without any
signature. The server shows them in its log as that, and concludes nothing from them. The list is bounded: the latest changes are
kept, and how many earlier ones there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.client.identity import ABSENCE
from gatepost.wire.device import MAXIMUM_CHANGE_REASONS, MAXIMUM_CHANGES, MAXIMUM_COUNT, Change, Meanwhile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.client.identity import StateFolder
    from gatepost.core.check import Check
    from gatepost.core.evaluation import Evaluation


class Absence:
    """What is kept of an absence, in the agent's folder; a damaged file is begun anew, for it decides nothing."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._kept = self._load()

    @property
    def told(self) -> Meanwhile | None:
        """What the next report tells; None where the server was not away."""
        return self._kept

    def note(self, answers: Iterable[tuple[Check, Evaluation]], now: int) -> None:
        """Note the answers of now (ms): the first ones of an absence, and those that have changed since."""
        kept = self._kept or Meanwhile(since=now)
        last = {item.check: item for item in kept.changes}
        changes = tuple(change for check, found in answers if is_change(change := _change(check, found, now), last))
        if changes or self._kept is None:
            everything = kept.changes + changes
            self._kept = Meanwhile(
                since=kept.since,
                earlier=min(kept.earlier + max(0, len(everything) - MAXIMUM_CHANGES), MAXIMUM_COUNT),
                changes=everything[-MAXIMUM_CHANGES:],
            )
            self._state.save(ABSENCE, msgspec.json.encode(self._kept))

    def forget(self) -> None:
        """Forget it: the server has it."""
        if self._kept is not None:
            self._kept = None
            self._state.save(ABSENCE, b"null")

    def _load(self) -> Meanwhile | None:
        content = self._state.load(ABSENCE)
        try:
            return None if content is None else msgspec.json.decode(content, type=Meanwhile | None)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None


def _change(check: Check, found: Evaluation, now: int) -> Change:
    reasons = found.reasons[:MAXIMUM_CHANGE_REASONS]
    return Change(check=check.id, version=check.version, status=found.status, reasons=reasons, at=now)


def is_change(change: Change, last: dict[str, Change]) -> bool:
    """Tell whether an answer is another than the last one of its check."""
    before = last.get(change.check)
    said = (change.version, change.status, change.reasons)
    return before is None or said != (before.version, before.status, before.reasons)
