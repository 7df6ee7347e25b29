"""Results that stand already: turned to fail at once when what they rest on is taken back, with a line in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.evaluation import Status
from gatepost.core.log import PostureEntry

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records, StoredResult
    from gatepost.core.reason import Reason
    from gatepost.core.result import Result


def refuse(result: Result, reason: Reason) -> Result:
    """Turn a pass into a fail; what already fails stays as it is."""
    if result.status is not Status.PASS:
        return result
    return msgspec.structs.replace(result, status=Status.FAIL, reasons=(reason,))


def refuse_standing(records: Records, account: int, stored: StoredResult, reason: Reason, now: int) -> None:
    """Fail a stored result, and write it into the log."""
    result = msgspec.structs.replace(refuse(stored.result, reason), judged_at=now)
    entry = PostureEntry(
        result=result,
        expected=stored.expected,
        received=stored.received,
        nonce=b"",
        signature=None,
        reports=stored.repeats + 1,
    )
    records.posture_log.append(account, stored.registration, stored.check, entry)
    records.results.put(account, msgspec.structs.replace(stored, result=result, logged_at=now, repeats=0))
