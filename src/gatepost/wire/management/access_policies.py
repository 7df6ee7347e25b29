"""Policies: ``/accounts/{a}/access/policies``, for any application, and ``…/apps/{app_id}/policies``, for that one alone."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gatepost.core.policy import Decision, Policy
from gatepost.wire.management.access_groups import Name  # noqa: TC001 - msgspec reads the annotations of a Struct, whatever file its base is in.
from gatepost.wire.management.access_rules import RulesBody, parse_rules
from gatepost.wire.management.envelope import Instant  # noqa: TC001 - msgspec reads the annotations of a Struct, whatever file its base is in.
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.strict import decode_strictly

Precedence = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class PolicyBody(RulesBody, frozen=True, kw_only=True):
    """A policy for any application, as it is created and replaced."""

    name: Name
    decision: Decision


class AppPolicyBody(PolicyBody, frozen=True, kw_only=True):
    """A policy of one application. ``precedence`` null: behind all that there are, or where it is."""

    precedence: Precedence | None = None


class AccessPolicy(PolicyBody, frozen=True, kw_only=True):
    """A policy as it is read back: what was written, its id, how many applications have it, and when."""

    id: str
    reusable: bool
    app_count: int
    created_at: Instant
    updated_at: Instant


class AppPolicy(PolicyBody, frozen=True, kw_only=True):
    """A policy as one application has it."""

    id: str
    precedence: int
    reusable: bool
    created_at: Instant
    updated_at: Instant


OURS = ("id", "app_count", "created_at", "precedence", "reusable", "updated_at")
"""What the server gives; a client that sends back what it read sends them too."""


def policy_to_core(policy_id: str, content: bytes, options: bytes = b"{}", within: str = "") -> Policy:
    """Read what a policy means; raises `InputError` with a JSON pointer below ``within``."""
    body = decode_strictly(content, PolicyBody, within)
    own = parse_policy_options(options)
    return Policy(
        id=policy_id,
        name=body.name,
        decision=body.decision,
        rules=parse_rules(body, within),
        mode=own.mode,
        minimum_evidence=own.minimum_evidence,
        maximum_age=own.maximum_age,
        bindings=own.bindings,
    )


def parse_policy_options(content: bytes) -> PolicyOptions:
    """Read stored options; nothing stored is the same as nothing set."""
    return decode_strictly(content or b"{}", PolicyOptions)
