"""Our own settings of a check, which lie beside the rule so that no client of the reference wipes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from gatepost.core.check import Evidence
from gatepost.errors import InputError

PolicyIdentifier = Annotated[
    str, msgspec.Meta(max_length=128, pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$", description="a dotted object identifier")
]
Message = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]


class Sharing(StrEnum):
    """What becomes of one key that two devices prove."""

    ALLOW = "allow"
    DENY = "deny"


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of one check. ``evidence`` None: the level that goes with its operating system."""

    evidence: Evidence | None = None
    shared: Sharing = Sharing.ALLOW
    hardware_policies: Annotated[tuple[PolicyIdentifier, ...], msgspec.Meta(max_length=64)] = ()
    """Certificate policies that this CA sets only after the key's attestation."""
    message: Message = ""
    """What the device's user reads when the check fails."""

    def __post_init__(self) -> None:
        """Refuse a level that nothing could reach; raises `InputError`."""
        if self.evidence is Evidence.HARDWARE and not self.hardware_policies:
            problem = "is empty, so that no certificate reaches the evidence hardware"
            raise InputError("/hardware_policies", problem, "list the policies that the CA sets after attestation")


NO_OPTIONS = CheckOptions()
