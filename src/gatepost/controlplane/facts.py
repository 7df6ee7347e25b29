"""Facts: what a device says of itself now, beside what it enrolled with.

Facts are claims of the device. Those recorded at enrolment count. Another one is an event, kept beside them, and takes effect
when an administrator accepts it, or by the rule that a proved certificate names it: a certificate of a check's own CA, whose
key signed this report, passes the check with the new fact where the check's template holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gatepost.controlplane.events import note_event
from gatepost.controlplane.sharing import proved_key
from gatepost.core.device import VARIABLES, fact_key
from gatepost.core.evaluation import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gatepost.controlplane.judgement import FactChange
    from gatepost.controlplane.ports import Records, Registration
    from gatepost.core.check import Check
    from gatepost.core.device import DeviceFacts
    from gatepost.core.evaluation import Evaluation


def compare(recorded: DeviceFacts, said: DeviceFacts) -> DeviceFacts:
    """Return what is recorded with each usable fact that is said otherwise; a fact that is not said is not changed."""
    if said == recorded:
        return recorded
    changes = {
        name: value
        for name in VARIABLES
        if (key := fact_key(value := getattr(said, name))) is not None and key != fact_key(getattr(recorded, name))
    }
    return msgspec.structs.replace(recorded, **changes)


def named_by_certificates(
    recorded: DeviceFacts,
    said: DeviceFacts,
    checks: Iterable[Check],
    answer: Callable[[Check, DeviceFacts], Evaluation],
) -> DeviceFacts:
    """Return what is recorded with each changed fact that a proved certificate names; ``answer`` judges a check with facts."""
    changed = [name for name in VARIABLES if getattr(said, name) != getattr(recorded, name)]
    named = recorded
    for check in checks:
        asked = [name for name in changed if name in _variables(check)]
        if not asked:
            continue
        wanted = msgspec.structs.replace(named, **{name: getattr(said, name) for name in asked})
        evaluation = answer(check, wanted)
        if evaluation.status is Status.PASS and proved_key(evaluation) is not None:
            named = wanted
    return named


def _variables(check: Check) -> frozenset[str]:
    """Return the variables whose values a passing certificate must hold: of several names that would do, it may hold another."""
    found = set(check.common_name.variables) if check.common_name is not None else set()
    if len(check.alternative_names) == 1:
        found.update(check.alternative_names[0].template.variables)
    return frozenset(found)


def taken_meanwhile(records: Records, registration: Registration, change: FactChange) -> bool:
    """Tell whether what certificates name belongs to another device by now: it did not when the report was judged."""
    if change.named == registration.device.facts:
        return False
    named = msgspec.structs.replace(registration.device, facts=change.named)
    return bool(records.fleet.twins(registration.account, named))


def record_facts(records: Records, registration: Registration, change: FactChange, now: int) -> None:
    """Record what certificates name, and keep the rest beside it until somebody accepts it; each is an event."""
    account, recorded = registration.account, registration.device.facts
    if change.named != recorded:
        records.devices.change_facts(account, registration.device.number, change.named, now)
        note_event(records, registration, "accept-facts", now, before=recorded, after=change.named)
    waiting = None if change.said == change.named else msgspec.json.encode(change.said)
    if waiting != registration.reported_facts:
        records.devices.report_facts(account, registration.number, waiting)
        note_event(records, registration, "report-facts", now, before=change.named, after=change.said)
