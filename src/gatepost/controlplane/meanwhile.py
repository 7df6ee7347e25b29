"""What a device says of the time in which it could not report: shown in the log beside the result, and believed in nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.core.certificate import rfc3339
from gatepost.wire.device import instant

if TYPE_CHECKING:
    from gatepost.wire.device import Meanwhile


def describe_meanwhile(meanwhile: Meanwhile | None, check_id: str) -> dict[str, object] | None:
    """Describe what a report says of one check; None where it says nothing."""
    if meanwhile is None:
        return None
    changes = [
        {
            "at": rfc3339(instant(item.at)),
            "check_version": item.version,
            "device_status": item.status,
            "reasons": item.reasons,
        }
        for item in meanwhile.changes
        if item.check == check_id
    ]
    return {"since": rfc3339(instant(meanwhile.since)), "earlier": meanwhile.earlier, "changes": changes}


def tell_meanwhile(received: str, meanwhile: dict[str, object] | None) -> str:
    """Add it to what a line of the log shows as received."""
    if meanwhile is None:
        return received
    document: dict[str, object] = msgspec.json.decode(received)
    return msgspec.json.encode(document | {"meanwhile": meanwhile}).decode()
