"""Groups of rules: ``/accounts/{a}/access/groups``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gatepost.core.policy import Group
from gatepost.wire.management.access_rules import RulesBody, parse_rules
from gatepost.wire.management.envelope import Instant  # noqa: TC001 - msgspec reads the annotations of a Struct, whatever file its base is in.
from gatepost.wire.management.strict import decode_strictly

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]


class GroupBody(RulesBody, frozen=True, kw_only=True):
    """A group, as it is created and replaced."""

    name: Name


class AccessGroup(GroupBody, frozen=True, kw_only=True):
    """A group as it is read back: what was written, its id, and when."""

    id: str
    created_at: Instant
    updated_at: Instant


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a thing that was removed."""

    id: str


OURS = ("id", "created_at", "updated_at")
"""What the server gives; a client that sends back what it read sends them too."""


def group_to_core(group_id: str, content: bytes) -> Group:
    """Read what a group means; raises `InputError` with a JSON pointer."""
    body = decode_strictly(content, GroupBody)
    return Group(id=group_id, name=body.name, rules=parse_rules(body))
