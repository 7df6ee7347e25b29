"""Our own settings of a policy, which lie beside it so that no client of the reference wipes them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gatepost.core.check import Evidence
from gatepost.core.policy import Binding, Mode
from gatepost.wire.management.durations import parse_duration


class PolicyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of one policy. Null of anything: no limit."""

    mode: Mode = Mode.ENFORCE
    minimum_evidence: Evidence | None = None
    """The weakest evidence on which a posture rule of the policy is met."""
    maximum_evidence_age: Annotated[str, msgspec.Meta(max_length=32, description="such as 5m")] | None = None
    bindings: Annotated[tuple[Binding, ...], msgspec.Meta(min_length=1, max_length=8)] | None = None
    """The ways in which the asking device may be known."""

    def __post_init__(self) -> None:
        """Refuse an age that is none; raises `InputError`."""
        if self.maximum_evidence_age is not None:
            parse_duration(self.maximum_evidence_age, "/maximum_evidence_age")

    @property
    def maximum_age(self) -> int | None:
        """The age in seconds."""
        text = self.maximum_evidence_age
        return None if text is None else parse_duration(text, "/maximum_evidence_age")
