"""Duplicates: a device whose serial number or hardware id belongs to a live one waits, and may come in that one's place.

While it waits its reports are judged and recorded, and never count. It comes in the live one's place when an administrator
accepts it, or when it proves a key that the live one proved: then it is the same device, enrolled anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.events import note_event
from gatepost.core.device import fact_key
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.controlplane.judgement import Judgement
    from gatepost.controlplane.ports import Device, Records, Registration


def colliding_facts(device: Device, twins: tuple[Registration, ...]) -> str | None:
    """Name the facts that belong to live devices too, with commas between; None where there are none."""
    names = [
        name
        for name in ("serial_number", "device_uuid")
        if (key := fact_key(getattr(device.facts, name))) is not None
        and any(fact_key(getattr(twin.device.facts, name)) == key for twin in twins)
    ]
    return ",".join(names) or None


def proves_all(records: Records, account: int, key_digest: bytes, twins: tuple[Registration, ...]) -> bool:
    """Tell whether every one of the live devices ever proved this key, and there is one."""
    ever = records.proved_keys.ever(account, key_digest)
    return bool(twins) and all(twin.number in ever for twin in twins)


def replace_twins(records: Records, registration: Registration, twins: tuple[Registration, ...], now: int) -> None:
    """Let a registration count, in the place of those that have its serial number or hardware id."""
    for twin in twins:
        records.devices.delete(twin.account, twin.number, now)
    records.devices.accept(registration.account, registration.number)


def settle(
    records: Records, registration: Registration, judgements: tuple[Judgement, ...], now: int
) -> tuple[Judgement, ...]:
    """Accept a pending registration that proves what the live ones proved; otherwise none of its judgements counts."""
    twins = records.fleet.twins(registration.account, registration.device)
    proved = {item.key_digest for item in judgements if item.key_digest is not None}
    if any(proves_all(records, registration.account, key, twins) for key in sorted(proved)):
        replace_twins(records, registration, twins, now)
        note_event(records, registration, "replace", now, after={"replaced": [twin.id for twin in twins]})
        return judgements
    for key in proved:
        # It ends as it begins: the proof counts for nothing, but a revocation finds it.
        records.proved_keys.prove(registration.account, key, registration.number, now)
    return tuple(map(_wait, judgements))


def _wait(judgement: Judgement) -> Judgement:
    reasons = (Reason.DEVICE_PENDING, *judgement.result.reasons)
    result = msgspec.structs.replace(judgement.result, status=Status.ERROR, reasons=reasons)
    entry = msgspec.structs.replace(judgement.entry, result=result)
    return msgspec.structs.replace(
        judgement, result=result, entry=entry, appraised=None, key_digest=None, rests_on=None
    )
