"""Overruling: a stored result that changes without a report of its own, because something else became known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.evidence import renew_evidence
from gatepost.core.evaluation import Status
from gatepost.core.log import PostureEntry
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records, StoredResult
    from gatepost.core.result import Result


def overrule(records: Records, account: int, stored: StoredResult, result: Result) -> None:
    """Put another result in the place of a stored one, with a line in the posture log."""
    entry = PostureEntry(
        result=result,
        expected=stored.expected,
        received=stored.received,
        nonce=b"",
        signature=None,
        reports=stored.repeats + 1,
    )
    records.posture_log.append(account, stored.registration, stored.check, entry)
    overruled = msgspec.structs.replace(stored, result=result, logged_at=result.judged_at, repeats=0, appraised_until=0)
    records.results.put(account, overruled)
    renew_evidence(records, account, overruled)


def end_changed(records: Records, account: int, stored: StoredResult, now: int) -> None:
    """End a result whose check has changed since, and whose device is not asked any more, or did not answer the change."""
    changed = {"status": Status.ERROR, "reasons": (Reason.CHECK_CHANGED,), "evidence": None, "judged_at": now}
    overrule(records, account, stored, msgspec.structs.replace(stored.result, **changed))


def refuse(result: Result, reason: Reason) -> Result:
    """Turn a pass into a fail; what already fails stays as it is."""
    if result.status is not Status.PASS:
        return result
    return msgspec.structs.replace(result, status=Status.FAIL, reasons=(reason,))
