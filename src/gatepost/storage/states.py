"""The states of devices and registrations as small integers, since indexes begin with them."""

from __future__ import annotations

from typing import Final

COUNTS: Final = 1
"""A registration that is neither revoked nor deleted; a device that has one."""
IDLE: Final = 0
"""A revoked registration; a device without one that counts."""
DELETED: Final = 2
