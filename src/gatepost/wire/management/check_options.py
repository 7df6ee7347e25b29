"""Our own settings of a check, which lie beside the rule so that no client of the reference wipes them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from gatepost.core.check import Evidence
from gatepost.errors import InputError
from gatepost.wire.management.strict import shown

_IDENTIFIER: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
_MAXIMUM_IDENTIFIER: Final = 128
Message = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^[^\x00]*$")]


class Sharing(StrEnum):
    """What becomes of one key that two devices prove."""

    ALLOW = "allow"
    DENY = "deny"


class OnChange(StrEnum):
    """What becomes of results that a changed check cannot be asked of until the device's next report."""

    KEEP = "keep"
    AT_ONCE = "at_once"


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of one check. ``evidence`` None: the level that goes with its operating system."""

    evidence: Evidence | None = None
    shared: Sharing = Sharing.ALLOW
    hardware_policies: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    """Certificate policies, as dotted identifiers, that this CA sets only after the key's attestation."""
    message: Message = ""
    """What the device's user reads when the check fails."""
    on_change: OnChange = OnChange.KEEP
    """Whether older results stand until the next report, or end at once."""

    def __post_init__(self) -> None:
        """Refuse what is no policy, and a level that nothing could reach; raises `InputError`."""
        for index, policy in enumerate(self.hardware_policies):
            if len(policy) > _MAXIMUM_IDENTIFIER or not _IDENTIFIER.fullmatch(policy):
                raise InputError(f"/hardware_policies/{index}", f"is {shown(policy)}", "a dotted object identifier")
        if self.evidence is Evidence.HARDWARE and not self.hardware_policies:
            problem = "is empty, so that no certificate reaches the evidence hardware"
            raise InputError("/hardware_policies", problem, "list the policies that the CA sets after attestation")


NO_OPTIONS = CheckOptions()
