"""How devices enrol: ``/accounts/{a}/gatepost/enrollment``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec


class Duplicates(StrEnum):
    """What becomes of a device whose serial number or hardware id belongs to a live one."""

    PENDING = "pending"
    """It is enrolled, and counts once it is accepted, or proves the live one's certificate; then it replaces that one."""
    REFUSE = "refuse"


class FactRule(StrEnum):
    """Who accepts what a device says of itself now, where that is not what it enrolled with."""

    ADMINISTRATOR = "administrator"
    CERTIFICATE = "certificate"
    """A proved certificate that names it, and passes a check with it; whatever none names is left to an administrator."""


class EnrollmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How devices enrol. ``certificate_ids``: uploads whose certificates enrol a device without a token."""

    certificate_ids: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")], ...],
        msgspec.Meta(max_length=16),
    ] = ()
    require_listed_serial_number: bool = False
    duplicates: Duplicates = Duplicates.PENDING
    accept_facts: FactRule = FactRule.ADMINISTRATOR
