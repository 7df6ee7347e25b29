"""Durations as the API writes them: ``5m``, ``1h``, ``1h30m``, ``90s``."""

from __future__ import annotations

import re
from typing import Final

from gatepost.errors import InputError
from gatepost.wire.management.strict import shown

MINIMUM_DURATION: Final = 60
"""The shortest schedule or expiration, in seconds: ``1m``, as in the reference."""
MAXIMUM_DURATION: Final = 8_760 * 3_600
"""The longest, in seconds: ``8760h``, a year. What is to count longer has no expiration."""

_FORM: Final = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?", re.ASCII)


def parse_duration(text: str, field: str, minimum: int = MINIMUM_DURATION, maximum: int = MAXIMUM_DURATION) -> int:
    """Turn ``1h30m`` into seconds; raises `InputError` for another form, or out of ``minimum`` to ``maximum``."""
    found = _FORM.fullmatch(text)
    if not text or found is None:
        raise InputError(field, f"is {shown(text)}", "expected a duration such as 5m, 1h or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    duration = hours * 3600 + minutes * 60 + seconds
    if not minimum <= duration <= maximum:
        allowed = f"at least {format_duration(minimum)} and at most {format_duration(maximum)}"
        raise InputError(field, f"is {text}", allowed)
    return duration


def format_duration(seconds: int) -> str:
    """Turn seconds into ``1h30m``; nothing is ``0s``."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if value]
    return "".join(parts) or "0s"
