"""What stands around the routes of one process: limits, counters, the operator's paths, and whether it is about to leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

import msgspec

from gatepost.controlplane.counters import Counters
from gatepost.web.limits import Limits
from gatepost.web.operations import Operations

REQUEST: Final[ContextVar[str]] = ContextVar("gatepost.request", default="")
"""The name of the request that is being answered, for the log; a binding of structlog's own costs ten times as much."""
BODY_DEADLINE: Final = 20.0
"""Seconds in which a body must have come: longer than any honest network needs for 256 KiB."""


class Surroundings(msgspec.Struct, kw_only=True):
    """Put together once a process, by ``cli``."""

    limits: Limits
    counters: Counters
    operations: Operations
    request_ids: Iterator[str]
    """A name for each request, in the log and in an answer that says that something broke."""
    issuer: str = ""
    """The address under which assertions for applications are signed."""
    leaving: bool = False
    """Whether another process takes over: connections end with the answer that is under way."""
    deadline: float = BODY_DEADLINE
    """Seconds in which a body must have come."""
