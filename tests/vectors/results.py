"""Section 4: a result's time is its nonce's, and it ends with the first of expiration and both certificates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from gatepost.core.reason import Reason
from tests.certificates import DAY, NOW, Issued
from tests.vectors.forge import leaf, root
from tests.vectors.scene import LAPTOP, ROOT, errs, fails, fault, instant, passes
from tests.vectors.vector import Scene, vector

SECTION = "4"
MEASURED = NOW - timedelta(seconds=5)
TICK = timedelta(milliseconds=1)
INSTANTS = {"now": NOW, "a_little_back": NOW - 5000 * TICK, "back": NOW - 5001 * TICK}


def _ends(scene: Scene, end: datetime, **counts: bool) -> Scene:
    """Tell when the result ends, and (by names of instants in INSTANTS) when it counts."""
    told = {instant(INSTANTS[name]): counts[name] for name in counts}
    told |= {instant(end - TICK): True, instant(end): False, instant(end + DAY): False}
    expected = msgspec.structs.replace(scene["expected"], ends_at=instant(end), counts=told)
    return scene | {"expected": expected, "measured_at": instant(MEASURED)}


def _passes(issued: Issued = LAPTOP, **given: Any) -> Scene:  # noqa: ANN401 - as passes.
    return passes(issued, **given)


@vector("Where nothing is set, a result counts for two schedules and a minute after its nonce's issue.")
def _default_expiration() -> Scene:
    return _ends(_passes(), MEASURED + timedelta(minutes=11), now=True)


@vector("The schedule lengthens it.")
def _default_expiration_of_a_longer_schedule() -> Scene:
    return _ends(_passes(schedule="1h"), MEASURED + timedelta(hours=2, minutes=1))


@vector("An expiration that is set counts from the nonce's issue too.")
def _expiration() -> Scene:
    return _ends(_passes(expiration="30m"), MEASURED + timedelta(minutes=30))


@vector("The certificate's end comes first: its last second still counts.")
def _end_of_the_certificate() -> Scene:
    last = NOW + timedelta(minutes=5)
    return _ends(_passes(leaf(ROOT, not_after=last)), last + TICK)


@vector("Or the signing certificate's end does.")
def _end_of_the_signing_certificate() -> Scene:
    last = NOW + timedelta(minutes=5)
    short = root(not_after=last)
    return _ends(_passes(leaf(short), uploaded=(short,)), last + TICK)


@vector("A fail ends by its expiration alone.")
def _end_of_a_fail() -> Scene:
    issued = leaf(ROOT, not_after=NOW + timedelta(minutes=5))
    return _ends(fails(issued, why=Reason.COMMON_NAME_MISMATCH, cn="x"), MEASURED + timedelta(minutes=11))


@vector("So does an error.")
def _end_of_an_error() -> Scene:
    scene = errs(why=Reason.STORE_BUSY, faults=(fault(Reason.STORE_BUSY),))
    return _ends(scene, MEASURED + timedelta(minutes=11))


@vector("A clock that jumps back by more than 5 seconds before the judgement makes the result count for nothing.")
def _clock_that_jumps_back() -> Scene:
    return _ends(_passes(), MEASURED + timedelta(minutes=11), a_little_back=True, back=False)


@vector("A result that was measured too long ago has ended before it was judged.")
def _measured_long_ago() -> Scene:
    scene = _ends(_passes(), MEASURED + timedelta(minutes=11)) | {"measured_at": instant(NOW - DAY)}
    end = NOW - DAY + timedelta(minutes=11)
    expected = msgspec.structs.replace(scene["expected"], ends_at=instant(end), counts={instant(NOW): False})
    return scene | {"expected": expected}
